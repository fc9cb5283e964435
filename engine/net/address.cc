#include "engine/net/address.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace acl::net {
namespace {

std::optional<std::uint32_t> parse_dotted(std::string_view text) noexcept {
  std::uint32_t bits = 0;
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) {
    if (part != 0 && (at == text.size() || text[at++] != '.')) return std::nullopt;
    const std::size_t first = at;
    std::uint32_t value = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - first < 3) {
      value = value * 10 + static_cast<std::uint32_t>(text[at++] - '0');
    }
    if (at == first || value > 255 || (text[first] == '0' && at - first > 1)) return std::nullopt;
    bits = bits << 8 | value;
  }
  if (at != text.size()) return std::nullopt;
  return bits;
}

std::uint64_t big_endian(const unsigned char* bytes) noexcept {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

void append_decimal(std::string& out, std::uint32_t byte) {
  if (byte >= 100) out += static_cast<char>('0' + byte / 100);
  if (byte >= 10) out += static_cast<char>('0' + byte / 10 % 10);
  out += static_cast<char>('0' + byte % 10);
}

void append_hex(std::string& out, unsigned group) {
  static constexpr char digits[] = "0123456789abcdef";
  if (group >= 0x1000) out += digits[group >> 12];
  if (group >= 0x100) out += digits[group >> 8 & 15];
  if (group >= 0x10) out += digits[group >> 4 & 15];
  out += digits[group & 15];
}

// Written by hand: hundreds of thousands of them are printed for a large tailnet.
std::string dotted(std::uint32_t bits) {
  std::string out;
  for (unsigned shift = 24; shift != 0; shift -= 8) {
    append_decimal(out, bits >> shift & 255);
    out += '.';
  }
  append_decimal(out, bits & 255);
  return out;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) noexcept {
  if (text.find(':') == std::string_view::npos) {
    const auto bits = parse_dotted(text);
    return bits ? std::optional(v4(*bits)) : std::nullopt;
  }
  std::array<char, INET6_ADDRSTRLEN> buffer;
  if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(buffer.data(), text.data(), text.size());
  buffer[text.size()] = '\0';
  std::array<unsigned char, 16> bytes;
  if (::inet_pton(AF_INET6, buffer.data(), bytes.data()) != 1) return std::nullopt;
  return v6(big_endian(bytes.data()), big_endian(bytes.data() + 8));
}

std::string Address::text() const {
  if (is_v4()) return dotted(static_cast<std::uint32_t>(low_));
  if (high_ == 0 && low_ >> 32 == 0xffff) return "::ffff:" + dotted(static_cast<std::uint32_t>(low_));
  std::array<unsigned, 8> groups;
  for (unsigned i = 0; i < 4; ++i) {
    groups[i] = static_cast<unsigned>(high_ >> (48 - 16 * i) & 0xffff);
    groups[i + 4] = static_cast<unsigned>(low_ >> (48 - 16 * i) & 0xffff);
  }
  // The first of the longest runs of at least two zero groups (RFC 5952, section 4.2).
  unsigned run_begin = 8;
  unsigned run_length = 1;
  for (unsigned i = 0; i < 8;) {
    unsigned end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > run_length) {
      run_begin = i;
      run_length = end - i;
    }
    i = end + 1;
  }
  std::string out;
  out.reserve(40);
  for (unsigned i = 0; i < 8; ++i) {
    if (i == run_begin) {
      out += "::";
      i += run_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_hex(out, groups[i]);
  }
  return out;
}

}  // namespace acl::net
