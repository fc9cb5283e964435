// Packets and capabilities: every rule against every node, one destination at a time.
//
// A rule is enforced at the destination, and a node is told only what concerns it: entries that overlap one of its own
// addresses or one of its approved subnet routes. Union only: there is no order, no priority and no deny.
// https://tailscale.com/docs/features/access-control/acls, https://tailscale.com/docs/reference/syntax/grants
#include <algorithm>

#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"

namespace acl::oracle {
namespace {

// No protocol means TCP, UDP, ICMP and ICMPv6: https://tailscale.com/docs/reference/targets-and-selectors
std::vector<std::uint8_t> protocols_of(const std::optional<std::uint8_t>& protocol) {
  if (protocol) return {*protocol};
  return {6, 17, 1, 58};
}

Ranges device_addresses(const Node& node) {
  Ranges out;
  for (const Address& address : node.addresses) out.push_back(range_of(address));
  return out;
}

// Its own addresses, and those of the services it hosts: https://tailscale.com/docs/features/tailscale-services
Ranges own_addresses(const Tailnet& tailnet, const Node& node) {
  Ranges own = device_addresses(node);
  for (const Service& service : tailnet.services) {
    if (std::find(service.hosts.begin(), service.hosts.end(), node.name) == service.hosts.end()) continue;
    for (const Address& address : service.addresses) own.push_back(range_of(address));
  }
  return own;
}

bool overlaps_route(const Node& node, const Range& entry) {
  const std::vector<Prefix> routes = subnet_routes(node);
  return std::any_of(routes.begin(), routes.end(),
                     [&](const Prefix& route) { return overlap(range_of(route), entry); });
}

// Whether the whole entry is public internet, which exit nodes forward.
bool is_internet(const Range& entry) {
  const Ranges ranges = internet();
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) { return contains(range, entry); });
}

bool carries_tag(const Node& node, const std::vector<std::string>& tags) {
  return std::any_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    return std::find(node.tags.begin(), node.tags.end(), tag) != node.tags.end();
  });
}

// The destination's entries that this node is told of. `via`: only routers with such a tag, and only what they route
// (https://tailscale.com/docs/features/access-control/grants/grants-via).
Ranges entries_at(const Policy& policy, const Tailnet& tailnet, const Node& node, const Selector& dst,
                  const std::vector<std::string>& via) {
  Ranges entries;
  if (!via.empty() && !carries_tag(node, via)) return entries;
  if (dst.kind == Kind::self) {
    return via.empty() ? device_addresses(node) : Ranges{};
  }
  const Ranges own = via.empty() ? own_addresses(tailnet, node) : Ranges{};
  for (const Range& entry : addresses_of(policy, tailnet, dst)) {
    const bool exit = is_exit_node(node) && is_internet(entry);
    bool concerned = overlaps_route(node, entry) || overlap(own, entry) || exit;
    if (dst.kind == Kind::internet) concerned = exit;
    if (dst.kind == Kind::everything) concerned = via.empty() || !subnet_routes(node).empty();
    if (concerned) entries.push_back(entry);
  }
  return entries;
}

// autogroup:self: for each node, the devices of its own user; nothing at tagged nodes.
Ranges sources_at(const Policy& policy, const Tailnet& tailnet, const Node& node, const std::vector<Selector>& src,
                  const std::optional<std::vector<std::string>>& posture, const Selector& dst) {
  Ranges sources = sources_of(policy, tailnet, src, posture);
  if (dst.kind != Kind::self) return sources;
  Ranges own;
  if (!node.tags.empty() || node.user.empty()) return own;
  for (const Node& other : tailnet.nodes) {
    if (!other.tags.empty() || other.user != node.user) continue;
    for (const Address& address : other.addresses) {
      if (contains(sources, address)) own.push_back(range_of(address));
    }
  }
  return own;
}

// A capability is for the node itself: of `*` and of prefixes only its own addresses count (and, unless it was `*`, those of
// services it hosts), but a prefix that overlaps one of its routes counts as a whole.
Ranges narrowed(const Tailnet& tailnet, const Node& node, const Selector& dst, const Ranges& entries) {
  Ranges out;
  const bool star = dst.kind == Kind::everything || dst.kind == Kind::danger_all;
  const Ranges all = star ? device_addresses(node) : own_addresses(tailnet, node);
  for (const Range& entry : entries) {
    for (const Range& own : all) {
      if (contains(entry, own)) out.push_back(own);
    }
    if (!star && overlaps_route(node, entry)) out.push_back(entry);
  }
  return out;
}

// The service's own additions: who shares files or relays may be asked back by the destination.
std::vector<Capability> companions(const Grant& grant) {
  std::vector<Capability> out;
  for (const Capability& capability : grant.app) {
    if (capability.name == "tailscale.com/cap/drive") out.push_back({"tailscale.com/cap/drive-sharer", {}});
    if (capability.name == "tailscale.com/cap/relay") out.push_back({"tailscale.com/cap/relay-target", {}});
  }
  return out;
}

// The reverse of a grant with such a capability, at one of its source nodes.
void add_reversed(const Policy& policy, const Tailnet& tailnet, const Node& node, const Grant& grant,
                  const Selector& dst, std::vector<Award>& awards) {
  const std::vector<Capability> capabilities = companions(grant);
  if (capabilities.empty()) return;
  Award award{{}, {}, capabilities};
  award.sources = dst.kind == Kind::everything ? whole_tailnet(tailnet) : addresses_of(policy, tailnet, dst);
  if (dst.kind == Kind::self) {  // from the user's own devices back to them
    for (const Node& other : tailnet.nodes) {
      if (!other.tags.empty() || other.user != node.user || node.user.empty()) continue;
      for (const Address& address : other.addresses) award.sources.push_back(range_of(address));
    }
    award.destinations = sources_at(policy, tailnet, node, grant.src, grant.posture, dst);
    award.destinations.erase(
        std::remove_if(award.destinations.begin(), award.destinations.end(),
                       [&](const Range& range) { return !overlap(own_addresses(tailnet, node), range); }),
        award.destinations.end());
  } else {
    for (const Selector& src : grant.src) {
      const Ranges entries = sources_of(policy, tailnet, {src}, grant.posture);
      const Ranges own = narrowed(tailnet, node, src, entries);
      award.destinations.insert(award.destinations.end(), own.begin(), own.end());
    }
  }
  if (!award.destinations.empty()) awards.push_back(std::move(award));
}

}  // namespace

std::vector<Passage> passages(const Policy& policy, const Tailnet& tailnet, const Node& node) {
  std::vector<Passage> out;
  const std::optional<std::vector<std::string>> no_posture;  // of its own
  const auto add = [&](const std::vector<Selector>& src, const auto& posture, const Selector& dst,
                       const std::vector<std::string>& via, const std::optional<std::uint8_t>& protocol,
                       const Ports& ports) {
    const Ranges entries = entries_at(policy, tailnet, node, dst, via);
    if (entries.empty()) return;
    const Ranges sources = sources_at(policy, tailnet, node, src, posture, dst);
    if (sources.empty()) return;
    for (const Range& entry : entries) {
      out.push_back({sources, entry, protocols_of(protocol), ports, !via.empty()});
    }
  };
  // Neither section: everything is allowed, as by one rule from `*` to `*`. An empty section allows nothing.
  if (!policy.acls && !policy.grants) add({Selector{}}, no_posture, Selector{}, {}, {}, Ports{});
  if (policy.grants) {
    for (const Grant& grant : *policy.grants) {
      for (const Selector& dst : grant.dst) {
        for (const Traffic& ip : grant.ip) add(grant.src, grant.posture, dst, grant.via, ip.protocol, ip.ports);
      }
    }
  }
  if (policy.acls) {
    for (const Acl& acl : *policy.acls) {
      for (const Target& dst : acl.dst) {
        for (const Ports& ports : dst.ports) add(acl.src, acl.posture, dst.selector, {}, acl.protocol, ports);
      }
    }
  }
  return out;
}

std::vector<Award> awards(const Policy& policy, const Tailnet& tailnet, const Node& node) {
  std::vector<Award> out;
  if (!policy.grants) return out;
  for (const Grant& grant : *policy.grants) {
    // With `via`, no capability rule is made; without any source, none either.
    if (grant.app.empty() || !grant.via.empty()) continue;
    for (const Selector& dst : grant.dst) {
      const Ranges entries = entries_at(policy, tailnet, node, dst, {});
      const Ranges destinations = narrowed(tailnet, node, dst, entries);
      if (!destinations.empty()) {
        const Ranges sources = sources_at(policy, tailnet, node, grant.src, grant.posture, dst);
        if (!sources.empty()) out.push_back({sources, destinations, grant.app});
      }
      add_reversed(policy, tailnet, node, grant, dst, out);
    }
  }
  return out;
}

bool passes(const std::vector<Passage>& passages, const Address& source, const Address& destination,
            std::uint8_t protocol, std::uint16_t port) {
  return std::any_of(passages.begin(), passages.end(), [&](const Passage& passage) {
    return contains(passage.destination, destination) && contains(passage.sources, source) &&
           passage.ports.first <= port && port <= passage.ports.last &&
           std::find(passage.protocols.begin(), passage.protocols.end(), protocol) != passage.protocols.end();
  });
}

bool reaches(const Policy& policy, const Tailnet& tailnet, const Address& source, const Address& destination,
             std::uint8_t protocol, std::uint16_t port, const Node& at_node) {
  return passes(passages(policy, tailnet, at_node), source, destination, protocol, port);
}

std::vector<std::pair<std::string, std::string>> capabilities(const std::vector<Award>& awards, const Address& source,
                                                              const Address& destination) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Award& award : awards) {
    if (!contains(award.sources, source) || !contains(award.destinations, destination)) continue;
    for (const Capability& capability : award.capabilities) {
      out.emplace_back(capability.name, "");
      for (const std::string& value : capability.values) out.emplace_back(capability.name, value);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool permits(const Policy& policy, const Tailnet& tailnet, const Address& source, const Address& destination,
             std::uint8_t protocol, std::uint16_t port, bool posture) {
  const auto covers = [&](const std::vector<Selector>& src, const auto& wanted, const Selector& dst,
                          const std::optional<std::uint8_t>& only, const Ports& ports) {
    const auto& conditions = wanted ? wanted : policy.default_posture;
    if (!posture && conditions && !conditions->empty()) return false;
    const std::vector<std::uint8_t> protocols = protocols_of(only);
    if (std::find(protocols.begin(), protocols.end(), protocol) == protocols.end()) return false;
    if (port < ports.first || ports.last < port) return false;
    if (dst.kind != Kind::self) {
      return contains(sources_of(policy, tailnet, src, wanted), source) &&
             contains(addresses_of(policy, tailnet, dst), destination);
    }
    const Node* node = node_of(tailnet, destination);
    return node != nullptr && contains(sources_at(policy, tailnet, *node, src, wanted, dst), source);
  };
  const std::optional<std::vector<std::string>> no_posture;
  bool found = !policy.acls && !policy.grants && covers({Selector{}}, no_posture, Selector{}, {}, Ports{});
  for (const Grant& grant : policy.grants.value_or(std::vector<Grant>())) {
    for (const Selector& dst : grant.dst) {
      for (const Traffic& ip : grant.ip) found = found || covers(grant.src, grant.posture, dst, ip.protocol, ip.ports);
    }
  }
  for (const Acl& acl : policy.acls.value_or(std::vector<Acl>())) {
    for (const Target& dst : acl.dst) {
      for (const Ports& ports : dst.ports) {
        found = found || covers(acl.src, acl.posture, dst.selector, acl.protocol, ports);
      }
    }
  }
  return found;
}

}  // namespace acl::oracle
