// What the files of the proof share; nobody else includes it.
#pragma once

#include <fmt/format.h>

#include <string>

#include "compiler/table/prove.h"

namespace acl::tables {

inline tl::unexpected<Diagnostic> differs(const resolve::Resolved& resolved, NodeId node, const std::string& what) {
  return fail(Code::E1207,
              fmt::format("the table of \"{}\" differs from its rules: {}", resolved.inventory->nodes[node].name, what),
              "this is a mistake in aclc: nothing was written; please report it with the policy and the inventory");
}

inline bool holds(const resolve::Entry& entry, const net::Address& address) noexcept {
  return entry.kind == resolve::EntryKind::any || (entry.first <= address && address <= entry.last);
}

// How many addresses a part lists one by one.
inline std::size_t occupied_slots(std::span<const std::uint8_t> part, const acl_classifier& c) noexcept {
  const auto* slots = reinterpret_cast<const std::uint64_t*>(part.data() + std::size_t{c.hash_line} * acl_line_bytes);
  std::size_t occupied = 0;
  for (std::size_t i = 0; i < std::size_t{c.hash_lines} * acl_slots; ++i) occupied += slots[i] != 0 ? 1U : 0U;
  return occupied;
}

}  // namespace acl::tables
