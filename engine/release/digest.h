// Digest: the BLAKE2b-256 of some bytes (RFC 7693, no key, 32 bytes of output), which is also the name of those bytes in a
// release. Reference: a digest and the length of what it names, so that whoever fetches it knows when to stop.
//
// Text form: 64 lower-case hexadecimal digits, nothing else. Value types; nothing here allocates but text(), nothing throws,
// nothing can fail but parsing.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace acl::release {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// The same bytes seen as the other type; nothing is copied.
inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Digest {
  static constexpr std::size_t size = 32;
  std::array<std::uint8_t, size> bytes{};

  [[nodiscard]] std::string text() const;
  static std::optional<Digest> parse(std::string_view text) noexcept;

  friend constexpr bool operator==(const Digest&, const Digest&) noexcept = default;
  friend constexpr auto operator<=>(const Digest&, const Digest&) noexcept = default;
};

Digest digest_of(ByteView bytes) noexcept;

struct Reference {
  Digest digest;
  std::uint64_t length = 0;

  friend constexpr bool operator==(const Reference&, const Reference&) noexcept = default;
  friend constexpr auto operator<=>(const Reference&, const Reference&) noexcept = default;
};

inline Reference reference_to(ByteView bytes) noexcept { return {digest_of(bytes), bytes.size()}; }
// Whether these are the bytes that the reference names: length first, which costs nothing.
inline bool matches(const Reference& reference, ByteView bytes) noexcept {
  return bytes.size() == reference.length && digest_of(bytes) == reference.digest;
}

}  // namespace acl::release
