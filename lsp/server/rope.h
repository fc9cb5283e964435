// Rope: a text in small pieces, for many edits at once.
//
// A message may hold as many changes as a file has lines (an editor's "replace all"), each in places that count from what the one before
// it left. In one piece every change would cost the size of the file: moving what stands behind it, finding lines anew. Here it costs
// the size of a piece and a look at the number of lines of each. A piece ends neither within a character nor between CR and LF.
// The text is valid UTF-8, as all that comes in JSON is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/document.h"

namespace acl::lsp {

class Rope {
 public:
  explicit Rope(std::string_view text);

  // Replaces a range; gives what that is in bytes of the text before. Places are cut as Lines does.
  Span replace(Range range, std::string_view with, Encoding encoding);
  [[nodiscard]] std::string text() const;

 private:
  struct Piece {
    std::string text;
    std::uint32_t breaks = 0;  // line ends
    std::uint32_t units = 0;   // of UTF-16
  };
  struct Place {
    std::size_t piece;
    std::size_t at;  // in it
  };
  static Piece make(std::string text);
  static void split(std::string_view text, std::vector<Piece>& out);
  [[nodiscard]] Place find(Point point, Encoding encoding) const;
  [[nodiscard]] Place forward(Place place, std::uint32_t units, Encoding encoding) const;
  [[nodiscard]] std::uint32_t offset(Place place) const;
  void join_line_ends(std::size_t piece);

  std::vector<Piece> pieces_;  // never empty
};

}  // namespace acl::lsp
