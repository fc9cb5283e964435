// load: an inventory file in, an Inventory out. Several formats are told apart by their shape:
//
//   native      {"nodes": [{"name", "addresses", …}], "users": [{"login", …}], …}    HuJSON, docs/inventory.md
//   case        {"tailnet", "domains", "users": [{"id", "name", "email", "role"}], "nodes": [{"name", "user", "created_rank",
//               "ipv4", "ipv6", "routable_ips", "approved_routes", …}], "settings": {"magic_dns", …}}
//   status      the output of `tailscale status --json`: {"Self", "Peer", "User", …}
//   devices     the devices API's answer: {"devices": […]}; users from a users API answer {"users": […]}
//   headscale   the output of `headscale nodes list -o json`: […]; users from `headscale users list -o json`: […]
//
// Errors carry file:line:column. All formats but the native one describe less than the native one can; what is missing is
// told as warnings by `aclc import`, not here.
#pragma once

#include <memory>
#include <vector>

#include "compiler/inventory/inventory.h"
#include "engine/net/source_text.h"

namespace acl::inventory {

struct LoadedInventory {
  Inventory inventory;
  std::vector<Diagnostic> diagnostics;  // warnings and, if it is unusable, errors
  [[nodiscard]] bool ok() const noexcept;
};

// One file, or several that are merged in their order (devices and users).
LoadedInventory load_inventory(const std::vector<const SourceText*>& sources);

}  // namespace acl::inventory
