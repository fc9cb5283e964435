#include "lsp/server/occurrences.h"

#include <algorithm>
#include <unordered_set>

#include "lsp/server/literal.h"
#include "lsp/server/walk.h"

namespace acl::lsp {

using hujson::Kind;
using hujson::Value;
using policy::Meaning;
using policy::Selector;
using policy::SelectorKind;

namespace {

bool starts_with(std::string_view text, std::string_view word) noexcept { return text.substr(0, word.size()) == word; }

// Whether what stands behind a target's last colon is meant as ports.
bool is_port_part(std::string_view ports) noexcept {
  return ports.empty() || ports.find_first_not_of("0123456789-,* ") == std::string_view::npos;
}

Named kind_of_selector(SelectorKind kind) noexcept {
  switch (kind) {
    case SelectorKind::user:
    case SelectorKind::user_domain: return Named::user;
    case SelectorKind::group: return Named::group;
    case SelectorKind::tag: return Named::tag;
    case SelectorKind::autogroup: return Named::autogroup;
    case SelectorKind::ipset: return Named::ipset;
    case SelectorKind::service: return Named::service;
    case SelectorKind::posture: return Named::posture;
    case SelectorKind::host: return Named::host;
    case SelectorKind::localpart: return Named::account;
    case SelectorKind::wildcard:
    case SelectorKind::address:
    case SelectorKind::prefix:
    case SelectorKind::range:
    case SelectorKind::empty: break;
  }
  return Named::literal;
}

// The name as names are compared: tags and logins in lower case, of others the word before the colon.
std::string compared(const Selector& selector) {
  switch (selector.kind) {
    case SelectorKind::tag:
    case SelectorKind::user: return policy::lower_case(selector.text);
    case SelectorKind::host: return std::string(selector.name);
    default: break;
  }
  if (!selector.odd_case) return std::string(selector.text);
  const std::size_t word = selector.text.size() - selector.name.size();
  return policy::lower_case(selector.text.substr(0, word)) + std::string(selector.text.substr(word));
}

class Collector {
 public:
  explicit Collector(const Snapshot& snapshot, const InventoryState* inventory = nullptr)
      : snapshot_(snapshot), inventory_(inventory != nullptr ? inventory : snapshot.inventory.get()) {}

  void meet(const Met& met) {
    section_ = met.section;
    switch (met.what) {
      case Met::What::key: return key(met.value, met.type->meaning);
      case Met::What::text: return text(met.value, met.type->meaning);
      case Met::What::opaque: return opaque(met);
      case Met::What::field:
      case Met::What::scalar: return;
    }
  }

  // A whole string, or a part of one, with a kind that its place tells.
  void add(Named kind, bool definition, std::string name, Span span, const Literal& literal) {
    if (span.begin == span.end) return;
    out_.push_back({kind, definition, std::move(name), span, literal.whole(), section_});
  }
  void add(Named kind, bool definition, const Literal& literal) {
    const bool ignores_case = kind == Named::tag || kind == Named::user;
    add(kind, definition, ignores_case ? policy::lower_case(literal.text()) : std::string(literal.text()),
        literal.span(), literal);
  }
  void selector(const Literal& literal, std::string_view part) {
    const Selector parsed = policy::parse_selector(part, {});
    if (parsed.kind == SelectorKind::empty) return;
    const std::string_view shown = parsed.kind == SelectorKind::host ? parsed.name : parsed.text;
    add(kind_of_selector(parsed.kind), false, compared(parsed), literal.span(shown), literal);
  }
  void section(std::uint32_t index) { section_ = index; }

  std::vector<Occurrence> take() { return std::move(out_); }

 private:
  void key(Value value, Meaning meaning) {
    const Literal literal(value);
    switch (meaning) {
      case Meaning::group_name: return add(Named::group, true, literal);
      case Meaning::host_name: return add(Named::host, true, literal);
      case Meaning::ipset_name: return add(Named::ipset, true, literal);
      case Meaning::tag_name: return add(Named::tag, true, literal);
      case Meaning::posture_name: return add(Named::posture, true, literal);
      default: return by_meaning(literal, meaning);
    }
  }

  void text(Value value, Meaning meaning) { by_meaning(Literal(value), meaning); }

  void by_meaning(const Literal& literal, Meaning meaning) {
    const std::string_view text = literal.text();
    switch (meaning) {
      case Meaning::selector:
      case Meaning::service_name:
      case Meaning::posture_reference: return selector(literal, text);
      case Meaning::target: return selector(literal, host_of(text));
      case Meaning::posture_assertion: return assertion(literal);
      case Meaning::attribute_name:
      case Meaning::node_attribute: return add(Named::attribute, false, literal);
      case Meaning::host_value:
      case Meaning::route:
      case Meaning::ip_pool: return add(Named::literal, false, literal);
      case Meaning::ipset_operation: return selector(literal, ipset_target(text));
      case Meaning::protocol: return add(Named::protocol, false, literal);
      case Meaning::grant_ip: return grant_ip(literal);
      case Meaning::capability: return add(Named::capability, false, literal);
      case Meaning::account:
        return text == "autogroup:nonroot" ? selector(literal, text) : add(Named::account, false, literal);
      case Meaning::tested_account: return add(Named::account, false, literal);
      case Meaning::question_source: return question(literal, text);
      case Meaning::question_target: return question(literal, question_host(text));
      case Meaning::question_login: return login(literal);
      case Meaning::rule_name: return add(Named::rule, false, literal);
      default: return;
    }
  }

  // DST of DST:PORTS. A worded name without a port ("tag:db") is one whose port is yet to be written.
  static std::string_view host_of(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return text;
    const SelectorKind whole = policy::parse_selector(text, {}).kind;
    const bool worded = whole != SelectorKind::host && whole != SelectorKind::user && whole != SelectorKind::wildcard;
    if (worded && text.find(':') == colon && !(is_port_part(text.substr(colon + 1)) && colon + 1 < text.size())) {
      return text;
    }
    if (text.front() != '[' && net::Address::parse(text).has_value()) return text;
    return without_brackets(text.substr(0, colon));
  }
  static std::string_view without_brackets(std::string_view host) {
    return host.size() > 2 && host.front() == '[' && host.back() == ']' ? host.substr(1, host.size() - 2) : host;
  }
  static std::string_view question_host(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || net::Address::parse(text).has_value()) return text;
    std::string_view ports = text.substr(colon + 1);
    ports = ports.substr(0, ports.find('/'));
    return is_port_part(ports) ? without_brackets(text.substr(0, colon)) : text;
  }
  static std::string_view ipset_target(std::string_view text) {
    for (const std::string_view word : {"add ", "remove "}) {
      if (!starts_with(text, word)) continue;
      text.remove_prefix(word.size());
      const std::size_t first = text.find_first_not_of(' ');
      return first == std::string_view::npos ? text.substr(text.size()) : text.substr(first);
    }
    return text;
  }

  void assertion(const Literal& literal) {
    const std::string_view text = literal.text();
    const std::string_view attribute = text.substr(0, text.find(' '));
    add(Named::attribute, false, std::string(attribute), literal.span(attribute), literal);
    constexpr std::size_t longest = 4096;  // each name inside is found in the literal from its beginning
    constexpr std::string_view word = "ipset:";
    if (text.size() > longest) return;
    for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) {
      const std::string_view name = text.substr(at, text.find_first_of(" \t'\"[],", at) - at);
      add(Named::ipset, false, std::string(name), literal.span(name), literal);
    }
  }

  void grant_ip(const Literal& literal) {
    const std::string_view text = literal.text();
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return add(Named::literal, false, literal);
    const std::string_view protocol = text.substr(0, colon);
    add(Named::protocol, false, std::string(protocol), literal.span(protocol), literal);
  }

  // A name as `aclc can` takes it: a node's comes before a host's.
  void question(const Literal& literal, std::string_view name) {
    const Selector parsed = policy::parse_selector(name, {});
    if (parsed.kind != SelectorKind::host || parsed.prefixed) return selector(literal, name);
    const bool host = inventory_ != nullptr && nodes().count(name) == 0;
    if (host) return selector(literal, name);
    add(Named::node, false, std::string(name), literal.span(name), literal);
  }
  void login(const Literal& literal) {
    const std::string_view text = literal.text();
    const std::size_t at = text.find('@');
    const std::string_view account = text.substr(0, at);
    add(Named::account, false, std::string(account), literal.span(account), literal);
    if (at != std::string_view::npos) question(literal, text.substr(at + 1));
  }
  const std::unordered_set<std::string_view>& nodes() {
    if (nodes_.empty()) {
      for (const auto& node : inventory_->inventory.nodes) nodes_.insert(node.name);
    }
    return nodes_;
  }

  // Strings in the configuration of an application that name a tag: check counts them as uses, too.
  void opaque(const Met& met) {
    if (met.field == nullptr || met.field->name != "app") return;
    const hujson::Tree& tree = snapshot_.file->tree;
    for (std::uint32_t i = met.value.index(); i < met.value.node().next; ++i) {
      if (tree.nodes[i].kind != Kind::string) continue;
      const Literal literal(Value(tree, i));
      if (starts_with(literal.text(), "tag:")) add(Named::tag, false, literal);
    }
  }

  const Snapshot& snapshot_;
  const InventoryState* inventory_;
  std::vector<Occurrence> out_;
  std::unordered_set<std::string_view> nodes_;
  std::uint32_t section_ = 0;
};

// --- inventories ------------------------------------------------------------------------------------------------------

// Calls f(name, value) for each member of the value, if it is an object.
template <class F>
void each_member(Value object, F f) {
  if (!object.is(Kind::object)) return;
  std::string buffer;
  for (auto it = object.begin(), end = object.end(); it != end; ++it) {
    const Value name = *it;
    ++it;
    if (it == end) return;
    if (name.is(Kind::string)) f(name.string(buffer), *it);
  }
}

template <class F>
void each_element(Value array, F f) {
  if (!array.is(Kind::array)) return;
  for (const Value element : array) f(element);
}

// Of an entry of an inventory's section: what its members name. `own` is the member with the entry's own name.
void inventory_entry(Collector& to, Value entry, std::string_view own, Named kind) {
  each_member(entry, [&](std::string_view name, Value value) {
    const auto string = [&](Named as, bool definition) {
      if (value.is(Kind::string)) to.add(as, definition, Literal(value));
    };
    if (policy::equal_ignoring_case(name, own)) return string(kind, true);
    if (policy::equal_ignoring_case(name, "user")) return string(Named::user, false);
    if (policy::equal_ignoring_case(name, "tags")) {
      each_element(value, [&](Value tag) {
        if (tag.is(Kind::string)) to.add(Named::tag, false, Literal(tag));
      });
    }
    if (policy::equal_ignoring_case(name, "hosts")) {
      each_element(value, [&](Value host) {
        if (host.is(Kind::string)) to.add(Named::node, false, Literal(host));
      });
    }
  });
}

// Groups of the identity provider: names and the logins of their members.
void synced_groups(Collector& to, Value groups) {
  if (!groups.is(Kind::object)) return;
  for (auto it = groups.begin(), end = groups.end(); it != end; ++it) {
    if ((*it).is(Kind::string)) to.add(Named::group, true, Literal(*it));
    ++it;
    if (it == end) return;
    each_element(*it, [&](Value login) {
      if (login.is(Kind::string)) to.add(Named::user, false, Literal(login));
    });
  }
}

// The native format (compiler/inventory/load.h): users, nodes and services are defined there. What a foreign format names has no
// place that could be gone to by name.
std::vector<Occurrence> inventory_occurrences(const Snapshot& snapshot) {
  Collector out(snapshot);
  each_member(snapshot.file->tree.root(), [&](std::string_view name, Value value) {
    out.section(value.index() - 1);
    const auto entries = [&](std::string_view own, Named kind) {
      each_element(value, [&](Value entry) { inventory_entry(out, entry, own, kind); });
    };
    if (policy::equal_ignoring_case(name, "users")) entries("login", Named::user);
    if (policy::equal_ignoring_case(name, "nodes")) entries("name", Named::node);
    if (policy::equal_ignoring_case(name, "services")) entries("name", Named::service);
    if (policy::equal_ignoring_case(name, "syncedGroups")) synced_groups(out, value);
  });
  return out.take();
}

}  // namespace

std::string_view name_of(Named kind) noexcept {
  switch (kind) {
    case Named::group: return "group";
    case Named::tag: return "tag";
    case Named::host: return "host";
    case Named::ipset: return "IP set";
    case Named::posture: return "posture";
    case Named::user: return "user";
    case Named::autogroup: return "autogroup";
    case Named::service: return "service";
    case Named::account: return "account";
    case Named::node: return "node";
    case Named::capability: return "capability";
    case Named::attribute: return "attribute";
    case Named::protocol: return "protocol";
    case Named::literal: return "address";
    case Named::rule: return "rule";
  }
  return "name";
}

bool defined_in_policies(Named kind) noexcept {
  return kind == Named::group || kind == Named::tag || kind == Named::host || kind == Named::ipset ||
         kind == Named::posture;
}

std::vector<Occurrence> occurrences(const Snapshot& snapshot, const InventoryState* inventory) {
  if (snapshot.file->tree.nodes.empty()) return {};
  if (snapshot.kind == FileKind::inventory) return inventory_occurrences(snapshot);
  Collector out(snapshot, inventory);
  const policy::Type& root = snapshot.kind == FileKind::fixture ? policy::fixture_type() : policy::policy_type();
  walk(snapshot.file->tree, root, [&](const Met& met) { out.meet(met); });
  return out.take();
}

const Occurrence* occurrence_at(const std::vector<Occurrence>& all, std::uint32_t offset) {
  const auto behind = std::upper_bound(all.begin(), all.end(), offset,
                                       [](std::uint32_t at, const Occurrence& one) { return at < one.value.begin; });
  // Several names may stand in one literal; the one under the offset goes first, else the literal's first.
  const Occurrence* found = nullptr;
  for (auto it = behind; it != all.begin();) {
    --it;
    if (it->value.end < offset) break;
    if (it->span.begin <= offset && offset <= it->span.end) return &*it;
    found = &*it;
  }
  return found;
}

}  // namespace acl::lsp
