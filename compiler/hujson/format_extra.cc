#include "compiler/hujson/format_extra.h"

#include <algorithm>

namespace acl::hujson {
namespace {

constexpr std::string_view white_space = " \t\r\n";

std::size_t leading_white_space(std::string_view text) noexcept {
  return std::min(text.find_first_not_of(white_space), text.size());
}

bool is_line_comment(std::string_view text) noexcept { return text.starts_with("//"); }

// The length of the comment at the start of `text`, its closing "*/" included but not the line feed of a line comment.
std::size_t comment_length(std::string_view text) noexcept {
  if (is_line_comment(text)) return std::min(text.find('\n'), text.size());
  const std::size_t close = text.find("*/", 2);
  return close == std::string_view::npos ? text.size() : close + 2;
}

// One piece of an extra. A piece may begin within a block comment: then it counts for nothing, unless what it begins with
// looks like a comment itself; the reference looks no closer.
std::size_t measure_piece(std::string_view piece) noexcept {
  std::size_t length = 0;
  for (;;) {
    piece.remove_prefix(leading_white_space(piece));
    if (is_line_comment(piece)) return length + 1 + piece.size();
    if (!piece.starts_with("/*")) return length == 0 ? 0 : length + 1;
    const std::size_t close = piece.find("*/", 2);
    if (close == std::string_view::npos) return length + 1 + piece.size();
    length += 1 + close + 2;
    piece.remove_prefix(close + 2);
  }
}

// How many bytes of white space end the text, as Unicode (White_Space) knows it. The text is UTF-8, as the parser sees to.
std::size_t trailing_space(std::string_view text) noexcept {
  if (text.empty()) return 0;
  if (std::string_view(" \t\n\v\f\r").find(text.back()) != std::string_view::npos) return 1;
  if (text.ends_with("\u0085") || text.ends_with("\u00a0")) return 2;
  if (text.size() < 3) return 0;
  const std::string_view last = text.substr(text.size() - 3);
  if (last == "\u1680" || last == "\u2028" || last == "\u2029" || last == "\u202f" || last == "\u205f" ||
      last == "\u3000") {
    return 3;
  }
  return last >= "\u2000" && last <= "\u200a" ? 3 : 0;
}

std::string_view trim_right(std::string_view text) noexcept {
  while (const std::size_t space = trailing_space(text)) text.remove_suffix(space);
  return text;
}

// CR LF and LF CR become LF, in that order; any other CR becomes a space.
std::string without_carriage_returns(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '\r' && text.substr(at + 1).starts_with('\n')) c = text[++at];
    if (c != '\n') {
      out += c == '\r' ? ' ' : c;
      continue;
    }
    out += '\n';
    const std::string_view rest = text.substr(at + 1);
    if (rest.starts_with('\r') && !rest.starts_with("\r\n")) ++at;
  }
  return out;
}

// Takes the first line off `text`, without its line feed and trailing white space.
std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trim_right(line);
}

// The line that closes a comment and holds nothing else.
bool is_bare_closer(std::string_view line) noexcept {
  return line.ends_with("*/") && leading_white_space(line) + 2 == line.size();
}

// How the lines of a block comment after its first one stand.
struct Block {
  std::size_t margin = 0;  // white space that all of them begin with
  bool stars = false;      // and a '*' comes behind it in each, with no blank line among them
};

Block survey_block(std::string_view lines) noexcept {
  std::string_view common;
  bool seen = false;
  bool blank = false;
  while (!lines.empty()) {
    const std::string_view line = take_line(lines);
    if (line.empty()) {
      blank = true;
      continue;
    }
    if (!seen) common = line;
    seen = true;
    if (is_bare_closer(line)) break;  // the last line; it takes the margin of the others
    const auto [end, other] = std::mismatch(common.begin(), common.end(), line.begin(), line.end());
    // A line that merely ends early shortens nothing: its first visible byte is in `common` already.
    if (other != line.end()) common = common.substr(0, static_cast<std::size_t>(end - common.begin()));
  }
  const std::size_t margin = leading_white_space(common);
  return {margin, !blank && margin < common.size() && common[margin] == '*'};
}

// A block comment of several lines: its own margin gives way to the depth's.
void write_block(std::string& out, std::string_view comment, std::size_t depth) {
  out += take_line(comment);
  const Block block = survey_block(comment);
  while (!comment.empty()) {
    const std::string_view line = take_line(comment);
    out += '\n';
    if (line.empty()) continue;
    out.append(depth, '\t');
    if (block.stars) out += ' ';
    out += is_bare_closer(line) ? std::string_view("*/") : line.substr(block.margin);
  }
}

void write_comment(std::string& out, std::string_view comment, std::size_t depth) {
  if (is_line_comment(comment) || !has_line_feed(comment)) {
    out += trim_right(comment);
  } else {
    write_block(out, comment, depth);
  }
}

// Ends an extra of which everything but its last white space is written: `begin` is where it begins in `out`.
void end_extra(std::string& out, std::size_t begin, std::size_t depth, const ExtraStyle& style) {
  const auto ends_line = [&] { return out.size() > begin && out.back() == '\n'; };
  if (style.break_after && !ends_line()) out += '\n';
  if (!style.blank_last) {
    while (out.size() - begin >= 2 && out.ends_with("\n\n")) out.pop_back();
  }
  if (ends_line()) {
    out.append(style.outdent_last ? depth - 1 : depth, '\t');
  } else if (out.size() > begin || style.space_if_empty) {
    out += ' ';
  }
}

// White space alone, the usual case: nothing but its line feeds matters.
void write_space(std::string& out, std::size_t line_feeds, std::size_t depth, const ExtraStyle& style) {
  const std::size_t least = style.break_before || style.break_after ? 1 : 0;
  const std::size_t most = style.blank_first && style.blank_last ? 2 : 1;
  line_feeds = std::clamp(line_feeds, least, most);
  if (line_feeds != 0) {
    out.append(line_feeds, '\n');
    out.append(style.outdent_last ? depth - 1 : depth, '\t');
  } else if (style.space_if_empty) {
    out += ' ';
  }
}

void write_commented(std::string& out, std::string_view extra, std::size_t depth, const ExtraStyle& style) {
  std::string replaced;
  if (extra.find('\r') != std::string_view::npos) {
    replaced = without_carriage_returns(extra);
    extra = replaced;
  }
  const std::size_t begin = out.size();
  if (style.break_before && !has_line_feed(extra)) out += '\n';
  while (!extra.empty()) {
    const std::size_t space = leading_white_space(extra);
    const auto line_feeds =
        static_cast<std::size_t>(std::count(extra.begin(), extra.begin() + static_cast<std::ptrdiff_t>(space), '\n'));
    const bool first = out.size() == begin;
    out.append(std::min<std::size_t>(line_feeds, first && !style.blank_first ? 1 : 2), '\n');
    extra.remove_prefix(space);
    if (extra.empty()) break;

    if (out.size() > begin && out.back() == '\n') {
      out.append(depth, '\t');
    } else {
      out += ' ';
    }
    const std::size_t length = comment_length(extra);
    write_comment(out, extra.substr(0, length), depth);
    extra.remove_prefix(length);
  }
  end_extra(out, begin, depth, style);
}

}  // namespace

ExtraMeasure measure_extra(std::string_view extra) noexcept {
  ExtraMeasure measure;
  bool comments = false;
  for (const char c : extra) {
    measure.line_feeds += c == '\n' ? 1 : 0;
    comments = comments || c == '/';
  }
  if (!comments) return measure;
  measure.first = measure_piece(extra.substr(0, extra.find('\n')));
  measure.last = measure.line_feeds == 0 ? measure.first : measure_piece(extra.substr(extra.rfind('\n') + 1));
  return measure;
}

void write_extra(std::string& out, std::string_view extra, std::size_t depth, const ExtraStyle& style) {
  std::size_t line_feeds = 0;
  for (const char c : extra) {
    if (c == '/') return write_commented(out, extra, depth, style);
    line_feeds += c == '\n' ? 1 : 0;
  }
  write_space(out, line_feeds, depth, style);
}

}  // namespace acl::hujson
