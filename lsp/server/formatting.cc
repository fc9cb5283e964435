#include "lsp/server/formatting.h"

#include <algorithm>

#include "compiler/hujson/format.h"

namespace acl::lsp {
namespace {

using hujson::Kind;
using hujson::Node;
using hujson::Tree;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::size_t skip_space(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// One past the string that begins at a quote.
std::size_t skip_string(std::string_view text, std::size_t at) noexcept {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

// Collects replacements that may touch, and keeps of each what really differs.
class Edits {
 public:
  Edits(std::string_view from, std::string_view to) : from_(from), to_(to) {}

  void replace(std::size_t begin, std::size_t end, std::size_t to_begin, std::size_t to_end) {
    if (begin == end && to_begin == to_end) return;
    if (open_ && begin_end_ == begin && to_end_ == to_begin) {
      begin_end_ = end;
      to_end_ = to_end;
      return;
    }
    flush();
    open_ = true;
    begin_ = begin;
    begin_end_ = end;
    to_begin_ = to_begin;
    to_end_ = to_end;
  }
  std::vector<TextEdit> take() {
    flush();
    return std::move(out_);
  }

 private:
  void flush() {
    if (!open_) return;
    open_ = false;
    while (begin_ < begin_end_ && to_begin_ < to_end_ && from_[begin_] == to_[to_begin_]) {
      ++begin_;
      ++to_begin_;
    }
    while (begin_ < begin_end_ && to_begin_ < to_end_ && from_[begin_end_ - 1] == to_[to_end_ - 1]) {
      --begin_end_;
      --to_end_;
    }
    // No place of LSP is between the CR and the LF of one line end.
    std::string text(to_.substr(to_begin_, to_end_ - to_begin_));
    const auto splits = [&](std::size_t at) {
      return at > 0 && at < from_.size() && from_[at - 1] == '\r' && from_[at] == '\n';
    };
    if (splits(begin_)) {
      text.insert(text.begin(), '\r');
      --begin_;
    }
    if (splits(begin_end_)) {
      text += '\n';
      ++begin_end_;
    }
    if (begin_ == begin_end_ && text.empty()) return;
    out_.push_back({{static_cast<std::uint32_t>(begin_), static_cast<std::uint32_t>(begin_end_)}, std::move(text)});
  }

  std::string_view from_, to_;
  std::vector<TextEdit> out_;
  bool open_ = false;
  std::size_t begin_ = 0, begin_end_ = 0, to_begin_ = 0, to_end_ = 0;
};

// The child of a composite that contains the span; null if none does alone. For an object, a member from its name to its value.
struct Item {
  std::uint32_t first;  // the name, or the element
  std::uint32_t value;
};

}  // namespace

std::vector<TextEdit> edits_between(std::string_view from, std::string_view to) {
  Edits edits(from, to);
  std::size_t a = 0, b = 0;
  while (a < from.size() || b < to.size()) {
    const std::size_t a_end = skip_space(from, a), b_end = skip_space(to, b);
    if (from.substr(a, a_end - a) != to.substr(b, b_end - b)) edits.replace(a, a_end, b, b_end);
    a = a_end;
    b = b_end;
    const char x = a < from.size() ? from[a] : '\0', y = b < to.size() ? to[b] : '\0';
    if (a == from.size() && b == to.size()) break;
    if (x == y && x == '"') {
      // A string is written anew as a whole, because its escapes hold what looks like anything.
      const std::size_t x_end = skip_string(from, a), y_end = skip_string(to, b);
      if (from.substr(a, x_end - a) != to.substr(b, y_end - b)) edits.replace(a, x_end, b, y_end);
      a = x_end;
      b = y_end;
    } else if (a < from.size() && b < to.size() && x == y) {
      ++a;
      ++b;
    } else if (b < to.size() && y == ',') {
      edits.replace(a, a, b, b + 1);
      ++b;
    } else if (a < from.size() && x == ',') {
      edits.replace(a, a + 1, b, b);
      ++a;
    } else {
      edits.replace(a, from.size(), b, to.size());
      break;
    }
  }
  return edits.take();
}

std::vector<TextEdit> format_edits(const Tree& tree) { return edits_between(tree.text, hujson::format(tree)); }

std::vector<TextEdit> format_edits(const Tree& tree, Span span) {
  // Down from the root, as long as one child has all of the span.
  Span whole{0, static_cast<std::uint32_t>(tree.text.size())};
  const auto end_of = [&](const Node& value) { return value.comma ? value.after + 1 : value.end; };
  for (std::uint32_t at = 0;;) {
    const Node& composite = tree.nodes[at];
    if (composite.kind != Kind::object && composite.kind != Kind::array) break;
    if (span.begin <= composite.begin || span.end >= composite.end) break;
    std::optional<Item> first, last;
    for (std::uint32_t child = at + 1; child < composite.next;) {
      const std::uint32_t value = composite.kind == Kind::object ? child + 1 : child;
      const Node& node = tree.nodes[value];
      if (end_of(node) > span.begin || (first && tree.nodes[child].before < span.end)) {
        if (!first) first = Item{child, value};
        if (tree.nodes[child].before < std::max(span.end, span.begin + 1)) last = Item{child, value};
        if (tree.nodes[child].before >= span.end) break;
      }
      child = node.next;
    }
    if (!first || !last) break;
    whole = {tree.nodes[first->first].before, end_of(tree.nodes[last->value])};
    const Node& value = tree.nodes[first->value];
    if (first->first != last->first || span.begin <= value.begin || span.end >= value.end) break;
    at = first->value;
  }
  std::vector<TextEdit> edits = format_edits(tree);
  // What begins where the last one ends is before the next.
  std::erase_if(edits, [&](const TextEdit& edit) {
    return edit.span.begin < whole.begin || edit.span.begin >= whole.end || edit.span.end > whole.end;
  });
  return edits;
}

std::string with_edits(std::string_view text, const std::vector<TextEdit>& edits) {
  std::string out;
  std::uint32_t at = 0;
  for (const TextEdit& edit : edits) {
    out += text.substr(at, edit.span.begin - at);
    out += edit.text;
    at = edit.span.end;
  }
  return out += text.substr(at);
}

}  // namespace acl::lsp
