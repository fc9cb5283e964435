// The formatter's decisions: which objects and arrays stand on one line, and how far values are moved to stand in columns.
//
// The first half of format() (format.h), made before a byte is written, in one walk over the tree that decides a composite
// once its children are decided. The rules are the reference implementation's, its oddities included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/hujson/format_extra.h"
#include "compiler/hujson/tree.h"

namespace acl::hujson {

// What was decided about one node.
struct Layout {
  std::uint32_t padding = 0;  // a name in an expanded object: further spaces before its value
  bool expanded = false;  // a composite: its closing bracket and each of its members begin a line; else it is inline
  bool broken = false;    // a composite: a line end stands within or between its members. A name: around its colon
  bool new_run = false;   // a name: a blank line or a comment line above it begins new columns
};

// One for each node of the tree.
std::vector<Layout> decide_layout(const Tree& tree);

// The extras of a node as the formatter sees them. Before a colon, a comma or the end of the text, and in an empty composite,
// an extra without a comment counts as none.
inline std::string_view extra_before(const Tree& tree, const Node& node) noexcept {
  return tree.text.substr(node.before, node.begin - node.before);
}
inline std::string_view extra_behind(const Tree& tree, const Node& node) noexcept {
  const std::string_view extra = tree.text.substr(node.end, node.after - node.end);
  return has_comment(extra) ? extra : std::string_view{};
}
// The extra before a composite's closing bracket. `last` is its last child, null if it has none.
inline std::string_view extra_closing(const Tree& tree, const Node& composite, const Node* last) noexcept {
  std::uint32_t begin = composite.begin + 1;
  if (last != nullptr) begin = last->comma ? last->after + 1 : last->after;
  const std::string_view extra = tree.text.substr(begin, composite.end - 1 - begin);
  return last != nullptr || has_comment(extra) ? extra : std::string_view{};
}

// A string literal with escapes, as it is written: only the escapes that are needed (quote() in tree.h).
inline std::string normal_string(std::string_view literal) { return quote(unquote(literal)); }

}  // namespace acl::hujson
