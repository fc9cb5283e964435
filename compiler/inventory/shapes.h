// The formats that an inventory can be read from. Each has one file of this folder, named after it, that holds its readers;
// load.cc tells the formats apart and calls the readers: the parts of all files first, then all users, all nodes, the rest.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "compiler/inventory/draft.h"
#include "compiler/inventory/reader.h"

namespace acl::inventory {

// What one file came to as long as it is being read.
struct Parts {
  explicit Parts(hujson::Value whole) : root(whole) {}

  hujson::Value root;  // of the inventory, which may be a member of a larger object
  std::optional<hujson::Value> users, nodes, peers, services, synced_groups;
  bool bound = true;                                           // native: what "binding" is where a node has none
  HashIndex user_names;                                        // recorded case: the positions of its users by name
  std::map<std::string, std::uint32_t, std::less<>> user_ids;  // status: the positions of its users by number
};

struct Steps {
  void (*parts)(Reader&, Parts&, Draft&);
  void (*users)(Reader&, Parts&, Draft&);
  void (*nodes)(Reader&, Parts&, Draft&);
  void (*rest)(Reader&, Parts&, Draft&);
};

extern const Steps native_steps;           // native.cc
extern const Steps case_steps;             // import_case.cc: the `inventory` object of a recorded case
extern const Steps status_steps;           // import_status.cc: tailscale status --json
extern const Steps devices_steps;          // import_devices.cc: the devices API
extern const Steps api_users_steps;        // import_devices.cc: the users API
extern const Steps host_keys_steps;        // import_host_keys.cc: aclnode host-keys --json
extern const Steps headscale_nodes_steps;  // import_headscale.cc
extern const Steps headscale_users_steps;  // import_headscale.cc

}  // namespace acl::inventory
