// The proof of the ssh and names parts (prove.h).
#include <algorithm>
#include <set>

#include "compiler/table/prove_shared.h"
#include "engine/table/names.h"
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
  std::uint32_t index = 0;  // ssh[index]
};

Wanted evaluate(const std::vector<SshRuleView>& rules, const std::vector<std::uint32_t>& of_source,
                std::string_view requested, bool exists, bool is_root) {
  for (const std::uint32_t i : of_source) {
    const SshRuleView& rule = rules[i];
    const auto named = std::find_if(rule.users.begin(), rule.users.end(), [&](const auto& user) { return user.first == requested; });
    const auto other = std::find_if(rule.users.begin(), rule.users.end(), [](const auto& user) { return user.first == "*"; });
    std::string local;
    if (named != rule.users.end()) {
      local = named->second;
    } else if (other != rule.users.end() && exists && !is_root && requested != "root") {
      local = other->second;
    }
    if (local == "=") local = requested;
    if (local.empty()) continue;
    return {rule.check ? LoginAction::check : LoginAction::accept, rule.index};
  }
  return {};
}

std::string_view action_name(LoginAction action) noexcept {
  if (action == LoginAction::deny) return "deny";
  return action == LoginAction::accept ? "accept" : "check";
}

// Every name that one of the source's rules knows, root, and one that none knows.
Expected<void> compare_logins(const Resolved& resolved, NodeId node, const table::Ssh& part, const std::vector<SshRuleView>& wire,
                              const std::vector<std::uint32_t>& of_source, const Address& address,
                              std::span<const resolve::Origin> rules) {
  std::set<std::string> asked = {"root", "somebody-else"};
  for (const std::uint32_t i : of_source) {
    for (const auto& [name, local] : wire[i].users) asked.insert(name);
  }
  asked.erase("*");
  for (const std::string& name : asked) {
    for (const auto& [exists, is_root] : {std::pair{true, false}, {true, true}, {false, false}}) {
      const Wanted wanted = evaluate(wire, of_source, name, exists, is_root);
      const table::LoginDecision got = part.decide({address, name, exists, is_root});
      const bool same = got.action == wanted.action &&
                        (got.action == LoginAction::deny || (got.rule < rules.size() && rules[got.rule].index == wanted.index));
      if (same) continue;
      return differs(resolved, node, fmt::format("{} as \"{}\": {} by ssh[{}], in the table {}", address.text(), name,
                                                 action_name(wanted.action), wanted.index, action_name(got.action)));
    }
  }
  return {};
}

}  // namespace

Expected<void> Prover::ssh(NodeId node, std::span<const std::uint8_t> bytes, std::span<const resolve::Origin> rules) const {
  const Resolved& resolved = views_.resolved();
  const auto part = table::Ssh::open(bytes);
  if (!part) return tl::unexpected(part.error());
  const std::vector<SshRuleView> wire = views_.ssh_rules(node);
  // (address, rule), by address, the rules of each in their order.
  std::vector<std::pair<Rank, std::uint32_t>> listed;
  for (std::uint32_t i = 0; i < wire.size(); ++i) {
    for (const std::string& principal : wire[i].principals) {
      const auto known = rank_of_.find(principal);
      if (known == rank_of_.end()) return differs(resolved, node, fmt::format("the principal {} is no node's", principal));
      listed.emplace_back(known->second, i);
    }
  }
  std::sort(listed.begin(), listed.end());
  listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
  std::vector<std::vector<std::uint32_t>> of_class(part->classes() + 1U);
  std::size_t sources = 0;
  for (std::size_t i = 0; i < listed.size();) {
    const Address& address = addresses_.list[listed[i].first];
    std::vector<std::uint32_t> rules_of_source;
    for (const Rank rank = listed[i].first; i < listed.size() && listed[i].first == rank; ++i) rules_of_source.push_back(listed[i].second);
    ++sources;
    const std::uint32_t found = part->source_class(address);
    if (found == 0) return differs(resolved, node, fmt::format("{} is missing as a source of logins", address.text()));
    if (!of_class[found].empty()) {
      if (of_class[found] != rules_of_source)
        return differs(resolved, node, fmt::format("{} has the logins of others", address.text()));
      continue;
    }
    if (auto same = compare_logins(resolved, node, *part, wire, rules_of_source, address, rules); !same) return same;
    of_class[found] = std::move(rules_of_source);
  }
  // Nothing but these is listed.
  const acl_classifier& c = part->header().sources;
  const std::size_t occupied = occupied_slots(bytes, c);
  if (occupied != sources || c.v4_count != 0 || c.v6_count != 0)
    return differs(resolved, node, fmt::format("it lists {} sources of logins where {} are expected", occupied, sources));
  return {};
}

Expected<void> Prover::known(NodeId node, std::span<const std::uint8_t> bytes, Scratch& scratch) const {
  const Resolved& resolved = views_.resolved();
  const auto part = table::Names::open(bytes);
  if (!part) return tl::unexpected(part.error());
  if (scratch.marks.empty()) scratch.marks.emplace_back(resolved.node_count());
  resolve::Views::Marks& marks = scratch.marks.front();
  const bool all = views_.mark_peers(node, marks);
  resolve::Bits seen(resolved.node_count());
  if (all) seen.set_all(resolved.node_count());
  if (!all) {
    for (const NodeId peer : marks.members()) seen.set(resolved.inventory->age[peer]);
  }
  // As many, and each of them.
  std::size_t count = 0;
  bool wrong = false;
  part->each_known([&](std::uint32_t identity) {
    ++count;
    wrong = wrong || !seen.test(identity);
  });
  if (wrong || count != seen.count()) return differs(resolved, node, "it knows other nodes than those that the node sees");
  return {};
}

Expected<void> Prover::capabilities(NodeId node, std::span<const std::uint8_t> bytes,
                                    std::span<const std::uint16_t> own_classes) const {
  const Resolved& resolved = views_.resolved();
  const auto part = table::Names::open(bytes);
  if (!part) return tl::unexpected(part.error());
  std::vector<resolve::RuleView> views = views_.rules(node);
  std::erase_if(views, [](const resolve::RuleView& view) { return view.cap_grants.empty(); });
  std::vector<Address> own = resolved.inventory->nodes[node].addresses;
  std::sort(own.begin(), own.end());
  // (address, rule) for each address among the sources of each rule, by address; classes of equal lists are compared once.
  std::vector<std::pair<Rank, std::uint32_t>> listed;
  for (std::uint32_t i = 0; i < views.size(); ++i) {
    const SourceList& list = sources_[views[i].rule->sources];
    for (const Rank rank : list.ranks) listed.emplace_back(rank, i);
    for (const Interval& range : list.others) {
      auto at = std::lower_bound(addresses_.list.begin(), addresses_.list.end(), range.first);
      for (; at != addresses_.list.end() && *at <= range.last; ++at) listed.emplace_back(static_cast<Rank>(at - addresses_.list.begin()), i);
    }
  }
  std::sort(listed.begin(), listed.end());
  listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
  if (listed.empty() && part->header().part.source_classes != 0 && views.empty())
    return differs(resolved, node, "it lists sources of capabilities where there are none");
  std::set<std::pair<std::uint32_t, std::vector<std::uint32_t>>> compared;
  for (std::size_t at = 0; at < listed.size();) {
    const Rank rank = listed[at].first;
    std::vector<std::uint32_t> rules;
    for (; at < listed.size() && listed[at].first == rank; ++at) rules.push_back(listed[at].second);
    const std::uint32_t source_class = part->source_class(addresses_.list[rank]);
    if (source_class == 0)
      return differs(resolved, node, fmt::format("{} is missing as a source of capabilities", addresses_.list[rank].text()));
    if (!compared.emplace(source_class, rules).second) continue;
    for (std::size_t i = 0; i < own.size(); ++i) {
      std::vector<std::string> wanted, got;
      for (const std::uint32_t view : rules) {
        for (const resolve::CapGrant& grant : views[view].cap_grants) {
          const bool here = std::any_of(grant.dsts.begin(), grant.dsts.end(), [&](const net::Prefix& p) { return p.contains(own[i]); });
          if (!here) continue;
          for (const resolve::CapabilityValue& one : resolved.capability_maps[views[view].rule->capabilities]) {
            std::size_t values = 0;
            if (one.value != resolve::none) {
              for (const hujson::Value value : hujson::Value(resolved.file->tree, one.value)) {
                wanted.push_back(fmt::format("{} {}", one.name, hujson::minimize(value)));
                ++values;
              }
            }
            if (values == 0) wanted.push_back(fmt::format("{} ", one.name));
          }
        }
      }
      for (const table::Capability& one : part->capabilities(addresses_.list[rank], own_classes[i]))
        got.push_back(fmt::format("{} {}", one.name, one.value));
      std::sort(wanted.begin(), wanted.end());
      std::sort(got.begin(), got.end());
      if (wanted != got)
        return differs(resolved, node, fmt::format("{} has other capabilities at {}", addresses_.list[rank].text(), own[i].text()));
    }
  }
  return check_others(node, *part, views, listed);
}

// That no other address is a source of capabilities: none is listed, since as many are as should be; where there are intervals, too, every
// address of the inventory is asked for.
Expected<void> Prover::check_others(NodeId node, const table::Names& part, const std::vector<resolve::RuleView>& views,
                                    const std::vector<std::pair<Rank, std::uint32_t>>& listed) const {
  const Resolved& resolved = views_.resolved();
  const acl_classifier& c = part.header().sources;
  if (c.v4_count == 0 && c.v6_count == 0) {
    std::set<Address> singles;  // that are no node's
    for (const resolve::RuleView& view : views) {
      for (const Interval& range : sources_[view.rule->sources].others) singles.insert(range.first);
    }
    std::size_t wanted = singles.size();
    for (std::size_t i = 0; i < listed.size(); ++i) wanted += i == 0 || listed[i].first != listed[i - 1].first ? 1U : 0U;
    const std::size_t occupied = occupied_slots(part.bytes(), c);
    if (occupied == wanted) return {};
    return differs(resolved, node, fmt::format("it lists {} sources of capabilities where {} are expected", occupied, wanted));
  }
  auto next = listed.begin();
  for (Rank rank = 0; rank < addresses_.list.size(); ++rank) {
    while (next != listed.end() && next->first < rank) ++next;
    if (next != listed.end() && next->first == rank) continue;
    if (part.source_class(addresses_.list[rank]) != 0)
      return differs(resolved, node, fmt::format("{} is no source of capabilities", addresses_.list[rank].text()));
  }
  return {};
}

}  // namespace acl::tables
