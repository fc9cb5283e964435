// Fixes of keys: unknown ones, old and odd spellings, keys that stand twice.
#include <fmt/format.h>

#include <algorithm>

#include "lsp/server/fixes.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {

using hujson::Value;

namespace {

using Kind = CodeAction::Kind;

// Whether the object around the name has another member of that name.
bool has_sibling(const FixContext& c, std::uint32_t name, std::string_view wanted) {
  const Value object = c.value(c.ancestry.parent(name));
  std::string buffer;
  for (auto it = object.begin(), end = object.end(); it != end; ++it, ++it) {
    if ((*it).index() != name && policy::equal_ignoring_case((*it).string(buffer), wanted)) return true;
  }
  return false;
}

void unknown_field(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  const auto meant = quoted_behind(d.help, "did you mean ");
  if (!meant || !c.ancestry.is_name(literal.index()) || has_sibling(c, literal.index(), *meant)) return;
  out.push_back({fmt::format("Write \"{}\"", *meant), Kind::quick_fix, {write(literal, *meant)}, {}, true});
}

// Another letter case than the documented one; reported once, at its first place: all of the same spelling are mended.
void letter_case(const FixContext& c, Value literal, Actions& out) {
  const Met* first = c.met(literal.index());
  if (first == nullptr || first->field == nullptr) return;
  const std::string written = literal.string();
  CodeAction action{"", Kind::quick_fix, {}, {}, true, true};
  for (const Met& met : c.all_met()) {
    const bool same = met.what == Met::What::field && met.field != nullptr && met.field->name == first->field->name;
    if (same && met.value.string() == written) action.edits.push_back(write(met.value, first->field->name));
  }
  const std::string places = action.edits.size() == 1 ? "" : fmt::format(" ({} places)", action.edits.size());
  action.title = fmt::format("Write \"{}\" for \"{}\"{}", first->field->name, written, places);
  out.push_back(std::move(action));
}

// Old names, each reported once: all of them in records of this kind, for the old and the new ones do not mix within a rule.
void old_names(const FixContext& c, Value literal, Actions& out) {
  const Met* first = c.met(literal.index());
  if (first == nullptr || first->field == nullptr) return;
  CodeAction action{"Write", Kind::quick_fix, {}, {}, true, true};
  std::vector<std::string_view> named;
  for (const Met& met : c.all_met()) {
    const bool old =
        met.what == Met::What::field && met.type == first->type && met.field != nullptr && !met.field->modern.empty();
    if (!old) continue;
    if (has_sibling(c, met.value.index(), met.field->modern)) return;
    action.edits.push_back(write(met.value, met.field->modern));
    if (std::find(named.begin(), named.end(), met.field->name) != named.end()) continue;
    action.title += fmt::format("{} \"{}\" for \"{}\"", named.empty() ? "" : ",", met.field->modern, met.field->name);
    named.push_back(met.field->name);
  }
  if (!action.edits.empty()) out.push_back(std::move(action));
}

// Old and new names in one rule, whose value is `rule`.
void mixed_names(const FixContext& c, Value rule, Actions& out) {
  CodeAction action{"Write \"src\" and \"dst\"", Kind::quick_fix, {}, {}, true};
  if (!rule.is(hujson::Kind::object)) return;
  for (auto it = rule.begin(), end = rule.end(); it != end; ++it, ++it) {
    const Met* met = c.met((*it).index());
    if (met == nullptr || met->field == nullptr || met->field->modern.empty()) continue;
    if (has_sibling(c, (*it).index(), met->field->modern)) return;
    action.edits.push_back(write(*it, met->field->modern));
  }
  if (!action.edits.empty()) out.push_back(std::move(action));
}

// A key that stands twice with the same value.
void duplicate(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  if (!c.ancestry.is_name(literal.index()) || d.related.empty()) return;
  const auto first = c.ancestry.node_with(d.related.front().place.bytes);
  if (!first || !c.ancestry.is_name(first->index())) return;
  const auto same = [&] {
    return hujson::minimize(c.value(first->index() + 1)) == hujson::minimize(c.value(literal.index() + 1));
  };
  if (!same()) return;
  if (auto edits = c.without_entry(literal.index())) {
    out.push_back({"Remove this one: both are the same", Kind::quick_fix, std::move(*edits), {}, true});
  }
}

void remove_member(const FixContext& c, Value object, std::string_view name, Actions& out) {
  const auto value = c.find(object, name);
  if (!value) return;
  if (auto edits = c.without_entry(value->index())) {
    out.push_back({fmt::format("Remove \"{}\"", name), Kind::quick_fix, std::move(*edits), {}});
  }
}

// The object that the node is a direct part of.
Value object_around(const FixContext& c, Value node) {
  const std::uint32_t up = c.ancestry.parent(node.index());
  return up == Ancestry::nobody ? node : c.value(up);
}

void idle_period(const FixContext& c, Value literal, Actions& out) {
  const Value rule = object_around(c, literal);
  remove_member(c, rule, "checkPeriod", out);
  if (const auto action = c.find(rule, "action")) {
    out.push_back({"Write \"action\": \"check\"", Kind::quick_fix, {write(*action, "check")}, {}});
  }
}

void null_section(const FixContext& c, Value literal, Actions& out) {
  if (c.ancestry.name_of(literal.index()) == Ancestry::nobody) return;
  if (auto edits = c.without_entry(literal.index())) {
    out.push_back({"Remove the section", Kind::quick_fix, std::move(*edits), {}, true});
  }
}

// Neither acls nor grants.
void allow_all(const FixContext& c, Actions& out) {
  for (const std::string_view section : {"grants", "acls"}) {
    if (c.find(c.tree.root(), section)) continue;
    out.push_back({fmt::format("Add \"{}\": [], which allows nothing", section),
                   Kind::quick_fix,
                   append_entry(c.tree, c.tree.root(), fmt::format("\"{}\": []", section)),
                   {}});
  }
}

void missing_action(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  if (literal.is(hujson::Kind::object)) {
    if (c.find(literal, "action")) return;
    out.push_back({"Add \"action\": \"accept\"",
                   Kind::quick_fix,
                   append_entry(c.tree, literal, "\"action\": \"accept\""),
                   {},
                   d.code == Code::E0401});
    return;
  }
  const std::string lower = policy::lower_case(literal.string());
  const bool known = lower == "accept" || (lower == "check" && d.code == Code::E0501);
  if (known) out.push_back({fmt::format("Write \"{}\"", lower), Kind::quick_fix, {write(literal, lower)}, {}, true});
}

void connector_target(const FixContext& c, Value name, Actions& out) {
  // The capability's name, its app, the entry.
  const std::uint32_t app = c.ancestry.parent(name.index());
  if (app == Ancestry::nobody || c.ancestry.parent(app) == Ancestry::nobody) return;
  const Value entry = c.value(c.ancestry.parent(app));
  const auto target = c.find(entry, "target");
  if (target) out.push_back({"Write \"target\": [\"*\"]", Kind::quick_fix, {{target->span(), "[\"*\"]"}}, {}});
}

}  // namespace

void fix_fields(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  switch (d.code) {
    case Code::E0201: return unknown_field(c, d, literal, out);
    case Code::W0207: return letter_case(c, literal, out);
    case Code::W0209: return old_names(c, literal, out);
    case Code::E0206: return mixed_names(c, literal, out);
    case Code::E0202: return duplicate(c, d, literal, out);
    case Code::W0208: return null_section(c, literal, out);
    case Code::W0418: return allow_all(c, out);
    case Code::E0401:
    case Code::E0501: return missing_action(c, d, literal, out);
    case Code::E0513:
    case Code::W0514: return idle_period(c, literal, out);
    case Code::W0516: return remove_member(c, literal, "enforceRecorder", out);
    case Code::W0707: return connector_target(c, literal, out);
    default: return;
  }
}

}  // namespace acl::lsp
