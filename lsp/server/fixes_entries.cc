// Fixes that take an entry out: what stands twice, what has no effect. And the order of a list's entries.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lsp/server/fixes.h"
#include "lsp/server/literal.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {

using hujson::Value;

namespace {

using Kind = CodeAction::Kind;

void remove(const FixContext& c, Value entry, std::string_view title, bool safe, Actions& out) {
  if (auto edits = c.without_entry(entry.index())) {
    out.push_back({std::string(title), Kind::quick_fix, std::move(*edits), {}, true, safe});
  }
}

// Lists of which the order has no meaning: all but the operations of ipsets, which are applied from top to bottom.
bool has_no_order(const policy::Type& list) noexcept {
  using policy::Meaning;
  if (list.shape != policy::Shape::list || list.element == nullptr || list.element->shape != policy::Shape::text)
    return false;
  return list.element->meaning != Meaning::ipset_operation && list.element->meaning != Meaning::none;
}

bool has_comment(const FixContext& c, Value array) {
  for (const Value element : array) {
    const hujson::Node& node = element.node();
    const auto comment = [&](std::uint32_t begin, std::uint32_t end) {
      return c.text.substr(begin, end - begin).find('/') != std::string_view::npos;
    };
    if (comment(node.before, node.begin) || comment(node.end, node.after)) return true;
  }
  const hujson::Node& last = c.tree.nodes[array.node().next - 1];
  return c.text.substr(last.end, array.node().end - last.end).find('/') != std::string_view::npos;
}

}  // namespace

void fix_entries(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  switch (d.code) {
    case Code::W0328: return remove(c, literal, "Remove this one", true, out);
    case Code::W0414:
    case Code::W0413: return remove(c, literal, "Remove this rule", false, out);
    case Code::W0517: return remove(c, literal, "Remove this rule", false, out);
    case Code::W0710: return remove(c, literal, "Remove this entry", false, out);
    case Code::E0510: return remove(c, literal, "Remove it", false, out);
    case Code::W0705:
      if (Literal(literal).text().empty()) remove(c, literal, "Remove it", true, out);
      return;
    default: return;
  }
}

void sort_list(const FixContext& c, std::uint32_t offset, Actions& out) {
  std::uint32_t at = c.ancestry.innermost(offset);
  if (at == Ancestry::nobody) return;
  if (!c.value(at).is(hujson::Kind::array)) at = c.ancestry.parent(at);
  if (at == Ancestry::nobody || !c.value(at).is(hujson::Kind::array)) return;
  const Value array = c.value(at);
  if (array.empty() || has_comment(c, array)) return;
  const Met* element = c.met(at + 1);
  if (element == nullptr || element->what != Met::What::text) return;
  const policy::Type list{policy::Shape::list, policy::Meaning::none, policy::Location::rule_src, {}, element->type};
  if (!has_no_order(list)) return;
  std::vector<std::string> texts;
  for (const Value value : array) {
    if (!value.is(hujson::Kind::string)) return;
    texts.emplace_back(value.text());
  }
  std::vector<std::string> wanted = texts;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (wanted == texts) return;
  const bool fewer = wanted.size() < texts.size();
  // The first entries are written anew in their places, those that are left over go.
  std::vector<bool> removed(texts.size());
  CodeAction action{fewer ? "Sort the list and remove repeated entries" : "Sort the list", Kind::rewrite, {}, {}};
  std::size_t i = 0;
  for (const Value value : array) {
    if (i < wanted.size() && texts[i] != wanted[i]) action.edits.push_back({value.span(), wanted[i]});
    removed[i] = i >= wanted.size();
    ++i;
  }
  for (TextEdit& edit : remove_entries(c.tree, array, removed)) action.edits.push_back(std::move(edit));
  out.push_back(std::move(action));
}

}  // namespace acl::lsp
