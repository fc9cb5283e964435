// Reading [recording] and [sshd]: for config.cc alone, as it shows the TOML parser. What is wrong with a table, if anything.
#pragma once

#include "node/daemon/config_recording.h"
#include "node/daemon/config_table.h"

namespace acl::node {

std::optional<Diagnostic> read_recording(ConfigTable& table, RecordingSettings& out);
std::optional<Diagnostic> read_sshd(ConfigTable& table, SshdSettings& out);

}  // namespace acl::node
