#include "lsp/server/first_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "compiler/hujson/parse.h"
#include "compiler/policy/check.h"
#include "compiler/policy/decode.h"

namespace acl::lsp {
namespace {

using hujson::Kind;
using hujson::Node;
using hujson::Tree;
using hujson::Value;

// What is said of one place because of others: how often a spelling stands in the file, what nothing uses, what repeats or hides what.
constexpr std::array of_the_whole = {Code::W0207, Code::W0208, Code::W0209, Code::W0322, Code::W0323, Code::W0324,
                                     Code::I0325, Code::W0326, Code::W0330, Code::W0414, Code::W0517};

bool is_of_the_whole(Code code) noexcept {
  return std::find(of_the_whole.begin(), of_the_whole.end(), code) != of_the_whole.end();
}

// Bytes [begin, old_end) of the old text became [begin, new_end) of the new one.
struct Difference {
  std::uint32_t begin = 0, old_end = 0, new_end = 0;

  [[nodiscard]] std::uint32_t moved(std::uint32_t offset) const noexcept {
    return offset < old_end ? std::min(offset, begin) : offset - old_end + new_end;
  }
  [[nodiscard]] Span moved(Span span) const noexcept { return {moved(span.begin), moved(span.end)}; }
};

Difference difference(std::string_view before, std::string_view after) noexcept {
  const std::size_t shorter = std::min(before.size(), after.size());
  const auto front = static_cast<std::size_t>(
      std::mismatch(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(shorter), after.begin()).first -
      before.begin());
  const std::size_t most = shorter - front;
  std::size_t back = 0;
  while (back < most && before[before.size() - 1 - back] == after[after.size() - 1 - back]) ++back;
  return {static_cast<std::uint32_t>(front), static_cast<std::uint32_t>(before.size() - back),
          static_cast<std::uint32_t>(after.size() - back)};
}

// The node that changed, and where it stands: the section's name and value; of a list, its place.
struct Unit {
  std::uint32_t name = 0, section = 0, node = 0;
  std::size_t index = 0;
};

// The change is inside the value, its first and last byte excepted: those keep it one value for whatever stands around it.
bool holds(const Node& node, const Difference& change) noexcept {
  return node.begin < change.begin && change.old_end < node.end;
}

std::optional<Unit> unit_of(const Tree& tree, const Difference& change) {
  const Value root = tree.root();
  if (!root.is(Kind::object)) return std::nullopt;
  for (auto at = root.begin(); at != root.end(); ++at) {
    Unit unit;
    unit.name = (*at).index();
    const Value section = *++at;
    if (!holds(section.node(), change)) continue;
    unit.section = section.index();
    if (!section.is(Kind::array) && !section.is(Kind::object)) return std::nullopt;
    const bool named = section.is(Kind::object);
    for (auto child = section.begin(); child != section.end(); ++child, ++unit.index) {
      if (named) ++child;
      if (!holds((*child).node(), change)) continue;
      unit.node = (*child).index();
      return unit;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

// The old tree with the unit as it is now; of the top level's lists, the unit's element alone.
class Reduction {
 public:
  Reduction(const Tree& from, const Difference& change, const Unit& unit, const Tree& fresh, std::string_view text)
      : from_(from), change_(change), unit_(unit), fresh_(fresh) {
    out_.text = text;
    out_.has_comments = from.has_comments;
    out_.trailing_commas = from.trailing_commas;
  }

  Tree make() {
    const Value root = from_.root();
    add(root.node());
    for (auto at = root.begin(); at != root.end(); ++at) {
      copy((*at).index(), (*at).node().next);
      const Value section = *++at;
      if (section.is(Kind::array)) {
        list(section);
      } else if (section.index() == unit_.section) {
        const std::size_t self = add(section.node());
        copy(section.index() + 1, unit_.node);
        put_unit();
        copy(from_.nodes[unit_.node].next, section.node().next);
        close(self);
      } else {
        copy(section.index(), section.node().next);
      }
    }
    close(0);
    return std::move(out_);
  }

 private:
  std::size_t add(const Node& node) {
    Node moved = node;
    for (std::uint32_t* place : {&moved.before, &moved.begin, &moved.end, &moved.after}) *place = change_.moved(*place);
    out_.nodes.push_back(moved);
    return out_.nodes.size() - 1;
  }
  void close(std::size_t composite) { out_.nodes[composite].next = static_cast<std::uint32_t>(out_.nodes.size()); }
  // Whole values that stand side by side.
  void copy(std::uint32_t first, std::uint32_t last) {
    const auto shift = static_cast<std::uint32_t>(out_.nodes.size()) - first;
    for (std::uint32_t i = first; i < last; ++i) out_.nodes[add(from_.nodes[i])].next += shift;
  }
  void list(Value section) {
    const std::size_t self = add(section.node());
    if (section.index() == unit_.section) put_unit();
    close(self);
  }
  void put_unit() {
    const auto shift = static_cast<std::uint32_t>(out_.nodes.size());
    const std::uint32_t begin = from_.nodes[unit_.node].begin;
    for (Node node : fresh_.nodes) {
      for (std::uint32_t* place : {&node.before, &node.begin, &node.end, &node.after}) *place += begin;
      node.next += shift;
      out_.nodes.push_back(node);
    }
  }

  const Tree& from_;
  const Difference& change_;
  const Unit& unit_;
  const Tree& fresh_;
  Tree out_;
};

// The unit is the first of its list in what was checked.
void name_place(std::string& text, std::string_view section, std::size_t index) {
  const std::string first = fmt::format("{}[0]", section), own = fmt::format("{}[{}]", section, index);
  for (std::size_t at = text.find(first); at != std::string::npos; at = text.find(first, at + own.size())) {
    text.replace(at, first.size(), own);
  }
}

bool is_inside(const Diagnostic& diagnostic, Span span) noexcept {
  return diagnostic.place && span.begin <= diagnostic.place->bytes.begin && diagnostic.place->bytes.end <= span.end;
}

void move(Diagnostic& diagnostic, const std::string& file, const Difference& change) {
  if (diagnostic.place) diagnostic.place->bytes = change.moved(diagnostic.place->bytes);
  for (Related& related : diagnostic.related) {
    if (related.place.file == file) related.place.bytes = change.moved(related.place.bytes);
  }
}

bool same_words(const Diagnostic& a, const Diagnostic& b) { return a.code == b.code && a.message == b.message; }

}  // namespace

std::optional<std::vector<Diagnostic>> first_look(const Snapshot& before, std::string_view text) {
  if (before.kind != FileKind::policy || !before.whole || text.size() > UINT32_MAX) return std::nullopt;
  const policy::PolicyFile& old = *before.file;
  if (before.text() == text) return before.diagnostics;
  const Difference change = difference(before.text(), text);
  const auto unit = unit_of(old.tree, change);
  if (!unit) return std::nullopt;
  const Span was = Value(old.tree, unit->node).span();
  const Span is{was.begin, change.moved(was.end)};
  const auto fresh = hujson::parse_strict(text.substr(is.begin, is.end - is.begin));
  if (!fresh || fresh->root().span() != Span{0, is.end - is.begin}) return std::nullopt;

  policy::PolicyFile reduced(old.source.name(), std::string(text));
  reduced.policy.dialect = old.policy.dialect;
  reduced.tree = Reduction(old.tree, change, *unit, *fresh, reduced.source.text()).make();
  policy::Findings findings(reduced.source);
  policy::decode(reduced, findings);
  std::vector<std::string> skipped;
  policy::check(reduced, findings, before.inventory ? &before.inventory->facts : nullptr, skipped);

  std::vector<Diagnostic> out;
  for (Diagnostic diagnostic : before.diagnostics) {
    if (is_inside(diagnostic, was) && !is_of_the_whole(diagnostic.code)) continue;
    move(diagnostic, old.source.name(), change);
    out.push_back(std::move(diagnostic));
  }
  const std::size_t taken_over = out.size();
  const std::string section = Value(old.tree, unit->name).string();
  for (Diagnostic& diagnostic : findings.take()) {
    if (!is_inside(diagnostic, is) || is_of_the_whole(diagnostic.code)) continue;
    if (Value(old.tree, unit->section).is(Kind::array)) name_place(diagnostic.message, section, unit->index);
    // Some are told once, at the first of many places.
    const auto end = out.begin() + static_cast<std::ptrdiff_t>(taken_over);
    if (std::any_of(out.begin(), end, [&](const Diagnostic& other) { return same_words(other, diagnostic); })) continue;
    out.push_back(std::move(diagnostic));
  }
  std::stable_sort(out.begin(), out.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return (a.place ? a.place->bytes.begin : 0) < (b.place ? b.place->bytes.begin : 0);
  });
  return out;
}

}  // namespace acl::lsp
