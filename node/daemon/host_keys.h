// Host keys: the files in the folder that [ssh] names, and having them made by aclnode-session, which alone reads the private ones.
//
// Their public halves, TYPE BASE64 COMMENT (sshd(8)), are what clients must know beforehand. Errors: E1402.
#pragma once

#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/daemon/config.h"
#include "node/daemon/program.h"

namespace acl::node {

// "ssh-ed25519 AAAA…" of each .pub file that is there, without its comment, in the order of preference.
Expected<std::vector<std::string>> public_host_keys(const std::string& folder);
// Whether the private files are all there.
[[nodiscard]] bool has_host_keys(const std::string& folder) noexcept;
// Begins to make those that are missing.
Expected<StartedProgram> make_host_keys(const std::string& session_program, const std::string& folder);
// New ones in the place of those that are there, each in one step; waits for it.
Expected<void> replace_host_keys(const std::string& session_program, const std::string& folder);

// What `aclc import` reads (docs/inventory.md): {"hostKeys": [{"key": …, "sshHostKeys": […]}]}. The key is the node's WireGuard key, by which
// the inventory finds it.
std::string host_keys_json(const Key& node, const std::vector<std::string>& keys);

}  // namespace acl::node
