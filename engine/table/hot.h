// Hot: the hot part of a table, opened: who may send what to whom. docs/table-format.md.
//
// In: any bytes. Out: a view of them whose lookups stay within them for any address, protocol and port, or E1201 that says what
// is wrong. Opening takes time linear in the size and no memory; the bytes belong to the caller and must outlive the view and
// begin at a multiple of 8 bytes. Whether a table is the right one is not asked here: its digest says so.
//
// The lookups are those of decide.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/table/decide.h"

namespace acl::table {

class Hot {
 public:
  static Expected<Hot> open(std::span<const std::uint8_t> bytes);

  // Classes; 0: none. Of a destination: of an address behind the node; its own addresses have theirs in the node's header.
  [[nodiscard]] std::uint32_t source_class(const net::Address& address) const noexcept {
    return address.is_v4() ? acl_source_v4(&table_, static_cast<std::uint32_t>(address.low()))
                           : acl_source_v6(&table_, address.high(), address.low());
  }
  [[nodiscard]] std::uint32_t destination_class(const net::Address& address) const noexcept {
    return address.is_v4() ? acl_destination_v4(&table_, static_cast<std::uint32_t>(address.low()))
                           : acl_destination_v6(&table_, address.high(), address.low());
  }
  // The number of the rule that lets the packet pass. Of a protocol without ports, the port is of no account.
  [[nodiscard]] std::optional<std::uint32_t> decide(std::uint32_t source, std::uint32_t destination,
                                                    std::uint8_t protocol, std::uint16_t port) const noexcept {
    const std::uint32_t rule = acl_allows(&table_, acl_pair(&table_, source, destination), protocol, port);
    if (rule == 0) return std::nullopt;
    return rule - 1;
  }
  // The first rule that lets anything of the protocol pass.
  [[nodiscard]] std::optional<std::uint32_t> decide_any(std::uint32_t source, std::uint32_t destination,
                                                        std::uint8_t protocol) const noexcept {
    const std::uint32_t rule = acl_allows_any(&table_, acl_pair(&table_, source, destination), protocol);
    if (rule == 0) return std::nullopt;
    return rule - 1;
  }

  [[nodiscard]] const acl_hot& header() const noexcept { return *acl_hot_header(&table_); }
  [[nodiscard]] const acl_table& raw() const noexcept { return table_; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }

 private:
  explicit Hot(std::span<const std::uint8_t> bytes) : bytes_(bytes), table_{bytes.data()} {}
  std::span<const std::uint8_t> bytes_;
  acl_table table_;
};

// Many IPv4 packets at once, each asked about one of its destination classes: the lines of all are fetched before the first is
// looked at, so that their misses overlap. `rules[i]` is as from acl_allows. All spans have the same length.
struct Question {
  std::uint64_t high = 0;  // of the source; of IPv4 0
  std::uint64_t low = 0;
  std::uint32_t destination = 0;  // class
  std::uint8_t protocol = 0;
  bool v6 = false;
  std::uint16_t port = 0;
};
void decide_batch(const Hot& hot, std::span<const Question> questions, std::span<std::uint32_t> rules) noexcept;

// The classes of many keys of exact sources (layout.h): found[i] is acl_find_exact(keys[i]). As long as `keys`.
void find_exact_batch(const Hot& hot, std::span<const std::uint64_t> keys, std::span<std::uint32_t> found) noexcept;

}  // namespace acl::table
