// What the files of the proof share; nobody else includes it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "compiler/table/prove.h"
#include "engine/table/layout.h"

namespace acl::tables {

inline tl::unexpected<Diagnostic> differs(const resolve::Resolved& resolved, NodeId node, const std::string& what) {
  return fail(Code::E1207,
              fmt::format("the table of \"{}\" differs from its rules: {}", resolved.inventory->nodes[node].name, what),
              "this is a mistake in aclc: nothing was written; please report it with the policy and the inventory");
}

inline bool holds(const resolve::Entry& entry, const net::Address& address) noexcept {
  return entry.kind == resolve::EntryKind::any || (entry.first <= address && address <= entry.last);
}

// The ids of all rules, by section and index, made from the policy's tree (prove_ids.cc).
std::map<resolve::Section, std::vector<std::uint64_t>> ids_of_rules(const policy::PolicyFile& file);

// How many addresses a part lists one by one.
inline std::size_t occupied_slots(std::span<const std::uint8_t> part, const acl_classifier& c) noexcept {
  const auto* slots = reinterpret_cast<const std::uint64_t*>(part.data() + std::size_t{c.hash_line} * acl_line_bytes);
  std::size_t occupied = 0;
  for (std::size_t i = 0; i < std::size_t{c.hash_lines} * acl_slots; ++i) occupied += slots[i] != 0 ? 1U : 0U;
  return occupied;
}

// Whether two IPv6 networks of a classifier have one number, so that an address in the one would be taken for one in the other. Where
// none have, a slot of exact addresses is one address, and counting slots counts addresses.
inline bool has_aliases(std::span<const std::uint8_t> part, const acl_classifier& c) {
  const auto* spaces = reinterpret_cast<const acl_space*>(part.data() + std::size_t{c.space_line} * acl_line_bytes);
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < std::size_t{c.space_lines} * acl_spaces; ++i) {
    if (spaces[i].number != 0) numbers.push_back(spaces[i].number);
  }
  std::sort(numbers.begin(), numbers.end());
  return std::adjacent_find(numbers.begin(), numbers.end()) != numbers.end();
}

// What is behind the node: its approved routes (of an exit the internet), the addresses of services that it hosts. In no order.
inline std::vector<Interval> places_behind(const resolve::Resolved& resolved, NodeId node) {
  std::vector<Interval> out;
  for (const net::Prefix& route : resolved.approved_routes[node]) {
    if (!route.is_everything()) out.push_back({route.first(), route.last()});
    for (const Interval& interval : resolve::internet_set().list()) {
      if (route.is_everything() && interval.first.family() == route.family()) out.push_back(interval);
    }
  }
  for (const inventory::Service& service : resolved.inventory->services) {
    if (std::find(service.hosts.begin(), service.hosts.end(), node) == service.hosts.end()) continue;
    for (const net::Address& address : service.addresses) out.push_back({address, address});
  }
  return out;
}

}  // namespace acl::tables
