// One object of a release folder, or a part of a table by itself, for people or as JSON: what `aclc inspect FILE` prints.
//
// In: any bytes. Out: text ended by a line end; or E1211 for bytes that begin as no object does, and what the object's own
// parser says of those that are damaged. A secret key is not shown.
#pragma once

#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"

namespace acl::cli {

// `name`: for messages. The bytes must begin at a multiple of 8, as those of a std::string of some length do.
Expected<std::string> inspect_object(std::string_view bytes, const std::string& name, bool json);

}  // namespace acl::cli
