#include "compiler/questions/reach.h"

#include <algorithm>

namespace acl::questions {

using resolve::Destination;
using resolve::Entry;
using resolve::EntryId;
using resolve::EntryKind;
using resolve::none;
using resolve::Resolved;
using resolve::Rule;
using resolve::RuleKind;
using resolve::Views;

namespace {

bool holds(const Entry& entry, const net::Address& address) noexcept {
  return entry.kind == EntryKind::any || (entry.first <= address && address <= entry.last);
}

bool any_holds(const Resolved& resolved, const std::vector<EntryId>& entries, const net::Address& address) {
  return std::any_of(entries.begin(), entries.end(), [&](EntryId id) { return holds(resolved.entries[id], address); });
}

bool covers_destination(const Resolved& resolved, const Destination& destination, const End& end) {
  if (destination.user != none) {
    if (end.node == none) return false;
    const inventory::Node& node = resolved.inventory->nodes[end.node];
    return node.tags.empty() && node.user == destination.user;
  }
  const resolve::SelectorSet& set = resolved.selectors[destination.selector];
  if (end.node != none && std::binary_search(set.nodes.begin(), set.nodes.end(), end.node)) return true;
  return any_holds(resolved, set.literals, end.address);
}

bool covers_protocol(const Rule& rule, std::uint8_t protocol) noexcept {
  if (rule.protocol >= 0) return rule.protocol == protocol;
  return protocol == 6 || protocol == 17 || protocol == 1 || protocol == 58;
}

bool covers_port(const Resolved& resolved, const Destination& destination, std::optional<std::uint16_t> port) {
  const auto& ranges = resolved.port_lists[destination.ports];
  if (!port) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [](const policy::PortRange& range) { return range.first <= 1 && range.last == 65535; });
  }
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const policy::PortRange& range) { return range.first <= *port && *port <= range.last; });
}

bool covers_port(const Resolved& resolved, const Destination& destination, const Packet& packet) {
  return !policy::protocol_has_ports(packet.protocol) || covers_port(resolved, destination, packet.port);
}

// The local account for a requested one, "" where this rule does not give any.
std::string map_account(const resolve::SshRule& rule, const inventory::Inventory& inventory,
                        const inventory::Node& source, std::string_view requested) {
  if (requested == "root" && rule.root) return "root";
  const bool named = std::find(rule.accounts.begin(), rule.accounts.end(), requested) != rule.accounts.end();
  if (requested != "root" && (named || rule.nonroot)) return std::string(requested);
  if (!source.tags.empty() || source.user == inventory::none) return {};
  // localpart:*@domain: the account named like the person.
  const std::string& login = inventory.users[source.user].login;
  const std::size_t at = login.rfind('@');
  if (at == std::string::npos || std::string_view(login).substr(0, at) != requested) return {};
  const bool fits =
      std::any_of(rule.localpart_domains.begin(), rule.localpart_domains.end(), [&](std::string_view domain) {
        return policy::equal_ignoring_case(domain, std::string_view(login).substr(at + 1));
      });
  return fits ? std::string(requested) : std::string();
}

// Whether the rule is sent to the destination with this source among its principals.
bool admits(const resolve::SshRule& rule, const inventory::Inventory& inventory, resolve::NodeId source,
            resolve::NodeId destination) {
  const auto has = [](const std::vector<resolve::NodeId>& nodes, resolve::NodeId node) {
    return std::binary_search(nodes.begin(), nodes.end(), node);
  };
  if (!has(rule.sources, source)) return false;
  if (has(rule.destinations, destination)) return true;
  const inventory::Node& from = inventory.nodes[source];
  const inventory::Node& to = inventory.nodes[destination];
  const std::uint32_t from_person = from.tags.empty() ? from.user : none;
  const std::uint32_t to_person = to.tags.empty() ? to.user : none;
  if (from_person != to_person) return false;
  if (rule.self && to_person != none) return true;
  // A localpart rule is sent to its sources, too (view_ssh.cc).
  return !rule.localpart_domains.empty() && has(rule.sources, destination);
}

}  // namespace

bool covers_source(const Resolved& resolved, const resolve::Sources& sources, const End& source) {
  if (source.node != none && std::binary_search(sources.nodes.begin(), sources.nodes.end(), source.node)) return true;
  return any_holds(resolved, sources.literals, source.address);
}

Failed why_not(const Views& views, const Rule& rule, const Destination& destination, const Packet& packet) {
  const Resolved& resolved = views.resolved();
  if (!covers_source(resolved, resolved.sources[rule.sources], packet.source)) return Failed::source;
  if (!covers_destination(resolved, destination, packet.destination)) return Failed::destination;
  if (!covers_protocol(rule, packet.protocol)) return Failed::protocol;
  return covers_port(resolved, destination, packet) ? Failed::nothing : Failed::port;
}

bool allows_but_for_source(const Views& views, const Rule& rule, const Destination& destination, const Packet& packet) {
  const Resolved& resolved = views.resolved();
  return covers_destination(resolved, destination, packet.destination) && covers_protocol(rule, packet.protocol) &&
         covers_port(resolved, destination, packet);
}

std::vector<std::uint32_t> rules_from(const Views& views, const End& source) {
  const Resolved& resolved = views.resolved();
  std::vector<std::uint32_t> out;
  const auto add = [&](std::uint32_t id) {
    const Rule& rule = resolved.rules[id];
    if (rule.kind == RuleKind::ports && covers_source(resolved, resolved.sources[rule.sources], source))
      out.push_back(id);
  };
  if (source.node == none) {
    for (std::uint32_t id = 0; id < resolved.rules.size(); ++id) add(id);
    return out;
  }
  // Only rules whose sources have to do with the node.
  for (const std::uint32_t id : views.covering(source.node)) add(id);
  for (const std::uint32_t id : views.covering_all()) add(id);
  std::sort(out.begin(), out.end());
  return out;
}

Decision decide(const Views& views, const std::vector<std::uint32_t>& rules_from_source, const Packet& packet) {
  const Resolved& resolved = views.resolved();
  if (packet.source.address.family() != packet.destination.address.family()) return {};
  for (const std::uint32_t id : rules_from_source) {
    const Rule& rule = resolved.rules[id];
    if (!covers_protocol(rule, packet.protocol)) continue;
    for (const Destination& destination : rule.destinations) {
      // Ports first: they are quicker to compare, and most rules are about others.
      if (covers_port(resolved, destination, packet) && covers_destination(resolved, destination, packet.destination)) {
        return {true, id, destination.origin};
      }
    }
  }
  return {};
}

std::vector<Opening> openings(const Views& views, const std::vector<std::uint32_t>& rules_from_source,
                              std::uint8_t protocol, std::optional<std::uint16_t> port) {
  const Resolved& resolved = views.resolved();
  const bool ports = policy::protocol_has_ports(protocol);
  std::vector<Opening> out;
  for (const std::uint32_t id : rules_from_source) {
    const Rule& rule = resolved.rules[id];
    if (!covers_protocol(rule, protocol)) continue;
    for (const Destination& destination : rule.destinations) {
      if (!ports || covers_port(resolved, destination, port)) out.push_back({id, &destination});
    }
  }
  return out;
}

Decision decide(const Views& views, const std::vector<Opening>& open, const End& destination) {
  for (const Opening& opening : open) {
    if (covers_destination(views.resolved(), *opening.destination, destination)) {
      return {true, opening.rule, opening.destination->origin};
    }
  }
  return {};
}

Decision decide(const Views& views, const Packet& packet) {
  return decide(views, rules_from(views, packet.source), packet);
}

std::string_view verdict_name(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::deny: return "deny";
    case Verdict::accept: return "accept";
    case Verdict::check: return "check";
  }
  return "deny";
}

Login decide_login(const Views& views, resolve::NodeId source, resolve::NodeId destination,
                   std::string_view requested) {
  const Resolved& resolved = views.resolved();
  Login login;
  for (const resolve::SshRule& rule : resolved.ssh) {
    if (!admits(rule, *resolved.inventory, source, destination)) continue;
    login.reaches_node = true;
    std::string local = map_account(rule, *resolved.inventory, resolved.inventory->nodes[source], requested);
    if (local.empty()) continue;
    login.verdict = rule.check ? Verdict::check : Verdict::accept;
    login.local = std::move(local);
    login.rule = rule.index;
    return login;
  }
  return login;
}

}  // namespace acl::questions
