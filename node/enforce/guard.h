// Guard: an nftables table of our own that drops whatever arrives by the configured interfaces without the mark that the packet
// filter sets. It is what holds where the filter is not: before the daemon's start, and on an interface that was
// deleted and made again, since it names interfaces instead of holding on to them.
//
// One chain at the inet family's prerouting hook (IPv4 and IPv6, for this host or to be forwarded), before defragmentation, so that each
// fragment is asked for its own mark, and before everything customary, so that no other rule sets the bit first; one rule for each
// interface, with a counter. A drop there is final whatever other tables say. docs/decisions/0009 has what it does not see.
//
// In: names and a mark. Out: E1324 if nf_tables cannot be spoken to, with the kernel's reason; E1325 if the table is not there or not as it
// should be. Everything is one transaction; other tables are neither read nor written. check() asks for the
// generation number of the rules (some microseconds) and lists the table only when that has changed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::node {

inline constexpr std::uint32_t default_mark_bit = 0x08000000;
// The customary first is -450 (NF_IP_PRI_RAW_BEFORE_DEFRAG).
inline constexpr int guard_priority = -1000;

struct GuardOptions {
  // Letters, digits, "_": several nodes on one machine, each with interfaces of its own, have a table each.
  std::string table = "aclnode";
  // At least one. They need not exist.
  std::vector<std::string> interfaces;
  std::uint32_t mark_bit = default_mark_bit;  // exactly one bit
};

class Guard {
 public:
  // E1324: a name that no interface can have, no interface, a mark that is not one bit.
  static Expected<Guard> make(GuardOptions options);
  Guard(Guard&& other) noexcept;
  Guard& operator=(Guard&&) = delete;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard();

  // Puts the table there as it should be; if it is already, nothing is touched. Takes the place of one that is not in the same
  // transaction, so that no packet falls between.
  Expected<void> install();
  // Whether it is there and as it should be.
  Expected<void> check();
  // Takes it away; if it is not there, nothing.
  Expected<void> remove();

  // Packets it has dropped since it was installed; lists the table.
  Expected<std::uint64_t> dropped();

  // The rules as nft(8) reads them.
  [[nodiscard]] std::string text() const;

 private:
  explicit Guard(GuardOptions options) : options_(std::move(options)) {}
  struct Answer {
    int error = 0;  // an errno, or 0
    std::vector<std::uint8_t> attributes;
  };
  Expected<Answer> ask(std::uint16_t type, std::uint8_t family, std::span<const std::uint8_t> attributes);
  Expected<std::uint32_t> generation();
  Expected<void> check_table();

  GuardOptions options_;
  int netlink_ = -1;
  std::uint32_t sequence_ = 0;
  std::optional<std::uint32_t> checked_;  // the generation at which the table was as it should be
};

}  // namespace acl::node
