// Lookup tables for benchmarks: hot parts of one server, of any size, made directly; and questions about them.
//
// Hosts have an IPv4 address in 100.64.0.0/10 and an IPv6 address in one network of 96 bits, as a tailnet has, scattered. Each is in
// `memberships` of as many groups as there are rules, at most `most_groups`; rule r lets group r mod groups reach TCP port 1000 + r.
// So the lists of a host are rules × memberships / groups long, and with one membership there are as many classes as groups.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/table/hot.h"

namespace acl::bench {

struct Shape {
  std::uint32_t hosts = 0;
  std::uint32_t rules = 0;
  std::uint32_t memberships = 1;
  std::uint32_t most_groups = 100;

  [[nodiscard]] std::uint32_t groups() const noexcept { return rules < most_groups ? rules : most_groups; }
  [[nodiscard]] std::uint32_t rules_of_group(std::uint32_t group) const noexcept {
    return (rules - group + groups() - 1) / groups();
  }
  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class Kind : std::uint8_t { hit, unknown_source, closed_port };

// The numbers of a table's first class of destinations, TCP and the network of all IPv6 addresses.
inline constexpr std::uint32_t destination = 1;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint64_t v6_high = 0xfd7a115ca1e00000;

// The address of host i, below 2^21: permutations of 22 and of 32 bits without a pattern. Above are addresses that are nobody's.
inline std::uint32_t v4_of(std::uint32_t host) noexcept {
  std::uint32_t x = (host * 0x9e3779b1U) & 0x3fffffU;
  x ^= x >> 11;
  x = (x * 0x85ebca6bU) & 0x3fffffU;
  return 0x64400000U | (x ^ x >> 11);
}
inline std::uint64_t v6_of(std::uint32_t host) noexcept {
  std::uint32_t x = host * 0x9e3779b1U;
  x ^= x >> 16;
  x *= 0x85ebca6bU;
  return x ^ x >> 16;
}
inline std::uint32_t group_of(const Shape& shape, std::uint32_t host, std::uint32_t membership) noexcept {
  return (host + membership * (1 + host / shape.groups())) % shape.groups();
}

// A packet of host i that rule number `nth` of its first group lets pass, or, of another kind, none does.
inline table::Question question(const Shape& shape, Kind kind, bool v6, std::uint32_t host,
                                std::uint32_t nth) noexcept {
  const std::uint32_t group = group_of(shape, host, 0);
  const std::uint32_t rule = group + nth % shape.rules_of_group(group) * shape.groups();
  if (kind == Kind::unknown_source) host += 1U << 21;
  table::Question out;
  out.v6 = v6;
  out.high = v6 ? v6_high : 0;
  out.low = v6 ? v6_of(host) : v4_of(host);
  out.destination = destination;
  out.protocol = tcp;
  out.port = static_cast<std::uint16_t>(1000 + rule + (kind == Kind::closed_port ? 20'000 : 0));
  return out;
}

// The hot part; aborts if it cannot be made, which does not depend on any input. Aligned for any use.
std::vector<std::uint64_t> make_hot(const Shape& shape);
table::Hot open_hot(const std::vector<std::uint64_t>& words);

// What decide.h answers about one packet: the rule's number + 1, or 0.
inline std::uint32_t decide_one(const acl_table& table, const table::Question& q) noexcept {
  const std::uint32_t source =
      q.v6 ? acl_source_v6(&table, q.high, q.low) : acl_source_v4(&table, static_cast<std::uint32_t>(q.low));
  return acl_allows(&table, acl_pair(&table, source, q.destination), q.protocol, q.port);
}

}  // namespace acl::bench
