// What a terminal is shown of text that a stranger wrote.
//
// A policy can hold any bytes; printed as they are, some would move the cursor, retitle the window or reorder the line
// (CVE-2021-42574). Everything that is not printable is therefore shown escaped: \n \r \t, other code points as \x1b or
// \u202e (bidirectional controls are not printable), bytes that are no UTF-8 as \xff. A backslash of the text itself
// stays as it is: this is for the eye, not to be read back.
//
// Width is counted in terminal columns: two for East Asian wide and emoji code points, none for combining marks, by
// ranges of Unicode 15. Terminals disagree about joined emoji and ambiguous characters; there a caret may be a column
// off.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace acl::emit {

// The text on one line, all that is not printable escaped.
std::string printable(std::string_view text);

// Terminal columns of a printable code point: 0, 1 or 2.
unsigned display_width(char32_t point) noexcept;

// A line of source as shown above its underline.
struct Excerpt {
  std::string text;
  std::size_t underline_begin = 0;  // in terminal columns from the start of `text`
  std::size_t underline_size = 1;   // in terminal columns, at least 1
};

// The widest excerpt, in terminal columns. A longer line is cut to a part around the range, with "…" for what is
// missing.
inline constexpr std::size_t excerpt_width = 120;

// Shows `line` (without its line end) with the bytes [begin, end) underlined; offsets beyond the line count as its end.
// A tab is shown as four spaces. The cost does not depend on the length of the line.
Excerpt excerpt(std::string_view line, std::size_t begin, std::size_t end);

}  // namespace acl::emit
