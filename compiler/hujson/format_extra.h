// The extra: white space and comments between two tokens, as the formatter measures it and writes it again.
//
// Part of format.cc (format.h). An extra is a view into the text; every '/' in it begins a comment. A comment that is not
// closed, as a tree with errors may hold one, reaches to the end of its extra. Nothing here fails.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace acl::hujson {

// A text cut at its line feeds: the lengths of the piece before the first and of the piece after the last. One piece has
// first = last.
struct Pieces {
  std::size_t first = 0;
  std::size_t last = 0;
  bool cut = false;
};

inline bool has_line_feed(std::string_view extra) noexcept { return extra.find('\n') != std::string_view::npos; }
inline bool has_comment(std::string_view extra) noexcept { return extra.find('/') != std::string_view::npos; }
bool has_blank_line_or_more(std::string_view extra) noexcept;

// What the extra adds to a line: nothing for white space, 1 + its length for each comment, 1 behind the last block comment.
// Without a line feed that is also how many bytes write_extra() makes of it, a space for an empty one left aside.
Pieces measure_extra(std::string_view extra) noexcept;

struct ExtraStyle {
  bool break_before = false;    // begins with a line end if it has none anywhere
  bool break_after = false;     // ends with a line end
  bool blank_first = true;      // a blank line may stand at its start,
  bool blank_last = true;       // and at its end
  bool outdent_last = false;    // what follows on the last line stands one level further out
  bool space_if_empty = false;  // never nothing
};

// Appends the extra to `out`, comments indented by `depth` tabs and so the token that follows if it stands on a line of its
// own. Many blank lines become one.
void write_extra(std::string& out, std::string_view extra, std::size_t depth, const ExtraStyle& style);

}  // namespace acl::hujson
