// The proof of the ssh part (prove.h).
#include <algorithm>
#include <set>

#include "compiler/table/prove_shared.h"
#include "engine/table/ssh.h"

namespace acl::tables {

using net::Address;
using resolve::Resolved;
using resolve::SshRuleView;
using table::LoginAction;

namespace {

// What the wire form says: the first of these rules that maps the name decides (the order of evaluation in ssh.h).
struct Wanted {
  LoginAction action = LoginAction::deny;
  const SshRuleView* rule = nullptr;
};

Wanted evaluate(const std::vector<SshRuleView>& rules, const std::vector<std::uint32_t>& of_source,
                std::string_view requested, bool exists, bool is_root) {
  for (const std::uint32_t i : of_source) {
    const SshRuleView& rule = rules[i];
    const auto named =
        std::find_if(rule.users.begin(), rule.users.end(), [&](const auto& user) { return user.first == requested; });
    const auto other =
        std::find_if(rule.users.begin(), rule.users.end(), [](const auto& user) { return user.first == "*"; });
    std::string local;
    if (named != rule.users.end()) {
      local = named->second;
    } else if (other != rule.users.end() && exists && !is_root && requested != "root") {
      local = other->second;
    }
    if (local == "=") local = requested;
    if (local.empty()) continue;
    return {rule.check ? LoginAction::check : LoginAction::accept, &rule};
  }
  return {};
}

std::string_view action_name(LoginAction action) noexcept {
  if (action == LoginAction::deny) return "deny";
  return action == LoginAction::accept ? "accept" : "check";
}

// How long a check of the rule holds, in seconds; 12 hours where nothing is said, and not at all after an accept.
// https://tailscale.com/docs/reference/syntax/policy-file#ssh
std::uint32_t period_of(const SshRuleView& rule) {
  if (!rule.check) return 0;
  if (rule.rule->check_period && rule.rule->check_period->value == "always") return acl_ssh_always;
  if (!rule.rule->check_duration) return 12 * 60 * 60;
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(*rule.rule->check_duration).count());
}

// Whether the node has the tag of a recorder, by its name.
bool records(const Resolved& resolved, NodeId node, const SshRuleView& rule) {
  std::set<std::string_view> tags;
  for (const std::uint32_t tag : resolved.inventory->nodes[node].tags) tags.insert(resolved.inventory->tags[tag]);
  return std::any_of(rule.rule->recorder.begin(), rule.rule->recorder.end(),
                     [&](const policy::Selector& one) { return tags.count(one.text) != 0; });
}

// Whether the table says of a login that it lets in what the rule says, beyond letting it in.
bool same_terms(const SshRuleView& rule, const table::LoginDecision& got, bool is_recorder) {
  const auto value_of = [](const policy::Text& text) { return text.value; };
  const auto text_of = [](const policy::Selector& selector) { return selector.text; };
  const auto equal = [](const auto& wanted, const std::vector<std::string_view>& list, auto view) {
    return std::equal(wanted.begin(), wanted.end(), list.begin(), list.end(),
                      [&](const auto& one, std::string_view text) { return view(one) == text; });
  };
  return got.check_period == period_of(rule) && got.agent_forwarding && got.local_forwarding && got.remote_forwarding &&
         got.enforce_recorder == rule.rule->enforce_recorder && got.is_recorder == is_recorder &&
         equal(rule.rule->accept_env, got.environment, value_of) && equal(rule.rule->recorder, got.recorders, text_of);
}

// The names to ask for: all that the source's rules know on the wire or in the table, root, and one that none knows.
std::set<std::string> names_to_ask(const table::Ssh& part, std::uint32_t source_class,
                                   const std::vector<SshRuleView>& wire, const std::vector<std::uint32_t>& of_source) {
  std::set<std::string> asked = {"root", "somebody-else"};
  for (const std::uint32_t i : of_source) {
    for (const auto& [name, local] : wire[i].users) asked.insert(name);
  }
  asked.emplace(part.own_name(source_class));
  for (const table::Ssh::ClassRule& rule : part.rules_of(source_class)) {
    for (const std::string_view account : part.rule(rule.rule).accounts) asked.emplace(account);
  }
  asked.erase("*");
  return asked;
}

Expected<void> compare_logins(const Resolved& resolved, NodeId node, const table::Ssh& part,
                              const std::vector<SshRuleView>& wire, const std::vector<std::uint32_t>& of_source,
                              const Address& address, std::span<const resolve::Origin> rules) {
  for (const std::string& name : names_to_ask(part, part.source_class(address), wire, of_source)) {
    for (const auto& [exists, is_root] : {std::pair{true, false}, {true, true}, {false, false}}) {
      const Wanted wanted = evaluate(wire, of_source, name, exists, is_root);
      const table::LoginDecision got = part.decide({address, name, exists, is_root});
      const bool same =
          got.action == wanted.action &&
          (wanted.rule == nullptr ||
           (got.rule < rules.size() && rules[got.rule] == resolve::Origin{resolve::Section::ssh, wanted.rule->index}));
      if (!same) {
        const std::uint32_t index = wanted.rule == nullptr ? 0 : wanted.rule->index;
        return differs(resolved, node,
                       fmt::format("{} as \"{}\": {} by ssh[{}], in the table {}", address.text(), name,
                                   action_name(wanted.action), index, action_name(got.action)));
      }
      if (wanted.rule != nullptr && !same_terms(*wanted.rule, got, records(resolved, node, *wanted.rule)))
        return differs(
            resolved, node,
            fmt::format("{} as \"{}\": other terms than those of ssh[{}]", address.text(), name, wanted.rule->index));
    }
  }
  return {};
}

}  // namespace

Expected<void> Prover::ssh(NodeId node, std::span<const std::uint8_t> bytes,
                           std::span<const resolve::Origin> rules) const {
  const Resolved& resolved = views_.resolved();
  const auto part = table::Ssh::open(bytes);
  if (!part) return tl::unexpected(part.error());
  if (has_aliases(bytes, part->header().sources)) return differs(resolved, node, "two networks pass for one");
  const std::vector<SshRuleView> wire = views_.ssh_rules(node);
  // (address, rule), by address, the rules of each in their order.
  std::vector<std::pair<Rank, std::uint32_t>> listed;
  for (std::uint32_t i = 0; i < wire.size(); ++i) {
    for (const std::string& principal : wire[i].principals) {
      const auto known = rank_of_.find(principal);
      if (known == rank_of_.end())
        return differs(resolved, node, fmt::format("the principal {} is no node's", principal));
      listed.emplace_back(known->second, i);
    }
  }
  std::sort(listed.begin(), listed.end());
  listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
  // The wire has a rule of its own for each person who may get an account by their own name; sources of one class may have
  // different ones that say the same. Sources of one class and the very same rules are compared once.
  std::set<std::pair<std::uint32_t, std::vector<std::uint32_t>>> compared;
  std::size_t sources = 0;
  for (std::size_t i = 0; i < listed.size();) {
    const Address& address = addresses_.list[listed[i].first];
    std::vector<std::uint32_t> rules_of_source;
    for (const Rank rank = listed[i].first; i < listed.size() && listed[i].first == rank; ++i)
      rules_of_source.push_back(listed[i].second);
    ++sources;
    const std::uint32_t found = part->source_class(address);
    if (found == 0) return differs(resolved, node, fmt::format("{} is missing as a source of logins", address.text()));
    if (!compared.emplace(found, rules_of_source).second) continue;
    if (auto same = compare_logins(resolved, node, *part, wire, rules_of_source, address, rules); !same) return same;
  }
  // Nothing but these is listed.
  const acl_classifier& c = part->header().sources;
  const std::size_t occupied = occupied_slots(bytes, c);
  if (occupied != sources || c.v4_count != 0 || c.v6_count != 0)
    return differs(resolved, node,
                   fmt::format("it lists {} sources of logins where {} are expected", occupied, sources));
  return {};
}

}  // namespace acl::tables
