#include "lsp/server/outline.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>

#include "compiler/emit/display.h"
#include "lsp/server/walk.h"

namespace acl::lsp {

using hujson::Kind;
using hujson::Value;

namespace {

constexpr std::size_t longest_name = 100;
constexpr std::size_t most_listed = 3;

std::string shown(std::string_view text) {
  if (text.size() <= longest_name) return emit::printable(text);
  return emit::printable(text.substr(0, longest_name)) + "…";
}

// The member of that name, letter case ignored; of several the first.
std::optional<Value> member_of(Value object, std::initializer_list<std::string_view> names) {
  if (!object.is(Kind::object)) return std::nullopt;
  std::string buffer;
  for (auto it = object.begin(), end = object.end(); it != end; ++it) {
    const Value name = *it;
    ++it;
    if (it == end) break;
    if (!name.is(Kind::string)) continue;
    const std::string_view written = name.string(buffer);
    for (const std::string_view wanted : names) {
      if (policy::equal_ignoring_case(written, wanted)) return *it;
    }
  }
  return std::nullopt;
}

// "a, b, c, …" of a string or a list of strings.
std::string listed(const std::optional<Value>& value) {
  if (!value) return "…";
  if (value->is(Kind::string)) return shown(value->string());
  if (!value->is(Kind::array)) return "…";
  std::string out;
  std::size_t count = 0;
  for (const Value element : *value) {
    if (!element.is(Kind::string)) continue;
    if (++count > most_listed) return out + ", …";
    out += (count == 1 ? "" : ", ") + shown(element.string());
  }
  return count == 0 ? "nobody" : out;
}

std::string target_of(Value rule) {
  if (const auto ssh = member_of(rule, {"ssh"})) return "ssh " + listed(ssh);
  if (const auto to = member_of(rule, {"to"})) return listed(to);
  if (const auto target = member_of(rule, {"target"})) return listed(target);
  const auto dst = member_of(rule, {"dst", "ports"});
  if (!dst) {
    if (const auto accept = member_of(rule, {"accept", "allow"})) return listed(accept);
    if (const auto deny = member_of(rule, {"deny"})) return "not " + listed(deny);
  }
  std::string out = listed(dst);
  if (const auto ip = member_of(rule, {"ip"})) out += " on " + listed(ip);
  return out;
}

std::size_t children_of(Value value) {
  std::size_t count = 0;
  for (auto it = value.begin(), end = value.end(); it != end; ++it) ++count;
  return value.is(Kind::object) ? count / 2 : count;
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// How a section's members are told. A section that is not listed is a setting.
struct Section {
  std::string_view name;
  SymbolKind kind;
  std::string_view one, many;  // of what is inside a member's value
};
constexpr std::array sections = {
    Section{"groups", SymbolKind::group, "person", "people"},
    Section{"hosts", SymbolKind::host, "", ""},
    Section{"ipsets", SymbolKind::ipset, "operation", "operations"},
    Section{"tagOwners", SymbolKind::tag, "owner", "owners"},
    Section{"postures", SymbolKind::posture, "condition", "conditions"},
    Section{"acls", SymbolKind::rule, "", ""},
    Section{"grants", SymbolKind::rule, "", ""},
    Section{"ssh", SymbolKind::rule, "", ""},
    Section{"nodeAttrs", SymbolKind::rule, "", ""},
    Section{"tests", SymbolKind::test, "", ""},
    Section{"sshTests", SymbolKind::test, "", ""},
    Section{"expect", SymbolKind::test, "", ""},
};
constexpr std::array inventory_sections = {
    Section{"users", SymbolKind::user, "login", "login"},
    Section{"nodes", SymbolKind::node, "name", "name"},
    Section{"services", SymbolKind::service, "name", "name"},
};

template <std::size_t n>
const Section* find_section(const std::array<Section, n>& list, std::string_view name) {
  for (const Section& section : list) {
    if (policy::equal_ignoring_case(section.name, name)) return &section;
  }
  return nullptr;
}

void add_members(Symbol& to, Value object, const Section& section) {
  for (auto it = object.begin(), end = object.end(); it != end; ++it) {
    const Value name = *it;
    ++it;
    if (it == end) return;
    if (!name.is(Kind::string)) continue;
    const Value value = *it;
    Symbol symbol;
    symbol.kind = section.kind;
    symbol.name = shown(name.string());
    symbol.span = {name.span().begin, value.span().end};
    symbol.name_span = name.span();
    if (value.is(Kind::string)) symbol.detail = shown(value.string());
    if (value.is(Kind::array) && !section.one.empty()) {
      symbol.detail = counted(children_of(value), section.one, section.many);
    }
    to.children.push_back(std::move(symbol));
  }
}

void add_elements(Symbol& to, Value array, const Section& section) {
  std::size_t index = 0;
  for (const Value element : array) {
    Symbol symbol;
    symbol.kind = section.kind;
    symbol.name = fmt::format("{}[{}]", section.name, index++);
    symbol.span = symbol.name_span = element.span();
    if (element.is(Kind::object)) symbol.detail = rule_line(element);
    to.children.push_back(std::move(symbol));
  }
}

// Entries of an inventory, by the names they have.
void add_named(Symbol& to, Value array, const Section& section) {
  for (const Value element : array) {
    const auto name = member_of(element, {section.one});
    if (!name || !name->is(Kind::string)) continue;
    Symbol symbol;
    symbol.kind = section.kind;
    symbol.name = shown(name->string());
    symbol.span = element.span();
    symbol.name_span = name->span();
    if (const auto owner = member_of(element, {"user", "tags"})) symbol.detail = listed(owner);
    to.children.push_back(std::move(symbol));
  }
}

}  // namespace

std::string rule_line(Value rule) {
  const auto from = member_of(rule, {"src", "users", "user", "from"});
  const bool target = member_of(rule, {"target"}).has_value();
  if (target && !from) {
    const auto attr = member_of(rule, {"attr"});
    return target_of(rule) + (attr ? ": " + listed(attr) : "");
  }
  std::string out = listed(from) + " → " + target_of(rule);
  // In ssh rules "users" are accounts.
  if (const auto src = member_of(rule, {"src"})) {
    if (const auto users = member_of(rule, {"users"})) out += " as " + listed(users);
  }
  return out;
}

std::vector<Symbol> outline(const Snapshot& snapshot) {
  std::vector<Symbol> out;
  if (snapshot.file->tree.nodes.empty()) return out;
  const Value root = snapshot.file->tree.root();
  if (!root.is(Kind::object)) return out;
  std::string buffer;
  for (auto it = root.begin(), end = root.end(); it != end; ++it) {
    const Value name = *it;
    ++it;
    if (it == end) break;
    if (!name.is(Kind::string)) continue;
    const Value value = *it;
    const std::string_view written = name.string(buffer);
    const bool inventory = snapshot.kind == FileKind::inventory;
    const Section* section = inventory ? find_section(inventory_sections, written) : find_section(sections, written);
    Symbol symbol;
    const bool composite = value.is(Kind::object) || value.is(Kind::array);
    symbol.kind = section != nullptr || composite ? SymbolKind::section : SymbolKind::setting;
    symbol.name = shown(written);
    symbol.span = {name.span().begin, value.span().end};
    symbol.name_span = name.span();
    if (!composite) symbol.detail = value.is(Kind::string) ? shown(value.string()) : shown(value.text());
    if (section != nullptr && inventory && value.is(Kind::array)) {
      add_named(symbol, value, *section);
    } else if (section != nullptr && !inventory && value.is(Kind::object)) {
      add_members(symbol, value, *section);
    } else if (section != nullptr && !inventory && value.is(Kind::array)) {
      add_elements(symbol, value, *section);
    }
    if (symbol.detail.empty() && composite) symbol.detail = counted(children_of(value), "entry", "entries");
    out.push_back(std::move(symbol));
  }
  return out;
}

}  // namespace acl::lsp
