// Enforcement: what the filter is to enforce at this moment, from all that is known: the release in force, how it stands in time, whom
// WireGuard gives which address, and the break-glass entries. A pure function: the same facts, the same bytes.
//
//   a release that may be enforced     its hot part, narrowed to the sources admitted now (admission.h)
//   none, and break-glass entries      those entries, each from its key alone
//   none                               nothing: deny all
//
// A release may be enforced while it is current, in its grace, and afterwards unless its signers said `deny`
// (engine/release/state.h). Nothing here ever widens what the table says.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/state.h"
#include "engine/table/line_bytes.h"
#include "node/daemon/admission.h"
#include "node/daemon/answers.h"
#include "node/daemon/config.h"
#include "node/daemon/loaded_table.h"

namespace acl::node {

struct Facts {
  const LoadedTable* table = nullptr;  // none: no release
  release::Standing standing = release::Standing::none;
  std::span<const OwnedRange> owned;  // AllowedIps::ranges(); none: WireGuard says nothing, so nobody is bound
  Key own_key{};
  std::span<const net::Address> own_addresses;  // of the interface: where break-glass leads to
  std::span<const BreakGlass> break_glass;
  // Sources that count as not bound, whatever WireGuard says; disjoint, ascending. For the moment between two tables
  // (docs/packet-semantics.md section 6, "When the table changes").
  std::span<const table::AddressRange> withheld;
};

struct Enforcement {
  Mode mode = Mode::deny_all;
  table::LineBytes part;  // for PacketFilter::enforce; empty: deny all
  std::vector<table::OwnAddress> own;
  std::size_t admitted = 0;  // ranges of sources
  Admission binding;         // `admitted` of it is moved away

  // Whether the filter would do the same.
  [[nodiscard]] bool same_as(const Enforcement& other) const noexcept {
    return mode == other.mode && part == other.part && own == other.own;
  }
};

// Whether the release's signers want it enforced at this moment.
bool may_enforce(const LoadedTable& table, release::Standing standing) noexcept;

Expected<Enforcement> enforcement(const Facts& facts);

}  // namespace acl::node
