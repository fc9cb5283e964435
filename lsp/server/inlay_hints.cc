#include "lsp/server/inlay_hints.h"

#include <fmt/format.h>

#include "compiler/policy/decode.h"
#include "lsp/server/literal.h"
#include "lsp/server/reached.h"
#include "lsp/server/walk.h"

namespace acl::lsp {

using policy::Location;
using policy::Meaning;
using policy::Selector;

namespace {

// Where a count tells something: in rules, not in tests, which speak of one.
bool is_counted(Location location) noexcept {
  switch (location) {
    case Location::rule_src:
    case Location::acl_dst:
    case Location::grant_dst:
    case Location::via:
    case Location::ssh_src:
    case Location::ssh_dst:
    case Location::node_attr: return true;
    default: return false;
  }
}

// In lower case where names are compared so.
Selector compared(std::string_view text, std::string& buffer) {
  const Selector selector = policy::parse_selector(text, {});
  if (selector.kind != policy::SelectorKind::tag) return selector;
  buffer = policy::lower_case(text);
  return policy::parse_selector(buffer, {});
}

std::string people_text(std::size_t people) { return fmt::format("{} {}", people, people == 1 ? "person" : "people"); }

}  // namespace

std::vector<InlayHint> inlay_hints(const Snapshot& snapshot, const Understanding* understanding, Span range) {
  std::vector<InlayHint> out;
  if (understanding == nullptr || snapshot.kind != FileKind::policy) return out;
  SelectorCounts counts(*understanding);
  const hujson::Tree& tree = snapshot.file->tree;
  std::string buffer;
  walk(tree, policy::policy_type(), [&](const Met& met) {
    const Meaning meaning = met.type->meaning;
    const bool name = met.what == Met::What::key && (meaning == Meaning::group_name || meaning == Meaning::tag_name);
    const bool used = met.what == Met::What::text && (meaning == Meaning::selector || meaning == Meaning::target) &&
                      is_counted(met.type->location);
    if (!name && !used) return;
    // Behind a definition's value: between the name and its colon a hint would be in the way.
    const Span span = name ? hujson::Value(tree, met.value.index() + 1).span() : met.value.span();
    if (span.end < range.begin || range.end < span.end) return;
    const Literal literal(met.value);
    policy::Target target;
    Selector selector = compared(literal.text(), buffer);
    if (meaning == Meaning::target) {
      if (!policy::read_target({literal.text(), {}}, target)) return;
      selector = compared(target.selector.text, buffer);
    }
    const auto counted = counts.count(selector);
    if (!counted) return;
    InlayHint hint{span.end, nodes_text(counted->nodes), ""};
    if (name && meaning == Meaning::group_name) {
      hint.label = fmt::format("{}, {}", people_text(counted->people), hint.label);
    } else if (counted->people != 0) {
      hint.tooltip = people_text(counted->people);
    }
    out.push_back(std::move(hint));
  });
  return out;
}

}  // namespace acl::lsp
