// Both passes of the HuJSON parser on any bytes: they agree on what is well-formed and on its tree; trees are
// consistent; what they offer holds: positions, strings, the standard form.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "compiler/hujson/parse.h"

namespace {

using namespace acl;          // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::hujson;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "hujson_fuzz: %s\n", what);
  std::abort();
}

bool same_node(const Node& a, const Node& b) {
  return a.before == b.before && a.begin == b.begin && a.end == b.end && a.after == b.after && a.next == b.next &&
         a.kind == b.kind && a.escaped == b.escaped && a.comma == b.comma;
}

void require_same(const Tree& a, const Tree& b) {
  require(a.nodes.size() == b.nodes.size(), "the two passes build trees of different sizes");
  for (std::size_t i = 0; i < a.nodes.size(); ++i) require(same_node(a.nodes[i], b.nodes[i]), "the two trees differ");
  require(a.has_comments == b.has_comments && a.trailing_commas == b.trailing_commas, "the two trees' marks differ");
}

// The children of a composite, in pairs where it is an object.
std::size_t count_children(const Value& value) {
  std::size_t count = 0;
  for (const Value child : value) {
    require(child.node().begin >= value.node().begin && child.node().end <= value.node().end, "a child lies outside");
    ++count;
  }
  return count;
}

void require_consistent(const Tree& tree) {
  std::string buffer;
  for (std::uint32_t i = 0; i < tree.nodes.size(); ++i) {
    const Value value(tree, i);
    const Node& node = value.node();
    require(node.before <= node.begin && node.begin <= node.end && node.end <= node.after,
            "a node's offsets are in disorder");
    require(node.after <= tree.text.size(), "a node reaches beyond the text");
    require(node.next > i && node.next <= tree.nodes.size(), "a node's successor is nowhere");
    const std::size_t children = count_children(value);
    require(node.kind != Kind::object || children % 2 == 0, "a member lacks its value");
    require(node.kind == Kind::object || node.kind == Kind::array || children == 0, "a scalar has children");
    if (node.kind != Kind::string) continue;
    const std::string_view text = value.string(buffer);
    require(node.escaped || text.size() + 2 == node.end - node.begin, "a string without escapes is not as it stands");
    require(unquote(quote(text)).size() <= 3 * text.size(), "quoting loses or invents");
  }
}

void require_standard_form(const Tree& tree) {
  const std::string standard = standardize(tree);
  require(standard.size() == tree.text.size(), "the standard form has another length");
  const auto again = parse_strict(standard);
  require(again.has_value(), "the standard form does not parse");
  require(again->standard(), "the standard form is not standard JSON");
  require(again->nodes.size() == tree.nodes.size(), "the standard form has other values");
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    require(again->nodes[i].begin == tree.nodes[i].begin && again->nodes[i].end == tree.nodes[i].end &&
                again->nodes[i].kind == tree.nodes[i].kind,
            "the standard form moves a value");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText source("fuzz.hujson", std::string(reinterpret_cast<const char*>(data), size));
  const auto strict = parse_strict(source.text());
  const Recovered recovered = recover(source);
  require(strict.has_value() == recovered.errors.empty(), "one pass accepts what the other refuses");
  require_consistent(recovered.tree);
  // max_errors, and one that counts the rest.
  require(recovered.errors.size() <= max_errors + 1, "more errors than are allowed");
  for (const Diagnostic& error : recovered.errors) {
    if (!error.place) continue;
    require(error.place->bytes.begin <= error.place->bytes.end && error.place->bytes.end <= size,
            "an error lies outside");
    require(error.place->start == source.position(error.place->bytes.begin),
            "an error's line and column are not its place's");
  }
  if (!strict) return 0;
  require(!strict->nodes.empty() && strict->nodes[0].next == strict->nodes.size(), "the root does not hold all");
  require_same(*strict, recovered.tree);
  require_standard_form(*strict);
  return 0;
}
