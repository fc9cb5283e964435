#include "lsp/server/document.h"

#include <algorithm>
#include <cstring>

#include "compiler/hujson/utf8.h"
#include "lsp/server/rope.h"

namespace acl::lsp {
namespace {

constexpr std::uint32_t long_line = 1024;

bool is_ascii(std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (; end - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    if ((word & 0x8080808080808080ULL) != 0) return false;
  }
  return std::all_of(at, end, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::uint32_t units_of(const hujson::CodePoint& point) noexcept { return point.value > 0xffff ? 2 : 1; }

// One past the last byte that a place in the line can have: its line end is not part of it.
std::uint32_t content_end(std::string_view text, std::uint32_t begin, std::uint32_t next) noexcept {
  std::uint32_t end = next;
  if (end > begin && text[end - 1] == '\n') --end;
  if (end > begin && text[end - 1] == '\r') --end;
  return end;
}

// The begin of the character that the offset is in.
std::uint32_t character_begin(std::string_view text, std::uint32_t begin, std::uint32_t offset) noexcept {
  for (std::uint32_t back = 1; back <= 3 && back <= offset - begin; ++back) {
    const auto byte = static_cast<unsigned char>(text[offset - back]);
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    return hujson::decode_utf8(text.substr(offset - back)).size > back ? offset - back : offset;
  }
  return offset;
}

}  // namespace

Lines::Lines(std::string_view text) : ascii_(is_ascii(text)) {
  const bool returns = std::memchr(text.data() == nullptr ? "" : text.data(), '\r', text.size()) != nullptr;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = returns ? text.find_first_of("\r\n", at) : text.find('\n', at);
    const bool last = end == std::string_view::npos;
    if (last) end = text.size();
    if (!ascii_ && end - at > long_line) {
      mark_long_line(text, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end));
    }
    if (last) break;
    at = end + (text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n' ? 2 : 1);
    starts_.push_back(static_cast<std::uint32_t>(at));
  }
}

void Lines::mark_long_line(std::string_view text, std::uint32_t begin, std::uint32_t end) {
  std::uint32_t units = 0;
  std::uint32_t marked = begin;
  for (std::uint32_t at = begin; at < end;) {
    if (at - marked >= long_line) {
      marks_.push_back({at, units});
      marked = at;
    }
    const hujson::CodePoint point = hujson::decode_utf8(text.substr(at));
    units += units_of(point);
    at += static_cast<std::uint32_t>(point.size);
  }
}

std::uint32_t Lines::line_of(std::uint32_t offset) const noexcept {
  return static_cast<std::uint32_t>(std::upper_bound(starts_.begin(), starts_.end(), offset) - starts_.begin()) - 1;
}

std::uint32_t Lines::start(std::string_view text, std::uint32_t line) const noexcept {
  return line < starts_.size() ? starts_[line] : static_cast<std::uint32_t>(text.size());
}

std::uint32_t Lines::offset(std::string_view text, Point place, Encoding encoding) const {
  if (place.line >= starts_.size()) return static_cast<std::uint32_t>(text.size());
  const std::uint32_t begin = starts_[place.line];
  const std::uint32_t end = content_end(text, begin, start(text, place.line + 1));
  const std::uint32_t direct = begin + std::min(place.character, end - begin);
  if (ascii_) return direct;
  if (encoding == Encoding::utf8) return direct == end ? end : character_begin(text, begin, direct);
  std::uint32_t at = begin;
  std::uint32_t left = place.character;
  const auto behind = std::partition_point(marks_.begin(), marks_.end(), [&](const Mark& mark) {
    return mark.offset < begin || (mark.offset < end && mark.units <= place.character);
  });
  if (behind != marks_.begin() && (behind - 1)->offset > begin) {
    at = (behind - 1)->offset;
    left -= (behind - 1)->units;
  }
  while (at < end && left > 0) {
    const hujson::CodePoint point = hujson::decode_utf8(text.substr(at));
    if (units_of(point) > left) break;
    left -= units_of(point);
    at += static_cast<std::uint32_t>(point.size);
  }
  return std::min(at, end);
}

Point Lines::point(std::string_view text, std::uint32_t offset, Encoding encoding) const {
  offset = std::min(offset, static_cast<std::uint32_t>(text.size()));
  const std::uint32_t line = line_of(offset);
  const std::uint32_t begin = starts_[line];
  offset = std::min(offset, content_end(text, begin, start(text, line + 1)));
  if (ascii_) return {line, offset - begin};
  const std::uint32_t end = character_begin(text, begin, offset);
  if (encoding == Encoding::utf8) return {line, end - begin};
  std::uint32_t at = begin;
  std::uint32_t units = 0;
  const auto behind =
      std::upper_bound(marks_.begin(), marks_.end(), end, [](std::uint32_t o, const Mark& m) { return o < m.offset; });
  if (behind != marks_.begin() && (behind - 1)->offset > begin) {
    at = (behind - 1)->offset;
    units = (behind - 1)->units;
  }
  while (at < end) {
    const hujson::CodePoint point = hujson::decode_utf8(text.substr(at));
    units += units_of(point);
    at += static_cast<std::uint32_t>(point.size);
  }
  return {line, units};
}

Range Lines::range(std::string_view text, Span span, Encoding encoding) const {
  return {point(text, span.begin, encoding), point(text, span.end, encoding)};
}

Span Lines::span(std::string_view text, Range range, Encoding encoding) const {
  const std::uint32_t begin = offset(text, range.start, encoding);
  return {begin, std::max(begin, offset(text, range.end, encoding))};
}

namespace {

TextEdit replace_whole(std::string& text, const std::string& with) {
  const std::size_t most = std::min(text.size(), with.size());
  const auto front = static_cast<std::size_t>(
      std::mismatch(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(most), with.begin()).first - text.begin());
  std::size_t back = 0;
  while (back < most - front && text[text.size() - 1 - back] == with[with.size() - 1 - back]) ++back;
  TextEdit edit{{static_cast<std::uint32_t>(front), static_cast<std::uint32_t>(text.size() - back)},
                with.substr(front, with.size() - back - front)};
  text = with;
  return edit;
}

}  // namespace

std::vector<TextEdit> apply_changes(std::string& text, const std::vector<Change>& changes, Encoding encoding) {
  // From here on pieces are worth their making.
  constexpr std::size_t many = 4;
  std::vector<TextEdit> edits;
  edits.reserve(changes.size());
  std::optional<Rope> rope;
  for (const Change& change : changes) {
    if (!change.range) {
      if (rope) text = rope->text();
      rope.reset();
      edits.push_back(replace_whole(text, change.text));
      continue;
    }
    if (!rope && changes.size() >= many) rope.emplace(text);
    if (rope) {
      edits.push_back({rope->replace(*change.range, change.text, encoding), change.text});
      continue;
    }
    const Span span = Lines(text).span(text, *change.range, encoding);
    text.replace(span.begin, span.end - span.begin, change.text);
    edits.push_back({span, change.text});
  }
  if (rope) text = rope->text();
  return edits;
}

}  // namespace acl::lsp
