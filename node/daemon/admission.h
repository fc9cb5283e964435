// Admission: which source addresses a node takes packets from at this moment: those of nodes that it knows, where WireGuard's
// allowed-ips give the address to the key that the table has for it.
//
// In: whom the table knows (Directory), the node's own addresses and key, and whose every address is by WireGuard
// (AllowedIps::ranges). Out: disjoint ranges of admitted addresses, ascending, each node's own address a range by itself; and
// where table and WireGuard disagree. An address means what Directory::binding says of it: a node's own address first, then the
// longest approved route. The node's own addresses are never admitted (docs/packet-semantics.md section 3: known, bound, own).
//
// Pure; time n log n in addresses, routes and owned ranges.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/table/address_range.h"
#include "engine/table/directory.h"
#include "engine/table/node_header.h"
#include "node/wireguard/allowed_ips.h"

namespace acl::node {

struct BindingFailure {
  std::string node;           // whose address or route it is, by the table
  net::Prefix place;          // the address or route
  Key wanted{};               // by the table
  std::optional<Key> holder;  // by WireGuard: of a route, of its first address; nothing: no peer has it
};

struct Admission {
  std::vector<table::AddressRange> admitted;
  std::size_t failures = 0;              // addresses; and nodes of whose routes WireGuard gives them nothing
  std::vector<BindingFailure> examples;  // the first few of them
};

// `owned`: disjoint, ascending.
Admission admit(const table::Directory& directory, const table::NodeHeader& own, const Key& own_key,
                std::span<const OwnedRange> owned);

// Where a new directory means another key than the old one, or none, by an address: disjoint, ascending. What the old one did not
// know is not among them.
std::vector<table::AddressRange> rebound(const table::Directory& before, const table::Directory& after);

// `ranges` without `holes`; both disjoint and ascending, and so is the result.
std::vector<table::AddressRange> subtract(std::span<const table::AddressRange> ranges,
                                          std::span<const table::AddressRange> holes);

// Both together; each disjoint and ascending, and so is the result.
std::vector<table::AddressRange> unite(std::span<const table::AddressRange> a, std::span<const table::AddressRange> b);

}  // namespace acl::node
