#include "compiler/hujson/utf8.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace acl::hujson {
namespace {

// Bytes before the first one that is not ASCII.
std::size_t ascii_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & 0x8080808080808080ULL) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

struct Range {
  char32_t first, last;
};

// Unicode 15 ranges that hold no printable character, or so few that an error message does not suffer.
constexpr std::array unprintable = {
    Range{0x00, 0x1f},       Range{0x7f, 0xa0},       Range{0xad, 0xad},        Range{0x0600, 0x0605},
    Range{0x061c, 0x061c},   Range{0x06dd, 0x06dd},   Range{0x070f, 0x070f},    Range{0x1680, 0x1680},
    Range{0x180e, 0x180e},   Range{0x2000, 0x200f},   Range{0x2028, 0x202f},    Range{0x205f, 0x206f},
    Range{0x3000, 0x3000},   Range{0xd800, 0xf8ff},   Range{0xfeff, 0xfeff},    Range{0xfff0, 0xfffb},
    Range{0xfffe, 0xffff},   Range{0x110bd, 0x110bd}, Range{0x110cd, 0x110cd},  Range{0x1bca0, 0x1bca3},
    Range{0x1d173, 0x1d17a}, Range{0x323b0, 0xe00ff}, Range{0xe01f0, 0x10ffff},
};

}  // namespace

CodePoint decode_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
  char32_t point = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    point = point << 6 | (byte(i) & 0x3fU);
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return {};
  return {point, size, true};
}

bool is_valid_utf8(std::string_view text) noexcept {
  for (;;) {
    text.remove_prefix(ascii_prefix(text));
    if (text.empty()) return true;
    const CodePoint point = decode_utf8(text);
    if (!point.valid) return false;
    text.remove_prefix(point.size);
  }
}

void append_utf8(std::string& out, char32_t point) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | (point >> shift & 0x3fU)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0U | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0U | point >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0U | point >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

void append_valid_utf8(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t ascii = ascii_prefix(text);
    out += text.substr(0, ascii);
    text.remove_prefix(ascii);
    if (text.empty()) return;
    const CodePoint point = decode_utf8(text);
    if (point.valid) {
      out += text.substr(0, point.size);
    } else {
      append_utf8(out, replacement_character);
    }
    text.remove_prefix(point.size);
  }
}

bool is_printable(char32_t point) noexcept {
  for (const Range& range : unprintable) {
    if (point >= range.first && point <= range.last) return false;
  }
  return true;
}

}  // namespace acl::hujson
