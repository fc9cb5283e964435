// Node header: what a table says of the node itself, the only thing that parts leave out so that nodes with equal rights can
// share them: its own addresses and the destination class of each. It stands in the node's leaf of the release.
//
//   magic "ACLN"  version u8 = 1  count u8  0 u16
//   then for each address, ascending:  family u8 (4, 6)  0 u8  hot class u16  names class u16  0 u16  high u64  low u64
//
// All integers little-endian. Parsing any bytes: E1202. At most most_own addresses, so that a packet filter can keep them in a
// few lines.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"

namespace acl::table {

inline constexpr std::size_t most_own = 64;

struct OwnAddress {
  net::Address address;
  std::uint16_t hot_class = 0;    // destination class in the hot part; 0: no rule concerns it
  std::uint16_t names_class = 0;  // in the names part

  friend bool operator==(const OwnAddress&, const OwnAddress&) = default;
};

struct NodeHeader {
  std::vector<OwnAddress> own;  // ascending by address

  // Null if the address is not one of the node's own.
  [[nodiscard]] const OwnAddress* find(const net::Address& address) const noexcept;

  friend bool operator==(const NodeHeader&, const NodeHeader&) = default;
};

Expected<NodeHeader> parse_node_header(std::span<const std::uint8_t> bytes);
// At most most_own addresses, ascending; parse_node_header gives them back.
std::vector<std::uint8_t> encode_node_header(const NodeHeader& header);

}  // namespace acl::table
