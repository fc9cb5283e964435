#include "compiler/resolve/resolve.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/resolve/resolver.h"

namespace acl::resolve {

std::string origin_name(const Origin& origin) {
  switch (origin.section) {
    case Section::grants: return fmt::format("grants[{}]", origin.index);
    case Section::acls: return fmt::format("acls[{}]", origin.index);
    case Section::ssh: return fmt::format("ssh[{}]", origin.index);
    case Section::allow_all: return "the default that allows everything";
  }
  return {};
}

Resolver::Resolver(const policy::PolicyFile& file, const inventory::Inventory& inventory)
    : file_(file), policy_(file.policy), tailnet_(inventory) {
  out_.file = &file_;
  out_.inventory = &inventory;
  for (const policy::Posture& posture : policy_.postures) postures_.try_emplace(posture.name.value, &posture);
  out_.node_first_entry.reserve(inventory.nodes.size() + 1);
  for (NodeId id = 0; id < inventory.nodes.size(); ++id) {
    const inventory::Node& node = inventory.nodes[id];
    out_.node_first_entry.push_back(static_cast<std::uint32_t>(out_.node_entries.size()));
    for (const net::Address& address : node.addresses) {
      out_.node_entries.push_back(static_cast<EntryId>(out_.entries.size()));
      out_.entries.push_back({EntryKind::address, 0, address, address});
      out_.entry_owner.push_back(id);
    }
  }
  out_.node_first_entry.push_back(static_cast<std::uint32_t>(out_.node_entries.size()));
}

Resolved Resolver::run(Depth depth) {
  out_.depth = depth;
  approve_routes();
  find_routes();
  collect_selectors();
  number_entries();
  for (SelectorSet& set : out_.selectors) reach(set);
  build_rules();
  find_incidences();
  if (depth == Depth::all) find_viewers();
  build_ssh();
  find_attr_targets();
  return std::move(out_);
}

Resolved resolve(const policy::PolicyFile& file, const inventory::Inventory& inventory, Depth depth) {
  return Resolver(file, inventory).run(depth);
}

}  // namespace acl::resolve
