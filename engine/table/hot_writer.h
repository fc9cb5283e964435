// hot_writer: hot parts that a node makes for its own packet filter. They are never signed or sent; each opens with Hot::open().
//
// narrow(): of the signed part, what is admitted right now. A node's filter must know of a source not only what it may, but
// whether it is known at all and whether WireGuard has its address bound to the right key. Rather than ask three maps for each
// packet, the node writes a part in which only admitted sources have a class: class 0 says "not admitted". What is admitted and
// has no class in the signed part gets one more class, which may nothing.
//
// write_hot(): a part from a few rules, for what a node enforces without a release.
//
// In: what is said at each. Out: bytes, by value; E1206 where the format's limits do not suffice.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/table/hot.h"
#include "engine/table/part_writer.h"

namespace acl::table {

// `admitted`: disjoint, ascending. Every address outside them has class 0; every one inside has the class that `hot` gives it or, where
// that is 0, one more whose pairs are all 0. Destinations, pairs, lists and rules are those of `hot`. Time: linear in the number of
// ranges and the size of the part (times the logarithm of the number of ranges of more than one address).
Expected<LineBytes> narrow(const Hot& hot, std::span<const AddressRange> admitted);

// The ranges without these addresses, both ascending. For a node's own addresses, which are no sources.
std::vector<AddressRange> without(std::span<const AddressRange> ranges, std::span<const net::Address> addresses);

struct Allowed {
  std::uint8_t protocol = 0;
  std::uint16_t first = 0;  // ports; of a protocol without ports 0 to 65535
  std::uint16_t last = 0xffff;
};

struct SourceRule {
  AddressRange sources;
  std::vector<Allowed> allowed;
};

// Destination class 1 is the node; nothing lies behind it. A packet that several rules allow counts for the first; rule numbers are
// indices. Rules may overlap in any way. Quadratic in their number: for tens of rules.
Expected<LineBytes> write_hot(std::span<const SourceRule> rules);

}  // namespace acl::table
