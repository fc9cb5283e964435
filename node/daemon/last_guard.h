// LastGuard: which interface the daemon guarded last, and by which mark, in a file of the state folder: for the day when aclnode.toml is not
// even TOML, and nothing in it says what to shut.
//
//     aclnode guard 1
//     config /etc/aclnode/aclnode.toml
//     interface wg0
//     mark 0x8000000
//
// In: the path of a configuration, settings; the text of a configuration that cannot be parsed. Errors: E0003. What is not of this form,
// or of another configuration, is as if it were not there: the guard only ever shuts, but it shuts nothing by guessing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "node/daemon/config.h"

namespace acl::node {

// Writes the file, if it does not say so already.
Expected<void> keep_last_guard(const std::string& state_dir, const std::string& config_path,
                               const GuardSettings& settings);
// Of the state folder that the broken text names in a line of its own, or else of the usual one.
std::optional<GuardSettings> last_guard(const std::string& config_path, std::string_view broken_text);

}  // namespace acl::node
