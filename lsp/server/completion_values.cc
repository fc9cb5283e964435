// Values in completion: words of the language, protocols and ports, posture assertions, accounts, capabilities, addresses, files.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "compiler/policy/posture.h"
#include "lsp/server/completer.h"
#include "lsp/server/known_ports.h"

namespace acl::lsp {

using policy::Meaning;
using policy::Word;

namespace {

constexpr std::size_t most_values = 300;

bool in(const Word& word, policy::Dialect dialect) noexcept {
  return dialect == policy::Dialect::headscale ? word.in_headscale : word.in_tailscale;
}

bool has(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// What a policy has said of accounts so far.
void collect_accounts(const policy::Policy& policy, std::set<std::string_view>& out) {
  const auto see = [&](const std::vector<policy::Text>& list) {
    for (const policy::Text& text : list) {
      const bool plain = text.value.find(':') == std::string_view::npos && text.value != "*" && !text.empty();
      if (plain && out.size() < most_values && !policy::looks_like_template(text.value)) out.insert(text.value);
    }
  };
  for (const policy::SshRule& rule : policy.ssh) see(rule.users);
  for (const policy::SshTest& test : policy.ssh_tests) {
    see(test.accept);
    see(test.check);
  }
}

policy::ProtocolNames names_of(policy::Dialect dialect) noexcept {
  return dialect == policy::Dialect::headscale ? policy::ProtocolNames::headscale : policy::ProtocolNames::hosted;
}

Offer word_offer(std::string_view text, std::string_view about, ItemKind kind = ItemKind::word, int rank = 1) {
  return {std::string(text), kind, {}, std::string(about), rank, false, {}, {}, {}, {}};
}

}  // namespace

void Completer::words(Meaning meaning) {
  const auto present = near_own();
  const bool list = !cursor.path.empty() && !cursor.path.back().in_object;
  for (const Word& word : policy::words_of(meaning)) {
    if (!in(word, known().dialect) || (list && has(present, word.text))) continue;
    if (meaning == Meaning::ssh_action) {
      // Only a person can be asked to verify; Headscale refuses a period without a check.
      const auto src = near("src");
      const bool device = std::any_of(src.begin(), src.end(), [](const std::string& one) {
        const policy::Selector selector = policy::parse_selector(one, {});
        return selector.kind == policy::SelectorKind::tag || selector.autogroup == policy::Autogroup::tagged;
      });
      if (word.text == "check" && device) continue;
      if (word.text == "accept" && headscale() && has_member("checkPeriod")) continue;
    }
    if (meaning == Meaning::verdict && word.text == "check" && has_member("to")) continue;
    offer(word_offer(word.text, word.about));
    if (word.text.empty()) out.items.back().label = "\"\"";
  }
}

void Completer::protocols() {
  // With ports named, only protocols that have some; Headscale tests no others.
  bool with_ports = section() == "tests" && headscale();
  for (const std::string_view member : {"dst", "accept", "deny"}) {
    for (const std::string& target : near(member)) {
      const std::size_t colon = target.rfind(':');
      const std::string_view port =
          colon == std::string::npos ? std::string_view() : std::string_view(target).substr(colon + 1);
      if (port != "*" && port != "0" && !port.empty()) with_ports = true;
    }
  }
  for (const Word& word : policy::words_of(Meaning::protocol)) {
    if (!in(word, known().dialect)) continue;
    const auto number = policy::parse_protocol(word.text, names_of(known().dialect));
    if (!number || (with_ports && !policy::protocol_has_ports(*number))) continue;
    Offer one = word_offer(word.text, word.about, ItemKind::word, policy::protocol_has_ports(*number) ? 1 : 2);
    one.detail = fmt::format("protocol {}", *number);
    offer(std::move(one));
  }
}

// Ports in place of [begin, end): of a test one, of a rule any; `plain`: no `*` among others.
void Completer::ports(std::size_t begin, std::size_t end, bool plain) {
  const auto proto = near("proto");
  const auto protocol = proto.empty() ? policy::PortExpected<std::uint8_t>(tl::unexpected<std::string>(""))
                                      : policy::parse_protocol(proto[0], names_of(known().dialect));
  const bool portless = protocol && !policy::protocol_has_ports(*protocol);
  const bool test = section() == "tests";
  if (portless && test) {
    offer_part(word_offer("0", "A protocol without ports is tested with 0.", ItemKind::port), begin, end);
    return;
  }
  if (!plain && !test) offer_part(word_offer("*", "Every port.", ItemKind::port), begin, end);
  if (portless) return;
  for (const KnownPort& port : known_ports()) {
    if (protocol && ((*protocol == 6 && !port.tcp) || (*protocol == 17 && !port.udp))) continue;
    Offer one = word_offer(std::to_string(port.port), "", ItemKind::port, 2);
    one.detail = port.name;
    one.filter = one.text + " " + std::string(port.name);
    offer_part(std::move(one), begin, end);
  }
}

void Completer::grant_ips() {
  const auto present = near_own();
  const auto add_entry = [&](std::string entry, std::string detail, std::string_view about, int rank) {
    if (has(present, entry)) return;
    Offer one = word_offer(entry, about, ItemKind::port, rank);
    if (!detail.empty()) one.filter = entry + " " + detail;
    one.detail = std::move(detail);
    offer(std::move(one));
  };
  for (const Word& word : policy::words_of(Meaning::grant_ip)) add_entry(std::string(word.text), "", word.about, 1);
  for (const KnownPort& port : known_ports()) {
    if (port.tcp) add_entry(fmt::format("tcp:{}", port.port), std::string(port.name), "", 2);
    if (port.udp) add_entry(fmt::format("udp:{}", port.port), std::string(port.name), "", 3);
  }
  for (const Word& word : policy::words_of(Meaning::protocol)) {
    if (!in(word, known().dialect) || word.text == "tcp" || word.text == "udp") continue;
    add_entry(fmt::format("{}:*", word.text), "", word.about, 4);
  }
  for (const KnownPort& port : known_ports()) add_entry(std::to_string(port.port), std::string(port.name), "", 5);
}

// --- posture ----------------------------------------------------------------------------------------------------------

namespace {

constexpr std::array<std::string_view, 9> systems = {"linux", "macos",   "windows", "ios",    "android",
                                                     "js",    "freebsd", "openbsd", "illumos"};

// Values that an attribute may have, as an assertion writes them.
std::vector<std::string> operands_of(std::string_view attribute) {
  if (attribute == "node:os") {
    std::vector<std::string> out;
    for (const std::string_view system : systems) out.push_back(fmt::format("'{}'", system));
    return out;
  }
  if (attribute == "node:tsReleaseTrack") return {"'stable'", "'unstable'"};
  switch (policy::posture_attribute_kind(attribute)) {
    case policy::AttributeKind::boolean: return {"true", "false"};
    case policy::AttributeKind::version: return {attribute == "node:tsVersion" ? "'1.80.0'" : "'14.0'"};
    case policy::AttributeKind::string: return {attribute == "ip:country" ? "'DE'" : "'text'"};
    default: return {"true", "false", "'text'", "1"};
  }
}

std::vector<std::string> operators_of(std::string_view attribute) {
  switch (policy::posture_attribute_kind(attribute)) {
    case policy::AttributeKind::boolean: return {"==", "!=", "IS SET", "NOT SET"};
    case policy::AttributeKind::string: return {"==", "!=", "IN", "NOT IN", "IS SET", "NOT SET"};
    case policy::AttributeKind::version: return {">=", ">", "==", "!=", "<", "<=", "IS SET", "NOT SET"};
    default: return {"==", "!=", "IN", "NOT IN", "<", "<=", ">", ">=", "IS SET", "NOT SET"};
  }
}

std::string_view about_operator(std::string_view op) noexcept {
  if (op == "IN") return "The value is one of a list.";
  if (op == "NOT IN") return "The attribute is set, and its value is none of a list.";
  if (op == "IS SET") return "The attribute has a value.";
  if (op == "NOT SET") return "The attribute has no value.";
  if (op == "!=") return "The attribute is set, and to something else. An attribute without a value makes it false.";
  return "";
}

// An operator with an operand, if it takes one.
std::string condition(std::string_view attribute, std::string_view op) {
  if (op == "IS SET" || op == "NOT SET") return std::string(op);
  const std::string operand = operands_of(attribute)[0];
  return op == "IN" || op == "NOT IN" ? fmt::format("{} [{}]", op, operand) : fmt::format("{} {}", op, operand);
}

// Attributes that people have made: those the policy or the inventory names.
void own_attributes(const Known& known, std::set<std::string>& out) {
  const auto see = [&](std::string_view name) {
    if (out.size() < most_values && policy::posture_attribute_kind(name) == policy::AttributeKind::any)
      out.emplace(name);
  };
  if (known.policy != nullptr) {
    for (const policy::Posture& posture : known.policy->policy.postures) {
      for (const auto& assertion : posture.assertions) {
        if (assertion) see(assertion->attribute);
      }
    }
  }
  if (known.inventory == nullptr) return;
  std::size_t looked_at = 0;
  for (const inventory::Node& node : known.inventory->nodes) {
    if (++looked_at > 2000) break;  // the same few everywhere
    for (const auto& [name, value] : node.posture) see(name);
  }
}

}  // namespace

void Completer::posture_assertions() {
  const std::string_view so_far = whole().substr(0, typed());
  const std::size_t space = so_far.find(' ');
  if (space == std::string_view::npos) {
    // An attribute; with it comes a condition, so that the assertion is one.
    const bool rest = whole().find(' ') != std::string_view::npos;
    const std::size_t end = std::min(whole().find(' '), whole().size());
    const auto add_attribute = [&](std::string_view name, std::string_view about) {
      Offer one = word_offer(name, about, ItemKind::attribute, 1);
      if (!rest) {
        const std::string op = operators_of(name)[0];
        const std::string operand = operands_of(name)[0];
        one.filter = name;
        one.text = fmt::format("{} {} {}", name, op, operand);
        one.before_stop = fmt::format("{} {} ", name, op);
        one.stop = operand;
      }
      offer_part(std::move(one), 0, end);
    };
    for (const Word& word : policy::words_of(Meaning::attribute_name)) add_attribute(word.text, word.about);
    std::set<std::string> own;
    own_attributes(known(), own);
    for (const std::string& name : own) add_attribute(name, "");
    return;
  }
  const std::string_view attribute = so_far.substr(0, space);
  const std::size_t op_begin = std::min(so_far.find_first_not_of(' ', space), so_far.size());
  std::string_view op;
  for (const std::string_view one : {"NOT IN", "IS SET", "NOT SET", "IN", "==", "!=", "<=", ">=", "<", ">"}) {
    const std::string_view there = so_far.substr(op_begin, one.size());
    const bool word = one[0] >= 'A' && one[0] <= 'Z';
    const bool ends = !word || (op_begin + one.size() < so_far.size() && so_far[op_begin + one.size()] == ' ');
    if (policy::equal_ignoring_case(there, one) && ends) {
      op = one;
      break;
    }
  }
  if (op.empty() || so_far.size() == op_begin + op.size()) {
    for (const std::string& one : operators_of(attribute)) {
      offer_part(word_offer(condition(attribute, one), about_operator(one), ItemKind::word, 1), op_begin,
                 whole().size());
    }
    return;
  }
  if (op == "IS SET" || op == "NOT SET") return;
  const std::size_t operand_begin = std::min(so_far.find_first_not_of(' ', op_begin + op.size()), so_far.size());
  if (op != "IN" && op != "NOT IN") {
    for (const std::string& operand : operands_of(attribute)) {
      offer_part(word_offer(operand, "", ItemKind::word, 1), operand_begin, whole().size());
    }
    return;
  }
  const bool open = operand_begin < so_far.size() && so_far[operand_begin] == '[';
  const std::size_t item = open ? so_far.find_last_of("[,") + 1 : operand_begin;
  const std::size_t item_begin = std::min(so_far.find_first_not_of(' ', item), so_far.size());
  const std::size_t item_end = std::min(whole().find_first_of(",]", typed()), whole().size());
  const bool close = whole().find(']', typed()) == std::string_view::npos;
  const std::string_view listed_items = whole().substr(std::min(operand_begin, whole().size()));
  for (const std::string& operand : operands_of(attribute)) {
    // One that is in the list already, the one under the cursor excepted, is of no use.
    const std::string_view under = whole().substr(item_begin, item_end - item_begin);
    if (under.find(operand) == std::string_view::npos && listed_items.find(operand) != std::string_view::npos) continue;
    Offer one = word_offer((open ? "" : "[") + operand + (close ? "]" : ""), "", ItemKind::word, 1);
    one.filter = operand;
    offer_part(std::move(one), item_begin, item_end);
  }
}

// Keys of srcPostureAttrs.
void Completer::attribute_names() {
  const auto value_of = [](std::string_view name) {
    const std::string operand = operands_of(name)[0];
    if (operand[0] != '\'') return fmt::format("${{1:{}}}", operand);
    return fmt::format("\"${{1:{}}}\"", operand.substr(1, operand.size() - 2));
  };
  for (const Word& word : policy::words_of(Meaning::attribute_name)) {
    if (!has_member(word.text))
      add_key(word.text, value_of(word.text), ItemKind::attribute, "", std::string(word.about), 1);
  }
  std::set<std::string> own;
  own_attributes(known(), own);
  for (const std::string& name : own) {
    if (!has_member(name)) add_key(as_snippet(name), value_of(name), ItemKind::attribute, "used in this policy", "", 2);
  }
}

// Values of srcPostureAttrs.
void Completer::scalars() {
  if (cursor.path.empty() || !cursor.path.back().in_object) return;
  for (const std::string& operand : operands_of(cursor.path.back().key)) {
    const bool string = operand[0] == '\'';
    if (string) {
      offer(word_offer(std::string_view(operand).substr(1, operand.size() - 2), ""));
    } else if (!cursor.quoted) {
      CompletionItem item;
      item.label = item.filter = operand;
      item.replace = cursor.literal ? *cursor.literal : Span{offset, offset};
      item.text = operand + behind();
      add(std::move(item), 1);
    }
  }
}

// --- capabilities, attributes, accounts ---------------------------------------------------------------------------------

void Completer::capabilities() {
  const auto add_capability = [&](std::string_view name, std::string_view about, int rank) {
    if (!has_member(name)) add_key(as_snippet(name), "[{$1}]", ItemKind::capability, "", std::string(about), rank);
  };
  if (type.type->location == policy::Location::node_attr) {
    return add_capability("tailscale.com/app-connectors",
                          "Apps that are reached through connectors: `{\"name\": …, \"connectors\": …, "
                          "\"domains\": …}`. The target must be `[\"*\"]`.",
                          1);
  }
  // A capability is for nodes, not for the internet behind exit nodes.
  if (names() != nullptr && names()->grants) {
    for (const policy::Grant& grant : *names()->grants) {
      if (grant.span.begin > offset || offset > grant.span.end) continue;
      for (const policy::Selector& dst : grant.dst) {
        if (dst.autogroup == policy::Autogroup::internet) return;
      }
    }
  }
  for (const Word& word : policy::words_of(Meaning::capability)) {
    if (in(word, known().dialect)) add_capability(word.text, word.about, 2);
  }
  if (names() == nullptr || !names()->grants) return;
  std::set<std::string_view> own;
  for (const policy::Grant& grant : *names()->grants) {
    for (const policy::Capability& capability : grant.app) {
      const std::string_view name = capability.name.value;
      const std::string_view domain = name.substr(0, name.find('/'));
      if (domain != "tailscale.com" && domain.find('.') != std::string_view::npos && name.size() > domain.size() + 1 &&
          own.size() < most_values) {
        own.insert(name);
      }
    }
  }
  for (const std::string_view name : own)
    add_capability(hujson::quote(name).substr(1, hujson::quote(name).size() - 2), "Used in this policy.", 1);
}

void Completer::node_attributes() {
  const auto present = near_own();
  int rank = 1;
  for (const Word& word : policy::words_of(Meaning::node_attribute)) {
    if (word.text.substr(0, 10) == "one-cgnat?") rank = 2;  // from here on: not promised for policies
    if (in(word, known().dialect) && !has(present, word.text))
      offer(word_offer(word.text, word.about, ItemKind::word, rank));
  }
}

void Completer::accounts() {
  const auto present = near_own();
  const auto add_account = [&](std::string_view name, std::string_view about, int rank) {
    if (!has(present, name)) offer(word_offer(name, about, ItemKind::account, rank));
  };
  for (const Word& word : policy::words_of(Meaning::account)) add_account(word.text, word.about, 1);
  for (const std::string& domain : domains()) {
    add_account("localpart:*@" + domain, "The account named as the person's login is before the `@`.", 2);
  }
  if (names() == nullptr) return;
  std::set<std::string_view> own;
  collect_accounts(*names(), own);
  for (const std::string_view name : own) {
    if (name != "root") add_account(name, "Used in this policy.", 3);
  }
}

// What one list allows another cannot deny.
void Completer::tested_accounts() {
  std::vector<std::string> taken = near_own();
  const auto object =
      std::find_if(cursor.path.rbegin(), cursor.path.rend(), [](const Step& step) { return step.in_object; });
  const bool denies = object != cursor.path.rend() && policy::equal_ignoring_case(object->key, "deny");
  for (const std::string_view other : {"accept", "check", "deny"}) {
    if (denies == (other == "deny")) continue;
    const auto texts = near(other);
    taken.insert(taken.end(), texts.begin(), texts.end());
  }
  std::set<std::string_view> own;
  if (names() != nullptr) collect_accounts(*names(), own);
  for (const Word& word : policy::words_of(Meaning::tested_account)) own.insert(word.text);
  const std::size_t end = std::min(whole().find('@'), whole().size());
  for (const std::string_view name : own) {
    if (!has(taken, name)) offer_part(word_offer(name, "", ItemKind::account, name == "root" ? 1 : 2), 0, end);
  }
}

// --- addresses, files, rules --------------------------------------------------------------------------------------------

void Completer::host_values() {
  if (known().inventory == nullptr) return;
  std::size_t count = 0;
  for (const inventory::Node& node : known().inventory->nodes) {
    for (const net::Address& address : node.addresses) {
      const std::string written = address.text();
      if (!fits(written, 0) && !fits(node.name, 0)) continue;
      if (++count > most_values) {
        out.incomplete = true;
        return;
      }
      Offer one = word_offer(written, "", ItemKind::node, 1);
      one.detail = node.name;
      one.filter = written + " " + node.name;
      offer(std::move(one));
    }
  }
}

// Keys of autoApprovers.routes: what somebody advertises.
void Completer::routes() {
  std::set<std::string> prefixes;
  if (known().inventory != nullptr) {
    for (const inventory::Node& node : known().inventory->nodes) {
      for (const net::Prefix& route : node.advertised_routes) {
        if (!route.is_everything() && prefixes.size() < most_values) prefixes.insert(route.text());
      }
    }
  }
  for (const std::string& prefix : prefixes) {
    if (!has_member(prefix)) add_key(prefix, "[\"$1\"]", ItemKind::word, "advertised", "", 1);
  }
  if (!cursor.colon_follows) add_key("${1:10.0.0.0/8}", "[\"$2\"]", ItemKind::snippet, "a prefix", "", 4);
}

void Completer::files() {
  if (!context.folder) return;
  const std::string_view so_far = whole().substr(0, typed());
  const std::size_t slash = so_far.rfind('/');
  const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  const auto ends = [](std::string_view name, std::string_view with) {
    return name.size() >= with.size() && name.substr(name.size() - with.size()) == with;
  };
  for (const std::string& name : context.folder(std::string(so_far.substr(0, begin)))) {
    const bool is_folder = ends(name, "/");
    if (!is_folder && (!(ends(name, ".hujson") || ends(name, ".json")) || ends(name, ".test.hujson"))) continue;
    offer_part(word_offer(name, "", ItemKind::file, is_folder ? 2 : 1), begin, whole().size());
    if (out.items.size() > most_values) return;
  }
}

void Completer::rule_names() {
  if (names() == nullptr) return;
  const bool login = has_member("ssh");
  const auto add_rules = [&](std::string_view where, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = fmt::format("{}[{}]", where, i);
      if (!fits(name, 0)) continue;
      if (out.items.size() > most_values) {
        out.incomplete = true;
        return;
      }
      offer(word_offer(name, "", ItemKind::rule, where == "grants" ? 1 : 2));
    }
  };
  if (login || !has_member("to")) add_rules("ssh", names()->ssh.size());
  if (login) return;
  add_rules("grants", names()->grants ? names()->grants->size() : 0);
  add_rules("acls", names()->acls ? names()->acls->size() : 0);
}

}  // namespace acl::lsp
