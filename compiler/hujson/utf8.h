// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace acl::hujson {

inline constexpr char32_t replacement_character = 0xfffd;

struct CodePoint {
  char32_t value = replacement_character;
  std::size_t size = 1;  // bytes it takes; 1 for a byte that begins no valid sequence
  bool valid = false;
};

// The code point at the start of a non-empty text.
CodePoint decode_utf8(std::string_view text) noexcept;

bool is_valid_utf8(std::string_view text) noexcept;

void append_utf8(std::string& out, char32_t point);

// Appends text, each byte that belongs to no valid sequence replaced by U+FFFD.
void append_valid_utf8(std::string& out, std::string_view text);

// Whether Go's strconv.IsPrint holds, near enough to quote a character in an error: letters, marks, numbers, punctuation and
// symbols are printable; controls, separators other than the space, surrogates, private use, formats and unassigned points
// are not.
bool is_printable(char32_t point) noexcept;

}  // namespace acl::hujson
