// Literal: a string of the file, escapes undone, with the way back to the bytes it was written with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compiler/hujson/tree.h"

namespace acl::lsp {

class Literal {
 public:
  explicit Literal(hujson::Value value);
  // Views may point into the object itself.
  Literal(const Literal&) = delete;
  Literal& operator=(const Literal&) = delete;

  // The text, as decode() reads it: without white space around it.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] Span whole() const noexcept { return whole_; }
  // The bytes in the file of text()[begin, end). Linear in the literal if it has escapes.
  [[nodiscard]] Span span(std::size_t begin, std::size_t end) const;
  [[nodiscard]] Span span() const { return span(0, text_.size()); }
  // Of a part of text().
  [[nodiscard]] Span span(std::string_view part) const {
    const auto begin = static_cast<std::size_t>(part.data() - text_.data());
    return span(begin, begin + part.size());
  }

 private:
  [[nodiscard]] std::uint32_t offset(std::size_t at) const;

  std::string buffer_;
  std::string_view raw_;  // between the quotes
  std::string_view text_;
  std::size_t cut_ = 0;  // bytes of white space before text_
  Span whole_;
  bool escaped_ = false;
};

}  // namespace acl::lsp
