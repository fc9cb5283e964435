#include "lsp/server/rope.h"

#include <algorithm>
#include <numeric>

#include "compiler/hujson/utf8.h"

namespace acl::lsp {
namespace {

constexpr std::size_t piece_size = 4096;

bool is_line_end(char c) noexcept { return c == '\n' || c == '\r'; }
bool is_inside_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Rope::Piece Rope::make(std::string text) {
  Piece piece{std::move(text), 0, 0};
  char before = '\0';
  for (const char c : piece.text) {
    // The LF of a CR LF ends no line of its own.
    piece.breaks += static_cast<std::uint32_t>(is_line_end(c) && !(c == '\n' && before == '\r'));
    piece.units += static_cast<std::uint32_t>(!is_inside_character(c)) +
                   static_cast<std::uint32_t>(static_cast<unsigned char>(c) >= 0xf0);
    before = c;
  }
  return piece;
}

void Rope::split(std::string_view text, std::vector<Piece>& out) {
  while (text.size() > 2 * piece_size) {
    std::size_t end = piece_size;
    while (is_inside_character(text[end]) || (text[end] == '\n' && text[end - 1] == '\r')) ++end;
    out.push_back(make(std::string(text.substr(0, end))));
    text.remove_prefix(end);
  }
  out.push_back(make(std::string(text)));
}

Rope::Rope(std::string_view text) { split(text, pieces_); }

std::string Rope::text() const {
  std::string out;
  out.reserve(std::accumulate(pieces_.begin(), pieces_.end(), std::size_t{0},
                              [](std::size_t sum, const Piece& piece) { return sum + piece.text.size(); }));
  for (const Piece& piece : pieces_) out += piece.text;
  return out;
}

std::uint32_t Rope::offset(Place place) const {
  std::size_t sum = place.at;
  for (std::size_t i = 0; i < place.piece; ++i) sum += pieces_[i].text.size();
  return static_cast<std::uint32_t>(sum);
}

Rope::Place Rope::find(Point point, Encoding encoding) const {
  std::size_t piece = 0;
  std::uint32_t left = point.line;
  while (left > 0 && piece < pieces_.size() && pieces_[piece].breaks < left) left -= pieces_[piece++].breaks;
  if (piece == pieces_.size()) return {pieces_.size() - 1, pieces_.back().text.size()};
  const std::string& text = pieces_[piece].text;
  std::size_t at = 0;
  while (left > 0) {
    if (is_line_end(text[at])) {
      if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') ++at;
      --left;
    }
    ++at;
  }
  return forward({piece, at}, point.character, encoding);
}

// So many units on, but not beyond the line.
Rope::Place Rope::forward(Place place, std::uint32_t units, Encoding encoding) const {
  for (;;) {
    const Piece& piece = pieces_[place.piece];
    const bool last = place.piece + 1 == pieces_.size();
    const auto all = encoding == Encoding::utf8 ? static_cast<std::uint32_t>(piece.text.size()) : piece.units;
    if (place.at == 0 && piece.breaks == 0 && all <= units && !last) {
      units -= all;
      ++place.piece;
      continue;
    }
    while (place.at < piece.text.size()) {
      if (units == 0 || is_line_end(piece.text[place.at])) return place;
      const hujson::CodePoint point = hujson::decode_utf8(std::string_view(piece.text).substr(place.at));
      const auto width = encoding == Encoding::utf8 ? static_cast<std::uint32_t>(point.size)
                         : point.value > 0xffff     ? 2U
                                                    : 1U;
      if (width > units) return place;
      units -= width;
      place.at += point.size;
    }
    if (last || units == 0) return place;
    ++place.piece;
    place.at = 0;
  }
}

Span Rope::replace(Range range, std::string_view with, Encoding encoding) {
  const Place begin = find(range.start, encoding);
  Place end = find(range.end, encoding);
  Span span{offset(begin), offset(end)};
  if (span.end < span.begin) {
    span.end = span.begin;
    end = begin;
  }
  std::string text = pieces_[begin.piece].text.substr(0, begin.at);
  text += with;
  text += std::string_view(pieces_[end.piece].text).substr(end.at);
  std::size_t from = begin.piece, to = end.piece + 1;
  // A piece that becomes small is joined with the one behind it, so that there are never many.
  if (text.size() < piece_size / 4 && to < pieces_.size()) text += pieces_[to++].text;
  if (text.size() <= 2 * piece_size && to - from == 1) {
    pieces_[from] = make(std::move(text));
    join_line_ends(from);
  } else {
    std::vector<Piece> made;
    split(text, made);
    const std::size_t count = made.size();
    const auto at = pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(from),
                                  pieces_.begin() + static_cast<std::ptrdiff_t>(to));
    pieces_.insert(at, std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
    join_line_ends(from + count - 1);
  }
  if (from > 0) join_line_ends(from - 1);
  return span;
}

// If this piece ends in CR and the next begins with LF, the LF moves here.
void Rope::join_line_ends(std::size_t index) {
  if (index + 1 >= pieces_.size()) return;
  const std::string& here = pieces_[index].text;
  const std::string& next = pieces_[index + 1].text;
  if (here.empty() || here.back() != '\r' || next.empty() || next.front() != '\n') return;
  std::string rest = next.substr(1);
  pieces_[index] = make(here + '\n');
  pieces_[index + 1] = make(std::move(rest));
}

}  // namespace acl::lsp
