// Address: one IPv4 or IPv6 address.
//
// Text form: RFC 5952 (lower case, longest run of zero groups shortened; ::ffff:0:0/96 with its last 32 bits dotted, section
// 5). IPv4 is dotted decimal without leading zeros. Zones ("%eth0") are refused: they mean nothing beyond one host.
// Ordering: IPv4 before IPv6, then by value. A value type of 24 bytes; nothing here throws.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace acl::net {

enum class Family : std::uint8_t { v4, v6 };

class Address {
 public:
  // 0.0.0.0
  constexpr Address() = default;

  static constexpr Address v4(std::uint32_t bits) noexcept { return Address(0, bits, Family::v4); }
  static constexpr Address v6(std::uint64_t high, std::uint64_t low) noexcept { return Address(high, low, Family::v6); }

  // Nothing unless the whole text is one address.
  static std::optional<Address> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr Family family() const noexcept { return family_; }
  [[nodiscard]] constexpr bool is_v4() const noexcept { return family_ == Family::v4; }
  // The upper 64 bits of an IPv6 address; 0 for IPv4.
  [[nodiscard]] constexpr std::uint64_t high() const noexcept { return high_; }
  // The lower 64 bits of an IPv6 address; the 32 bits of an IPv4 address.
  [[nodiscard]] constexpr std::uint64_t low() const noexcept { return low_; }
  // Bits of this family: 32 or 128.
  [[nodiscard]] constexpr unsigned width() const noexcept { return is_v4() ? 32 : 128; }

  [[nodiscard]] std::string text() const;

  friend constexpr bool operator==(const Address&, const Address&) noexcept = default;
  friend constexpr std::strong_ordering operator<=>(const Address& a, const Address& b) noexcept {
    if (a.family_ != b.family_) return a.family_ <=> b.family_;
    if (a.high_ != b.high_) return a.high_ <=> b.high_;
    return a.low_ <=> b.low_;
  }

 private:
  constexpr Address(std::uint64_t high, std::uint64_t low, Family family) noexcept
      : high_(high), low_(low), family_(family) {}

  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
  Family family_ = Family::v4;
};

// The address after this one and the one before; at the end of the family, the address itself.
constexpr Address successor(const Address& address) noexcept {
  if (address.is_v4())
    return address.low() == 0xffffffff ? address : Address::v4(static_cast<std::uint32_t>(address.low() + 1));
  if (address.low() != ~std::uint64_t{0}) return Address::v6(address.high(), address.low() + 1);
  return address.high() == ~std::uint64_t{0} ? address : Address::v6(address.high() + 1, 0);
}

constexpr Address predecessor(const Address& address) noexcept {
  if (address.is_v4()) return address.low() == 0 ? address : Address::v4(static_cast<std::uint32_t>(address.low() - 1));
  if (address.low() != 0) return Address::v6(address.high(), address.low() - 1);
  return address.high() == 0 ? address : Address::v6(address.high() - 1, ~std::uint64_t{0});
}

}  // namespace acl::net
