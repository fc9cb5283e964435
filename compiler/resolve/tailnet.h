// Tailnet: an inventory arranged for looking up: users by login, nodes by user, tag and address, and the nodes that a selector
// of identities stands for. Refers to the inventory, which must outlive it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/resolve/resolve.h"

namespace acl::resolve {

class Tailnet {
 public:
  explicit Tailnet(const inventory::Inventory& inventory);

  const inventory::Inventory& inventory;
  std::vector<std::vector<NodeId>> nodes_of_user;  // untagged devices of each user, ascending; shared ones excepted
  std::vector<std::vector<NodeId>> nodes_of_tag;
  std::vector<NodeId> members, tagged, shared;  // ascending

  [[nodiscard]] std::uint32_t user(std::string_view login) const;  // none if unknown
  [[nodiscard]] std::uint32_t tag(std::string_view name) const;    // none if no node has it
  // The node with this very address, else none.
  [[nodiscard]] NodeId node_at(const net::Address& address) const noexcept;
  // Calls f(node, index of the address in Resolved::node_entries) for each address in the range.
  template <class F>
  void addresses_in(const net::Address& first, const net::Address& last, F f) const;

  // The nodes of a selector that names identities; nothing for others.
  [[nodiscard]] std::optional<std::vector<NodeId>> identities(const policy::Selector& selector,
                                                              const policy::Policy& policy) const;

 private:
  struct Located {
    net::Address address;
    NodeId node;
    std::uint32_t index;
  };
  std::vector<Located> by_address_;
  std::unordered_map<std::string, std::uint32_t> users_;
  std::unordered_map<std::string_view, std::uint32_t> tags_;
  std::unordered_map<std::string_view, const std::vector<std::string>*> synced_groups_;
};

template <class F>
void Tailnet::addresses_in(const net::Address& first, const net::Address& last, F f) const {
  auto it = std::lower_bound(by_address_.begin(), by_address_.end(), first,
                             [](const Located& located, const net::Address& a) { return located.address < a; });
  for (; it != by_address_.end() && it->address <= last; ++it) f(it->node, it->index);
}

}  // namespace acl::resolve
