// load: an inventory file in, an Inventory out. Several formats are told apart by their shape:
//
//   native      {"nodes": [{"name", "addresses", …}], "users": [{"login", …}], …}    HuJSON, docs/inventory.md
//   case        {"tailnet", "domains", "users": [{"id", "name", "email", "role"}], "nodes": [{"name", "user", "created_rank",
//               "ipv4", "ipv6", "routable_ips", "approved_routes", …}], "settings": {"magic_dns", …}}, a rank counting as
//               that many seconds after 1970
//   status      the output of `tailscale status --json`: {"Self", "Peer", "User", …}
//   devices     the devices API's answer: {"devices": […]}
//   host keys   the output of `aclnode host-keys --json`: {"hostKeys": [{"key", "sshHostKeys"}]}; beside a file with the nodes
//   headscale   the output of `headscale nodes list -o json`: […] of nodes
//   users       the users API's answer {"users": [{"loginName", …}]}; `headscale users list -o json`: […] of users
//
// Errors carry file:line:column. All formats but the native one describe less than the native one can; what is missing comes as
// `gaps`, which `aclc import` prints.
//
// Any bytes: time is linear in the size of the files but for sorting, memory at most some dozens of times theirs.
#pragma once

#include <vector>

#include "compiler/inventory/inventory.h"
#include "engine/net/source_text.h"

namespace acl::inventory {

struct LoadedInventory {
  Inventory inventory;                  // with errors: what could be made out, indices valid
  std::vector<Diagnostic> diagnostics;  // warnings and, if it is unusable, errors
  std::vector<Diagnostic> gaps;         // what the files do not tell for being of a foreign format
  [[nodiscard]] bool ok() const noexcept;
};

// Whose files are expected; a file of another format is then an error.
enum class From : std::uint8_t { any, tailscale, api, headscale };

// One file, or several that are merged in their order (devices and users; the statuses of several nodes). The texts need
// not outlive the call.
LoadedInventory load_inventory(const std::vector<const SourceText*>& sources, From from = From::any);

}  // namespace acl::inventory
