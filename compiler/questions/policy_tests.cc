#include "compiler/questions/policy_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_set>

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
    if (value.is(hujson::Kind::number)) out.emplace_back(attribute.name.value, std::stod(std::string(value.text())));
  }
  return out;
}

// The tailnet with a device added for whoever has none, so that a test can speak of them.
class Stage {
 public:
  Stage(const policy::PolicyFile& rules, const Inventory& inventory)
      : rules_(rules),
        policy_(rules.policy),
        base_(inventory),
        base_tailnet_(inventory),
        postures_(uses_postures(rules.policy)) {}

  // First all sources and destinations of all tests, then the questions.
  void prepare_source(const Selector& selector, const Attributes& attributes) {
    if (postures_ || !has_devices(selector)) stand_in(selector, attributes);
  }
  void prepare_destination(const Selector& selector) {
    if (!has_devices(selector)) stand_in(selector, {});
  }
  void resolve_all() {
    const Inventory& all = extended_ ? *extended_ : base_;
    resolved_ = std::make_unique<resolve::Resolved>(resolve::resolve(rules_, all, resolve::Depth::rules));
    views_ = std::make_unique<resolve::Views>(*resolved_);
    if (extended_) extended_tailnet_ = std::make_unique<resolve::Tailnet>(all);
  }
  [[nodiscard]] const resolve::Views& views() const { return *views_; }
  [[nodiscard]] const std::string& name(NodeId node) const { return resolved_->inventory->nodes[node].name; }

  [[nodiscard]] Devices sources(const Selector& selector, const Attributes& attributes) const {
    if (postures_) {
      const auto found = stand_ins_.find(key(selector, attributes));
      if (found != stand_ins_.end()) return of_nodes(found->second);
    }
    return devices(selector);
  }
  [[nodiscard]] Devices devices(const Selector& selector) const {
    switch (selector.kind) {
      case SelectorKind::address: return literal(selector.prefix.first());
      case SelectorKind::host:
        for (const policy::Host& host : policy_.hosts) {
          if (host.name.value == selector.name && host.prefix && host.prefix->is_single())
            return literal(host.prefix->first());
        }
        return {{}, fmt::format("\"{}\" is no single address", selector.text)};
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
    const auto nodes = tailnet().identities(selector, policy_);
    if (!nodes) return {{}, fmt::format("\"{}\" cannot be tested", selector.text)};
    if (nodes->empty()) {
      return {{},
              selector.kind == SelectorKind::user ? fmt::format("user not found: \"{}\"", selector.text)
                                                  : fmt::format("\"{}\" stands for nobody", selector.text)};
    }
    return of_nodes(*nodes);
  }

 private:
  [[nodiscard]] const resolve::Tailnet& tailnet() const {
    return extended_tailnet_ ? *extended_tailnet_ : base_tailnet_;
  }
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
  [[nodiscard]] bool has_devices(const Selector& selector) const {
    const auto nodes = base_tailnet_.identities(selector, policy_);
    return !nodes || !nodes->empty();
  }
  [[nodiscard]] Devices of_nodes(const std::vector<NodeId>& nodes) const {
    Devices out;
    for (const NodeId node : nodes) {
      std::vector<End> ends;
      for (const net::Address& address : resolved_->inventory->nodes[node].addresses) ends.push_back({address, node});
      out.members.push_back(std::move(ends));
    }
    return out;
  }
  [[nodiscard]] Devices literal(const net::Address& address) const {
    const auto& nodes = resolved_->inventory->nodes;
    for (NodeId id = 0; id < nodes.size(); ++id) {
      if (std::find(nodes[id].addresses.begin(), nodes[id].addresses.end(), address) != nodes[id].addresses.end()) {
        return {{{{address, id}}}, {}};
      }
    }
    return {{{{address, resolve::none}}}, {}};
  }

  // Logins that a selector stands for, or the tag it names.
  void stand_in(const Selector& selector, const Attributes& attributes) {
    const std::string name = key(selector, attributes);
    if (stand_ins_.count(name) != 0) return;
    std::vector<NodeId> nodes;
    const auto add_user = [&](std::string_view login) {
      for (std::uint32_t user = 0; user < base_.users.size(); ++user) {
        if (policy::equal_ignoring_case(base_.users[user].login, login))
          nodes.push_back(add_device(user, {}, attributes));
      }
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
      if (declared) nodes.push_back(add_device(resolve::none, selector.text, attributes));
    }
    if (!nodes.empty()) stand_ins_.emplace(name, std::move(nodes));
  }

  // Whose devices are all shared in from another tailnet will not have one of this tailnet.
  [[nodiscard]] bool is_guest(std::uint32_t user) const {
    bool shared = false;
    for (const inventory::Node& node : base_.nodes) {
      if (node.user == user && !node.shared) return false;
      if (node.user == user) shared = true;
    }
    return shared;
  }

  NodeId add_device(std::uint32_t user, std::string_view tag, const Attributes& attributes) {
    if (!extended_) {
      extended_ = std::make_unique<Inventory>(base_);
      for (const auto& node : base_.nodes) {
        for (const net::Address& address : node.addresses) {
          if (address.is_v4()) used_.insert(address.low());
        }
      }
    }
    inventory::Node node;
    node.name = fmt::format("a device of {}", tag.empty() ? std::string_view(base_.users[user].login) : tag);
    node.user = tag.empty() ? user : inventory::none;
    node.shared = tag.empty() && is_guest(user);
    if (!tag.empty()) {
      auto& tags = extended_->tags;
      auto known = std::find(tags.begin(), tags.end(), tag);
      if (known == tags.end()) known = tags.insert(tags.end(), std::string(tag));
      node.tags.push_back(static_cast<std::uint32_t>(known - tags.begin()));
    }
    while (used_.count(next_v4_) != 0) --next_v4_;
    node.addresses = {net::Address::v4(static_cast<std::uint32_t>(next_v4_)),
                      net::Address::v6(0xfd7a115ca1e0ffffULL, 0xffff000000000000ULL | next_v4_)};
    --next_v4_;
    node.posture = attributes;
    extended_->nodes.push_back(std::move(node));
    extended_->age.push_back(static_cast<std::uint32_t>(extended_->age.size()));
    return static_cast<NodeId>(extended_->nodes.size() - 1);
  }

  const policy::PolicyFile& rules_;
  const policy::Policy& policy_;
  const Inventory& base_;
  resolve::Tailnet base_tailnet_;
  bool postures_;
  std::unique_ptr<Inventory> extended_;
  std::map<std::string, std::vector<NodeId>> stand_ins_;
  std::unordered_set<std::uint64_t> used_;
  std::uint64_t next_v4_ = 0x647ffffe;  // from the top of 100.64.0.0/10
  std::unique_ptr<resolve::Resolved> resolved_;
  std::unique_ptr<resolve::Views> views_;
  std::unique_ptr<resolve::Tailnet> extended_tailnet_;
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

  // A source with the rules that begin at it.
  struct From {
    End end;
    std::vector<std::uint32_t> rules;
  };
  [[nodiscard]] std::vector<From> rules_from_each(const std::vector<End>& sources) const {
    std::vector<From> out;
    for (const End& source : sources) out.push_back({source, rules_from(stage_.views(), source)});
    return out;
  }

  [[nodiscard]] Decision reach(const std::vector<From>& sources, const std::vector<End>& destinations,
                               std::uint16_t port, const std::vector<std::uint8_t>& protocols) const {
    for (const From& source : sources) {
      for (const End& destination : destinations) {
        for (const std::uint8_t protocol : protocols) {
          const Decision decision = decide(stage_.views(), source.rules, {source.end, destination, protocol, port});
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
    for (const auto& source : sources.members) {
      const std::vector<From> from = rules_from_each(source);
      for (const auto& destination : destinations.members) {
        const Decision decision = reach(from, destination, port, protocols);
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

}  // namespace

bool TestRun::passed() const noexcept {
  return std::all_of(cases.begin(), cases.end(), [](const TestCase& c) { return c.ok; });
}

TestRun run_tests(const policy::PolicyFile& rules, const Inventory& inventory, const hujson::Tree& tree,
                  const std::vector<PolicyTest>& tests, const std::vector<SshTest>& ssh_tests) {
  TestRun run;
  if (tests.empty() && ssh_tests.empty()) return run;
  Stage stage(rules, inventory);
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
  Runner runner(stage, run);
  for (std::uint32_t i = 0; i < tests.size(); ++i) runner.packets(tests[i], i, packet_attributes[i]);
  for (std::uint32_t i = 0; i < ssh_tests.size(); ++i) runner.logins(ssh_tests[i], i, login_attributes[i]);
  return run;
}

}  // namespace acl::questions
