#include "compiler/hujson/tree.h"

#include "compiler/hujson/utf8.h"

namespace acl::hujson {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four hex digits at `at`, or nothing.
std::optional<char32_t> code_unit(std::string_view text, std::size_t at) noexcept {
  if (text.size() - at < 4) return std::nullopt;
  char32_t unit = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return std::nullopt;
    unit = unit * 16 + static_cast<char32_t>(digit);
  }
  return unit;
}

// Blanks every byte of the extra text[begin, end) that belongs to a comment, line ends excepted.
void blank_comments(std::string& text, std::size_t begin, std::size_t end) {
  for (std::size_t at = begin; at < end;) {
    if (text[at] != '/') {
      ++at;
      continue;
    }
    std::size_t close = text[at + 1] == '/' ? text.find('\n', at) : text.find("*/", at + 2);
    close = text[at + 1] == '/' ? close : close + 2;
    for (; at < close; ++at) {
      if (text[at] != '\n') text[at] = ' ';
    }
  }
}

}  // namespace

std::string_view kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::null: return "null";
    case Kind::boolean: return "a boolean";
    case Kind::number: return "a number";
    case Kind::string: return "a string";
    case Kind::array: return "an array";
    case Kind::object: return "an object";
  }
  return "a value";
}

std::string_view Value::string(std::string& buffer) const {
  if (!node().escaped) return text().substr(1, text().size() - 2);
  buffer = unquote(text());
  return buffer;
}

std::string Value::string() const {
  std::string buffer;
  return std::string(string(buffer));
}

std::optional<Value> Value::find(std::string_view name) const {
  std::string buffer;
  for (auto it = begin(); it != end(); ++it) {
    const bool here = (*it).string(buffer) == name;
    ++it;
    if (here) return *it;
  }
  return std::nullopt;
}

std::string standardize(const Tree& tree) {
  std::string out(tree.text);
  if (tree.standard() || tree.nodes.empty()) return out;
  for (const Node& node : tree.nodes) {
    blank_comments(out, node.before, node.begin);
    blank_comments(out, node.end, node.after);
    if (node.kind != Kind::array && node.kind != Kind::object) continue;
    // The closing extra: what stands behind the last child's comma, or behind the last child.
    const std::uint32_t self = static_cast<std::uint32_t>(&node - tree.nodes.data());
    std::uint32_t closing = node.begin + 1;
    for (std::uint32_t child = self + 1; child < node.next; child = tree.nodes[child].next) {
      const Node& last = tree.nodes[child];
      closing = last.comma ? last.after + 1 : last.after;
      if (tree.nodes[child].next == node.next && last.comma) out[last.after] = ' ';
    }
    blank_comments(out, closing, node.end - 1);
  }
  return out;
}

std::string minimize(Value value) {
  const bool object = value.is(Kind::object);
  if (!object && !value.is(Kind::array)) return std::string(value.text());
  std::string out(1, object ? '{' : '[');
  std::size_t count = 0;
  for (const Value child : value) {
    // In an object a colon stands behind every name, a comma behind every value.
    if (count != 0) out += object && count % 2 == 1 ? ':' : ',';
    out += minimize(child);
    ++count;
  }
  out += object ? '}' : ']';
  return out;
}

std::string unquote(std::string_view literal) {
  const std::string_view body = literal.substr(1, literal.size() - 2);
  std::string out;
  out.reserve(body.size());
  for (std::size_t at = 0; at < body.size();) {
    if (body[at] != '\\') {
      const std::size_t stop = std::min(body.find('\\', at), body.size());
      append_valid_utf8(out, body.substr(at, stop - at));
      at = stop;
      continue;
    }
    const char escape = at + 1 < body.size() ? body[at + 1] : '\\';
    at += 2;
    switch (escape) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        char32_t point = code_unit(body, at).value_or(replacement_character);
        at += 4;
        if (point >= 0xd800 && point < 0xe000) {
          char32_t low = 0;
          if (point < 0xdc00 && at + 1 < body.size() && body[at] == '\\' && body[at + 1] == 'u') {
            low = code_unit(body, at + 2).value_or(0);
          }
          if (low >= 0xdc00 && low < 0xe000) {
            point = 0x10000 + ((point - 0xd800) << 10 | (low - 0xdc00));
            at += 6;
          } else {
            point = replacement_character;
          }
        }
        append_utf8(out, point);
        break;
      }
      default: out += escape; break;  // `"`, `\` and `/` stand for themselves
    }
  }
  return out;
}

std::string quote(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string valid;
  append_valid_utf8(valid, text);
  std::string out = "\"";
  out.reserve(valid.size() + 2);
  for (const char c : valid) {
    switch (c) {
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += hex[static_cast<unsigned char>(c) >> 4];
          out += hex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
  return out;
}

}  // namespace acl::hujson
