// A test for the rule under the cursor: that one of its sources reaches its destinations, or logs in there.
//
// What may stand in a test is fewer than what may stand in a rule (policy/places.h): one person, group, tag or host as the source,
// one host and port as a destination. What stands for many is tried with one of them. Postures are met by assuming the attributes that they
// ask for. A login that one rule accepts may for some people be checked by another: the test is tried, with one after the other.
// Nothing is offered where no such test can be written.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "compiler/policy/places.h"
#include "lsp/server/fixes.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {

using hujson::Value;
using policy::Autogroup;
using policy::Location;
using policy::PortRange;
using policy::Selector;
using policy::SelectorKind;

namespace {

constexpr std::size_t most_destinations = 3;
constexpr std::size_t most_people = 8;

class TestWriter {
 public:
  // Where anybody may be the source, the person of this number among those with a device of their own is.
  explicit TestWriter(const FixContext& c, std::size_t person = 0)
      : c_(c), policy_(c.snapshot.file->policy), person_(person) {}

  // `"src": "…"` and so on, as members; "" if there can be none.
  std::string packets(const policy::Acl& acl) {
    const auto src = source(acl.src, Location::test_src);
    if (!src) return {};
    std::vector<std::string> accept;
    for (const policy::Target& target : acl.dst) {
      const auto dst = destination(target.selector, Location::test_dst, *src);
      if (dst && !target.ports.empty()) add(accept, with_port(*dst, target.ports.front(), acl.protocol));
    }
    return packets(*src, acl.protocol, accept, acl.src_posture);
  }
  std::string packets(const policy::Grant& grant) {
    const auto src = source(grant.src, Location::test_src);
    const auto ip = std::find_if(grant.ip.begin(), grant.ip.end(),
                                 [](const policy::GrantIp& one) { return one.entry.has_value(); });
    if (!src || ip == grant.ip.end() || ip->entry->ports.empty()) return {};
    const auto protocol = ip->entry->has_protocol ? std::optional(ip->entry->protocol) : std::nullopt;
    std::vector<std::string> accept;
    for (const Selector& selector : grant.dst) {
      const auto dst = destination(selector, Location::test_dst, *src);
      if (dst) add(accept, with_port(*dst, ip->entry->ports.front(), protocol));
    }
    return packets(*src, protocol, accept, grant.src_posture);
  }
  std::string logins(const policy::SshRule& rule) {
    const auto src = source(rule.src, Location::ssh_test_src);
    const auto attributes = posture(rule.src_posture);
    if (!src || !attributes || !rule.action) return {};
    std::vector<std::string> dst, accounts;
    for (const Selector& selector : rule.dst) {
      if (const auto name = destination(selector, Location::ssh_test_dst, *src)) add(dst, std::string(*name));
    }
    for (const policy::Text& user : rule.users) {
      if (const auto name = account(user.value, *src)) add(accounts, std::string(*name));
    }
    if (dst.empty() || accounts.empty()) return {};
    return fmt::format("\"src\": {}, \"dst\": [{}]{}, \"{}\": [{}]", hujson::quote(*src), list(dst), *attributes,
                       rule.action->value == "check" ? "check" : "accept", list(accounts));
  }

 private:
  using Name = std::optional<std::string>;

  static void add(std::vector<std::string>& to, std::string text) {
    if (to.size() < most_destinations && std::find(to.begin(), to.end(), text) == to.end())
      to.push_back(std::move(text));
  }
  static std::string list(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + hujson::quote(text);
    return out;
  }

  std::string packets(const std::string& src, const std::optional<std::uint8_t>& protocol,
                      const std::vector<std::string>& accept,
                      const std::optional<std::vector<policy::Text>>& postures) {
    const auto attributes = posture(postures);
    if (accept.empty() || !attributes) return {};
    // Without a protocol a test asks for TCP or UDP.
    const bool named = protocol && *protocol != 6 && *protocol != 17;
    if (named && c_.dialect() == policy::Dialect::headscale && !policy::protocol_has_ports(*protocol)) return {};
    const std::string proto = named ? fmt::format(", \"proto\": \"{}\"", policy::protocol_name(*protocol)) : "";
    return fmt::format("\"src\": {}{}{}, \"accept\": [{}]", hujson::quote(src), proto, *attributes, list(accept));
  }

  static std::string with_port(const std::string& name, PortRange ports, const std::optional<std::uint8_t>& protocol) {
    const bool v6 = name.find(':') != std::string::npos && net::Address::parse(name).has_value();
    const std::string host = v6 ? "[" + name + "]" : name;
    if (protocol && !policy::protocol_has_ports(*protocol)) return host + ":0";
    return fmt::format("{}:{}", host, ports.is_all() ? 443 : ports.first);
  }

  [[nodiscard]] bool has_members(std::string_view group) const {
    const auto found = std::find_if(policy_.groups.begin(), policy_.groups.end(),
                                    [&](const auto& one) { return one.name.value == group; });
    return found != policy_.groups.end() && !found->members.empty();
  }
  [[nodiscard]] bool is_one_address(std::string_view host) const {
    const auto found = std::find_if(policy_.hosts.begin(), policy_.hosts.end(),
                                    [&](const auto& one) { return one.name.value == host; });
    return found != policy_.hosts.end() && found->prefix && found->prefix->is_single();
  }
  [[nodiscard]] Name first_tag() const {
    return policy_.tag_owners.empty() ? Name() : Name(policy_.tag_owners.front().name.value);
  }
  [[nodiscard]] Name somebody() const {
    if (c_.snapshot.inventory == nullptr) return std::nullopt;
    const auto& inventory = c_.snapshot.inventory->inventory;
    std::vector<std::uint32_t> seen;
    for (const auto& node : inventory.nodes) {
      if (node.user == inventory::none || !node.tags.empty() || node.shared) continue;
      if (std::find(seen.begin(), seen.end(), node.user) != seen.end()) continue;
      if (seen.size() == person_) return inventory.users[node.user].login;
      seen.push_back(node.user);
    }
    return std::nullopt;
  }

  // A name that stands for the selector in a test.
  [[nodiscard]] Name representative(const Selector& selector, Location location) const {
    if (selector.fault != policy::SelectorFault::none) return std::nullopt;
    if (selector.kind == SelectorKind::wildcard) return location == Location::test_src ? somebody() : first_tag();
    if (selector.autogroup == Autogroup::member) return somebody();
    if (selector.autogroup == Autogroup::tagged) return first_tag();
    const bool tested = policy::allowed_at(selector, location, c_.dialect()) == policy::Allowed::yes;
    if (!tested) return std::nullopt;
    if (selector.kind == SelectorKind::group && !has_members(selector.text)) return std::nullopt;
    if (selector.kind == SelectorKind::host && (selector.prefixed || !is_one_address(selector.text)))
      return std::nullopt;
    return std::string(selector.text);
  }
  [[nodiscard]] Name source(const std::vector<Selector>& sources, Location location) const {
    for (const Selector& selector : sources) {
      if (Name name = representative(selector, location)) return name;
    }
    return std::nullopt;
  }
  // autogroup:self is the source itself, if that is a person.
  [[nodiscard]] Name destination(const Selector& selector, Location location, const std::string& source) const {
    if (selector.autogroup != Autogroup::self) return representative(selector, location);
    const bool person = policy::parse_selector(source, {}).kind == SelectorKind::user;
    return person ? Name(source) : std::nullopt;
  }

  [[nodiscard]] static Name account(std::string_view user, const std::string& source) {
    constexpr std::string_view localpart = "localpart:*@";
    if (user == "autogroup:nonroot") return "ubuntu";
    if (user.substr(0, localpart.size()) != localpart) return std::string(user);
    const std::size_t at = source.find('@');
    if (at == std::string::npos || std::string_view(source).substr(at + 1) != user.substr(localpart.size()))
      return std::nullopt;
    return source.substr(0, at);
  }

  // `, "srcPostureAttrs": {…}` with which one of the postures holds; "" where none is asked for, nothing if none can be met.
  [[nodiscard]] Name posture(const std::optional<std::vector<policy::Text>>& own) const {
    const auto& names = own ? own : policy_.default_src_posture;
    if (!names || names->empty()) return "";
    for (const policy::Text& name : *names) {
      for (const policy::Posture& known : policy_.postures) {
        if (known.name.value != name.value) continue;
        if (Name attributes = meet(known)) return ", \"srcPostureAttrs\": " + *attributes;
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] static Name meet(const policy::Posture& posture) {
    using policy::PostureOperator;
    std::map<std::string, std::string> values;
    for (const auto& assertion : posture.assertions) {
      if (!assertion) return std::nullopt;
      const bool by_value = assertion->op == PostureOperator::equal || assertion->op == PostureOperator::at_least ||
                            assertion->op == PostureOperator::at_most || assertion->op == PostureOperator::in;
      if (!by_value || assertion->operands.empty()) return std::nullopt;
      const policy::PostureOperand& operand = assertion->operands.front();
      std::string value;
      if (const auto* text = std::get_if<std::string>(&operand)) value = hujson::quote(*text);
      if (const auto* number = std::get_if<double>(&operand)) {
        if (!std::isfinite(*number)) return std::nullopt;  // 1e999 is a number for a condition, but JSON has none such
        value = fmt::format("{}", *number);
      }
      if (const auto* boolean = std::get_if<bool>(&operand)) value = *boolean ? "true" : "false";
      if (!values.try_emplace(assertion->attribute, value).second) return std::nullopt;
    }
    if (values.empty()) return std::nullopt;
    std::string out;
    for (const auto& [name, value] : values)
      out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", hujson::quote(name), value);
    return "{" + out + "}";
  }

  const FixContext& c_;
  const policy::Policy& policy_;
  std::size_t person_;
};

// Whether it passes. Where that cannot be known, for want of an inventory or because of errors elsewhere, the rule is believed.
bool login_passes(const FixContext& c, const std::string& test) {
  if (!c.snapshot.accepted || c.snapshot.inventory == nullptr) return true;
  const policy::Loaded own =
      policy::load_policy(c.snapshot.path, "{\"acls\": [], \"sshTests\": [{" + test + "}]}", c.dialect());
  return questions::run_tests(*c.snapshot.file, c.snapshot.inventory->tailnet, own.file->tree, {},
                              own.file->policy.ssh_tests)
      .passed();
}

std::string login_test(const FixContext& c, const policy::SshRule& rule) {
  std::string last;
  for (std::size_t person = 0; person < most_people; ++person) {
    std::string test = TestWriter(c, person).logins(rule);
    if (test.empty() || test == last) break;
    if (login_passes(c, test)) return test;
    last = std::move(test);
  }
  return {};
}

// The index of the rule around the offset, if it is without errors.
template <class Rules>
std::optional<std::size_t> rule_at(const FixContext& c, const Rules& rules, std::uint32_t offset) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) {
    return rule.span.begin <= offset && offset <= rule.span.end;
  });
  return found == rules.end() || found->damaged || has_error(c, found->span)
             ? std::nullopt
             : std::optional(static_cast<std::size_t>(found - rules.begin()));
}

std::vector<TextEdit> append_to(const FixContext& c, std::string_view section, const std::string& entry) {
  const Value root = c.tree.root();
  if (const auto known = c.find(root, section)) {
    if (!known->is(hujson::Kind::array)) return {};
    return append_entry(c.tree, *known, entry);
  }
  const std::string end(line_end_of(c.text)), unit(indent_unit(c.tree));
  const std::string comma = c.tree.standard() ? "" : ",";
  return append_entry(c.tree, root,
                      fmt::format("\"{}\": [{}{}{}{}{}{}{}]", section, end, unit, unit, entry, comma, end, unit));
}

}  // namespace

void add_test(const FixContext& c, std::uint32_t offset, Actions& out) {
  const policy::Policy& policy = c.snapshot.file->policy;
  TestWriter writer(c);
  std::string test;
  std::string_view section = "tests";
  if (policy.acls) {
    if (const auto rule = rule_at(c, *policy.acls, offset)) test = writer.packets((*policy.acls)[*rule]);
  }
  if (policy.grants && test.empty()) {
    if (const auto rule = rule_at(c, *policy.grants, offset)) test = writer.packets((*policy.grants)[*rule]);
  }
  if (const auto rule = rule_at(c, policy.ssh, offset)) {
    test = login_test(c, policy.ssh[*rule]);
    section = "sshTests";
  }
  if (test.empty()) return;
  std::vector<TextEdit> edits = append_to(c, section, "{" + test + "}");
  if (!edits.empty()) out.push_back({"Add a test for this rule", CodeAction::Kind::rewrite, std::move(edits), {}});
}

}  // namespace acl::lsp
