// Admission: which source addresses a node takes packets from at this moment: those of nodes that it knows, where WireGuard's
// allowed-ips give the address to the key that the table has for it.
//
// In: whom the table knows (Directory), the node's own addresses and key, and whose every address is according to WireGuard, as disjoint
// ranges. Out: disjoint ranges of admitted addresses, ascending, each node's own address a range by itself; and where table and
// WireGuard disagree. An address means what Directory::binding says of it: a node's own address first, then the longest approved
// route. The node's own addresses are never admitted (docs/packet-semantics.md section 3: known, bound, own).
//
// Pure; time n log n in addresses, routes and holdings.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "engine/table/directory.h"
#include "engine/table/listing.h"
#include "engine/table/node_header.h"

namespace acl::node {

using Key = std::array<std::uint8_t, 32>;

// WireGuard would take packets of these addresses from this peer only.
struct Holding {
  table::AddressRange range;
  Key key{};
};

struct BindingFailure {
  std::string node;           // whose address or route it is, by the table
  net::Prefix place;          // the address or route
  Key wanted{};               // by the table
  std::optional<Key> holder;  // by WireGuard; nothing: no peer has it, or of a route not the whole of it
};

struct Admission {
  std::vector<table::AddressRange> admitted;
  std::size_t failures = 0;              // addresses; and routes of which WireGuard gives no part to their router
  std::vector<BindingFailure> examples;  // the first few of them
};

// `holdings`: disjoint, ascending.
Admission admit(const table::Directory& directory, const table::NodeHeader& own, const Key& own_key,
                const std::vector<Holding>& holdings);

}  // namespace acl::node
