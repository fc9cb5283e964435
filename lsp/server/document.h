// Document: the text of an open file, and places in it as editors count them.
//
// LSP 3.17 counts lines from 0, ended by LF, CR LF or CR, and characters in code units of the negotiated encoding: UTF-8 or
// UTF-16 (https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#textDocuments). We count
// bytes. A place beyond a line's end counts as its end, one beyond the last line as the end of the text, one inside a character as
// the character's begin. Bytes that are no UTF-8 count as one unit each. Total: any place is some offset and the other way round.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::lsp {

enum class Encoding : std::uint8_t { utf8, utf16 };

struct Point {
  std::uint32_t line = 0;
  std::uint32_t character = 0;

  friend bool operator==(const Point&, const Point&) = default;
  friend auto operator<=>(const Point&, const Point&) = default;
};

struct Range {
  Point start;
  Point end;

  friend bool operator==(const Range&, const Range&) = default;
};

// Where the lines of a text begin. Refers to no text: it is passed along. Linear to make, logarithmic to ask: of long lines that are not
// all ASCII it knows places every kilobyte.
class Lines {
 public:
  Lines() = default;
  explicit Lines(std::string_view text);

  [[nodiscard]] std::uint32_t offset(std::string_view text, Point point, Encoding encoding) const;
  [[nodiscard]] Point point(std::string_view text, std::uint32_t offset, Encoding encoding) const;
  [[nodiscard]] Range range(std::string_view text, Span span, Encoding encoding) const;
  [[nodiscard]] Span span(std::string_view text, Range range, Encoding encoding) const;
  [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(starts_.size()); }
  // The line an offset is in, and where a line begins; lines from 0, one beyond the last begins at the end.
  [[nodiscard]] std::uint32_t line_of(std::uint32_t offset) const noexcept;
  [[nodiscard]] std::uint32_t start(std::string_view text, std::uint32_t line) const noexcept;

 private:
  // A place in a long line: so many UTF-16 units behind the line's begin.
  struct Mark {
    std::uint32_t offset;
    std::uint32_t units;
  };
  void mark_long_line(std::string_view text, std::uint32_t begin, std::uint32_t end);

  std::vector<std::uint32_t> starts_{0};
  std::vector<Mark> marks_;
  bool ascii_ = true;
};

// Replaces a part of a text.
struct TextEdit {
  Span span;
  std::string text;
};

// As `textDocument/didChange` has it: without a range, the whole text.
struct Change {
  std::optional<Range> range;
  std::string text;
};

// Applies the changes one after the other, each to what the one before it left. Returns what they did to the text in bytes, in the
// same order; what a whole text has in common with the old one, in front and behind, is not part of its edit.
std::vector<TextEdit> apply_changes(std::string& text, const std::vector<Change>& changes, Encoding encoding);

}  // namespace acl::lsp
