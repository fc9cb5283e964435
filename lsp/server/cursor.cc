#include "lsp/server/cursor.h"

#include <algorithm>
#include <array>

#include "compiler/hujson/parse.h"

namespace acl::lsp {
namespace {

enum class Want : std::uint8_t {
  name,   // of an object: a member's name or the end
  colon,  // the colon behind a name
  value,  // a value; in an array also the end
  comma,  // a comma or the end
};

struct Frame {
  bool object = false;
  Want want = Want::value;
  std::uint32_t open = 0;  // offset of the bracket
  Span key;                // in an object: the name read last
  std::uint32_t index = 0;
};

// What bytes are to the scanner, which sees every one before the cursor.
enum Class : std::uint8_t {
  space = 1,
  string_end = 2,   // a quote, a line's end; and the backslash, which is looked at
  punctuation = 4,  // but for the colon, which may stand in a word
  colon = 8,
};
constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> out{};
  const auto add = [&](std::string_view bytes, Class one) {
    for (const char c : bytes)
      out[static_cast<unsigned char>(c)] = static_cast<std::uint8_t>(out[static_cast<unsigned char>(c)] | one);
  };
  add(" \t\n\r", space);
  add("\"\\\n\r", string_end);
  add("{}[],\"", punctuation);
  add(":", colon);
  return out;
}();

bool is(char c, int wanted) noexcept { return (classes[static_cast<unsigned char>(c)] & wanted) != 0; }
bool is_space(char c) noexcept { return is(c, space); }

enum class Kind : std::uint8_t { end, space, comment, string, word, punctuation };

struct Token {
  Kind kind = Kind::end;
  Span span;
  bool closed = false;  // a string with its closing quote, a comment with its end
};

// The token at `at`; total. In a value's place a word may hold colons: somebody types group:eng without a quote.
Token token_at(std::string_view text, std::uint32_t at, bool values) {
  const auto size = static_cast<std::uint32_t>(text.size());
  if (at >= size) return {Kind::end, {size, size}, false};
  std::uint32_t end = at + 1;
  const char c = text[at];
  if (is_space(c)) {
    while (end < size && is_space(text[end])) ++end;
    return {Kind::space, {at, end}, false};
  }
  if (c == '"') {
    for (;;) {
      while (end < size && !is(text[end], string_end)) ++end;
      if (end < size && text[end] == '"') return {Kind::string, {at, end + 1}, true};
      if (end >= size || text[end] != '\\') return {Kind::string, {at, end}, false};
      ++end;
      if (end < size && text[end] != '\n' && text[end] != '\r') ++end;
    }
  }
  if (c == '/' && end < size && text[end] == '/') {
    const std::size_t line = text.find('\n', at);
    return {Kind::comment, {at, line == std::string_view::npos ? size : static_cast<std::uint32_t>(line)}, false};
  }
  if (c == '/' && end < size && text[end] == '*') {
    const std::size_t close = text.find("*/", at + 2);
    if (close == std::string_view::npos) return {Kind::comment, {at, size}, false};
    return {Kind::comment, {at, static_cast<std::uint32_t>(close) + 2}, true};
  }
  if (c == '/') return {Kind::comment, {at, end}, false};  // the begin of one
  if (is(c, punctuation | colon)) return {Kind::punctuation, {at, end}, false};
  const int ends = space | punctuation | (values ? 0 : colon);
  while (end < size && !is(text[end], ends)) {
    if (text[end] == '/' && end + 1 < size && (text[end + 1] == '/' || text[end + 1] == '*')) break;
    ++end;
  }
  return {Kind::word, {at, end}, false};
}

// The containers around the place that has been read up to.
class Containers {
 public:
  explicit Containers(std::string_view text) : text_(text) {}

  [[nodiscard]] Want want() const noexcept {
    if (beyond_ != 0) return Want::comma;
    return stack_.empty() ? root_ : stack_.back().want;
  }
  [[nodiscard]] bool lost() const noexcept { return beyond_ != 0; }
  [[nodiscard]] const std::vector<Frame>& stack() const noexcept { return stack_; }

  // A bracket that closes none of these containers.
  [[nodiscard]] bool is_foreign(const Token& token) const noexcept {
    if (token.kind != Kind::punctuation || beyond_ != 0) return false;
    const char c = text_[token.span.begin];
    return (c == '}' && objects_ == 0) || (c == ']' && arrays_ == 0);
  }

  void take(const Token& token) {
    if (token.kind == Kind::space || token.kind == Kind::comment || token.kind == Kind::end) return;
    const char c = text_[token.span.begin];
    if (token.kind == Kind::punctuation) {
      if (c == '{' || c == '[') {
        open(c == '{', token.span.begin);
      } else if (c == '}' || c == ']') {
        close(c == '}');
      } else if (beyond_ == 0 && !stack_.empty()) {
        c == ',' ? comma() : colon();
      }
      return;
    }
    if (beyond_ == 0) scalar(token);
  }

  void resume(std::vector<Frame> stack) {
    stack_ = std::move(stack);
    for (const Frame& frame : stack_) ++count(frame.object);
  }

 private:
  std::size_t& count(bool object) noexcept { return object ? objects_ : arrays_; }

  void pop() {
    --count(stack_.back().object);
    stack_.pop_back();
  }

  void open(bool object, std::uint32_t at) {
    if (beyond_ != 0 || stack_.size() >= hujson::max_depth) {
      ++beyond_;
      return;
    }
    // An object where a name should stand: the brace of the element before it is missing.
    if (object && stack_.size() > 1 && stack_.back().object && !stack_[stack_.size() - 2].object &&
        (stack_.back().want == Want::name || stack_.back().want == Want::comma)) {
      pop();
      stack_.back().want = Want::comma;
    }
    begin_value();
    last_string_ = {};
    stack_.push_back({object, object ? Want::name : Want::value, at, {}, 0});
    ++count(object);
  }

  void close(bool object) {
    if (beyond_ != 0) {
      --beyond_;
      return;
    }
    if (count(object) == 0) return;  // closes nothing
    while (stack_.back().object != object) pop();
    pop();
    ended_value();
  }

  void comma() {
    Frame& top = stack_.back();
    last_string_ = {};
    if (!top.object) ++top.index;
    top.want = top.object ? Want::name : Want::value;
  }

  void colon() {
    if (!stack_.back().object) {
      // A name in an array: the array's bracket is missing.
      if (last_string_.begin == last_string_.end || objects_ == 0) return;
      while (!stack_.back().object) pop();
      stack_.back().key = last_string_;
    }
    if (stack_.back().want != Want::comma || last_string_.end != 0) stack_.back().want = Want::value;
    last_string_ = {};
  }

  void scalar(const Token& token) {
    if (stack_.empty()) {
      root_ = Want::comma;
      return;
    }
    Frame& top = stack_.back();
    const bool name = top.object && (top.want == Want::name || (top.want == Want::comma && token.kind == Kind::string));
    if (name) {
      top.key = token.span;
      top.want = Want::colon;
      last_string_ = {};
      return;
    }
    begin_value();
    last_string_ = token.kind == Kind::string && !top.object ? token.span : Span{};
    ended_value();
  }

  void begin_value() {
    if (stack_.empty()) return;
    Frame& top = stack_.back();
    if (!top.object && top.want == Want::comma) ++top.index;
  }
  void ended_value() {
    if (stack_.empty()) {
      root_ = Want::comma;
    } else {
      stack_.back().want = Want::comma;
    }
  }

  std::string_view text_;
  std::vector<Frame> stack_;
  Want root_ = Want::value;
  Span last_string_;        // in an array: the element just read, if it is a string
  std::size_t beyond_ = 0;  // containers too deep to be told apart
  std::size_t objects_ = 0, arrays_ = 0;
};

std::string unquoted(std::string_view text, Span span, std::uint32_t end) {
  std::string_view inside = text.substr(span.begin, end - span.begin);
  if (inside.empty() || inside[0] != '"') return std::string(inside);
  inside.remove_prefix(1);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  const std::string literal = "\"" + std::string(inside) + "\"";
  const auto tree = hujson::parse_strict(literal);
  return tree && tree->root().is(hujson::Kind::string) ? tree->root().string() : std::string(inside);
}

// Where the next token that is neither space nor comment begins.
Token next_token(std::string_view text, std::uint32_t at, bool value = false) {
  Token token = token_at(text, at, value);
  while (token.kind == Kind::space || token.kind == Kind::comment) token = token_at(text, token.span.end, value);
  return token;
}

bool is_name(std::string_view text, const Token& token) {
  if (token.kind != Kind::string) return false;
  const Token next = next_token(text, token.span.end);
  return next.kind == Kind::punctuation && text[next.span.begin] == ':';
}

// Whether the rest of a line, read from a place outside of strings, ends inside one.
bool line_ends_in_string(std::string_view text, std::uint32_t at) {
  while (at < text.size() && text[at] != '\n' && text[at] != '\r') {
    const Token token = token_at(text, at, false);
    if (token.kind == Kind::string && !token.closed) return true;
    if (token.kind == Kind::comment || token.kind == Kind::space) {
      const std::string_view inside = text.substr(token.span.begin, token.span.end - token.span.begin);
      if (inside.find_first_of("\r\n") != std::string_view::npos) return false;
    }
    at = token.span.end;
  }
  return false;
}

// A string at the cursor that is not closed ends where the word there does; and so does one whose closing quote seems to be the
// opening one of the next string ("gro|], "dst": …").
void end_at_word(std::string_view text, std::uint32_t offset, Token& token) {
  if (token.kind != Kind::string || (token.closed && !line_ends_in_string(text, token.span.end))) return;
  const std::size_t end = text.find_first_of("\",]} \t\r\n", offset);
  token.span.end =
      end == std::string_view::npos ? static_cast<std::uint32_t>(text.size()) : static_cast<std::uint32_t>(end);
  token.closed = false;
}

// Reads the object that `stack` begins with, from `at` on: up to `to`, or to the end of the object.
void collect(std::string_view text, std::vector<Frame> stack, std::uint32_t at, std::uint32_t to, bool of_a_member,
             Cursor& cursor) {
  Containers inside(text);
  if (stack.empty()) {
    inside.take(token_at(text, at, false));  // its brace
    ++at;
  } else {
    inside.resume(std::move(stack));
  }
  while (at < to && !inside.stack().empty()) {
    const Token token = token_at(text, at, inside.want() == Want::value);
    if (token.kind == Kind::end || token.span.end > to || inside.is_foreign(token)) return;
    const std::size_t depth = inside.stack().size();
    const bool element = depth == 2 && !inside.stack().back().object;
    const Span before = inside.stack().front().key;
    inside.take(token);
    if (inside.stack().empty()) return;
    const Span key = inside.stack().front().key;
    if (!(key == before)) {
      cursor.siblings.push_back(literal_text(text, key));
      of_a_member = true;
    } else if (token.kind == Kind::string && (depth == 1 || element) && of_a_member && !cursor.siblings.empty()) {
      cursor.texts.push_back({static_cast<std::uint32_t>(cursor.siblings.size() - 1), token.span});
    }
    at = token.span.end;
  }
}

void find_siblings(std::string_view text, const std::vector<Frame>& stack, std::uint32_t offset, Cursor& cursor) {
  const auto object = std::find_if(stack.rbegin(), stack.rend(), [](const Frame& frame) { return frame.object; });
  if (object == stack.rend()) return;
  collect(text, {}, object->open, cursor.literal ? cursor.literal->begin : offset, true, cursor);
  std::vector<Frame> around(object.base() - 1, stack.end());
  for (Frame& frame : around) frame.want = Want::comma;
  std::uint32_t at = cursor.literal ? cursor.literal->end : offset;
  const Token next = next_token(text, at);
  if (cursor.colon_follows) {  // what comes behind a name is its value
    at = next.span.end;
    around.back().want = Want::value;
  } else if (!cursor.literal && cursor.at == At::value && !is_name(text, next)) {
    around.back().want = Want::value;
  }
  collect(text, std::move(around), at, static_cast<std::uint32_t>(text.size()), cursor.at == At::value, cursor);
}

// Of a whole text: the containers around the element of a section, or the value of a name in one, that the place is inside of, as they are
// found when the reader comes to its first byte, which is `at`. Empty if there is none.
std::vector<Frame> around_unit(const hujson::Tree& tree, std::uint32_t offset, std::uint32_t& at) {
  const auto holds = [&](hujson::Value value) {
    const bool composite = value.is(hujson::Kind::object) || value.is(hujson::Kind::array);
    return composite && value.node().begin < offset && offset < value.node().end;
  };
  const hujson::Value root = tree.root();
  if (!root.is(hujson::Kind::object)) return {};
  for (auto member = root.begin(); member != root.end(); ++member) {
    const Span name = (*member).span();
    const hujson::Value section = *++member;
    if (!holds(section)) continue;
    const bool object = section.is(hujson::Kind::object);
    std::uint32_t index = 0;
    for (auto child = section.begin(); child != section.end(); ++child, ++index) {
      const Span key = object ? (*child).span() : Span{};
      if (object) ++child;
      if (!holds(*child)) continue;
      at = (*child).node().begin;
      return {{true, Want::value, root.node().begin, name, 0},
              {object, Want::value, section.node().begin, key, object ? 0 : index}};
    }
    return {};
  }
  return {};
}

}  // namespace

std::string literal_text(std::string_view text, Span span) {
  const bool closed = span.end > span.begin + 1 && text[span.begin] == '"' && text[span.end - 1] == '"';
  return unquoted(text, span, closed ? span.end - 1 : span.end);
}

Cursor cursor_at(std::string_view text, std::uint32_t offset, const hujson::Tree* whole) {
  Cursor cursor;
  const auto size = static_cast<std::uint32_t>(text.size());
  offset = std::min(offset, size);
  Containers around(text);
  std::uint32_t at = text.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0;
  offset = std::max(offset, at);
  if (whole != nullptr) {
    if (auto frames = around_unit(*whole, offset, at); !frames.empty()) around.resume(std::move(frames));
  }
  Token under;  // the literal under the cursor, if there is one
  while (at < offset) {
    Token token = token_at(text, at, around.want() == Want::value || around.want() == Want::comma);
    const bool literal = token.kind == Kind::string || token.kind == Kind::word;
    if (token.kind == Kind::comment && (offset < token.span.end || (offset == token.span.end && !token.closed))) {
      cursor.at = At::comment;
      break;
    }
    if (literal && (offset < token.span.end || (offset == token.span.end && !token.closed))) {
      under = token;
      break;
    }
    if (token.span.end > offset) break;  // inside of white space
    around.take(token);
    at = token.span.end;
    if (token.kind != Kind::space && token.kind != Kind::comment) cursor.previous_end = at;
  }

  const std::vector<Frame>& stack = around.stack();
  for (const Frame& frame : stack) {
    cursor.path.push_back(
        {frame.object, frame.object && frame.want != Want::name ? literal_text(text, frame.key) : "", frame.index});
  }
  if (cursor.at == At::comment || around.lost()) return cursor;

  if (under.kind != Kind::end) {
    end_at_word(text, offset, under);
    cursor.literal = under.span;
    cursor.quoted = under.kind == Kind::string;
    cursor.closed = under.closed;
    cursor.typed = unquoted(text, under.span, offset);
  }
  const bool object = !stack.empty() && stack.back().object;
  const Want want = around.want();
  const Token next = next_token(text, cursor.literal ? cursor.literal->end : offset);
  cursor.next = next.kind == Kind::end ? '\0' : text[next.span.begin];
  const bool next_is = next.kind == Kind::punctuation;
  if (want == Want::colon || (want == Want::comma && stack.empty())) return cursor;
  if (want == Want::comma) {
    const bool touches = !cursor.literal && offset > 0 && !is_space(text[offset - 1]);
    if (touches || (!cursor.literal && next_is && text[next.span.begin] == ',')) return cursor;
    cursor.comma_needed_before = true;
    if (!object) ++cursor.path.back().index;
  }
  cursor.at = object && want != Want::value ? At::name : At::value;
  if (cursor.at == At::name) {
    cursor.colon_follows = cursor.literal && next_is && text[next.span.begin] == ':';
    cursor.path.back().key = cursor.literal ? literal_text(text, *cursor.literal) : "";
  }
  find_siblings(text, stack, offset, cursor);
  return cursor;
}

Typed type_at(const policy::Type& root, const std::vector<Step>& path, At at) {
  Typed typed{&root, nullptr};
  const std::size_t steps = at == At::name && !path.empty() ? path.size() - 1 : path.size();
  for (std::size_t i = 0; i < steps && typed.type != nullptr; ++i) {
    const policy::Type& type = *typed.type;
    const Step& step = path[i];
    typed.type = nullptr;
    if (step.in_object && type.shape == policy::Shape::record) {
      typed.field = policy::find_field(type, step.key);
      if (typed.field != nullptr) typed.type = typed.field->type;
    } else if (type.shape == (step.in_object ? policy::Shape::map : policy::Shape::list)) {
      typed.type = type.element;
    }
  }
  return typed;
}

}  // namespace acl::lsp
