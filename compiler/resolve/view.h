// view: what one node gets of a resolved tailnet: its packet filter, SSH rules, peers, routes, capabilities; in the order and
// with the members of the control plane's wire form (compiler/emit/wire.h prints it).
//
// Works out only what concerns the node: its cost is that of its own answer, whatever the size of the policy.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/resolve/resolve.h"

namespace acl::resolve {

struct DstPort {
  EntryId entry;
  policy::PortRange ports;
  Origin origin;
  std::uint32_t sequence;  // of its destination
};

struct CapGrant {
  std::vector<net::Prefix> dsts;
  Origin origin;
};

// A rule as one node receives it.
struct RuleView {
  const Rule* rule;
  const Sources* sources;
  std::vector<DstPort> dst_ports;    // RuleKind::ports
  std::vector<CapGrant> cap_grants;  // RuleKind::capability
};

struct SshRuleView {
  std::vector<std::string> principals;  // addresses, in byte order
  // Requested login to local login: "" refuses, "=" means the same name, the key "*" is any other name.
  std::vector<std::pair<std::string, std::string>> users;
  bool check = false;
  const policy::SshRule* rule;
  std::uint32_t index = 0;  // ssh[index]
};

struct PeerView {
  NodeId node;
  std::vector<net::Prefix> primary_routes;  // in this viewer's eyes, and visible to it
  std::vector<net::Prefix> allowed;         // all allowed prefixes
  bool only_addresses = true;               // `allowed` is exactly the peer's own addresses
};

// A capability of a node: its name and its value as JSON text, empty for null.
using Capabilities = std::vector<std::pair<std::string, std::string>>;

// Answers questions about nodes; made once for many of them.
class Views {
 public:
  explicit Views(const Resolved& resolved);

  [[nodiscard]] std::vector<RuleView> rules(NodeId node) const;
  [[nodiscard]] std::vector<SshRuleView> ssh_rules(NodeId node) const;
  // By name.
  [[nodiscard]] std::vector<NodeId> peers(NodeId node) const;
  [[nodiscard]] std::vector<PeerView> peer_views(NodeId node) const;
  [[nodiscard]] std::vector<net::Prefix> self_allowed(NodeId node) const;
  // The approved subnet routes that this node is primary for.
  [[nodiscard]] std::vector<net::Prefix> primary_routes(NodeId node) const;
  [[nodiscard]] Capabilities self_capabilities(NodeId node) const;

  // The destinations of rules that concern the node, in the order of the rules.
  [[nodiscard]] std::vector<Incidence> incidences(NodeId node) const;
  // The entries of a destination that the node receives; calls f(EntryId) for each in order.
  template <class F>
  void each_entry(NodeId node, const Destination& destination, F f) const;

  [[nodiscard]] const Resolved& resolved() const noexcept { return resolved_; }
  // Rules of which a source covers the node, those that cover all nodes excepted; ascending.
  [[nodiscard]] std::span<const std::uint32_t> covering(NodeId node) const noexcept;
  // The nodes that receive something of a rule, ascending.
  [[nodiscard]] const std::vector<NodeId>& receivers(std::uint32_t rule) const { return receivers_[rule]; }
  // The rule concerns every node.
  [[nodiscard]] bool everywhere(std::uint32_t rule) const { return everywhere_[rule]; }
  [[nodiscard]] const std::vector<std::uint32_t>& covering_all() const noexcept { return covering_all_; }
  // The devices of the node's user, of a tagged node or one without a user all that are no user's; ascending.
  [[nodiscard]] const std::vector<NodeId>& same_person(NodeId node) const;
  // Nodes in the order of their names: position of each node.
  [[nodiscard]] const std::vector<std::uint32_t>& name_order() const noexcept { return name_order_; }

  // A scratch set of nodes that empties in constant time.
  class Marks {
   public:
    explicit Marks(std::size_t size) : stamps_(size) {}
    void clear() noexcept {
      ++now_;
      members_.clear();
    }
    void add(NodeId node) {
      if (stamps_[node] == now_) return;
      stamps_[node] = now_;
      members_.push_back(node);
    }
    // In the order they were added.
    [[nodiscard]] const std::vector<NodeId>& members() const noexcept { return members_; }

   private:
    std::vector<std::uint32_t> stamps_;
    std::vector<NodeId> members_;
    std::uint32_t now_ = 0;
  };
  // Marks the peers of a node; true if all nodes are (the marks then say nothing). The node itself may be marked.
  bool mark_peers(NodeId node, Marks& marks) const;

 private:
  [[nodiscard]] bool holds_entry(NodeId node, const Entry& entry) const;
  // An approved subnet route of the node overlaps the entry, or it is internet and the node an exit.
  [[nodiscard]] bool routes_entry(NodeId node, const Entry& entry, const SelectorSet& set) const;
  [[nodiscard]] bool receives_entry(NodeId node, const Entry& entry, const SelectorSet& set) const;
  // Index into devices_of_.
  [[nodiscard]] std::size_t person_of(NodeId node) const noexcept;
  void join_via(std::vector<RuleView>& views) const;
  void add_principals(SshRuleView& view, const std::vector<NodeId>& nodes) const;

  const Resolved& resolved_;
  std::vector<std::vector<NodeId>> receivers_;
  std::vector<bool> everywhere_;
  std::vector<std::uint64_t> covering_first_;
  std::vector<std::uint32_t> covering_;
  std::vector<std::uint32_t> covering_all_;
  std::vector<std::uint32_t> name_order_;
  std::vector<std::vector<NodeId>> devices_of_;  // of each user: untagged devices, ascending; then those of nobody
};

template <class F>
void Views::each_entry(NodeId node, const Destination& destination, F f) const {
  const auto own = [&] {
    for (std::uint32_t i = resolved_.node_first_entry[node]; i < resolved_.node_first_entry[node + 1]; ++i) {
      f(resolved_.node_entries[i]);
    }
  };
  if (destination.user != none) {
    own();
    return;
  }
  const SelectorSet& set = resolved_.selectors[destination.selector];
  if (destination.via != none) {
    // What goes through a router is what lies behind it: its own addresses do not count.
    for (const NodeId other : set.nodes) {
      for (std::uint32_t i = resolved_.node_first_entry[other]; i < resolved_.node_first_entry[other + 1]; ++i) {
        if (routes_entry(node, resolved_.entries[resolved_.node_entries[i]], set)) f(resolved_.node_entries[i]);
      }
    }
    for (const EntryId literal : set.literals) {
      if (routes_entry(node, resolved_.entries[literal], set)) f(literal);
    }
    return;
  }
  // Identities: the node's own addresses, and those of others that lie in a route of the node.
  if (!set.nodes.empty()) {
    if (!resolved_.routes_hold_nodes) {
      if (std::binary_search(set.nodes.begin(), set.nodes.end(), node)) own();
    } else {
      std::vector<std::pair<std::uint32_t, EntryId>> here;  // by name: the order of the inventory means nothing
      for (const NodeId other : set.nodes) {
        for (std::uint32_t i = resolved_.node_first_entry[other]; i < resolved_.node_first_entry[other + 1]; ++i) {
          const EntryId id = resolved_.node_entries[i];
          if (other == node || holds_entry(node, resolved_.entries[id])) here.emplace_back(name_order_[other], id);
        }
      }
      std::stable_sort(here.begin(), here.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (const auto& [place, id] : here) f(id);
    }
  }
  for (const EntryId literal : set.literals) {
    if (receives_entry(node, resolved_.entries[literal], set)) f(literal);
  }
}

// The node that this viewer sees as primary for the route, or none if it does not see the route.
NodeId primary_for(const Resolved& resolved, NodeId viewer, const Route& route);

// Whether localpart:*@DOMAIN of the rule gives this person an account of their own name.
bool localpart_fits(const Resolved& resolved, const SshRule& rule, std::uint32_t user);

}  // namespace acl::resolve
