// Reading [check]: for config.cc alone, as it shows the TOML parser.
#pragma once

#include "node/daemon/config_check.h"
#include "node/daemon/config_table.h"

namespace acl::node {

// What is wrong with it, if anything.
std::optional<Diagnostic> read_check(ConfigTable& table, const std::string& name, CheckSettings& out);

}  // namespace acl::node
