// Resolver: what the parts of resolve() share while they build; no one else includes this.
//
// Order of the work: tailnet (who owns what, approved routes) → selectors (all that rules name) → entries numbered in the order
// of their text → rules → what concerns which node → routes → ssh.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/resolve/resolve.h"
#include "compiler/resolve/tailnet.h"

namespace acl::resolve {

class Resolver {
 public:
  Resolver(const policy::PolicyFile& file, const inventory::Inventory& inventory);
  Resolved run(Depth depth);

 private:
  // tailnet.cc
  void approve_routes();
  // selectors.cc
  std::uint32_t selector(const policy::Selector& selector, bool source);
  void read_literals(const policy::Selector& selector, SelectorSet& set);
  void collect_selectors();
  using Postures = std::optional<std::vector<policy::Text>>;
  std::vector<Entry> narrowed(const Entry& literal, const Postures& posture) const;
  [[nodiscard]] bool asks(const Postures& posture) const noexcept;
  EntryId entry(const Entry& entry);
  void number_entries();
  void reach(SelectorSet& set);
  std::vector<NodeId> nodes_at(const Entry& entry) const;
  std::vector<NodeId> holders(const Entry& entry) const;
  void add_hosts(const Entry& entry, std::vector<NodeId>& nodes) const;  // of the services in it
  // rules.cc
  void build_rules();
  void build_allow_all();
  void build_grant(const policy::Grant& grant, std::uint32_t index);
  void build_acl(const policy::Acl& acl, std::uint32_t index);
  void build_self(const std::vector<policy::Selector>& src, const std::optional<std::vector<policy::Text>>& posture,
                  Rule part, Destination destination, bool companion = false);
  [[nodiscard]] std::vector<EntryId> entries_of(const std::vector<NodeId>& nodes) const;
  std::uint32_t add_set(std::vector<NodeId> nodes, std::vector<EntryId> literals);
  void build_companion(const policy::Grant& grant, std::uint32_t index, std::string_view name, Rule part);
  void add(Rule part, Destination destination);
  void join_via_rules();
  std::uint32_t sources(const std::vector<policy::Selector>& src,
                        const std::optional<std::vector<policy::Text>>& posture);
  std::uint32_t intern(std::vector<EntryId> entries, std::vector<NodeId> nodes, std::vector<EntryId> written);
  void cover(Sources& sources, std::vector<EntryId> written) const;
  std::uint32_t port_list(std::vector<policy::PortRange> ports);
  [[nodiscard]] bool passes(NodeId node, const std::optional<std::vector<policy::Text>>& posture) const;
  void find_incidences();
  [[nodiscard]] const std::vector<NodeId>& receivers(const Rule& rule, const Destination& destination,
                                                     std::vector<NodeId>& scratch) const;
  [[nodiscard]] bool routes_through(NodeId node, const Destination& destination) const;
  // routes.cc
  void find_routes();
  void find_viewers();
  // ssh.cc
  void build_ssh();
  void find_attr_targets();
  void build_ssh_rule(const policy::SshRule& rule, std::uint32_t index);

  const policy::PolicyFile& file_;
  const policy::Policy& policy_;
  Tailnet tailnet_;
  Resolved out_;
  std::unordered_map<std::string, std::uint32_t> selector_index_;
  std::unordered_map<std::string, EntryId> literal_index_;
  std::vector<std::vector<EntryId>> selector_entries_;  // of each selector, once numbered: all its entries, ascending
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> sources_index_;
  std::unordered_map<std::uint64_t, std::uint32_t> rule_index_;  // (sources, protocol) → rule
  std::uint32_t sequence_ = 0;                                   // of the next destination
  std::unordered_map<std::string_view, const policy::Posture*> postures_;
};

inline bool overlaps(const Entry& entry, const net::Prefix& prefix) noexcept {
  if (entry.kind == EntryKind::any) return true;
  return entry.first.family() == prefix.family() && entry.first <= prefix.last() && prefix.first() <= entry.last;
}

inline bool contains(const Entry& entry, const net::Address& address) noexcept {
  if (entry.kind == EntryKind::any) return true;
  return entry.first <= address && address <= entry.last;
}

// Sorted and without repeats.
template <class T>
void make_set(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace acl::resolve
