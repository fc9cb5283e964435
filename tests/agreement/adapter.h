// The compiler under judgment: texts in, what each node would be sent out, in the wire form a node would read.
#pragma once

#include <map>
#include <string>
#include <tl/expected.hpp>

#include "tests/oracle/wire_json.h"

namespace acl::agreement {

struct Compiled {
  std::map<std::string, oracle::NodeAnswer> nodes;  // by name
  std::map<std::string, std::string> wire;          // the JSON each was read from
};

// The error is everything that was found wrong with the two, for people to read.
tl::expected<Compiled, std::string> compile(const std::string& policy, const std::string& inventory);

}  // namespace acl::agreement
