#include "tests/generate/tailnet.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "tests/generate/hujson_text.h"
#include "tests/generate/tailnet_verdicts.h"
#include "tests/generate/tailnet_words.h"
#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"

namespace acl::generate {
namespace {

using namespace words;  // NOLINT(google-build-using-namespace): what sentences here are made of
using oracle::Address;
using oracle::Kind;
using oracle::Ports;
using oracle::Prefix;
using oracle::Selector;

// Wherever a name is wanted that does not exist, a simpler selector stands in.
class Generator {
 public:
  explicit Generator(std::span<const std::uint8_t> choices) : choices_(choices) {}

  Model model() {
    make_users();
    make_nodes();
    make_names();
    make_rules();
    make_ssh();
    make_settings();
    make_tests();
    make_ssh_tests();
    return std::move(model_);
  }

 private:
  // One of `count` ways; the first is the simplest.
  std::size_t choose(std::size_t count) {
    if (next_ == choices_.size() || count == 0) return 0;
    return choices_[next_++] % count;
  }
  template <class List>
  const auto& pick(const List& list) {
    return list[choose(list.size())];
  }
  bool one_in(std::size_t count) { return choose(count) == count - 1; }

  // --- the tailnet ---

  void make_users() {
    auto& tailnet = model_.tailnet;
    tailnet.domains.assign(domains.begin(), domains.end());
    const std::size_t count = 1 + choose(logins.size());
    bool owner = false;
    for (std::size_t i = 0; i < count; ++i) {
      std::string role = pick(roles);
      if (role == "owner" && std::exchange(owner, true)) role = "member";
      tailnet.users.push_back({logins[i], role});
    }
    if (one_in(3)) tailnet.synced_groups[synced_group] = some_logins();
  }

  std::vector<std::string> some_logins() {
    std::vector<std::string> out;
    for (const auto& user : model_.tailnet.users) {
      if (choose(2) == 1) out.push_back(user.login);
    }
    if (one_in(8)) out.emplace_back("gone@example.com");
    return out;
  }

  void make_nodes() {
    // Neighbours, or far apart: 100.64.0.1 100.64.0.2 …, or 100.64.1.3 …, or 100.69.0.5 …
    static constexpr std::array<std::uint32_t, 4> steps = {1, 3, 259, 327685};
    const std::uint32_t step = pick(steps);
    const std::size_t count = 2 + choose(11);
    for (std::size_t i = 0; i < count; ++i) make_node(static_cast<std::uint32_t>(i + 1) * step, i);
    const std::size_t wanted = choose(4);
    for (std::size_t i = 0; i + 2 <= wanted; ++i) make_service(i);
  }

  void make_node(std::uint32_t number, std::size_t index) {
    oracle::Node node;
    // Names in another order than the nodes are in.
    node.name = std::string(1, static_cast<char>('a' + (index * 7 + 3) % 26)) + "-" + std::to_string(index);
    const std::size_t shape = choose(8);
    if (shape == 6) {
      // neither user nor tags
    } else if (shape == 7) {
      node.shared = true;
      node.user = stranger;
      if (oracle::find_user(model_.tailnet, stranger) == nullptr) model_.tailnet.users.push_back({stranger, "member"});
    } else if (shape % 2 == 1) {
      node.tags.push_back(pick(tags));
      const std::string second = pick(tags);
      if (one_in(3) && second != node.tags[0]) node.tags.push_back(second);
    } else {
      do {
        node.user = pick(model_.tailnet.users).login;
      } while (node.user == stranger);
    }
    const std::size_t families = choose(10);  // one in ten each: IPv6 only, IPv4 only
    if (families != 8) node.addresses.push_back(Address::v4(0x64400000U + number));
    if (families != 9) node.addresses.push_back(Address::v6(0xfd7a115ca1e00000U, number));
    // Some joined at the same time, of some it is not known when.
    const std::size_t joined = choose(8);
    node.created =
        joined == 7 ? std::numeric_limits<std::int64_t>::max() : 1767225600 + static_cast<std::int64_t>(joined);
    if (!node.shared && one_in(3)) make_routes(node);
    make_attributes(node);
    model_.tailnet.nodes.push_back(std::move(node));
  }

  void make_routes(oracle::Node& node) {
    for (std::size_t count = 1 + choose(3); count != 0; --count) {
      const Prefix route = Prefix::parse(pick(routes)).prefix;
      if (std::find(node.advertised.begin(), node.advertised.end(), route) != node.advertised.end()) continue;
      node.advertised.push_back(route);
      if (choose(2) == 0) node.approved.push_back(route);
    }
  }

  void make_attributes(oracle::Node& node) {
    static constexpr std::array systems = {"linux", "macos", "windows"};
    static constexpr std::array versions = {"1.70", "1.9", "1.70.1", "1.70.0", "1.72.0-pre3"};
    if (choose(2) == 1) node.attributes["node:os"] = std::string(pick(systems));
    if (choose(2) == 1) node.attributes["node:tsVersion"] = std::string(pick(versions));
    if (one_in(3)) node.attributes["custom:tier"] = std::string(choose(2) == 0 ? "gold" : "silver");
    if (one_in(4)) node.attributes["custom:score"] = static_cast<double>(choose(5)) / 2;
    if (one_in(4)) node.attributes["node:tsAutoUpdate"] = choose(2) == 0;
  }

  void make_service(std::size_t index) {
    const auto low = static_cast<std::uint32_t>(0x0900 + index);
    oracle::Service service{
        services[index], {Address::v4(0x64410000U + low), Address::v6(0xfd7a115ca1e00000U, 0x10000 + low)}, {}};
    for (const auto& node : model_.tailnet.nodes) {
      if (!node.tags.empty() && choose(2) == 0) service.hosts.push_back(node.name);  // only tagged nodes host services
    }
    model_.tailnet.services.push_back(std::move(service));
  }

  // --- names ---

  void make_names() {
    auto& policy = model_.policy;
    for (const char* group : groups) {
      if (choose(3) != 0)
        policy.groups[group] = std::string_view(group) == "group:none" ? std::vector<std::string>() : some_logins();
    }
    for (const char* name : {"vault", "lab", "box"}) {
      if (choose(3) != 0) policy.hosts[name] = literal();
    }
    for (const char* name : ipsets) {
      if (choose(3) == 0) continue;
      std::vector<oracle::IpsetOperation> operations;
      for (std::size_t count = 1 + choose(4); count != 0; --count) {
        operations.push_back({!operations.empty() && one_in(3), ipset_target()});
      }
      policy.ipsets[name] = std::move(operations);  // it can only name those before it
    }
    for (const char* name : postures) {
      if (choose(3) == 0) continue;
      auto& conditions = policy.postures[name];
      for (std::size_t count = 1 + choose(2); count != 0; --count) conditions.push_back(condition());
    }
    if (!policy.postures.empty() && one_in(6)) policy.default_posture = some_postures();
    for (const char* name : tags) policy.tag_owners[name];
    for (auto& [name, owners] : policy.tag_owners) {
      if (one_in(3)) owners.push_back(selector(approvers));
    }
  }

  Prefix literal() {
    const Prefix prefix = Prefix::parse(one_in(3) ? pick(routes) : pick(literals)).prefix;
    return prefix.is_everything() ? Prefix::parse("10.33.0.0/16").prefix : prefix;  // grants refuse these
  }

  Prefix single() {
    if (choose(2) == 0) {
      const oracle::Node& node = pick(model_.tailnet.nodes);
      return Prefix(pick(node.addresses));
    }
    const Prefix prefix = literal();
    return Prefix(choose(2) == 0 ? prefix.first() : prefix.last());
  }

  Selector ipset_target() {
    Selector target = selector(ipset_targets);
    if (target.kind != Kind::range) return target;
    // From an address to the end of a network around it.
    const Prefix prefix = literal();
    target.prefix = Prefix(prefix.is_single() || choose(2) == 0 ? prefix.first() : oracle::next(prefix.first()));
    target.last = choose(2) == 0 || prefix.is_single() ? prefix.last() : oracle::previous(prefix.last());
    if (target.last < target.prefix.first()) target.last = target.prefix.first();
    return target;
  }

  oracle::Condition condition() {
    using Operator = oracle::Condition::Operator;
    using oracle::Value;
    const auto text = [](const char* value) { return Value(std::string(value)); };
    switch (choose(14)) {
      case 0: return {"node:os", Operator::equal, {text("linux")}};
      case 1: return {"node:os", Operator::in, {text("linux"), text("macos")}};
      case 2: return {"node:os", Operator::not_in, {text("windows")}};
      case 3: return {"node:tsVersion", Operator::at_least, {text(choose(2) == 0 ? "1.70" : "1.70.0")}};
      case 4: return {"node:tsVersion", choose(2) == 0 ? Operator::less : Operator::at_most, {text("1.70.1")}};
      case 5: return {"node:tsVersion", Operator::greater, {text("1.9")}};
      case 6: return {"custom:tier", Operator::not_equal, {text("gold")}};
      case 7: return {"custom:score", choose(2) == 0 ? Operator::at_least : Operator::less, {Value(1.5)}};
      case 8: return {"custom:score", choose(2) == 0 ? Operator::is_set : Operator::not_set, {}};
      case 9: return {"node:tsAutoUpdate", Operator::equal, {Value(choose(2) == 0)}};
      // Operands of another type than some or all values have.
      case 10: return {"custom:score", Operator::not_in, {text("gold"), Value(choose(2) == 0)}};
      case 11: return {"custom:score", choose(2) == 0 ? Operator::not_in : Operator::in, {text("1.5"), Value(1.5)}};
      case 12: return {"node:tsAutoUpdate", choose(2) == 0 ? Operator::not_in : Operator::in, {text("true")}};
      default: return {"custom:tier", choose(2) == 0 ? Operator::not_equal : Operator::less, {Value(1.5)}};
    }
  }

  std::vector<std::string> some_postures() {
    std::vector<std::string> out;
    for (const auto& [name, conditions] : model_.policy.postures) {
      if (out.empty() || choose(2) == 0) out.push_back(name);
    }
    return out;
  }

  std::optional<std::vector<std::string>> rule_posture() {
    if (model_.policy.postures.empty() || !one_in(6)) return std::nullopt;
    if (one_in(5)) return std::vector<std::string>();
    return some_postures();
  }

  // --- selectors ---

  template <class Map>
  std::string name_of(const Map& map) {
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(choose(map.size())))->first;
  }

  template <class Kinds>
  Selector selector(const Kinds& kinds) {
    return selector_of(pick(kinds));
  }

  Selector selector_of(Kind kind) {
    const auto& policy = model_.policy;
    const auto& tailnet = model_.tailnet;
    switch (kind) {
      case Kind::user: return {kind, one_in(12) ? "gone@example.com" : pick(tailnet.users).login, {}, {}};
      case Kind::user_domain: return {kind, pick(domains), {}, {}};
      case Kind::group:
        if (!tailnet.synced_groups.empty() && one_in(3)) return {kind, synced_group, {}, {}};
        if (policy.groups.empty()) return {Kind::user, pick(tailnet.users).login, {}, {}};
        return {kind, name_of(policy.groups), {}, {}};
      case Kind::tag: return {kind, pick(tags), {}, {}};
      case Kind::role: return {kind, roles[1 + choose(roles.size() - 1)], {}, {}};
      case Kind::address: return {kind, {}, single(), {}};
      case Kind::prefix: {
        const Prefix prefix = literal();
        return {prefix.is_single() ? Kind::address : kind, {}, prefix, {}};
      }
      case Kind::host:
        if (policy.hosts.empty()) return {Kind::address, {}, single(), {}};
        return {kind, name_of(policy.hosts), {}, {}};
      case Kind::ipset:
        if (policy.ipsets.empty()) return {Kind::address, {}, single(), {}};
        return {kind, name_of(policy.ipsets), {}, {}};
      case Kind::service:
        if (tailnet.services.empty()) return {Kind::tag, pick(tags), {}, {}};
        return {kind, pick(tailnet.services).name, {}, {}};
      default: return {kind, {}, {}, {}};
    }
  }

  template <class Kinds>
  std::vector<Selector> selectors(const Kinds& kinds, std::size_t most) {
    std::vector<Selector> out;
    for (std::size_t count = 1 + choose(most); count != 0; --count) out.push_back(selector(kinds));
    return out;
  }

  // --- acls and grants ---

  void make_rules() {
    auto& policy = model_.policy;
    const std::size_t sections = choose(16);  // neither one in sixteen, then both, acls alone, grants alone
    if (sections == 0) return;
    if (sections % 3 != 1) {
      policy.acls.emplace();
      for (std::size_t count = choose(5); count != 0; --count) policy.acls->push_back(acl());
    }
    if (sections % 3 != 2) {
      policy.grants.emplace();
      for (std::size_t count = choose(5); count != 0; --count) policy.grants->push_back(grant());
    }
  }

  // autogroup:self goes with people only; in acls also with `*`.
  std::vector<Selector> sources(bool self, bool wildcard) {
    if (one_in(24)) return {};
    if (!self) return selectors(rule_sources, 3);
    if (wildcard && one_in(4)) return {Selector{}};
    return selectors(people, 2);
  }

  std::optional<std::uint8_t> protocol() {
    if (choose(2) == 0) return std::nullopt;
    return pick(protocols);
  }

  static bool has_ports(const std::optional<std::uint8_t>& protocol) {
    return !protocol || *protocol == 6 || *protocol == 17 || *protocol == 132;
  }

  oracle::Acl acl() {
    const bool self = one_in(5);
    oracle::Acl acl;
    acl.src = sources(self, true);
    acl.protocol = protocol();
    if (!one_in(24)) {
      for (std::size_t count = 1 + choose(3); count != 0; --count) acl.dst.push_back({selector(rule_destinations), {}});
    }
    if (self)
      acl.dst.insert(acl.dst.begin() + static_cast<std::ptrdiff_t>(choose(acl.dst.size() + 1)),
                     {selector_of(Kind::self), {}});
    for (oracle::Target& target : acl.dst) {
      target.ports.push_back(has_ports(acl.protocol) ? pick(ports) : Ports{});
      while (target.ports[0] != Ports{} && one_in(3)) {
        target.ports.push_back(ports[1 + choose(ports.size() - 1)]);
      }
    }
    acl.posture = rule_posture();
    return acl;
  }

  oracle::Grant grant() {
    const bool self = one_in(5);
    oracle::Grant grant;
    grant.src = sources(self, false);
    if (!one_in(24)) grant.dst = selectors(rule_destinations, 3);
    if (self) grant.dst.push_back(selector_of(Kind::self));
    if (one_in(4)) make_capabilities(grant);
    for (std::size_t count = grant.app.empty() ? 1 + choose(3) : choose(3); count != 0; --count) {
      const auto only = protocol();
      grant.ip.push_back({only, has_ports(only) ? pick(ports) : Ports{}});
    }
    if (!self && one_in(4)) {
      grant.via.push_back(pick(tags));
      if (one_in(4)) grant.via.push_back(pick(tags));
    }
    grant.posture = rule_posture();
    return grant;
  }

  void make_capabilities(oracle::Grant& grant) {
    static const std::array<oracle::Capability, 6> known = {{
        {"example.com/cap/db", {R"({"role":"reader"})"}},
        {"tailscale.com/cap/drive", {R"({"access":"ro","shares":["docs"]})", R"({"access":"rw","shares":["*"]})"}},
        {"tailscale.com/cap/relay", {"{}"}},
        {"example.com/cap/empty", {}},
        {"tailscale.com/cap/webui", {R"({"canEdit":["*"]})"}},
        {"example.com/cap/db", {R"({"role":"writer"})"}},
    }};
    for (std::size_t count = 1 + choose(2); count != 0; --count) {
      const oracle::Capability& capability = pick(known);
      const bool there = std::any_of(grant.app.begin(), grant.app.end(),
                                     [&](const oracle::Capability& other) { return other.name == capability.name; });
      if (!there) grant.app.push_back(capability);
    }
    // Capabilities are for nodes, not for the internet.
    for (Selector& dst : grant.dst) {
      if (dst.kind == Kind::internet) dst = selector_of(Kind::tag);
    }
  }

  // --- ssh ---

  void make_ssh() {
    for (std::size_t count = choose(5); count != 0; --count) model_.policy.ssh.push_back(ssh_rule());
  }

  // People reach tagged devices and their own; tagged devices reach tagged ones; `check` needs a person.
  oracle::SshRule ssh_rule() {
    oracle::SshRule rule;
    const std::size_t shape = choose(4);
    const auto tagged = [&] { return selectors(devices, 2); };
    if (shape == 1) {
      rule.src = {selector_of(Kind::user)};
      rule.dst = {rule.src[0]};
      if (one_in(3)) rule.dst.push_back(selector_of(Kind::tag));
    } else if (shape == 2) {
      rule.src = tagged();
      if (choose(2) == 1) rule.src.push_back(selector(people));
      rule.dst = tagged();
    } else {
      rule.src = selectors(people, 2);
      if (choose(3) != 0) rule.dst = tagged();
      if (rule.dst.empty() || choose(2) == 0) rule.dst.push_back(selector_of(Kind::self));
    }
    rule.check = shape != 2 && choose(2) == 1;
    if (one_in(24)) rule.dst.clear();
    for (std::size_t count = 1 + choose(3); count != 0; --count) rule.users.push_back(pick(accounts));
    if (one_in(4)) rule.accept_env = {"GIT_*"};
    rule.posture = rule_posture();
    return rule;
  }

  // --- the rest ---

  void make_settings() {
    auto& policy = model_.policy;
    for (std::size_t count = choose(4); count != 0; --count) {
      const Prefix key =
          one_in(6) ? Prefix::parse(choose(2) == 0 ? "0.0.0.0/0" : "::/0").prefix : Prefix::parse(pick(routes)).prefix;
      const auto is_key = [&](const auto& entry) { return entry.first == key; };
      if (std::any_of(policy.route_approvers.begin(), policy.route_approvers.end(), is_key)) continue;
      policy.route_approvers.emplace_back(key, selectors(approvers, 2));
    }
    if (one_in(3)) policy.exit_approvers = selectors(approvers, 2);
    for (std::size_t count = choose(3); count != 0; --count) {
      oracle::NodeAttribute entry{selectors(attribute_targets, 2), {pick(attributes)}};
      if (one_in(3)) entry.attributes.push_back(pick(attributes));
      policy.node_attributes.push_back(std::move(entry));
    }
    policy.disable_ipv4 = one_in(24);
    policy.randomize_client_port = one_in(8);
    policy.derp_map = one_in(8);
    if (one_in(8)) policy.one_cgnat_route = choose(2) == 0 ? "mac-always" : "mac-never";
  }

  // Tests say what the oracle says. Only questions that every reading of a test answers alike: all sources and all
  // destinations agree, over TCP and UDP where no protocol is given, with or without postures.
  void make_tests() {
    const std::size_t count = choose(8);
    if (count < 4) return;
    const oracle::Tailnet tailnet = oracle::with_approvals(model_.policy, model_.tailnet);
    for (std::size_t i = 0; i + 4 <= count; ++i) {
      oracle::Test test;
      test.src = selector(test_sources);
      if (choose(2) == 1) test.protocol = choose(2) == 0 ? 6 : 17;
      oracle::Target target{selector(test_destinations), {pick(ports)}};
      target.ports[0].last = target.ports[0].first = std::max<std::uint16_t>(target.ports[0].first, 1);
      if (const auto verdict = settled_verdict(model_.policy, tailnet, test, target)) {
        (*verdict ? test.accept : test.deny).push_back(std::move(target));
        model_.policy.tests.push_back(std::move(test));
      }
    }
  }

  void make_ssh_tests() {
    const auto& policy = model_.policy;
    // What a test assumes of postures, and whether localpart: reaches back to the sources, is not told.
    const bool plain =
        !policy.default_posture && std::all_of(policy.ssh.begin(), policy.ssh.end(), [](const oracle::SshRule& rule) {
          return !rule.posture && std::none_of(rule.users.begin(), rule.users.end(), [](const std::string& user) {
            return user.rfind("localpart:", 0) == 0;
          });
        });
    if (!plain || choose(3) == 0) return;
    oracle::SshTest test;
    test.src = selector(std::array{Kind::group, Kind::tag, Kind::user, Kind::group});
    test.dst = {selector(std::array{Kind::tag, Kind::user})};
    for (const char* login : {"root", "ubuntu", "nobody"}) {
      const auto verdict = settled_login(policy, model_.tailnet, test, login);
      if (!verdict) continue;
      auto& list = *verdict == oracle::LoginVerdict::deny    ? test.deny
                   : *verdict == oracle::LoginVerdict::check ? test.check
                                                             : test.accept;
      list.emplace_back(login);
    }
    if (!test.accept.empty() || !test.check.empty() || !test.deny.empty())
      model_.policy.ssh_tests.push_back(std::move(test));
  }

  std::span<const std::uint8_t> choices_;
  std::size_t next_ = 0;
  Model model_;
};

}  // namespace

Model tailnet_model(std::span<const std::uint8_t> choices) { return Generator(choices).model(); }

std::pair<std::string, std::string> random_texts(std::uint64_t seed) {
  const Model model = tailnet_model(random_choices(seed * 7919, 60 + seed * 37 % 500));
  return {inventory_text(model.tailnet), policy_text(model.policy)};
}

}  // namespace acl::generate
