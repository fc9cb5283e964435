// The extra, that is the white space and comments between two tokens, as the formatter measures it and writes it again.
//
// A part of format() (format.h). Extras come from a tree without errors: every comment is closed, and the first '/' begins
// one. Nothing here fails; time is linear in the extra.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace acl::hujson {

inline bool has_line_feed(std::string_view extra) noexcept { return extra.find('\n') != std::string_view::npos; }
inline bool has_comment(std::string_view extra) noexcept { return extra.find('/') != std::string_view::npos; }

// What an extra adds to the line before its first line feed and to the line after its last: for each comment 1 + its length,
// and 1 behind a block comment; for white space nothing. Without a line feed both are the same, and are also the bytes that
// write_extra() makes of a commented extra.
struct ExtraMeasure {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t line_feeds = 0;
};

ExtraMeasure measure_extra(std::string_view extra) noexcept;

struct ExtraStyle {
  bool break_before = false;    // begins with a line end if it has none anywhere
  bool break_after = false;     // ends with a line end
  bool blank_first = true;      // a blank line may stand at its start,
  bool blank_last = true;       // and at its end
  bool outdent_last = false;    // what follows on its last line stands one level further out
  bool space_if_empty = false;  // never nothing
};

// Appends the extra to `out`, comments on lines of their own behind `depth` tabs, and so the token that follows. Of several
// blank lines in a row one stays.
void write_extra(std::string& out, std::string_view extra, std::size_t depth, const ExtraStyle& style);

}  // namespace acl::hujson
