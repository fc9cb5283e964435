#include "lsp/server/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "lsp/server/completer.h"

namespace acl::lsp {

using policy::Field;
using policy::Meaning;
using policy::Shape;
using policy::Type;

std::string without_stops(std::string_view snippet) {
  std::string out;
  for (std::size_t i = 0; i < snippet.size(); ++i) {
    if (snippet[i] == '\\' && i + 1 < snippet.size()) {
      out += snippet[++i];
    } else if (snippet[i] != '$') {
      out += snippet[i];
    } else if (i + 1 < snippet.size() && snippet[i + 1] == '{') {
      const std::size_t close = snippet.find('}', i);
      const std::string_view stop = snippet.substr(i + 2, close - i - 2);  // "1:text", "1|a,b|"
      const std::size_t mark = stop.find_first_of(":|");
      if (mark != std::string_view::npos) {
        const bool choice = stop[mark] == '|';
        const std::string_view rest = stop.substr(mark + 1);
        out += choice ? rest.substr(0, rest.find_first_of(",|")) : rest;
      }
      i = std::min(close, snippet.size() - 1);
    } else {
      ++i;  // $1
    }
  }
  return out;
}

std::string as_snippet(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '$' || c == '}' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

namespace {

// The inside of a string literal.
std::string escaped(std::string_view text) {
  const std::string quoted = hujson::quote(text);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

Completer::Completer(const CompletionContext& of, std::uint32_t at)
    : context(of),
      source(of.file.text()),
      offset(std::min(at, static_cast<std::uint32_t>(source.size()))),
      cursor(cursor_at(source, offset, of.file.whole ? &of.file.file->tree : nullptr)) {
  const Type& root = of.file.kind == FileKind::fixture ? policy::fixture_type() : policy::policy_type();
  type = type_at(root, cursor.path, cursor.at);
  if (!cursor.literal) return;
  const Span literal = *cursor.literal;
  const std::uint32_t begin = literal.begin + (cursor.quoted ? 1 : 0);
  const std::uint32_t end = literal.end - (cursor.closed ? 1 : 0);
  whole_ = source.substr(begin, std::max(begin, end) - begin);
  typed_ = std::min<std::size_t>(offset - begin, whole_.size());
}

std::string Completer::section() const { return cursor.path.empty() ? "" : policy::lower_case(cursor.path[0].key); }

std::vector<std::string> Completer::near(std::string_view member) const {
  std::vector<std::string> texts;
  const auto is_it = [&](std::string_view name) {
    if (policy::equal_ignoring_case(name, member)) return true;
    const std::string where = section();
    if (where == "acls") {
      return (member == "src" && policy::equal_ignoring_case(name, "users")) ||
             (member == "dst" && policy::equal_ignoring_case(name, "ports"));
    }
    return where == "tests" && member == "accept" && policy::equal_ignoring_case(name, "allow");
  };
  for (const NearText& near : cursor.texts) {
    if (is_it(cursor.siblings[near.member])) texts.push_back(literal_text(source, near.literal));
  }
  return texts;
}

std::vector<std::string> Completer::near_own() const {
  const auto object =
      std::find_if(cursor.path.rbegin(), cursor.path.rend(), [](const Step& step) { return step.in_object; });
  std::vector<std::string> texts;
  if (object == cursor.path.rend()) return texts;
  for (const NearText& near : cursor.texts) {
    if (cursor.siblings[near.member] == object->key) texts.push_back(literal_text(source, near.literal));
  }
  return texts;
}

bool Completer::has_member(std::string_view name) const {
  return std::any_of(cursor.siblings.begin(), cursor.siblings.end(),
                     [&](const std::string& sibling) { return policy::equal_ignoring_case(sibling, name); });
}

bool Completer::fits(std::string_view candidate, std::size_t from) const {
  const std::string_view wanted = whole_.substr(std::min(from, typed_), typed_ - std::min(from, typed_));
  std::size_t at = 0;
  for (const char c : candidate) {
    if (at == wanted.size()) break;
    const auto lower = [](char x) { return x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x; };
    if (lower(c) == lower(wanted[at])) ++at;
  }
  return at == wanted.size();
}

void Completer::add(CompletionItem item, int rank) {
  item.sort = fmt::format("{:02}{:05}", rank, out.items.size());
  if (cursor.comma_needed_before) item.before = TextEdit{{cursor.previous_end, cursor.previous_end}, ","};
  out.items.push_back(std::move(item));
}

// The comma that must follow what is inserted.
std::string Completer::behind() const {
  const bool another = cursor.next == '"' || cursor.next == '{' || cursor.next == '[' ||
                       (cursor.next != '\0' && std::string_view(",]}:").find(cursor.next) == std::string_view::npos);
  return another ? "," : "";
}

void Completer::offer(Offer offered) { offer_part(std::move(offered), 0, whole_.size()); }

void Completer::offer_part(Offer offered, std::size_t begin, std::size_t end) {
  CompletionItem item;
  item.label = offered.text;
  item.kind = offered.kind;
  item.detail = std::move(offered.detail);
  item.about = std::move(offered.about);
  if (offered.resolves) item.selector = offered.text;
  item.filter = offered.filter.empty() ? offered.text : offered.filter;
  item.snippet = context.snippets && !(offered.before_stop.empty() && offered.stop.empty());
  const std::string inserted = item.snippet ? as_snippet(escaped(offered.before_stop)) +
                                                  "${1:" + as_snippet(escaped(offered.stop)) + "}" +
                                                  as_snippet(escaped(offered.behind_stop))
                                            : escaped(offered.text);
  const auto plain = [&](std::string_view kept) { return item.snippet ? as_snippet(kept) : std::string(kept); };
  if (cursor.quoted) {
    const std::uint32_t inside = cursor.literal->begin + 1;
    item.replace = {inside + static_cast<std::uint32_t>(begin), inside + static_cast<std::uint32_t>(end)};
    item.text = inserted;
    if (!cursor.closed && end == whole_.size()) item.text += "\"";
  } else {
    item.replace = cursor.literal ? *cursor.literal : Span{offset, offset};
    item.text = "\"" + plain(escaped(whole_.substr(0, begin))) + inserted + plain(escaped(whole_.substr(end))) + "\"" +
                behind();
    if (begin != 0) item.filter = std::string(whole_.substr(0, begin)) + item.filter;
  }
  add(std::move(item), offered.rank);
}

// --- keys -------------------------------------------------------------------------------------------------------------

void Completer::add_key(std::string_view name, std::string_view value, ItemKind kind, std::string detail,
                        std::string about, int rank) {
  CompletionItem item;
  // A name that is a snippet itself ("group:${1:eng}") has its default in the label.
  item.label = item.filter = without_stops(name);
  item.kind = kind;
  item.detail = std::move(detail);
  item.about = std::move(about);
  const bool rest = !cursor.colon_follows;
  item.snippet = context.snippets && rest;
  const std::string key = item.snippet ? std::string(name) : escaped(item.label);
  const std::string tail = rest ? ": " + (item.snippet ? std::string(value) : without_stops(value)) + behind() : "";
  if (!cursor.quoted) {
    item.replace = cursor.literal ? *cursor.literal : Span{offset, offset};
    item.text = "\"" + key + "\"" + tail;
  } else if (rest) {
    item.replace = {cursor.literal->begin + 1, cursor.literal->end};
    item.text = key + "\"" + tail;
  } else {
    item.replace = {cursor.literal->begin + 1, cursor.literal->end - (cursor.closed ? 1 : 0)};
    item.text = key + (cursor.closed ? "" : "\"");
  }
  add(std::move(item), rank);
}

void Completer::fields(const Type& record) {
  const auto absent = [&](const Field& field) { return !has_member(field.name); };
  const std::string where = section();
  const auto names_internet = [&] {
    const auto dst = near("dst");
    return std::find(dst.begin(), dst.end(), "autogroup:internet") != dst.end();
  };
  for (const Field& field : record.fields) {
    if (!policy::in_dialect(field, known().dialect) || !field.modern.empty() || !absent(field)) continue;
    // Old and new names do not mix within an object.
    const bool old_names = std::any_of(record.fields.begin(), record.fields.end(), [&](const Field& other) {
      return !other.modern.empty() && has_member(other.name);
    });
    const bool has_old = std::any_of(record.fields.begin(), record.fields.end(),
                                     [&](const Field& other) { return other.modern == field.name; });
    if (old_names && has_old) continue;
    if (field.name == "attrConfig" || (field.name == "ipPool" && headscale()))
      continue;  // not documented; refused there
    if (where == "expect" && ((field.name == "to" && has_member("ssh")) || (field.name == "ssh" && has_member("to"))))
      continue;
    if (where == "grants" && field.name == "app" && names_internet()) continue;
    add_key(field.name, field.snippet, ItemKind::field, field.required ? "required" : "", std::string(field.about),
            field.required ? 1 : 3);
  }
}

namespace {

// Names of a kind that the policy uses, without a definition.
void add_missing(const Known& known, Meaning meaning, std::vector<std::string>& out) {
  if (known.policy == nullptr) return;
  const policy::Policy& policy = known.policy->policy;
  const policy::SelectorKind kind = meaning == Meaning::group_name   ? policy::SelectorKind::group
                                    : meaning == Meaning::tag_name   ? policy::SelectorKind::tag
                                    : meaning == Meaning::ipset_name ? policy::SelectorKind::ipset
                                                                     : policy::SelectorKind::host;
  std::unordered_set<std::string_view> defined;
  const auto define = [&](const auto& list) {
    for (const auto& entry : list) defined.insert(entry.name.value);
  };
  define(policy.groups);
  define(policy.tag_owners);
  define(policy.ipsets);
  define(policy.hosts);
  const auto see = [&](const policy::Selector& selector) {
    const std::string_view name = kind == policy::SelectorKind::host ? selector.name : selector.text;
    const bool synced = kind == policy::SelectorKind::group && name.find('@') != std::string_view::npos;
    if (selector.kind != kind || selector.fault != policy::SelectorFault::none || synced || name.empty()) return;
    if (out.size() < 100 && defined.insert(name).second) out.emplace_back(name);
  };
  const auto all = [&](const std::vector<policy::Selector>& list) { std::for_each(list.begin(), list.end(), see); };
  if (policy.acls) {
    for (const policy::Acl& acl : *policy.acls) {
      all(acl.src);
      for (const policy::Target& target : acl.dst) see(target.selector);
    }
  }
  if (policy.grants) {
    for (const policy::Grant& grant : *policy.grants) {
      all(grant.src);
      all(grant.dst);
      all(grant.via);
    }
  }
  for (const policy::SshRule& rule : policy.ssh) {
    all(rule.src);
    all(rule.dst);
    all(rule.recorder);
  }
  for (const policy::TagOwners& tag : policy.tag_owners) all(tag.owners);
  all(policy.auto_approvers.exit_node);
  for (const auto& route : policy.auto_approvers.routes) all(route.approvers);
  for (const auto& entry : policy.node_attrs) all(entry.target);
}

}  // namespace

// Keys that are data.
void Completer::definitions() {
  const Type& map = *type.type;
  // Another key in place of one that has its value would take its definition away.
  const bool fresh = !cursor.colon_follows;
  const auto define = [&](std::string_view value, std::string_view pattern, std::string_view word) {
    if (!fresh) return;
    std::vector<std::string> missing;
    add_missing(known(), map.meaning, missing);
    for (const std::string& name : missing) {
      if (!has_member(name)) add_key(as_snippet(escaped(name)), value, ItemKind::field, "used, not defined", "", 1);
    }
    add_key(pattern, value, ItemKind::snippet, std::string(word), "", 4);
  };
  switch (map.meaning) {
    case Meaning::group_name: return define("[\"$2\"]", "group:${1:name}", "a new group");
    case Meaning::tag_name: return define("[$2]", "tag:${1:name}", "a new tag");
    case Meaning::ipset_name: return define("[\"add ${2:10.0.0.0/8}\"]", "ipset:${1:name}", "a new IP set");
    case Meaning::host_name: return define("\"${2:100.64.0.1}\"", "${1:name}", "a new host");
    case Meaning::posture_name:
      if (fresh)
        add_key("posture:${1:name}", "[\"${2:node:os == 'linux'}\"]", ItemKind::snippet, "a new posture", "", 4);
      return;
    case Meaning::attribute_name: return attribute_names();
    case Meaning::capability: return capabilities();
    case Meaning::route: return routes();
    case Meaning::service_name: return services();
    default: return;
  }
}

void Completer::names_of_members() {
  if (type.type == nullptr) return;
  if (type.type->shape == Shape::record) fields(*type.type);
  if (type.type->shape == Shape::map) definitions();
}

// --- values -----------------------------------------------------------------------------------------------------------

// An object or an array where nothing is typed yet: as the field's snippet has it.
void Completer::composite(const Type& wanted) {
  std::string_view snippet = type.field == nullptr ? std::string_view() : type.field->snippet;
  if (type.field == nullptr && cursor.path.empty()) snippet = "{\n\t$1\n}";
  const bool element = !cursor.path.empty() && !cursor.path.back().in_object;
  if (element || (type.field != nullptr && type.field->type != &wanted)) {
    // An element of the section: what stands between the outer brackets of the section's snippet.
    const char opener = wanted.shape == Shape::list ? '[' : '{';
    const std::size_t open = snippet.find(opener, 1),
                      close = snippet.rfind(opener == '[' ? ']' : '}', snippet.size() - 2);
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return;
    snippet = snippet.substr(open, close + 1 - open);
  }
  if (snippet.empty()) return;
  CompletionItem item;
  item.label = without_stops(snippet);
  std::replace(item.label.begin(), item.label.end(), '\n', ' ');
  item.label.erase(std::remove(item.label.begin(), item.label.end(), '\t'), item.label.end());
  item.kind = ItemKind::snippet;
  item.filter = item.label;
  if (type.field != nullptr) item.about = std::string(type.field->about);
  item.snippet = context.snippets;
  item.replace = cursor.literal ? *cursor.literal : Span{offset, offset};
  item.text = (item.snippet ? std::string(snippet) : without_stops(snippet)) + behind();
  add(std::move(item), 1);
}

void Completer::value() {
  if (type.type == nullptr) return;
  const Type& wanted = *type.type;
  switch (wanted.shape) {
    case Shape::record:
    case Shape::map:
    case Shape::list:
      if (!cursor.quoted) composite(wanted);
      return;
    case Shape::boolean:
      if (cursor.quoted) return;
      for (const std::string_view word : {"true", "false"}) {
        CompletionItem item;
        item.label = item.filter = word;
        item.replace = cursor.literal ? *cursor.literal : Span{offset, offset};
        item.text = std::string(word) + behind();
        add(std::move(item), 1);
      }
      return;
    case Shape::scalar: return scalars();
    case Shape::number: return;
    case Shape::opaque:
      if (wanted.meaning == Meaning::file_path) files();
      return;
    case Shape::text: break;
  }
  switch (wanted.meaning) {
    case Meaning::selector: return selectors(wanted.location);
    case Meaning::target: return targets(wanted.location);
    case Meaning::posture_reference: return posture_references();
    case Meaning::posture_assertion: return posture_assertions();
    case Meaning::host_value: return host_values();
    case Meaning::ipset_operation: return ipset_operations();
    case Meaning::protocol: return protocols();
    case Meaning::grant_ip: return grant_ips();
    case Meaning::account: return accounts();
    case Meaning::tested_account: return tested_accounts();
    case Meaning::node_attribute: return node_attributes();
    case Meaning::file_path: return files();
    case Meaning::question_source: return parties(false);
    case Meaning::question_target: return parties(true);
    case Meaning::question_login: return logins();
    case Meaning::rule_name: return rule_names();
    default: return words(wanted.meaning);
  }
}

Completion complete(const CompletionContext& context, std::uint32_t offset) {
  if (context.file.kind == FileKind::inventory) return {};
  Completer completer(context, offset);
  switch (completer.cursor.at) {
    case At::name: completer.names_of_members(); break;
    case At::value: completer.value(); break;
    case At::other:
    case At::comment: break;
  }
  return std::move(completer.out);
}

}  // namespace acl::lsp
