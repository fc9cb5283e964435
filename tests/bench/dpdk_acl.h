// DpdkAcl: DPDK's ACL library (librte_acl, https://doc.dpdk.org/guides/prog_guide/packet_classif_access_ctrl.html) as a peer of our
// lookup: IPv4 hosts, one rule each, one port. Optional: where it is not installed, nothing of it is built in and of() is null.
//
// DPDK's environment is started at the first use, without huge pages or devices. Everything lives until the program ends.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace acl::bench {

// A packet as the rules read it: protocol, source, source port, destination port, in network order, four bytes at a time.
struct DpdkKey {
  std::array<std::uint8_t, 12> bytes{};

  static DpdkKey of(std::uint32_t source, std::uint8_t protocol, std::uint16_t port) noexcept {
    DpdkKey key;
    key.bytes[0] = protocol;
    for (unsigned i = 0; i < 4; ++i) key.bytes[4 + i] = static_cast<std::uint8_t>(source >> (24 - 8 * i));
    key.bytes[10] = static_cast<std::uint8_t>(port >> 8);
    key.bytes[11] = static_cast<std::uint8_t>(port & 0xff);
    return key;
  }
};

class DpdkAcl {
 public:
  [[nodiscard]] static bool built_in() noexcept;
  // Rules for v4_of(0…rules-1), TCP, port 1022 (lookup_tables.h); made once for each number. Null if that fails.
  static DpdkAcl* of(std::uint32_t rules);

  // results.size() keys from `keys` on; 0: no rule.
  void classify(const DpdkKey* keys, std::span<std::uint32_t> results) const noexcept;
  // Whether every key hits a rule. Tries every method of the library that this processor has, and keeps the fastest for as
  // many keys at once as `at_once`.
  bool all_hit(std::span<const DpdkKey> keys, std::size_t at_once);

 private:
  void* context_ = nullptr;
  int method_ = 0;
};

}  // namespace acl::bench
