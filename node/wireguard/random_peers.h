// For tests: random peers, whose prefixes nest and touch often.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <set>
#include <vector>

#include "node/wireguard/testing.h"

namespace acl::node::testing {

inline Key key_of(std::uint8_t first, std::uint8_t last = 0) {
  Key key{};
  key[0] = first;
  key[31] = last;
  return key;
}

// Both ends of each family, and a neighbourhood in the middle.
inline net::Address random_address() {
  const auto near = *rc::gen::inRange<std::uint32_t>(0, 32);
  switch (*rc::gen::inRange(0, 6)) {
    case 0: return net::Address::v4(near);
    case 1: return net::Address::v4(0xffffffffU - near);
    case 2: return net::Address::v4(0x0a4d0000U + near);
    case 3: return net::Address::v6(0, near);
    case 4: return net::Address::v6(~std::uint64_t{0}, ~std::uint64_t{0} - near);
    default: return net::Address::v6(0xfd77ULL << 48, ~std::uint64_t{0} - 16 + near);  // around a carry
  }
}

inline net::Prefix random_prefix() {
  const net::Address address = random_address();
  const unsigned short_of_all = *rc::gen::weightedOneOf<unsigned>(
      {{6, rc::gen::inRange(0U, 6U)}, {1, rc::gen::inRange(0U, address.width() + 1)}});
  return {address, address.width() - short_of_all};
}

// Each prefix belongs to one peer, as WireGuard keeps it.
inline std::vector<Peer> random_peers() {
  std::vector<Peer> peers(*rc::gen::inRange<std::size_t>(0, 6));
  for (std::size_t i = 0; i < peers.size(); ++i) peers[i].key = key_of(static_cast<std::uint8_t>(i + 1), 9);
  std::set<net::Prefix> seen;
  for (int i = *rc::gen::inRange(0, 24); i > 0 && !peers.empty(); --i) {
    const net::Prefix prefix = random_prefix();
    if (seen.insert(prefix).second) peers[*rc::gen::inRange<std::size_t>(0, peers.size())].allowed.push_back(prefix);
  }
  return peers;
}

inline std::vector<AllowedIp> sorted_allowed(const std::vector<Peer>& peers) {
  std::vector<AllowedIp> allowed = reading_of(peers).allowed;
  std::sort(allowed.begin(), allowed.end());
  return allowed;
}

}  // namespace acl::node::testing
