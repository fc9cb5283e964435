// SourceText: the bytes of one file and the name the user gave it; turns byte offsets into lines and columns.
//
// Lines end at LF only (a CR is an ordinary byte of its line); lines and columns count from 1; a column counts bytes. The
// line index is built on first use, so that a file without problems never pays for it. Neither copied nor moved: trees and
// policies keep views into it and pointers to it, and it must outlive them.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl {

class SourceText {
 public:
  // `text` may hold any bytes, but fewer than 4 GiB (read_file refuses larger files long before).
  SourceText(std::string name, std::string text);
  SourceText(const SourceText&) = delete;
  SourceText& operator=(const SourceText&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

  // Offsets past the end count as the end.
  [[nodiscard]] Position position(std::uint32_t offset) const;
  [[nodiscard]] Place place(Span span) const;
  // The text of a line, from 1, without its line end (LF or CR LF); empty if there is no such line.
  [[nodiscard]] std::string_view line(std::uint32_t number) const;

 private:
  const std::vector<std::uint32_t>& line_starts() const;

  std::string name_;
  std::string text_;
  mutable std::once_flag indexed_;
  mutable std::vector<std::uint32_t> line_starts_;
};

}  // namespace acl
