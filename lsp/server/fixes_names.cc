// Fixes of names: those that are not defined, those that nothing uses, those written in another way than they should be.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "compiler/policy/places.h"
#include "engine/net/suggest.h"
#include "lsp/server/fixes.h"
#include "lsp/server/literal.h"
#include "lsp/server/navigation.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {

using hujson::Value;

namespace {

using Kind = CodeAction::Kind;

// The name in a literal as another one; its ports and what else stands around it stay.
std::vector<TextEdit> renamed(const Occurrence& name, std::string_view to) {
  const std::string quoted = hujson::quote(to);
  return {{name.span, quoted.substr(1, quoted.size() - 2)}};
}

void did_you_mean(const Diagnostic& d, const Occurrence& name, Actions& out) {
  const auto meant = quoted_behind(d.help, "did you mean ");
  if (meant) out.push_back({fmt::format("Write \"{}\"", *meant), Kind::quick_fix, renamed(name, *meant), {}, true});
}

// What a definition begins with. None lets anything through before somebody completes it: a group without members, a posture on an
// attribute that nobody has, an address of the block for documentation (RFC 5737).
std::string first_value(Named kind, std::string_view name) {
  if (kind == Named::host) return "\"192.0.2.1\"";
  if (kind != Named::posture) return "[]";
  std::string attribute = "custom:";
  for (const char c : name.substr(name.find(':') + 1)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    attribute += plain ? c : '_';
  }
  return fmt::format("[{}]", hujson::quote(attribute + " == true"));
}

void define(const FixContext& c, Named kind, const std::string& name, Actions& out) {
  std::string_view section;
  switch (kind) {
    case Named::group: section = "groups"; break;
    case Named::tag: section = "tagOwners"; break;
    case Named::host: section = "hosts"; break;
    case Named::ipset: section = "ipsets"; break;
    case Named::posture: section = "postures"; break;
    default: return;
  }
  if (c.snapshot.kind != FileKind::policy || !objection(kind, name, c.dialect()).empty()) return;
  std::string title = fmt::format("Define \"{}\" in \"{}\"", name, section);
  if (kind == Named::host) title += ", with an address to fill in";
  if (kind == Named::posture) title += ", with a condition to fill in";
  out.push_back({title, Kind::quick_fix, c.define(section, name, first_value(kind, name)), {}});
}

void undefined(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  if (name == nullptr || !defined_in_policies(name->kind)) return;
  did_you_mean(d, *name, out);
  define(c, name->kind, name->name, out);
}

// One definition that nothing uses; of tags the note is one for all.
void unused(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  if (name == nullptr || !name->definition) return;
  if (d.code != Code::I0325) {
    if (auto edits = c.without_entry(literal.index())) {
      out.push_back({fmt::format("Remove \"{}\"", name->name), Kind::quick_fix, std::move(*edits), {}, true});
    }
    return;
  }
  std::unordered_set<std::string_view> used;
  for (const Occurrence& one : c.names) {
    if (one.kind == Named::tag && !one.definition) used.insert(one.name);
  }
  const Value section = c.value(c.ancestry.parent(literal.index()));
  std::vector<bool> removed(entry_count(section));
  std::size_t count = 0, index = 0;
  for (auto it = section.begin(), end = section.end(); it != end; ++it, ++it, ++index) {
    const Occurrence* tag = c.name_in((*it).span());
    removed[index] = tag != nullptr && tag->definition && used.count(tag->name) == 0;
    count += removed[index] ? 1 : 0;
  }
  if (count == 0) return;
  const std::string what = count == 1 ? fmt::format("\"{}\"", name->name) : fmt::format("all {} unused tags", count);
  out.push_back({"Remove " + what, Kind::quick_fix, remove_entries(c.tree, section, removed), {}, count == 1});
}

// autogroup:members is reported once, wherever it stands.
void old_autogroup(const FixContext& c, Actions& out) {
  CodeAction action{"Write \"autogroup:member\" everywhere", Kind::quick_fix, {}, {}, true, true};
  for (const Occurrence& one : c.names) {
    if (one.kind != Named::autogroup || one.name != "autogroup:members") continue;
    action.edits.push_back({one.span, "autogroup:member"});
  }
  if (!action.edits.empty()) out.push_back(std::move(action));
}

void unknown_autogroup(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  const std::size_t list = d.help.find(": ");
  if (name == nullptr || list == std::string::npos) return;
  std::vector<std::string_view> known;
  for (std::string_view rest = std::string_view(d.help).substr(list + 2); !rest.empty();) {
    const std::size_t comma = rest.find(", ");
    known.push_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 2);
  }
  const auto meant = nearest(name->name, known);
  if (meant) out.push_back({fmt::format("Write \"{}\"", *meant), Kind::quick_fix, renamed(*name, *meant), {}, true});
}

// A login that the inventory does not list.
void unknown_login(const FixContext& c, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  if (name == nullptr || c.snapshot.inventory == nullptr) return;
  std::vector<std::string_view> logins;
  for (const auto& user : c.snapshot.inventory->inventory.users) logins.push_back(user.login);
  const auto meant = nearest(name->name, logins);
  if (meant) out.push_back({fmt::format("Write \"{}\"", *meant), Kind::quick_fix, renamed(*name, *meant), {}});
}

// "Tag:web": the word before the colon.
void selector_case(const FixContext& c, Value literal, Actions& out) {
  const Literal read(literal);
  const std::size_t colon = read.text().find(':');
  if (colon == std::string_view::npos) return;
  const Span word = read.span(0, colon);
  const std::string lower = policy::lower_case(c.text.substr(word.begin, word.end - word.begin));
  out.push_back({"Write it in lower case", Kind::quick_fix, {{word, lower}}, {}, true, true});
}

// "host:vault" in a rule.
void host_prefix(const FixContext& c, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  constexpr std::uint32_t word = 5;
  if (name == nullptr || name->kind != Named::host || name->span.begin < literal.span().begin + 1 + word) return;
  const Span prefix{name->span.begin - word, name->span.begin};
  if (!policy::equal_ignoring_case(c.text.substr(prefix.begin, word), "host:")) return;
  out.push_back({fmt::format("Write \"{}\"", name->name), Kind::quick_fix, {{prefix, ""}}, {}, true, true});
}

// A group as a member: its own members instead.
void nested_group(const FixContext& c, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  if (name == nullptr) return;
  for (const Occurrence& one : c.names) {
    if (!one.definition || one.kind != Named::group || one.name != name->name) continue;
    const auto key = c.ancestry.node_with(one.value);
    if (!key) return;
    const Value members = c.value(key->index() + 1);
    const bool itself = members.index() <= literal.index() && literal.index() < members.node().next;
    if (!members.is(hujson::Kind::array) || members.empty() || itself) return;
    std::string list;
    for (const Value member : members) {
      const Occurrence* inner = c.name_in(member.span());
      if (inner != nullptr && inner->kind == Named::group) return;  // that one first
      list += (list.empty() ? "" : ", ") + std::string(member.text());
    }
    out.push_back(
        {fmt::format("List the members of \"{}\"", name->name), Kind::quick_fix, {{literal.span(), list}}, {}});
    return;
  }
}

}  // namespace

void fix_names(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  switch (d.code) {
    case Code::E0301:
    case Code::E0302:
    case Code::E0303:
    case Code::E0304:
    case Code::E0305:
    case Code::E0603:
    case Code::W0344: return undefined(c, d, literal, out);
    case Code::W0322:
    case Code::W0323:
    case Code::W0324:
    case Code::W0326:
    case Code::I0325: return unused(c, d, literal, out);
    case Code::W0211:
    case Code::W0330: return old_autogroup(c, out);
    case Code::E0306: return unknown_autogroup(c, d, literal, out);
    case Code::W0343: return unknown_login(c, literal, out);
    case Code::W0327: return selector_case(c, literal, out);
    case Code::W0338: return host_prefix(c, literal, out);
    case Code::E0312: return nested_group(c, literal, out);
    default: return;
  }
}

}  // namespace acl::lsp
