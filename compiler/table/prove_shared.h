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

}  // namespace acl::tables
