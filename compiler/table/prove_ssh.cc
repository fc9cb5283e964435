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
  // The wire has a rule of its own for each person who may get an account by their own name; sources of one class may have
  // different ones that say the same. Sources of one class and the very same rules are compared once.
  std::set<std::pair<std::uint32_t, std::vector<std::uint32_t>>> compared;
  std::size_t sources = 0;
  for (std::size_t i = 0; i < listed.size();) {
    const Address& address = addresses_.list[listed[i].first];
    std::vector<std::uint32_t> rules_of_source;
    for (const Rank rank = listed[i].first; i < listed.size() && listed[i].first == rank; ++i) rules_of_source.push_back(listed[i].second);
    ++sources;
    const std::uint32_t found = part->source_class(address);
    if (found == 0) return differs(resolved, node, fmt::format("{} is missing as a source of logins", address.text()));
    if (!compared.emplace(found, rules_of_source).second) continue;
    if (auto same = compare_logins(resolved, node, *part, wire, rules_of_source, address, rules); !same) return same;
  }
  // Nothing but these is listed.
  const acl_classifier& c = part->header().sources;
  const auto* slots = reinterpret_cast<const std::uint64_t*>(bytes.data() + std::size_t{c.hash_line} * acl_line_bytes);
  std::size_t occupied = 0;
  for (std::size_t i = 0; i < std::size_t{c.hash_lines} * acl_slots; ++i) occupied += slots[i] != 0 ? 1U : 0U;
  if (occupied != sources || c.v4_count != 0 || c.v6_count != 0)
    return differs(resolved, node, fmt::format("it lists {} sources of logins where {} are expected", occupied, sources));
  return {};
}

Expected<void> Prover::known(NodeId node, std::span<const std::uint8_t> bytes) const {
  const Resolved& resolved = views_.resolved();
  const auto part = table::Names::open(bytes);
  if (!part) return tl::unexpected(part.error());
  resolve::Views::Marks marks(resolved.node_count());
  const bool all = views_.mark_peers(node, marks);
  std::vector<bool> seen(resolved.node_count());
  for (const NodeId peer : marks.members()) seen[resolved.inventory->age[peer]] = true;
  if (all) seen.assign(resolved.node_count(), true);
  std::size_t count = 0;
  bool wrong = false;
  part->each_known([&](std::uint32_t identity) {
    ++count;
    wrong = wrong || identity >= seen.size() || !seen[identity];
  });
  if (wrong || count != static_cast<std::size_t>(std::count(seen.begin(), seen.end(), true)))
    return differs(resolved, node, "it knows other nodes than those that the node sees");
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
  // Which of the rules have an address among their sources; sources in classes of equal lists are compared once.
  std::vector<std::vector<std::uint32_t>> of_rank(views.empty() ? 0 : addresses_.list.size());
  for (std::uint32_t i = 0; i < views.size(); ++i) {
    const SourceList& list = sources_[views[i].rule->sources];
    const auto add = [&](Rank rank) {
      if (of_rank[rank].empty() || of_rank[rank].back() != i) of_rank[rank].push_back(i);
    };
    for (const Rank rank : list.ranks) add(rank);
    for (const Interval& range : list.others) {
      auto at = std::lower_bound(addresses_.list.begin(), addresses_.list.end(), range.first);
      for (; at != addresses_.list.end() && *at <= range.last; ++at) add(static_cast<Rank>(at - addresses_.list.begin()));
    }
  }
  std::set<std::pair<std::uint32_t, std::vector<std::uint32_t>>> compared;
  for (Rank rank = 0; rank < of_rank.size(); ++rank) {
    const std::uint32_t source_class = part->source_class(addresses_.list[rank]);
    if ((source_class == 0) != of_rank[rank].empty())
      return differs(resolved, node, fmt::format("{} is a source of capabilities on one side only", addresses_.list[rank].text()));
    if (source_class == 0 || !compared.emplace(source_class, of_rank[rank]).second) continue;
    for (std::size_t i = 0; i < own.size(); ++i) {
      std::vector<std::string> wanted, got;
      for (const std::uint32_t view : of_rank[rank]) {
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
  return {};
}

}  // namespace acl::tables
