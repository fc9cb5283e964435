// What every store checks of the names it is given, and the parts of one.
#pragma once

#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/names.h"

namespace acl::store {

// E1107 unless it is the name of an object (engine/release/names.h): neither a path out of the store nor a key of another kind.
Expected<release::ObjectName> require_name(std::string_view name);
// The same, and not `latest`, which is moved and not put.
Expected<release::ObjectName> require_immutable(std::string_view name);

}  // namespace acl::store
