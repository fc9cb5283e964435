// Prefix: an IPv4 or IPv6 network, in canonical form (host bits zero).
//
// Text form: RFC 4632 / RFC 5952; a single address prints without its length. Ordering: IPv4 before IPv6, then by first
// address, then shorter prefixes first; this is the order in which the control plane lists prefixes.
// A value type of 24 bytes; nothing here throws.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/net/address.h"

namespace acl::net {

enum class PrefixError : std::uint8_t {
  none,
  malformed,  // neither an address nor an address and a length
  length,     // the length is no decimal number without leading zeros, or larger than the family allows
  host_bits,  // well-formed, but bits beyond the length are set
};

class Prefix {
 public:
  struct Parsed;

  // 0.0.0.0/32
  constexpr Prefix() = default;
  // Host bits are cleared; a length beyond the family's width counts as the width.
  constexpr Prefix(const Address& address, unsigned length) noexcept;
  explicit constexpr Prefix(const Address& address) noexcept : Prefix(address, address.width()) {}

  // Accepts "10.0.0.0/8", "10.1.2.3", "fd7a::/48", "::1". Set host bits are told as an error beside the masked prefix, because
  // "100.64.0.7/24" is more often a typing mistake than a wish; the caller decides.
  static Parsed parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr Address first() const noexcept {
    return family_ == Family::v4 ? Address::v4(static_cast<std::uint32_t>(low_)) : Address::v6(high_, low_);
  }
  [[nodiscard]] constexpr Address last() const noexcept;
  [[nodiscard]] constexpr Family family() const noexcept { return family_; }
  [[nodiscard]] constexpr unsigned length() const noexcept { return length_; }
  [[nodiscard]] constexpr bool is_single() const noexcept { return length_ == (family_ == Family::v4 ? 32 : 128); }
  // 0.0.0.0/0 or ::/0
  [[nodiscard]] constexpr bool is_everything() const noexcept { return length_ == 0; }

  [[nodiscard]] constexpr bool contains(const Address& a) const noexcept {
    return a.family() == family_ && Prefix(a, length_).first() == first();
  }
  [[nodiscard]] constexpr bool contains(const Prefix& other) const noexcept {
    return other.length_ >= length_ && contains(other.first());
  }
  [[nodiscard]] constexpr bool overlaps(const Prefix& other) const noexcept {
    return contains(other) || other.contains(*this);
  }

  // "10.0.0.0/8"; a single address without its length.
  [[nodiscard]] std::string text() const;
  // Always with the length.
  [[nodiscard]] std::string text_with_length() const;

  friend constexpr bool operator==(const Prefix&, const Prefix&) noexcept = default;
  friend constexpr std::strong_ordering operator<=>(const Prefix& a, const Prefix& b) noexcept {
    if (const auto order = a.first() <=> b.first(); order != 0) return order;
    return a.length_ <=> b.length_;
  }

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
  Family family_ = Family::v4;
  std::uint8_t length_ = 32;
};

struct Prefix::Parsed {
  PrefixError error = PrefixError::none;
  // With `none` and `host_bits`: the prefix, masked.
  Prefix prefix;
};

namespace detail {
// The upper `length` bits set, of 64.
constexpr std::uint64_t upper_bits(unsigned length) noexcept {
  return length == 0 ? 0 : length >= 64 ? ~std::uint64_t{0} : ~(~std::uint64_t{0} >> length);
}
}  // namespace detail

constexpr Prefix::Prefix(const Address& address, unsigned length) noexcept : family_(address.family()) {
  length = length < address.width() ? length : address.width();
  length_ = static_cast<std::uint8_t>(length);
  if (address.is_v4()) {
    low_ = address.low() & (detail::upper_bits(length) >> 32);
  } else {
    high_ = address.high() & detail::upper_bits(length);
    low_ = address.low() & (length > 64 ? detail::upper_bits(length - 64) : 0);
  }
}

constexpr Address Prefix::last() const noexcept {
  if (family_ == Family::v4) {
    return Address::v4(static_cast<std::uint32_t>(low_ | (~(detail::upper_bits(length_) >> 32) & 0xffffffffU)));
  }
  return Address::v6(high_ | ~detail::upper_bits(length_),
                     low_ | ~(length_ > 64 ? detail::upper_bits(length_ - 64U) : 0));
}

}  // namespace acl::net
