// Device: what a WireGuard interface says of itself, as values: its own public key, and which peer's key owns which addresses.
//
// WireGuard accepts a packet from a peer only if the longest allowed-ips prefix that holds its source belongs to that peer's key
// ("cryptokey routing", https://www.wireguard.com/#cryptokey-routing), so this list is what ties a source address to a key.
// Plain values; who reads them is device_poll.h, who answers from them allowed_ips.h.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/net/prefix.h"

namespace acl::node {

// A WireGuard public key, raw.
using Key = std::array<std::uint8_t, 32>;

struct AllowedIp {
  net::Prefix prefix;
  Key peer{};

  friend bool operator==(const AllowedIp&, const AllowedIp&) = default;
  friend std::strong_ordering operator<=>(const AllowedIp&, const AllowedIp&) = default;
};

// What a parser takes out of an answer, in the order of the answer. Nothing in it is secret.
struct Reading {
  std::optional<Key> own;
  std::size_t peers = 0;
  std::vector<AllowedIp> allowed;

  void clear() noexcept {
    own.reset();
    peers = 0;
    allowed.clear();  // keeps its memory for the next answer
  }

  friend bool operator==(const Reading&, const Reading&) = default;
};

// More than any interface has; what a broken program can make us hold ends here (56 MB).
inline constexpr std::size_t most_allowed_ips = 1'000'000;
// The kernel's own limit (MAX_PEERS_PER_DEVICE).
inline constexpr std::size_t most_peers = std::size_t{1} << 20;

struct Device {
  std::uint32_t ifindex = 0;
  Key public_key{};
  std::size_t peers = 0;
  std::vector<AllowedIp> allowed;  // ascending by prefix, each prefix once

  friend bool operator==(const Device&, const Device&) = default;
};

}  // namespace acl::node
