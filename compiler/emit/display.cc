#include "compiler/emit/display.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include "compiler/hujson/utf8.h"

namespace acl::emit {
namespace {

struct Range {
  char32_t first, last;
};

// East Asian Width W and F (Unicode 15, EastAsianWidth.txt), neighbours joined over unassigned code points.
constexpr std::array wide = {
    Range{0x1100, 0x115f},   Range{0x231a, 0x231b},   Range{0x2329, 0x232a},   Range{0x23e9, 0x23ec},
    Range{0x23f0, 0x23f0},   Range{0x23f3, 0x23f3},   Range{0x25fd, 0x25fe},   Range{0x2614, 0x2615},
    Range{0x2648, 0x2653},   Range{0x267f, 0x267f},   Range{0x2693, 0x2693},   Range{0x26a1, 0x26a1},
    Range{0x26aa, 0x26ab},   Range{0x26bd, 0x26be},   Range{0x26c4, 0x26c5},   Range{0x26ce, 0x26ce},
    Range{0x26d4, 0x26d4},   Range{0x26ea, 0x26ea},   Range{0x26f2, 0x26f3},   Range{0x26f5, 0x26f5},
    Range{0x26fa, 0x26fa},   Range{0x26fd, 0x26fd},   Range{0x2705, 0x2705},   Range{0x270a, 0x270b},
    Range{0x2728, 0x2728},   Range{0x274c, 0x274c},   Range{0x274e, 0x274e},   Range{0x2753, 0x2755},
    Range{0x2757, 0x2757},   Range{0x2795, 0x2797},   Range{0x27b0, 0x27b0},   Range{0x27bf, 0x27bf},
    Range{0x2b1b, 0x2b1c},   Range{0x2b50, 0x2b50},   Range{0x2b55, 0x2b55},   Range{0x2e80, 0x303e},
    Range{0x3041, 0x3247},   Range{0x3250, 0x4dbf},   Range{0x4e00, 0xa4cf},   Range{0xa960, 0xa97f},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe10, 0xfe19},   Range{0xfe30, 0xfe6f},
    Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x16fe0, 0x18cd5}, Range{0x18d00, 0x18d08},
    Range{0x1aff0, 0x1b2fb}, Range{0x1f004, 0x1f004}, Range{0x1f0cf, 0x1f0cf}, Range{0x1f18e, 0x1f18e},
    Range{0x1f191, 0x1f19a}, Range{0x1f200, 0x1f265}, Range{0x1f300, 0x1f320}, Range{0x1f32d, 0x1f335},
    Range{0x1f337, 0x1f37c}, Range{0x1f37e, 0x1f393}, Range{0x1f3a0, 0x1f3ca}, Range{0x1f3cf, 0x1f3d3},
    Range{0x1f3e0, 0x1f3f0}, Range{0x1f3f4, 0x1f3f4}, Range{0x1f3f8, 0x1f43e}, Range{0x1f440, 0x1f440},
    Range{0x1f442, 0x1f4fc}, Range{0x1f4ff, 0x1f53d}, Range{0x1f54b, 0x1f54e}, Range{0x1f550, 0x1f567},
    Range{0x1f57a, 0x1f57a}, Range{0x1f595, 0x1f596}, Range{0x1f5a4, 0x1f5a4}, Range{0x1f5fb, 0x1f64f},
    Range{0x1f680, 0x1f6c5}, Range{0x1f6cc, 0x1f6cc}, Range{0x1f6d0, 0x1f6d2}, Range{0x1f6d5, 0x1f6df},
    Range{0x1f6eb, 0x1f6ec}, Range{0x1f6f4, 0x1f6fc}, Range{0x1f7e0, 0x1f7f0}, Range{0x1f90c, 0x1f93a},
    Range{0x1f93c, 0x1f945}, Range{0x1f947, 0x1f9ff}, Range{0x1fa70, 0x1faff}, Range{0x20000, 0x3fffd},
};

// Marks that combine with what is before them (categories Mn and Me), of the scripts a policy is likely to hold.
constexpr std::array combining = {
    Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x0591, 0x05bd}, Range{0x05bf, 0x05bf}, Range{0x05c1, 0x05c2},
    Range{0x05c4, 0x05c5}, Range{0x05c7, 0x05c7}, Range{0x0610, 0x061a}, Range{0x064b, 0x065f}, Range{0x0670, 0x0670},
    Range{0x06d6, 0x06dc}, Range{0x06df, 0x06e4}, Range{0x06e7, 0x06e8}, Range{0x06ea, 0x06ed}, Range{0x0900, 0x0902},
    Range{0x093a, 0x093a}, Range{0x093c, 0x093c}, Range{0x0941, 0x0948}, Range{0x094d, 0x094d}, Range{0x0951, 0x0957},
    Range{0x0e31, 0x0e31}, Range{0x0e34, 0x0e3a}, Range{0x0e47, 0x0e4e}, Range{0x1ab0, 0x1ace}, Range{0x1dc0, 0x1dff},
    Range{0x20d0, 0x20f0}, Range{0x302a, 0x302d}, Range{0x3099, 0x309a}, Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f},
};

template <std::size_t n>
bool within(const std::array<Range, n>& ranges, char32_t point) noexcept {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), point,
                                      [](char32_t value, const Range& range) { return value < range.first; });
  return after != ranges.begin() && point <= std::prev(after)->last;
}

// One code point, or one byte that is none, as it is shown.
struct Glyph {
  std::size_t begin = 0;  // its bytes in the line
  std::size_t end = 0;
  std::string text;
  std::size_t width = 0;
};

std::string escaped(char32_t point) {
  switch (point) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  const auto value = static_cast<unsigned>(point);
  if (value < 0x80) return fmt::format("\\x{:02x}", value);
  return value < 0x10000 ? fmt::format("\\u{:04x}", value) : fmt::format("\\U{:08x}", value);
}

// The glyph at the start of a non-empty text; its offsets count from there.
Glyph first_glyph(std::string_view text) {
  const hujson::CodePoint point = hujson::decode_utf8(text);
  Glyph glyph;
  glyph.end = point.size;
  if (point.valid && hujson::is_printable(point.value)) {
    glyph.text = text.substr(0, point.size);
    glyph.width = display_width(point.value);
  } else {
    glyph.text = point.valid ? escaped(point.value) : fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    glyph.width = glyph.text.size();
  }
  return glyph;
}

// The glyphs of line[from, to), the last of which may end after `to`.
std::vector<Glyph> glyphs_of(std::string_view line, std::size_t from, std::size_t to) {
  std::vector<Glyph> glyphs;
  glyphs.reserve(to - from);
  for (std::size_t at = from; at < to;) {
    Glyph glyph = first_glyph(line.substr(at));
    if (line[at] == '\t') {
      glyph.text = "    ";
      glyph.width = 4;
    }
    glyph.begin += at;
    glyph.end += at;
    at = glyph.end;
    glyphs.push_back(std::move(glyph));
  }
  return glyphs;
}

std::size_t width_of(const std::vector<Glyph>& glyphs, std::size_t from, std::size_t to) {
  std::size_t width = 0;
  for (std::size_t i = from; i < to; ++i) width += glyphs[i].width;
  return width;
}

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

}  // namespace

unsigned display_width(char32_t point) noexcept {
  if (point < 0x300) return 1;
  if (within(combining, point)) return 0;
  return within(wide, point) ? 2 : 1;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text[0] >= ' ' && text[0] <= '~') {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    const Glyph glyph = first_glyph(text);
    out += glyph.text;
    text.remove_prefix(glyph.end);
  }
  return out;
}

Excerpt excerpt(std::string_view line, std::size_t begin, std::size_t end) {
  begin = std::min(begin, line.size());
  end = std::clamp(end, begin, line.size());

  // No more bytes than could matter: one column is at most four bytes, but for combining marks, of which some are then
  // left out. The first byte looked at must begin a code point.
  constexpr std::size_t reach = 4 * excerpt_width;
  std::size_t first_byte = begin > reach ? begin - reach : 0;
  for (int i = 0; i < 3 && first_byte > 0 && first_byte < begin && is_continuation(line[first_byte]); ++i) ++first_byte;
  const std::size_t last_byte = line.size() - begin > reach ? begin + reach : line.size();
  const std::vector<Glyph> glyphs = glyphs_of(line, first_byte, last_byte);

  // The range with a third of the width before it; more of that if the line ends soon.
  std::size_t at = 0;
  while (at < glyphs.size() && glyphs[at].end <= begin) ++at;
  std::size_t from = 0;
  std::size_t to = glyphs.size();
  const bool whole = first_byte == 0 && last_byte == line.size() && width_of(glyphs, 0, to) <= excerpt_width;
  if (!whole) {
    std::size_t width = 0;
    const auto fits = [&](std::size_t i, std::size_t limit) { return width + glyphs[i].width <= limit; };
    from = at;
    while (from > 0 && fits(from - 1, excerpt_width / 3)) width += glyphs[--from].width;
    to = at;
    while (to < glyphs.size() && fits(to, excerpt_width)) width += glyphs[to++].width;
    while (from > 0 && fits(from - 1, excerpt_width)) width += glyphs[--from].width;
  }

  Excerpt shown;
  const bool cut_before = from > 0 || first_byte > 0;
  const bool cut_after = to < glyphs.size() || last_byte < line.size();
  if (cut_before) shown.text = "…";
  for (std::size_t i = from; i < to; ++i) shown.text += glyphs[i].text;
  if (cut_after) shown.text += "…";
  std::size_t past = at;
  while (past < to && glyphs[past].begin < end) ++past;
  shown.underline_begin = width_of(glyphs, from, at) + (cut_before ? 1 : 0);
  shown.underline_size = std::max<std::size_t>(width_of(glyphs, at, past), 1);
  return shown;
}

}  // namespace acl::emit
