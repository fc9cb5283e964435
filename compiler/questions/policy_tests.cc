#include "compiler/questions/policy_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <unordered_map>

#include "compiler/hujson/tree.h"
#include "compiler/resolve/tailnet.h"

namespace acl::questions {

using inventory::Inventory;
using policy::PolicyTest;
using policy::Selector;
using policy::SelectorKind;
using policy::SshTest;
using policy::Target;
using resolve::NodeId;
using Attributes = std::vector<std::pair<std::string, inventory::Attribute>>;

namespace {

// The devices a test speaks of, or why it cannot be run.
struct Devices {
  std::vector<std::vector<End>> members;
  std::string fault;
};

bool uses_postures(const policy::Policy& policy) {
  const auto has = [](const auto& rule) { return rule.src_posture && !rule.src_posture->empty(); };
  if (policy.default_src_posture && !policy.default_src_posture->empty()) return true;
  if (policy.acls && std::any_of(policy.acls->begin(), policy.acls->end(), has)) return true;
  if (policy.grants && std::any_of(policy.grants->begin(), policy.grants->end(), has)) return true;
  return std::any_of(policy.ssh.begin(), policy.ssh.end(), has);
}

Attributes read_attributes(const hujson::Tree& tree, const std::vector<policy::PostureAttribute>& list) {
  Attributes out;
  for (const policy::PostureAttribute& attribute : list) {
    const hujson::Value value(tree, attribute.node);
    if (value.is(hujson::Kind::string)) out.emplace_back(attribute.name.value, value.string());
    if (value.is(hujson::Kind::boolean)) out.emplace_back(attribute.name.value, value.text() == "true");
    if (value.is(hujson::Kind::number))
      out.emplace_back(attribute.name.value, std::strtod(std::string(value.text()).c_str(), nullptr));
  }
  return out;
}

// Who takes part in the tests. Whether rules let a packet or a login through depends on its two ends and, for `*` as a source, on
// the approved routes and the devices inside them; all other devices may be left out without a difference, and the cost is that
// of the policy, not of the tailnet. Which rule is told, of several that let it through, does depend on the others: rules with equal
// sources are one on the wire, in the place of the first, and that sources are equal may be due to who is left out.
enum class Cast : std::uint8_t { everyone, who_is_named };

// The tailnet as the tests see it, with a device added for whoever is named and has none.
class Stage {
 public:
  Stage(const policy::PolicyFile& rules, const resolve::Tailnet& everyone, Cast cast)
      : rules_(rules),
        policy_(rules.policy),
        everyone_(everyone),
        base_(everyone.inventory),
        postures_(uses_postures(rules.policy)) {
    if (cast == Cast::everyone) {
      called_.resize(base_.nodes.size());
      std::iota(called_.begin(), called_.end(), 0U);
      return;
    }
    for (NodeId id = 0; id < base_.nodes.size(); ++id) {
      const inventory::Node& node = base_.nodes[id];
      if (node.advertised_routes.empty() && node.approved_routes.empty()) continue;
      called_.push_back(id);
      for (const auto* routes : {&node.advertised_routes, &node.approved_routes}) {
        for (const net::Prefix& route : *routes) {
          if (route.length() == 0) continue;  // an exit route is no source
          everyone_.addresses_in(route.first(), route.last(),
                                 [&](NodeId inside, std::uint32_t) { called_.push_back(inside); });
        }
      }
    }
  }

  // First all sources and destinations of all tests, then resolve_all(), then the questions.
  void prepare_source(const Selector& selector, const Attributes& attributes) {
    if (!call(selector) || postures_) stand_in(selector, attributes);
  }
  void prepare_destination(const Selector& selector) {
    if (!call(selector)) stand_in(selector, {});
  }
  void resolve_all() {
    gather();
    tailnet_ = std::make_unique<resolve::Tailnet>(here_);
    resolved_ = std::make_unique<resolve::Resolved>(resolve::resolve(rules_, here_, resolve::Depth::rules));
    views_ = std::make_unique<resolve::Views>(*resolved_);
  }
  [[nodiscard]] const resolve::Views& views() const { return *views_; }
  [[nodiscard]] const std::string& name(NodeId node) const { return here_.nodes[node].name; }

  [[nodiscard]] Devices sources(const Selector& selector, const Attributes& attributes) const {
    if (postures_) {
      const auto found = stand_ins_.find(key(selector, attributes));
      if (found != stand_ins_.end()) {
        std::vector<NodeId> nodes;
        for (const std::size_t added : found->second) nodes.push_back(first_added_ + static_cast<NodeId>(added));
        return of_nodes(nodes);
      }
    }
    return devices(selector);
  }
  [[nodiscard]] Devices devices(const Selector& selector) const {
    if (const auto address = single_address(selector)) return {{{{*address, tailnet_->node_at(*address)}}}, {}};
    switch (selector.kind) {
      case SelectorKind::host: return {{}, fmt::format("\"{}\" is no single address", selector.text)};
      case SelectorKind::service:
        for (const inventory::Service& service : base_.services) {
          if (service.name != selector.text) continue;
          Devices out;
          std::vector<End> ends;
          for (const net::Address& address : service.addresses) ends.push_back({address, resolve::none});
          out.members.push_back(std::move(ends));
          return out;
        }
        return {{}, fmt::format("unknown service \"{}\"", selector.text)};
      default: break;
    }
    auto nodes = tailnet_->identities(selector, policy_);
    if (!nodes) return {{}, fmt::format("\"{}\" cannot be tested", selector.text)};
    // What was added for another test is nobody's where there are devices.
    if (!nodes->empty() && nodes->front() < first_added_) {
      nodes->erase(std::lower_bound(nodes->begin(), nodes->end(), first_added_), nodes->end());
    }
    if (nodes->empty()) {
      return {{},
              selector.kind == SelectorKind::user ? fmt::format("user not found: \"{}\"", selector.text)
                                                  : fmt::format("\"{}\" stands for nobody", selector.text)};
    }
    return of_nodes(*nodes);
  }

 private:
  // A device that only the tests have.
  struct Added {
    std::uint32_t user = resolve::none;  // of everyone, or
    std::string_view tag;
    Attributes attributes;
  };

  [[nodiscard]] static std::string key(const Selector& selector, const Attributes& attributes) {
    std::string out(selector.text);
    for (const auto& [name, value] : attributes) {
      out += '\n' + name + '=';
      if (const auto* text = std::get_if<std::string>(&value)) out += '\'' + *text;
      if (const auto* number = std::get_if<double>(&value)) out += fmt::format("{}", *number);
      if (const auto* boolean = std::get_if<bool>(&value)) out += *boolean ? "true" : "false";
    }
    return out;
  }
  // The address that it is, or that the host it names is.
  [[nodiscard]] std::optional<net::Address> single_address(const Selector& selector) const {
    if (selector.kind == SelectorKind::address) return selector.prefix.first();
    if (selector.kind != SelectorKind::host) return std::nullopt;
    for (const policy::Host& host : policy_.hosts) {
      if (host.name.value == selector.name && host.prefix && host.prefix->is_single()) return host.prefix->first();
    }
    return std::nullopt;
  }
  // Its devices take part. False if it names somebody who has none.
  bool call(const Selector& selector) {
    if (const auto address = single_address(selector)) {
      const NodeId node = everyone_.node_at(*address);
      if (node != resolve::none) called_.push_back(node);
      return true;
    }
    const auto nodes = everyone_.identities(selector, policy_);
    if (!nodes) return true;
    called_.insert(called_.end(), nodes->begin(), nodes->end());
    return !nodes->empty();
  }
  [[nodiscard]] Devices of_nodes(const std::vector<NodeId>& nodes) const {
    Devices out;
    for (const NodeId node : nodes) {
      std::vector<End> ends;
      for (const net::Address& address : here_.nodes[node].addresses) ends.push_back({address, node});
      out.members.push_back(std::move(ends));
    }
    return out;
  }

  // Logins that a selector stands for, or the tag it names.
  void stand_in(const Selector& selector, const Attributes& attributes) {
    const std::string name = key(selector, attributes);
    if (stand_ins_.count(name) != 0) return;
    std::vector<std::size_t> nodes;
    const auto add = [&](std::uint32_t user, std::string_view tag) {
      nodes.push_back(added_.size());
      added_.push_back({user, tag, attributes});
    };
    const auto add_user = [&](std::string_view login) {
      const std::uint32_t user = everyone_.user(login);
      if (user != resolve::none) add(user, {});
    };
    if (selector.kind == SelectorKind::user) {
      add_user(selector.text);
    } else if (selector.kind == SelectorKind::group) {
      // A group of the policy comes before one of the same name that is synced.
      const auto named = [&](const policy::Group& group) { return group.name.value == selector.text; };
      const auto group = std::find_if(policy_.groups.begin(), policy_.groups.end(), named);
      if (group != policy_.groups.end()) {
        for (const Selector& member : group->members) add_user(member.text);
      } else {
        for (const auto& synced : base_.synced_groups) {
          if (synced.name != selector.text) continue;
          for (const std::string& login : synced.members) add_user(login);
        }
      }
    } else if (selector.kind == SelectorKind::tag) {
      const auto declared = std::any_of(policy_.tag_owners.begin(), policy_.tag_owners.end(),
                                        [&](const auto& tag) { return tag.name.value == selector.text; });
      if (declared) add(resolve::none, selector.text);
    }
    if (!nodes.empty()) stand_ins_.emplace(name, std::move(nodes));
  }

  // Whose devices are all shared in from another tailnet will not have one of this tailnet.
  [[nodiscard]] bool is_guest(std::uint32_t user) const {
    const auto& own = everyone_.nodes_of_user[user];
    return !own.empty() && std::all_of(own.begin(), own.end(), [&](NodeId id) { return base_.nodes[id].shared; });
  }

  // Fills here_: the called devices in the order of the inventory, then the added ones.
  void gather() {
    std::sort(called_.begin(), called_.end());
    called_.erase(std::unique(called_.begin(), called_.end()), called_.end());
    here_.tailnet = base_.tailnet;
    here_.domains = base_.domains;
    here_.tags = base_.tags;
    here_.synced_groups = base_.synced_groups;
    here_.settings = base_.settings;
    here_.services = base_.services;
    for (inventory::Service& service : here_.services) service.hosts.clear();  // who answers for it is not asked
    const auto user_here = [&](std::uint32_t user) {
      if (user == inventory::none) return user;
      const auto [found, fresh] = users_.try_emplace(user, static_cast<std::uint32_t>(here_.users.size()));
      if (fresh) here_.users.push_back(base_.users[user]);
      return found->second;
    };
    for (const NodeId id : called_) {
      here_.nodes.push_back(base_.nodes[id]);
      here_.nodes.back().user = user_here(base_.nodes[id].user);
    }
    first_added_ = static_cast<NodeId>(here_.nodes.size());
    std::uint32_t next_v4 = 0x647ffffe;  // from the top of 100.64.0.0/10
    for (const Added& added : added_) {
      inventory::Node node;
      node.name = fmt::format("a device of {}",
                              added.tag.empty() ? std::string_view(base_.users[added.user].login) : added.tag);
      if (added.tag.empty()) {
        node.user = user_here(added.user);
        node.shared = is_guest(added.user);
      } else {
        auto& tags = here_.tags;
        auto known = std::find(tags.begin(), tags.end(), added.tag);
        if (known == tags.end()) known = tags.insert(tags.end(), std::string(added.tag));
        node.tags.push_back(static_cast<std::uint32_t>(known - tags.begin()));
      }
      while (everyone_.node_at(net::Address::v4(next_v4)) != resolve::none) --next_v4;
      node.addresses = {net::Address::v4(next_v4),
                        net::Address::v6(0xfd7a115ca1e0ffffULL, 0xffff000000000000ULL | next_v4)};
      --next_v4;
      node.posture = added.attributes;
      here_.nodes.push_back(std::move(node));
    }
    // By age as they are in the inventory; the added ones are the youngest.
    std::vector<NodeId> oldest_first(called_.size());
    std::iota(oldest_first.begin(), oldest_first.end(), 0U);
    std::sort(oldest_first.begin(), oldest_first.end(),
              [&](NodeId a, NodeId b) { return base_.age[called_[a]] < base_.age[called_[b]]; });
    here_.age.resize(here_.nodes.size());
    std::iota(here_.age.begin(), here_.age.end(), 0U);
    for (std::uint32_t rank = 0; rank < oldest_first.size(); ++rank) here_.age[oldest_first[rank]] = rank;
  }

  const policy::PolicyFile& rules_;
  const policy::Policy& policy_;
  const resolve::Tailnet& everyone_;
  const Inventory& base_;
  bool postures_;
  std::vector<NodeId> called_;  // of everyone
  std::vector<Added> added_;
  std::map<std::string, std::vector<std::size_t>> stand_ins_;  // indices into added_
  Inventory here_;
  NodeId first_added_ = 0;
  std::unordered_map<std::uint32_t, std::uint32_t> users_;  // of everyone: here
  std::unique_ptr<resolve::Tailnet> tailnet_;
  std::unique_ptr<resolve::Resolved> resolved_;
  std::unique_ptr<resolve::Views> views_;
};

class Runner {
 public:
  Runner(const Stage& stage, TestRun& out) : stage_(stage), out_(out) {}

  void packets(const PolicyTest& test, std::uint32_t index, const Attributes& attributes) {
    const Devices sources = test.src ? stage_.sources(*test.src, attributes) : Devices{{}, "no src"};
    const std::string from(test.src ? test.src->text : "");
    std::vector<std::uint8_t> protocols = {6, 17};
    if (test.protocol) protocols = {*test.protocol};
    const auto ask = [&](const Target& target, bool accept) {
      TestCase c{"test",
                 index,
                 target.text.span,
                 fmt::format("{} -> {}", from, target.text.value),
                 accept ? "accept" : "deny",
                 {},
                 {},
                 {},
                 false};
      const Devices destinations = stage_.devices(target.selector);
      const std::string& fault = sources.fault.empty() ? destinations.fault : sources.fault;
      if (!fault.empty()) {
        c.got = fault;
      } else if (target.ports.empty()) {
        c.got = "no port";
      } else {
        judge(c, sources, destinations, target.ports[0].first, protocols, accept);
      }
      out_.cases.push_back(std::move(c));
    };
    for (const Target& target : test.accept) ask(target, true);
    for (const Target& target : test.deny) ask(target, false);
  }

  void logins(const SshTest& test, std::uint32_t index, const Attributes& attributes) {
    const Devices sources = test.src ? stage_.sources(*test.src, attributes) : Devices{{}, "no src"};
    for (const Selector& dst : test.dst) {
      const Devices destinations = stage_.devices(dst);
      const auto ask = [&](const policy::Text& login, Verdict wanted) {
        TestCase c{"sshTest",
                   index,
                   login.span,
                   fmt::format("{} -> {}@{}", test.src ? test.src->text : "", login.value, dst.text),
                   std::string(verdict_name(wanted)),
                   {},
                   {},
                   {},
                   false};
        const std::string& fault = sources.fault.empty() ? destinations.fault : sources.fault;
        if (!fault.empty()) {
          c.got = fault;
        } else {
          judge_logins(c, sources, destinations, login.value, wanted);
        }
        out_.cases.push_back(std::move(c));
      };
      for (const policy::Text& login : test.accept) ask(login, Verdict::accept);
      for (const policy::Text& login : test.check) ask(login, Verdict::check);
      for (const policy::Text& login : test.deny) ask(login, Verdict::deny);
    }
  }

 private:
  [[nodiscard]] std::string end_name(const std::vector<End>& ends) const {
    return ends[0].node == resolve::none ? ends[0].address.text() : stage_.name(ends[0].node);
  }
  void exercise(const resolve::Origin& origin) {
    if (std::find(out_.exercised.begin(), out_.exercised.end(), origin) == out_.exercised.end()) {
      out_.exercised.push_back(origin);
    }
  }

  // A source with the rules that begin at it, and what they open on each of the protocols.
  struct From {
    End end;
    std::vector<std::uint32_t> rules;
    std::vector<std::vector<Opening>> open;
  };
  [[nodiscard]] std::vector<From> rules_from_each(const std::vector<End>& sources) const {
    std::vector<From> out;
    for (const End& source : sources) out.push_back({source, rules_from(stage_.views(), source), {}});
    return out;
  }

  [[nodiscard]] static std::vector<std::uint32_t> rules_of(const std::vector<From>& sources) {
    std::vector<std::uint32_t> out;
    for (const From& source : sources) {
      out.push_back(source.end.address.is_v4() ? 4 : 6);
      out.push_back(static_cast<std::uint32_t>(source.rules.size()));
      out.insert(out.end(), source.rules.begin(), source.rules.end());
    }
    return out;
  }

  [[nodiscard]] Decision reach(const std::vector<From>& sources, const std::vector<End>& destinations) const {
    for (const From& source : sources) {
      for (const End& destination : destinations) {
        if (source.end.address.family() != destination.address.family()) continue;
        for (const std::vector<Opening>& open : source.open) {
          const Decision decision = decide(stage_.views(), open, destination);
          if (decision.allowed) return decision;
        }
      }
    }
    return {};
  }

  // Stops at the first pair that contradicts the test.
  void judge(TestCase& c, const Devices& sources, const Devices& destinations, std::uint16_t port,
             const std::vector<std::uint8_t>& protocols, bool accept) {
    c.ok = true;
    c.got = c.expected;
    // What a packet may reach hangs on its source by nothing but the rules that begin there: of sources with the same rules one is
    // asked for all.
    std::set<std::vector<std::uint32_t>> asked;
    for (const auto& source : sources.members) {
      std::vector<From> from = rules_from_each(source);
      if (!asked.insert(rules_of(from)).second) continue;
      for (From& one : from) {
        for (const std::uint8_t protocol : protocols) {
          one.open.push_back(openings(stage_.views(), one.rules, protocol, port));
        }
      }
      for (const auto& destination : destinations.members) {
        const Decision decision = reach(from, destination);
        if (decision.allowed) {
          exercise(decision.origin);
          c.rule = resolve::origin_name(decision.origin);
        }
        if (decision.allowed == accept) continue;
        c.ok = false;
        c.got = decision.allowed ? "accept" : "deny";
        if (!decision.allowed) c.rule.clear();
        c.detail = fmt::format("{} -> {}", end_name(source), end_name(destination));
        return;
      }
    }
  }

  void judge_logins(TestCase& c, const Devices& sources, const Devices& destinations, std::string_view login,
                    Verdict wanted) {
    c.ok = true;
    c.got = c.expected;
    for (const auto& source : sources.members) {
      for (const auto& destination : destinations.members) {
        if (source[0].node == resolve::none || destination[0].node == resolve::none) {
          c.ok = false;
          c.got = fmt::format("{} is the address of no device",
                              (source[0].node == resolve::none ? source : destination)[0].address.text());
          return;
        }
        const Login decision = decide_login(stage_.views(), source[0].node, destination[0].node, login);
        if (decision.verdict != Verdict::deny) {
          exercise({resolve::Section::ssh, decision.rule});
          c.rule = resolve::origin_name({resolve::Section::ssh, decision.rule});
        }
        if (decision.verdict == wanted) continue;
        c.ok = false;
        c.got = verdict_name(decision.verdict);
        if (decision.verdict == Verdict::deny) c.rule.clear();
        c.detail = fmt::format("{} -> {}", end_name(source), end_name(destination));
        return;
      }
    }
  }

  const Stage& stage_;
  TestRun& out_;
};

TestRun run(Cast cast, const policy::PolicyFile& rules, const resolve::Tailnet& everyone, const hujson::Tree& tree,
            const std::vector<PolicyTest>& tests, const std::vector<SshTest>& ssh_tests) {
  TestRun out;
  if (tests.empty() && ssh_tests.empty()) return out;
  Stage stage(rules, everyone, cast);
  std::vector<Attributes> packet_attributes, login_attributes;
  for (const PolicyTest& test : tests) {
    packet_attributes.push_back(read_attributes(tree, test.src_posture_attrs));
    if (test.src) stage.prepare_source(*test.src, packet_attributes.back());
    for (const auto* list : {&test.accept, &test.deny}) {
      for (const Target& target : *list) stage.prepare_destination(target.selector);
    }
  }
  for (const SshTest& test : ssh_tests) {
    login_attributes.push_back(read_attributes(tree, test.src_posture_attrs));
    if (test.src) stage.prepare_source(*test.src, login_attributes.back());
    for (const Selector& dst : test.dst) stage.prepare_destination(dst);
  }
  stage.resolve_all();
  Runner runner(stage, out);
  for (std::uint32_t i = 0; i < tests.size(); ++i) runner.packets(tests[i], i, packet_attributes[i]);
  for (std::uint32_t i = 0; i < ssh_tests.size(); ++i) runner.logins(ssh_tests[i], i, login_attributes[i]);
  return out;
}

}  // namespace

bool TestRun::passed() const noexcept {
  return std::all_of(cases.begin(), cases.end(), [](const TestCase& c) { return c.ok; });
}

TestRun run_tests(const policy::PolicyFile& rules, const Inventory& inventory, const hujson::Tree& tree,
                  const std::vector<PolicyTest>& tests, const std::vector<SshTest>& ssh_tests) {
  if (tests.empty() && ssh_tests.empty()) return {};
  return run_tests(rules, resolve::Tailnet(inventory), tree, tests, ssh_tests);
}

TestRun run_tests(const policy::PolicyFile& rules, const resolve::Tailnet& everyone, const hujson::Tree& tree,
                  const std::vector<PolicyTest>& tests, const std::vector<SshTest>& ssh_tests) {
  return run(Cast::everyone, rules, everyone, tree, tests, ssh_tests);
}

TestRun judge_tests(const policy::PolicyFile& rules, const resolve::Tailnet& everyone, const hujson::Tree& tree,
                    const std::vector<PolicyTest>& tests, const std::vector<SshTest>& ssh_tests) {
  TestRun outcome = run(Cast::who_is_named, rules, everyone, tree, tests, ssh_tests);
  outcome.exercised.clear();
  for (TestCase& test : outcome.cases) test.rule.clear();
  return outcome;
}

}  // namespace acl::questions
