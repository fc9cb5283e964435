#include "tests/agreement/table_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "compiler/policy/ports.h"
#include "compiler/questions/reach.h"
#include "tests/agreement/pairs.h"
#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"
#include "tests/oracle/wire.h"

namespace acl::agreement {
namespace {

using oracle::Address;
using oracle::Node;
using oracle::Passage;
using oracle::Policy;
using oracle::Prefix;
using oracle::Ranges;
using oracle::Tailnet;

constexpr std::array<std::uint8_t, 7> asked_protocols = {6, 17, 132, 1, 58, 47, 0};
constexpr std::array<std::uint16_t, 3> asked_ports = {0, 22, 443};

class Comparison {
 public:
  Comparison(const Policy& policy, const Tailnet& tailnet, const Tables& tables, std::uint64_t seed, Asked& asked)
      : policy_(policy),
        tailnet_(tailnet),
        tables_(tables),
        openings_(oracle::openings(policy, tailnet)),
        asked_(asked) {
    random_.state = seed | 1U;
    posture_ = policy.default_posture.has_value();
    for (const auto& acl : policy.acls.value_or(std::vector<oracle::Acl>())) posture_ = posture_ || acl.posture;
    for (const auto& grant : policy.grants.value_or(std::vector<oracle::Grant>())) posture_ = posture_ || grant.posture;
  }

  std::optional<std::string> run() {
    if (tables_.nodes().size() != tailnet_.nodes.size()) return "tailnet: tables are missing";
    find_places();
    for (const Node& node : tailnet_.nodes) {
      const auto found = tables_.nodes().find(node.name);
      if (found == tables_.nodes().end()) return node.name + ": no table";
      node_ = &node;
      table_ = &found->second;
      read_node();
      packets();
      capabilities();
      logins();
      known();
      if (difference_) return difference_;
    }
    return std::nullopt;
  }

 private:
  void differ(const std::string& question, const std::string& expected, const std::string& got) {
    if (!difference_)
      difference_ = fmt::format("{}: {}\n  expected: {}\n  table:    {}", node_->name, question, expected, got);
  }

  // --- places ---

  // Every node's addresses, everything routed, some of the world; with the neighbours of all.
  void find_places() {
    Ranges ranges;
    for (const char* text :
         {"8.8.8.8", "203.0.113.1", "100.115.92.9", "10.33.5.9", "2001:db8::1", "fd00:1::5", "127.0.0.1", "0.0.0.0",
          "255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
      places_.push_back(*Address::parse(text));
    }
    for (const Node& node : tailnet_.nodes) {
      for (const Address& address : node.addresses) ranges.push_back(oracle::range_of(address));
      for (const Prefix& route : node.approved) ranges.push_back(oracle::range_of(route));
    }
    for (const oracle::Service& service : tailnet_.services) {
      for (const Address& address : service.addresses) ranges.push_back(oracle::range_of(address));
    }
    const std::vector<Address> around = oracle::probes(ranges);
    places_.insert(places_.end(), around.begin(), around.end());
  }

  // What is at the node, and what of it `can` and the table mean alike.
  void read_node() {
    at_node_.clear();
    for (const Address& address : node_->addresses) at_node_.push_back(oracle::range_of(address));
    for (const Prefix& route : oracle::subnet_routes(*node_)) at_node_.push_back(oracle::range_of(route));
    for (const oracle::Service& service : tailnet_.services) {
      if (std::find(service.hosts.begin(), service.hosts.end(), node_->name) == service.hosts.end()) continue;
      for (const Address& address : service.addresses) at_node_.push_back(oracle::range_of(address));
    }
    common_ = at_node_;
    for (const Prefix& route : node_->approved) {
      if (!oracle::is_exit_route(route)) continue;
      for (const oracle::Range& range : oracle::internet()) {
        if (range.first.family() == route.family()) at_node_.push_back(range);
      }
    }
    passages_ = oracle::passages(policy_, tailnet_, *node_);
    awards_ = oracle::awards(policy_, tailnet_, *node_);
  }

  [[nodiscard]] bool is_own(const Address& address) const {
    return std::find(node_->addresses.begin(), node_->addresses.end(), address) != node_->addresses.end();
  }
  [[nodiscard]] bool is_common(const Address& destination) const {
    if (is_own(destination)) return true;
    return oracle::contains(common_, destination) && oracle::node_of(tailnet_, destination) == nullptr &&
           !oracle::contains(oracle::internet(), destination);
  }
  [[nodiscard]] bool is_nobody(const Address& source) const {
    if (!posture_ || oracle::node_of(tailnet_, source) != nullptr) return false;
    for (const Node& node : tailnet_.nodes) {
      for (const Prefix& route : oracle::subnet_routes(node)) {
        if (route.contains(source)) return false;
      }
    }
    return oracle::contains(oracle::whole_tailnet({}), source);
  }

  // --- packets ---

  void packets() {
    for (const Address& source : places_) {
      for (const Address& destination : node_->addresses) {
        for (const std::uint8_t protocol : asked_protocols) {
          for (const std::uint16_t port : asked_ports) packet(source, destination, protocol, port);
        }
      }
    }
    for (const Passage& passage : passages_) {
      for (int times = 0; times < 16; ++times) edge(passage);
    }
    for (int times = 0; times < 200; ++times) {
      packet(random_.pick(places_), random_.pick(places_), random_.pick(asked_protocols),
             static_cast<std::uint16_t>(random_.below(65536)));
    }
  }

  Address near(const oracle::Range& range) { return random_.pick(oracle::probes({range})); }

  void edge(const Passage& passage) {
    const auto side = random_.below(8);
    const Address source =
        side == 0 || passage.sources.empty() ? random_.pick(places_) : near(random_.pick(passage.sources));
    const Address destination = side == 1  ? random_.pick(places_)
                                : side < 5 ? near(random_.pick(at_node_))
                                           : near(passage.destination);
    const std::uint8_t protocol = side == 2 ? random_.pick(asked_protocols) : random_.pick(passage.protocols);
    const std::array<int, 5> around = {passage.ports.first, passage.ports.last, passage.ports.first - 1,
                                       passage.ports.last + 1, 0};
    packet(source, destination, protocol, static_cast<std::uint16_t>(std::clamp(random_.pick(around), 0, 65535)));
  }

  // Whether the oracle lets a packet in; without a port: anything of the protocol.
  [[nodiscard]] bool lets_in(const Address& source, const Address& destination, std::uint8_t protocol,
                             std::optional<std::uint16_t> port) const {
    if (!oracle::contains(at_node_, destination)) return false;
    if (port) return oracle::passes(passages_, source, destination, protocol, *port);
    return std::any_of(passages_.begin(), passages_.end(), [&](const Passage& passage) {
      return std::find(passage.protocols.begin(), passage.protocols.end(), protocol) != passage.protocols.end() &&
             oracle::contains(passage.destination, destination) && oracle::contains(passage.sources, source);
    });
  }

  [[nodiscard]] std::uint32_t destination_class(const Address& destination) const {
    const table::OwnAddress* own = table_->header.find(destination);
    return own != nullptr ? own->hot_class : table_->hot.destination_class(destination);
  }

  // The rule's name, or "nothing".
  [[nodiscard]] std::string rule_text(const std::optional<std::uint32_t>& rule) const {
    return rule ? tables_.rule_name(table_->names.hot_rule_id(*rule)) : "nothing";
  }

  void packet(const Address& source, const Address& destination, std::uint8_t protocol, std::uint16_t port) {
    if (difference_ || source.family() != destination.family()) return;
    const auto question = [&] {
      return fmt::format("from {} to {} protocol {} port {}", source.text(), destination.text(), protocol, port);
    };
    const std::uint32_t from = table_->hot.source_class(source), to = destination_class(destination);
    const auto rule = table_->hot.decide(from, to, protocol, port);
    const auto any = table_->hot.decide_any(from, to, protocol);
    const bool ports = policy::protocol_has_ports(protocol);
    if (!is_nobody(source)) {
      const bool expected = lets_in(source, destination, protocol, ports ? std::optional(port) : std::nullopt);
      ++asked_.packets;
      asked_.allowed += expected ? 1U : 0U;
      if (expected != rule.has_value()) differ(question(), expected ? "passes" : "is dropped", rule_text(rule));
      if (lets_in(source, destination, protocol, std::nullopt) != any.has_value())
        differ("any of it " + question(), any ? "is dropped" : "passes", rule_text(any));
    }
    if (!ports && rule != any) differ("without a port " + question(), rule_text(any), rule_text(rule));
    if (is_common(destination)) packet_of_can(source, destination, protocol, port, rule, question());
  }

  void packet_of_can(const Address& source, const Address& destination, std::uint8_t protocol, std::uint16_t port,
                     const std::optional<std::uint32_t>& rule, const std::string& question) {
    const questions::Decision decision = questions::decide(
        tables_.views(), {{source, tables_.owner(source)}, {destination, tables_.owner(destination)}, protocol, port});
    if (decision.allowed) {
      const resolve::Rule& decided = tables_.views().resolved().rules[decision.rule];
      if (decided.destinations.front().via != resolve::none) return;
    }
    ++asked_.packets_of_can;
    const std::string expected = !decision.allowed ? "nothing"
                                 : decision.origin.section == resolve::Section::allow_all
                                     ? "*"
                                     : resolve::origin_name(decision.origin);
    if (expected != rule_text(rule)) differ("can " + question, expected, rule_text(rule));
  }

  // --- capabilities ---

  void capabilities() {
    for (const Address& source : places_) {
      for (const Address& destination : node_->addresses) capability(source, destination);
    }
    for (const oracle::Award& award : awards_) {
      for (int times = 0; times < 12 && !award.sources.empty() && !award.destinations.empty(); ++times) {
        const Address source = near(random_.pick(award.sources));
        capability(source, near(random_.pick(award.destinations)));
        capability(source, random_.pick(places_));
        capability(random_.pick(places_), near(random_.pick(award.destinations)));
      }
    }
  }

  void capability(const Address& source, const Address& destination) {
    if (difference_ || source.family() != destination.family() || is_nobody(source)) return;
    std::set<std::pair<std::string, std::string>> expected, got;
    if (oracle::contains(at_node_, destination)) {
      for (const auto& one : oracle::capabilities(awards_, source, destination)) expected.insert(one);
    }
    const table::OwnAddress* own = table_->header.find(destination);
    const std::uint32_t to = own != nullptr ? own->names_class : table_->names.destination_class(destination);
    for (const table::Capability& one : table_->names.capabilities(source, to)) {
      got.emplace(one.name, "");
      if (!one.value.empty()) got.emplace(one.name, one.value);
      if (tables_.rule_name(one.rule_id).substr(0, 7) != "grants[")
        differ("the rule of a capability", "a grant", tables_.rule_name(one.rule_id));
    }
    ++asked_.capabilities;
    if (expected == got) return;
    const auto print = [](const auto& list) {
      std::string out;
      for (const auto& [name, value] : list) out += fmt::format("{}={} ", name, value);
      return out.empty() ? "none" : out;
    };
    differ(fmt::format("capabilities of {} at {}", source.text(), destination.text()), print(expected), print(got));
  }

  // --- logins ---

  void logins() {
    std::set<std::string> names = {"root", "ubuntu",  "nobody",           "ana", "bo", "cy",
                                   "dee",  "tag:foo", "autogroup:nonroot"};
    for (const oracle::User& user : tailnet_.users) names.insert(user.login.substr(0, user.login.find('@')));
    for (const oracle::SshRule& rule : policy_.ssh) names.insert(rule.users.begin(), rule.users.end());
    for (const Node& source : tailnet_.nodes) {
      for (const std::string& name : names) login(source, name);
    }
    for (const Address& place : places_) {
      if (oracle::node_of(tailnet_, place) != nullptr) continue;
      if (table_->ssh.decide({place, "root"}).action != table::LoginAction::deny)
        differ("login from " + place.text(), "deny", "something else");
    }
  }

  void login(const Node& source, const std::string& name) {
    const oracle::Login expected = oracle::ssh(policy_, tailnet_, source, *node_, name);
    const questions::Login of_can =
        questions::decide_login(tables_.views(), tables_.nodes().at(source.name).node, table_->node, name);
    for (const Address& address : source.addresses) {
      const table::LoginDecision got = table_->ssh.decide({address, name});
      ++asked_.logins;
      oracle::Login verdict;
      if (got.action != table::LoginAction::deny) {
        verdict = {got.action == table::LoginAction::check ? oracle::LoginVerdict::check : oracle::LoginVerdict::accept,
                   std::string(got.account)};
      }
      const std::string question = fmt::format("login from {} ({}) as {}", source.name, address.text(), name);
      if (verdict != expected) differ(question, text(expected), text(verdict));
      const std::string can = fmt::format("{} {}", questions::verdict_name(of_can.verdict), of_can.local);
      const auto action = static_cast<questions::Verdict>(static_cast<std::uint8_t>(got.action));
      const std::string table = fmt::format("{} {}", questions::verdict_name(action), got.account);
      if (can != table) differ("can " + question, can, table);
      if (of_can.reaches_node != got.known_source)
        differ("as somebody " + question, of_can.reaches_node ? "admitted" : "not admitted",
               got.known_source ? "admitted" : "not admitted");
      if (got.action == table::LoginAction::deny) continue;
      const std::string rule = tables_.rule_name(table_->names.ssh_rule_id(got.rule));
      if (rule != fmt::format("ssh[{}]", of_can.rule))
        differ("rule of " + question, fmt::format("ssh[{}]", of_can.rule), rule);
    }
  }

  // --- who is known ---

  void known() {
    const auto& identities = tables_.identities();
    std::set<std::string> expected, got;
    for (const Node& other : tailnet_.nodes) {
      if (&other != node_ && oracle::sees(openings_, *node_, other)) expected.insert(other.name);
    }
    table_->names.each_known([&](std::uint32_t number) {
      const std::string name = number < identities.size() ? identities[number].name : "nobody";
      if (name != node_->name) got.insert(name);
      if (!table_->names.knows(number)) differ("knows identity", "yes", "no");
    });
    for (std::uint32_t number = 0; number < identities.size(); ++number) {
      const table::Identity& one = identities[number];
      if (one.name != node_->name && table_->names.knows(number) != (expected.count(one.name) != 0))
        differ("knows " + one.name, "otherwise", "");
      describe(one);
    }
    ++asked_.known;
    if (expected != got)
      differ("known nodes", fmt::format("{}", fmt::join(expected, " ")), fmt::format("{}", fmt::join(got, " ")));
  }

  void describe(const table::Identity& one) {
    const Node* node = oracle::find_node(tailnet_, one.name);
    if (node == nullptr) return differ("identity " + one.name, "a node", "nobody");
    const bool owned = node->tags.empty();
    if (one.login != (owned ? node->user : "")) differ("login of " + one.name, node->user, one.login);
    const auto sorted = [](auto list) {
      std::sort(list.begin(), list.end());
      return list;
    };
    if (sorted(one.tags) != sorted(node->tags))
      differ("tags of " + one.name, "others", fmt::format("{}", fmt::join(one.tags, " ")));
    if (sorted(one.addresses) != sorted(node->addresses)) differ("addresses of " + one.name, "others", "");
    auto routes = sorted(node->approved);
    routes.erase(std::unique(routes.begin(), routes.end()), routes.end());
    if (sorted(one.routes) != routes) differ("routes of " + one.name, "others", "");
    if (one.shared != node->shared || one.unbound) differ("flags of " + one.name, "others", "");
  }

  const Policy& policy_;
  const Tailnet& tailnet_;
  const Tables& tables_;
  oracle::Openings openings_;
  Asked& asked_;
  bool posture_ = false;
  Random random_;
  std::vector<Address> places_;
  const Node* node_ = nullptr;
  const NodeTable* table_ = nullptr;
  Ranges at_node_, common_;
  std::vector<Passage> passages_;
  std::vector<oracle::Award> awards_;
  std::optional<std::string> difference_;
};

}  // namespace

std::optional<std::string> first_difference(const Policy& policy, const Tailnet& tailnet, const Tables& tables,
                                            std::uint64_t seed, Asked& asked) {
  return Comparison(policy, tailnet, tables, seed, asked).run();
}

}  // namespace acl::agreement
