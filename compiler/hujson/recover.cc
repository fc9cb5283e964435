// The tolerant pass. A loop with an explicit stack, so that no nesting can exhaust the machine's; each turn reads one token.
//
// After an error the reader stays quiet until a token fits again ("panic mode"), so that one slip gives one error. The first
// error is the reference parser's, word for word.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "compiler/hujson/parse.h"
#include "compiler/hujson/utf8.h"

namespace acl::hujson {
namespace {

// What may stand next.
enum class Expect : std::uint8_t {
  value,      // a value: at the top, or behind a colon
  first,      // behind an opener: a value or name, or the closer
  next,       // behind a comma: a value or name, or the closer
  colon,      // behind a name
  separator,  // behind a value: a comma or the closer
  end,        // behind the top-level value: nothing
};

struct Frame {
  std::uint32_t node;
  bool object;
  bool name_next;  // in an object: the next value is a member's name
};

bool is_literal_byte(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

// The form in which the reference parser quotes a character: Go's %q of a rune, with \u for all control characters.
std::string quoted_character(std::string_view text) {
  const CodePoint point = decode_utf8(text);
  const auto value = static_cast<std::uint32_t>(point.value);
  if (!point.valid) return fmt::format("'\\x{:02x}'", static_cast<unsigned char>(text[0]));
  if (value == '\'' || value == '\\') return fmt::format("'\\{}'", text[0]);
  if (is_printable(point.value)) return fmt::format("'{}'", text.substr(0, point.size));
  return value > 0xffff ? fmt::format("'\\U{:08x}'", value) : fmt::format("'\\u{:04x}'", value);
}

bool is_hex_digit(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_number(std::string_view text) noexcept {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - first;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const std::size_t integer = digits();
  if (integer == 0 || (zero && integer > 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

bool is_valid_string(std::string_view literal) noexcept {
  for (std::size_t at = 1; at + 1 < literal.size(); ++at) {
    if (static_cast<unsigned char>(literal[at]) < 0x20) return false;
    if (literal[at] != '\\') continue;
    const char escape = literal[++at];
    if (escape == 'u') {
      for (int i = 0; i < 4; ++i) {
        if (++at + 1 >= literal.size() || !is_hex_digit(literal[at])) return false;
      }
    } else if (escape == '\0' || std::strchr("\"\\/bfnrt", escape) == nullptr) {
      return false;
    }
  }
  return true;
}

class Reader {
 public:
  explicit Reader(const SourceText& source) : source_(source), text_(source.text()) { out_.tree.text = text_; }

  Recovered read() {
    while (step()) {
    }
    close_all();
    if (!out_.tree.nodes.empty()) out_.tree.nodes[0].after = size();
    sort_errors();
    if (unlisted_ != 0) {
      out_.errors.push_back(
          make_diagnostic(Code::E0106, fmt::format("{} more syntax errors are not listed", unlisted_)));
      out_.errors.back().place = source_.place({size(), size()});
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(text_.size()); }
  [[nodiscard]] char here() const { return text_[at_]; }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  std::vector<Node>& nodes() { return out_.tree.nodes; }

  // --- errors ---

  // An object where a name belongs is an error only after those inside it. The first error stays: it is the reference parser's.
  void sort_errors() {
    if (out_.errors.empty()) return;
    std::stable_sort(out_.errors.begin() + 1, out_.errors.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return a.place->bytes.begin < b.place->bytes.begin;
    });
  }

  Diagnostic* error(Code code, Span span, std::string message, std::string help = {}) {
    if (panic_) return nullptr;
    panic_ = true;
    if (out_.errors.size() >= max_errors) {
      ++unlisted_;
      return nullptr;
    }
    Diagnostic diagnostic = make_diagnostic(code, std::move(message), std::move(help));
    diagnostic.place = source_.place(span);
    const Position at = diagnostic.place->start;
    diagnostic.service_text = fmt::format("hujson: line {}, column {}: {}", at.line, at.column, diagnostic.message);
    out_.errors.push_back(std::move(diagnostic));
    return &out_.errors.back();
  }

  void invalid_character(std::string_view where, std::string help = {}) {
    const CodePoint point = decode_utf8(rest());
    error(Code::E0101, {at_, at_ + static_cast<std::uint32_t>(point.size)},
          fmt::format("invalid character {} {}", quoted_character(rest()), where), std::move(help));
  }

  // --- one token ---

  // False at the end of what can be read.
  bool step() {
    if (!skip_extra()) return false;
    if (at_ == size()) {
      unexpected_end();
      return false;
    }
    switch (expect_) {
      case Expect::value: return read_value();
      case Expect::first:
      case Expect::next:
        if (here() == (stack_.back().object ? '}' : ']')) {
          close();
          return true;
        }
        return read_value();
      case Expect::colon: return read_colon();
      case Expect::separator: return read_separator();
      case Expect::end: return after_top_level();
    }
    return false;
  }

  // White space and comments. False if a comment never ends.
  bool skip_extra() {
    for (;;) {
      while (at_ < size() && std::memchr(" \t\r\n", here(), 4) != nullptr) ++at_;
      const std::string_view ahead = rest();
      if (ahead.size() < 2 || ahead[0] != '/' || (ahead[1] != '/' && ahead[1] != '*')) return true;
      const bool line = ahead[1] == '/';
      const std::size_t close = line ? ahead.find('\n') : ahead.find("*/", 2);
      if (close == std::string_view::npos) {
        error(Code::E0103, {at_, at_ + 2}, "parsing comment: unexpected EOF",
              line ? "put a line end behind the comment: the reference parser wants one, also on the last line"
                   : "close the comment with \"*/\"");
        at_ = size();
        return false;
      }
      const auto length = static_cast<std::uint32_t>(close + (line ? 1 : 2));
      if (!is_valid_utf8(ahead.substr(0, length))) {
        error(Code::E0104, {at_, at_ + 2}, "invalid UTF-8 in comment", "save the file as UTF-8");
        panic_ = false;
      }
      out_.tree.has_comments = true;
      at_ += length;
    }
  }

  void unexpected_end() {
    std::string_view doing = "parsing value";
    if (expect_ == Expect::end) return;
    if (expect_ == Expect::colon) doing = "parsing object after name";
    if (expect_ == Expect::separator)
      doing = stack_.back().object ? "parsing object after value" : "parsing array after value";
    std::string help = "the text is one value, most often an object: { … }";
    if (!stack_.empty()) help = fmt::format("close it with \"{}\"", stack_.back().object ? '}' : ']');
    Diagnostic* diagnostic = error(Code::E0103, {at_, at_}, fmt::format("{}: unexpected EOF", doing), std::move(help));
    if (diagnostic != nullptr && !stack_.empty()) {
      const std::uint32_t opener = nodes()[stack_.back().node].begin;
      diagnostic->related.push_back({"this is never closed", source_.place({opener, opener + 1})});
    }
  }

  bool read_value() {
    switch (here()) {
      case '"': return read_string();
      case '{':
      case '[': return open();
      default: break;
    }
    if (is_literal_byte(here())) return read_literal();
    return bad_value();
  }

  bool read_string() {
    std::size_t end = at_ + 1;
    bool escaped = false;
    while (end < text_.size() && text_[end] != '"') {
      escaped = escaped || text_[end] == '\\';
      end += text_[end] == '\\' ? 2 : 1;
    }
    const std::size_t line_end = std::min(text_.find('\n', at_), text_.size());
    if (end >= text_.size()) {
      error(Code::E0103, {size(), size()}, "parsing string: unexpected EOF", "close the string with a double quote");
      if (!out_.errors.empty() && out_.errors.back().related.empty()) {
        out_.errors.back().related.push_back({"the string begins here", source_.place({at_, at_ + 1})});
      }
      end = line_end;
    } else {
      ++end;
      const std::string_view literal = text_.substr(at_, end - at_);
      if (!is_valid_string(literal)) {
        const bool open_ended = line_end < end;
        invalid_literal(literal, open_ended ? "the closing quote is missing on this line"
                                            : "write control characters as \\n or \\t, a backslash as \\\\");
        if (open_ended) end = line_end;
      } else {
        panic_ = false;
      }
    }
    // What was cut off at its line's end has no quote to lose: such a value is kept as null.
    const bool whole = end - at_ >= 2 && text_[end - 1] == '"' && is_valid_string(text_.substr(at_, end - at_));
    add(static_cast<std::uint32_t>(end), whole ? Kind::string : Kind::null, whole && escaped);
    return true;
  }

  void invalid_literal(std::string_view literal, std::string help) {
    constexpr std::size_t longest = 200;
    const std::string_view shown = literal.substr(0, longest);
    const auto length = static_cast<std::uint32_t>(std::min(literal.find('\n'), literal.size()));
    Diagnostic* diagnostic =
        error(Code::E0102, {at_, at_ + length},
              fmt::format("invalid literal: {}{}", shown, literal.size() > longest ? "…" : ""), std::move(help));
    if (diagnostic != nullptr && literal.size() > longest) {
      const Position at = diagnostic->place->start;
      diagnostic->service_text =
          fmt::format("hujson: line {}, column {}: invalid literal: {}", at.line, at.column, literal);
    }
  }

  bool read_literal() {
    std::uint32_t end = at_;
    while (end < size() && is_literal_byte(text_[end])) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    Kind kind = Kind::null;
    if (word == "true" || word == "false") {
      kind = Kind::boolean;
    } else if (is_number(word)) {
      kind = Kind::number;
    } else if (word != "null") {
      const bool name = !stack_.empty() && stack_.back().object && stack_.back().name_next;
      invalid_literal(word, name ? "names stand in double quotes" : "strings stand in double quotes");
      add(end, Kind::null);
      return true;
    }
    panic_ = false;
    add(end, kind);
    return true;
  }

  bool open() {
    if (stack_.size() == max_depth) {
      error(Code::E0105, {at_, at_ + 1}, fmt::format("nested more than {} levels deep", max_depth));
      return false;
    }
    panic_ = false;
    const bool object = here() == '{';
    stack_.push_back({static_cast<std::uint32_t>(nodes().size()), object, object});
    nodes().push_back({before_, at_, 0, 0, 0, object ? Kind::object : Kind::array, false, false});
    before_ = ++at_;
    expect_ = Expect::first;
    return true;
  }

  void close() {
    const Frame frame = stack_.back();
    stack_.pop_back();
    Node& node = nodes()[frame.node];
    if (at_ < size()) ++at_;
    node.end = node.after = at_;
    node.next = static_cast<std::uint32_t>(nodes().size());
    if (node.next != frame.node + 1 && nodes()[current_].comma) out_.tree.trailing_commas = true;
    panic_ = false;
    complete(frame.node);
  }

  bool bad_value() {
    const char c = here();
    std::string help;
    if (c == '#') help = "comments begin with \"//\"";
    if (c == '\'') help = "strings stand in double quotes";
    if (c == ',') help = "remove the comma, or put a value before it";
    if (rest().substr(0, 3) == "\xef\xbb\xbf") help = "save the file without a byte order mark";
    invalid_character("at start of value", std::move(help));
    if (c == '#') {
      at_ = static_cast<std::uint32_t>(std::min(text_.find('\n', at_), text_.size()));
    } else if (c == '\'') {
      const std::size_t close = text_.find_first_of("'\n", at_ + 1);
      const bool closed = close != std::string_view::npos && text_[close] == '\'';
      add(closed ? static_cast<std::uint32_t>(close) + 1 : at_ + 1, Kind::null);
    } else if (c == ',' || c == ']' || c == '}') {
      // The value is missing: behind a colon something must stand in for it, elsewhere nothing is needed.
      if (expect_ == Expect::value && !stack_.empty()) {
        add(at_, Kind::null);
      } else if (c != ',' && !stack_.empty()) {
        expect_ = Expect::separator;
      } else {
        ++at_;
      }
    } else {
      at_ += static_cast<std::uint32_t>(decode_utf8(rest()).size);
    }
    return true;
  }

  bool read_colon() {
    if (here() == ':') {
      panic_ = false;
      nodes()[current_].after = at_;
      before_ = ++at_;
      stack_.back().name_next = false;
      expect_ = Expect::value;
      return true;
    }
    invalid_character("after object name", "a colon stands between a name and its value");
    const char c = here();
    if (c == ',' || c == '}' || c == ']') {
      stack_.back().name_next = false;
      before_ = at_;
      add(at_, Kind::null);
    } else if (c == '"' || c == '{' || c == '[' || is_literal_byte(c)) {
      stack_.back().name_next = false;
      before_ = at_;
      expect_ = Expect::value;
    } else {
      at_ += static_cast<std::uint32_t>(decode_utf8(rest()).size);
    }
    return true;
  }

  bool read_separator() {
    const bool object = stack_.back().object;
    const char c = here();
    if (c == ',') {
      panic_ = false;
      nodes()[current_].comma = true;
      nodes()[current_].after = at_;
      before_ = ++at_;
      expect_ = Expect::next;
      stack_.back().name_next = object;
      return true;
    }
    if (c == (object ? '}' : ']')) {
      close();
      return true;
    }
    const bool begins_value = c == '"' || c == '{' || c == '[' || is_literal_byte(c);
    std::string help = begins_value ? "a comma is missing before it" : "";
    if (c == '#') help = "comments begin with \"//\"";
    invalid_character(object ? "after object value (expecting ',' or '}')" : "after array value (expecting ',' or ']')",
                      std::move(help));
    if (begins_value) {
      before_ = at_;
      expect_ = Expect::next;
      stack_.back().name_next = object;
    } else if (c == '}' || c == ']') {
      wrong_closer(c == '}');
    } else if (c == '#') {
      at_ = static_cast<std::uint32_t>(std::min(text_.find('\n', at_), text_.size()));
    } else {
      at_ += static_cast<std::uint32_t>(decode_utf8(rest()).size);
    }
    return true;
  }

  // "[1}" in an object closes the array and the object; elsewhere the closer is taken for the right one.
  void wrong_closer(bool object) {
    const bool outer = std::any_of(stack_.begin(), stack_.end(), [&](const Frame& f) { return f.object == object; });
    if (!outer) {
      close();
      return;
    }
    while (stack_.back().object != object) {
      supply_value();
      const std::uint32_t at = at_;
      close();
      // The closer belongs to an outer composite, so give it back.
      nodes()[current_].end = nodes()[current_].after = at;
      at_ = before_ = at;
      panic_ = true;
    }
    supply_value();
  }

  bool after_top_level() {
    std::string help = "the policy's object ends before this; one file holds one value";
    const bool string_first = !nodes().empty() && nodes()[0].kind == Kind::string;
    if (string_first && here() == ':') help = "the opening \"{\" is missing, or stands inside a comment";
    invalid_character("after top-level value", std::move(help));
    return false;
  }

  // --- the tree ---

  // A scalar from here to `end`.
  void add(std::uint32_t end, Kind kind, bool escaped = false) {
    const auto self = static_cast<std::uint32_t>(nodes().size());
    nodes().push_back({before_, at_, end, end, self + 1, kind, escaped, false});
    at_ = end;
    complete(self);
  }

  // A value is whole: what may follow it?
  void complete(std::uint32_t node) {
    current_ = node;
    before_ = at_;
    if (stack_.empty()) {
      expect_ = Expect::end;
      return;
    }
    Frame& frame = stack_.back();
    if (!frame.object || !frame.name_next) {
      expect_ = Expect::separator;
      return;
    }
    const Node& name = nodes()[node];
    if (name.kind != Kind::string && !panic_) {
      const std::uint32_t resume = at_;
      at_ = name.begin;
      invalid_character("at start of object name", "names stand in double quotes");
      at_ = resume;
      panic_ = false;
    }
    expect_ = Expect::colon;
  }

  // An object needs a value for each name: null stands in for one that is missing where the object ends.
  void supply_value() {
    Frame& frame = stack_.back();
    if (!frame.object || (expect_ != Expect::colon && (frame.name_next || expect_ != Expect::value))) return;
    frame.name_next = false;
    add(at_, Kind::null);
  }

  void close_all() {
    while (!stack_.empty()) {
      supply_value();
      close();
    }
  }

  const SourceText& source_;
  std::string_view text_;
  Recovered out_;
  std::vector<Frame> stack_;
  Expect expect_ = Expect::value;
  bool panic_ = false;
  std::uint32_t at_ = 0;
  std::uint32_t before_ = 0;   // where the extra before the next value begins
  std::uint32_t current_ = 0;  // the last value that is complete
  std::size_t unlisted_ = 0;
};

}  // namespace

Recovered recover(const SourceText& source) { return Reader(source).read(); }

}  // namespace acl::hujson
