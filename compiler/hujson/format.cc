// Two walks over the tree: decide_layout() says what stands on one line and in which column, then this file writes the text
// from front to back.
#include "compiler/hujson/format.h"

#include <algorithm>

#include "compiler/hujson/format_extra.h"
#include "compiler/hujson/format_layout.h"

namespace acl::hujson {
namespace {

struct Writer {
  const Tree& tree;
  std::vector<Layout> layout;
  std::string out;

  void write_value(std::uint32_t index, std::size_t depth);
  void write_composite(std::uint32_t index, std::size_t depth);
  void write_name(std::uint32_t name, std::size_t depth, bool expanded);
  void write_closing(const Node& composite, const Node* last, std::size_t depth, bool expanded);
};

// An extra around a colon or before a comma: two levels in, no blank lines at its ends.
constexpr ExtraStyle inner_style{.blank_first = false, .blank_last = false};

void Writer::write_value(std::uint32_t index, std::size_t depth) {
  const Node& node = tree.nodes[index];
  const std::string_view text = tree.text.substr(node.begin, node.end - node.begin);
  if (node.kind == Kind::array || node.kind == Kind::object) {
    write_composite(index, depth);
  } else if (node.escaped) {
    out += normal_string(text);
  } else {
    out += text;
  }
}

void Writer::write_composite(std::uint32_t index, std::size_t depth) {
  const Node& node = tree.nodes[index];
  const bool expanded = layout[index].expanded;
  const Node* last = nullptr;
  out += tree.text[node.begin];
  for (std::uint32_t child = index + 1; child < node.next; child = last->next) {
    const bool first = last == nullptr;
    if (!first) out += ',';
    write_extra(out, extra_before(tree, tree.nodes[child]), depth + 1,
                {.break_before = expanded, .blank_first = !first, .space_if_empty = !first});
    std::uint32_t value = child;
    std::size_t value_depth = expanded ? depth + 1 : depth;
    if (node.kind == Kind::object) {
      write_name(child, depth, expanded);
      if (layout[child].broken) ++value_depth;
      ++value;
    }
    write_value(value, value_depth);
    last = &tree.nodes[value];
    write_extra(out, extra_behind(tree, *last), depth + 2, inner_style);
  }
  write_closing(node, last, depth, expanded);
}

// A member up to its value.
void Writer::write_name(std::uint32_t name, std::size_t depth, bool expanded) {
  write_value(name, depth);
  write_extra(out, extra_behind(tree, tree.nodes[name]), depth + 2, inner_style);
  out += ':';
  ExtraStyle style = inner_style;
  style.space_if_empty = true;
  write_extra(out, extra_before(tree, tree.nodes[name + 1]), depth + 2, style);
  if (expanded) out.append(layout[name].padding, ' ');
}

// The trailing comma, the extra behind it, and the bracket.
void Writer::write_closing(const Node& composite, const Node* last, std::size_t depth, bool expanded) {
  const std::string_view closing = extra_closing(tree, composite, last);
  if (last != nullptr) {
    // An inline composite loses its trailing comma, unless comments on both sides would then run together.
    const bool kept = last->comma && has_comment(extra_behind(tree, *last)) && has_comment(closing);
    if (expanded ? !tree.standard() : kept) out += ',';
  }
  write_extra(out, closing, depth + 1,
              {.break_after = expanded, .blank_first = last != nullptr, .blank_last = false, .outdent_last = true});
  out += tree.text[composite.end - 1];
}

}  // namespace

std::string format(const Tree& tree) {
  if (tree.nodes.empty()) return std::string(tree.text);
  Writer writer{tree, decide_layout(tree), {}};
  std::string& out = writer.out;
  out.reserve(tree.text.size() + tree.text.size() / 4 + 64);

  const Node& root = tree.nodes[0];
  write_extra(out, extra_before(tree, root), 0, {});
  out.erase(0, std::min(out.find_first_not_of(" \t\n"), out.size()));
  writer.write_value(0, 0);
  write_extra(out, extra_behind(tree, root), 0, {});
  out.erase(out.find_last_not_of(" \t\n") + 1);
  out += '\n';
  return out;
}

}  // namespace acl::hujson
