#include "lsp/server/literal.h"

#include <algorithm>

#include "compiler/hujson/utf8.h"

namespace acl::lsp {
namespace {

constexpr std::string_view space = " \t\r\n\v\f";

// The bytes that one unit of a literal takes: a character, an escape, or the two escapes of a surrogate pair.
std::size_t unit_size(std::string_view raw) noexcept {
  const auto is_surrogate = [&](std::size_t at, std::string_view second_digits) {
    return raw.size() >= at + 6 && raw[at] == '\\' && raw[at + 1] == 'u' &&
           (raw[at + 2] == 'd' || raw[at + 2] == 'D') && second_digits.find(raw[at + 3]) != std::string_view::npos;
  };
  if (raw[0] != '\\') return hujson::decode_utf8(raw).size;
  if (raw.size() < 2) return 1;
  if (raw[1] != 'u') return 2;
  if (is_surrogate(0, "89abAB") && is_surrogate(6, "cdefCDEF")) return 12;
  return std::min<std::size_t>(6, raw.size());
}

}  // namespace

Literal::Literal(hujson::Value value) : whole_(value.span()), escaped_(value.node().escaped) {
  const std::string_view literal = value.text();
  raw_ = literal.size() < 2 ? std::string_view() : literal.substr(1, literal.size() - 2);
  text_ = raw_;
  if (escaped_) {
    buffer_ = hujson::unquote(literal);
    text_ = buffer_;
  }
  const std::size_t first = text_.find_first_not_of(space);
  cut_ = first == std::string_view::npos ? text_.size() : first;
  text_.remove_prefix(cut_);
  if (!text_.empty()) text_ = text_.substr(0, text_.find_last_not_of(space) + 1);
}

std::uint32_t Literal::offset(std::size_t at) const {
  at += cut_;
  const std::uint32_t begin = whole_.begin + 1;
  if (!escaped_) return static_cast<std::uint32_t>(begin + std::min(at, raw_.size()));
  std::size_t read = 0, written = 0;
  while (written < at && read < raw_.size()) {
    const std::size_t size = unit_size(raw_.substr(read));
    const std::string_view unit = raw_.substr(read, size);
    written += unit[0] == '\\' || static_cast<unsigned char>(unit[0]) >= 0x80
                   ? hujson::unquote("\"" + std::string(unit) + "\"").size()
                   : 1;
    read += size;
  }
  return static_cast<std::uint32_t>(begin + std::min(read, raw_.size()));
}

Span Literal::span(std::size_t begin, std::size_t end) const { return {offset(begin), offset(end)}; }

}  // namespace acl::lsp
