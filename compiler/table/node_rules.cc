#include "compiler/table/node_rules.h"

#include <algorithm>

namespace acl::tables {

using net::Address;
using resolve::Destination;
using resolve::Entry;
using resolve::EntryId;
using resolve::none;
using resolve::Resolved;
using resolve::Rule;
using resolve::RuleKind;
using resolve::SshRule;

namespace {

bool holds(const Entry& entry, const Address& address) noexcept {
  return entry.kind == resolve::EntryKind::any || (entry.first <= address && address <= entry.last);
}

bool is_in(const std::vector<NodeId>& nodes, NodeId node) {
  return std::binary_search(nodes.begin(), nodes.end(), node);
}

// Appends numbers and intervals to a text that is only compared.
struct KeyText {
  std::string text;

  template <class T>
  void add(T value) {
    text.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void add(const std::vector<Interval>& intervals) {
    add(intervals.size());
    for (const Interval& interval : intervals) {
      for (const Address& address : {interval.first, interval.last}) {
        add(address.family());
        add(address.high());
        add(address.low());
      }
    }
  }
};

}  // namespace

std::vector<Address> NodeRuleReader::own(NodeId node) const {
  std::vector<Address> out = views_.resolved().inventory->nodes[node].addresses;
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Interval> NodeRuleReader::behind(NodeId node) const {
  const Resolved& resolved = views_.resolved();
  std::vector<Interval> out;
  for (const net::Prefix& route : resolved.approved_routes[node]) {
    if (!route.is_everything()) {
      out.push_back({route.first(), route.last()});
      continue;
    }
    for (const Interval& interval : resolve::internet_set().list()) {
      if (interval.first.family() == route.family()) out.push_back(interval);
    }
  }
  for (const inventory::Service& service : resolved.inventory->services) {
    if (std::find(service.hosts.begin(), service.hosts.end(), node) == service.hosts.end()) continue;
    for (const Address& address : service.addresses) out.push_back({address, address});
  }
  return disjoint(std::move(out));
}

std::vector<PacketRule> NodeRuleReader::packets(NodeId node) const {
  const Resolved& resolved = views_.resolved();
  const std::vector<Address> mine = own(node);
  const std::vector<Interval> beyond = behind(node);
  std::vector<PacketRule> out;
  for (const resolve::Incidence& incidence : views_.incidences(node)) {
    const Rule& rule = resolved.rules[incidence.rule];
    if (rule.kind != RuleKind::ports) continue;
    const Destination& destination = rule.destinations[incidence.destination];
    PacketRule packet{rule.sources, rule.protocol, destination.ports, destination.origin, 0, {}};
    std::vector<Interval> covered;
    views_.each_entry(node, destination, [&](EntryId id) {
      const Entry& entry = resolved.entries[id];
      for (std::size_t i = 0; i < mine.size(); ++i) {
        if (holds(entry, mine[i])) packet.own |= std::uint64_t{1} << i;
      }
      if (beyond.empty()) return;
      for (const Interval& interval : intersection(intervals_of(entry), beyond)) covered.push_back(interval);
    });
    packet.behind = disjoint(std::move(covered));
    if (packet.own != 0 || !packet.behind.empty()) out.push_back(std::move(packet));
  }
  return out;
}

std::vector<CapabilityRule> NodeRuleReader::capabilities(NodeId node) const {
  const std::vector<Address> mine = own(node);
  const std::vector<Interval> beyond = behind(node);
  std::vector<CapabilityRule> out;
  for (const resolve::RuleView& view : views_.rules(node)) {
    for (const resolve::CapGrant& grant : view.cap_grants) {
      CapabilityRule one{view.rule->sources, view.rule->capabilities, grant.origin, 0, {}};
      std::vector<Interval> covered;
      for (const net::Prefix& prefix : grant.dsts) {
        for (std::size_t i = 0; i < mine.size(); ++i) {
          if (prefix.contains(mine[i])) one.own |= std::uint64_t{1} << i;
        }
        for (const Interval& interval : intersection({{prefix.first(), prefix.last()}}, beyond))
          covered.push_back(interval);
      }
      one.behind = disjoint(std::move(covered));
      if (one.own != 0 || !one.behind.empty()) out.push_back(std::move(one));
    }
  }
  return out;
}

NodeRuleReader::LoginSources NodeRuleReader::login_sources(NodeId node, const SshRule& rule) const {
  const inventory::Node& device = views_.resolved().inventory->nodes[node];
  const bool owned = device.tags.empty() && device.user != none;
  if (is_in(rule.destinations, node)) return LoginSources::all;
  if (rule.self && owned) return LoginSources::own_devices;
  // The service sends a localpart rule to its sources, too: a person's own devices, or the tagged ones.
  if (!rule.localpart_domains.empty() && is_in(rule.sources, node)) return LoginSources::same_person;
  return LoginSources::none;
}

bool NodeRuleReader::is_recorder(NodeId node, const SshRule& rule) const {
  const Resolved& resolved = views_.resolved();
  const inventory::Inventory& inventory = *resolved.inventory;
  const auto& recorders = resolved.file->policy.ssh[rule.index].recorder;
  return std::any_of(recorders.begin(), recorders.end(), [&](const policy::Selector& recorder) {
    const auto& tags = inventory.nodes[node].tags;
    return std::any_of(tags.begin(), tags.end(),
                       [&](std::uint32_t tag) { return inventory.tags[tag] == recorder.text; });
  });
}

std::vector<LoginRule> NodeRuleReader::logins(NodeId node) const {
  const Resolved& resolved = views_.resolved();
  std::vector<LoginRule> out;
  for (std::uint32_t i = 0; i < resolved.ssh.size(); ++i) {
    const SshRule& rule = resolved.ssh[i];
    const LoginSources sources = login_sources(node, rule);
    if (sources == LoginSources::none) continue;
    LoginRule login{i, {}, is_recorder(node, rule)};
    if (sources == LoginSources::all) {
      login.sources = rule.sources;
    } else {
      // Those of a person are few among the sources, and the tagged ones are no person's.
      const std::vector<NodeId>& same = views_.same_person(node);
      std::copy_if(same.begin(), same.end(), std::back_inserter(login.sources),
                   [&](NodeId source) { return is_in(rule.sources, source); });
    }
    if (!login.sources.empty()) out.push_back(std::move(login));
  }
  return out;
}

std::vector<NodeRuleReader::LoginPart> NodeRuleReader::login_parts(NodeId node) const {
  const Resolved& resolved = views_.resolved();
  const inventory::Node& device = resolved.inventory->nodes[node];
  std::vector<LoginPart> out;
  for (std::uint32_t i = 0; i < resolved.ssh.size(); ++i) {
    const LoginSources sources = login_sources(node, resolved.ssh[i]);
    if (sources == LoginSources::none) continue;
    const bool owned = device.tags.empty() && device.user != none;
    const std::string_view person = owned ? std::string_view(resolved.inventory->users[device.user].login) : " ";
    out.push_back({i, sources == LoginSources::all ? std::string_view() : person, is_recorder(node, resolved.ssh[i])});
  }
  return out;
}

std::string key(const std::vector<CapabilityRule>& rules) {
  KeyText text;
  for (const CapabilityRule& rule : rules) {
    text.add(rule.sources);
    text.add(rule.map);
    text.add(rule.origin.section);
    text.add(rule.origin.index);
    text.add(rule.own);
    text.add(rule.behind);
  }
  return std::move(text.text);
}

}  // namespace acl::tables
