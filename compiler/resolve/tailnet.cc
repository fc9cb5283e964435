// Who owns what, and which routes are approved.
#include <algorithm>

#include "compiler/resolve/resolver.h"

namespace acl::resolve {

using inventory::Inventory;
using inventory::Node;
using inventory::Role;
using policy::Autogroup;
using policy::SelectorKind;

Tailnet::Tailnet(const Inventory& of) : inventory(of), nodes_of_user(of.users.size()), nodes_of_tag(of.tags.size()) {
  users_.reserve(of.users.size());
  for (std::uint32_t i = 0; i < of.users.size(); ++i) users_.try_emplace(policy::lower_case(of.users[i].login), i);
  for (std::uint32_t i = 0; i < of.tags.size(); ++i) tags_.try_emplace(of.tags[i], i);
  for (const auto& group : of.synced_groups) synced_groups_.try_emplace(group.name, &group.members);
  std::uint32_t index = 0;
  for (NodeId id = 0; id < of.nodes.size(); ++id) {
    const Node& node = of.nodes[id];
    for (const net::Address& address : node.addresses) by_address_.push_back({address, id, index++});
    for (const std::uint32_t tag : node.tags) nodes_of_tag[tag].push_back(id);
    if (!node.tags.empty()) {
      tagged.push_back(id);
    } else if (node.shared) {
      shared.push_back(id);
      if (node.user != inventory::none) nodes_of_user[node.user].push_back(id);
    } else if (node.user != inventory::none) {
      nodes_of_user[node.user].push_back(id);
      members.push_back(id);
    }
  }
  for (auto& nodes : nodes_of_tag) make_set(nodes);
  std::sort(by_address_.begin(), by_address_.end(),
            [](const Located& a, const Located& b) { return a.address < b.address; });
}

std::uint32_t Tailnet::user(std::string_view login) const {
  const auto found = users_.find(policy::lower_case(login));
  return found == users_.end() ? none : found->second;
}

std::uint32_t Tailnet::tag(std::string_view name) const {
  const auto found = tags_.find(name);
  return found == tags_.end() ? none : found->second;
}

NodeId Tailnet::node_at(const net::Address& address) const noexcept {
  NodeId found = none;
  addresses_in(address, address, [&](NodeId node, std::uint32_t) { found = node; });
  return found;
}

namespace {

// "autogroup:admin" is the admins and the owner; the other roles are just themselves.
bool has_role(const inventory::User& user, Autogroup autogroup) noexcept {
  switch (autogroup) {
    case Autogroup::owner: return user.role == Role::owner;
    case Autogroup::admin: return user.role == Role::admin || user.role == Role::owner;
    case Autogroup::it_admin: return user.role == Role::it_admin;
    case Autogroup::network_admin: return user.role == Role::network_admin;
    case Autogroup::billing_admin: return user.role == Role::billing_admin;
    case Autogroup::auditor: return user.role == Role::auditor;
    default: return false;
  }
}

bool in_domain(std::string_view login, std::string_view domain) noexcept {
  const std::size_t at = login.rfind('@');
  return at != std::string_view::npos && policy::equal_ignoring_case(login.substr(at + 1), domain);
}

}  // namespace

std::optional<std::vector<NodeId>> Tailnet::identities(const policy::Selector& selector,
                                                       const policy::Policy& policy) const {
  std::vector<NodeId> out;
  const auto add_user = [&](std::uint32_t id) {
    if (id != none) out.insert(out.end(), nodes_of_user[id].begin(), nodes_of_user[id].end());
  };
  const auto add_users = [&](auto wanted) {
    for (std::uint32_t id = 0; id < inventory.users.size(); ++id) {
      if (wanted(inventory.users[id])) add_user(id);
    }
    std::erase_if(out, [&](NodeId id) { return inventory.nodes[id].shared; });
  };
  switch (selector.kind) {
    case SelectorKind::user: add_user(user(selector.text)); break;
    case SelectorKind::user_domain:
      add_users([&](const inventory::User& u) { return in_domain(u.login, selector.name); });
      break;
    case SelectorKind::group: {
      const auto group = std::find_if(policy.groups.begin(), policy.groups.end(),
                                      [&](const policy::Group& g) { return g.name.value == selector.text; });
      if (group != policy.groups.end()) {
        for (const policy::Selector& member : group->members) add_user(user(member.text));
      } else if (const auto synced = synced_groups_.find(selector.text); synced != synced_groups_.end()) {
        for (const std::string& login : *synced->second) add_user(user(login));
      }
      break;
    }
    case SelectorKind::tag:
      if (const std::uint32_t id = tag(selector.text); id != none) out = nodes_of_tag[id];
      break;
    case SelectorKind::autogroup:
      switch (selector.autogroup) {
        case Autogroup::member: out = members; break;
        case Autogroup::tagged: out = tagged; break;
        case Autogroup::shared: out = shared; break;
        default:
          if (!policy::is_role(selector.autogroup)) return std::nullopt;
          add_users([&](const inventory::User& u) { return has_role(u, selector.autogroup); });
      }
      break;
    default: return std::nullopt;
  }
  make_set(out);
  return out;
}

// A node that advertises a prefix gets it approved if some key of autoApprovers.routes contains it and lists the node; the exit
// routes are approved through autoApprovers.exitNode alone.
void Resolver::approve_routes() {
  const Inventory& inventory = tailnet_.inventory;
  struct Key {
    net::Prefix prefix;
    std::vector<NodeId> approvers;
  };
  const auto nodes_of = [&](const std::vector<policy::Selector>& selectors) {
    std::vector<NodeId> nodes;
    for (const policy::Selector& selector : selectors) {
      const auto found = tailnet_.identities(selector, policy_);
      if (found) nodes.insert(nodes.end(), found->begin(), found->end());
    }
    make_set(nodes);
    return nodes;
  };
  std::vector<Key> keys;
  for (const policy::RouteApprovers& route : policy_.auto_approvers.routes) {
    if (route.prefix) keys.push_back({*route.prefix, nodes_of(route.approvers)});
  }
  const std::vector<NodeId> exit_approvers = nodes_of(policy_.auto_approvers.exit_node);
  const auto listed = [](const std::vector<NodeId>& nodes, NodeId id) {
    return std::binary_search(nodes.begin(), nodes.end(), id);
  };

  out_.approved_routes.resize(inventory.nodes.size());
  out_.exit_node.resize(inventory.nodes.size());
  for (NodeId id = 0; id < inventory.nodes.size(); ++id) {
    const Node& node = inventory.nodes[id];
    auto& approved = out_.approved_routes[id];
    approved = node.approved_routes;
    const bool suspended = node.user != inventory::none && inventory.users[node.user].suspended;
    for (const net::Prefix& route : node.advertised_routes) {
      if (suspended) break;
      const bool yes = route.is_everything() ? listed(exit_approvers, id)
                                             : std::any_of(keys.begin(), keys.end(), [&](const Key& key) {
                                                 return key.prefix.contains(route) && listed(key.approvers, id);
                                               });
      if (yes) approved.push_back(route);
    }
    make_set(approved);
    out_.exit_node[id] =
        std::any_of(approved.begin(), approved.end(), [](const net::Prefix& p) { return p.is_everything(); });
  }
}

}  // namespace acl::resolve
