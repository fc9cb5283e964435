// Routes: which are approved, who is primary, who sees whom and which routes. And the attributes of nodes.
// https://tailscale.com/docs/features/subnet-routers, https://tailscale.com/docs/reference/syntax/policy-file#autoapprovers
#include <algorithm>
#include <iterator>
#include <set>

#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"

namespace acl::oracle {
namespace {

bool approves(const Policy& policy, const Tailnet& tailnet, const std::vector<Selector>& approvers, const Node& node) {
  return std::any_of(approvers.begin(), approvers.end(),
                     [&](const Selector& approver) { return is_device_of(policy, tailnet, approver, node); });
}

bool has_route(const Node& node, const Prefix& route) {
  return std::find(node.approved.begin(), node.approved.end(), route) != node.approved.end();
}

bool is_older(const Node& a, const Node& b) { return a.created != b.created ? a.created < b.created : a.name < b.name; }

// The oldest of them; null if there are none.
const Node* oldest(const std::vector<const Node*>& nodes) {
  const Node* first = nullptr;
  for (const Node* node : nodes) {
    if (first == nullptr || is_older(*node, *first)) first = node;
  }
  return first;
}

// A node sends with its own addresses and with those behind its subnet routes.
bool is_covered(const Ranges& sources, const Node& node) {
  for (const Address& address : node.addresses) {
    if (contains(sources, address)) return true;
  }
  for (const Prefix& route : subnet_routes(node)) {
    if (overlap(sources, range_of(route))) return true;
  }
  return false;
}

// Whether one of the openings lets `viewer` reach something in `route`.
bool leads_to(const std::vector<Opening>& openings, bool via, const Node& viewer, const Prefix& route) {
  return std::any_of(openings.begin(), openings.end(), [&](const Opening& opening) {
    return opening.via == via && is_covered(opening.sources, viewer) && overlap(opening.destinations, range_of(route));
  });
}

// The router of `route` that `viewer` uses. Of several the oldest; but a viewer that is let through by grants with `via` only
// uses the oldest of the routers these name (https://tailscale.com/docs/features/access-control/grants/grants-via). What an
// exit node lets out to the internet is no way to a public route whose oldest router is another node.
const Node* primary_for(const Openings& openings, const Node& viewer, const Prefix& route) {
  std::vector<const Node*> routers, by_via;
  for (const auto& [node, list] : openings) {
    if (!has_route(*node, route)) continue;
    routers.push_back(node);
    if (leads_to(list, true, viewer, route)) by_via.push_back(node);
  }
  const Node* first = oldest(routers);
  if (first == nullptr) return nullptr;
  const bool otherwise = has_route(viewer, route) || leads_to(openings.at(first), false, viewer, route);
  return otherwise || by_via.empty() ? first : oldest(by_via);
}

// `app` with `via` makes no rule, but makes visible what a rule would: the one case of its kind. Observed. The policy that has
// these rules and no others.
Policy imagined_rules(const Policy& policy) {
  Policy imagined;
  imagined.groups = policy.groups;
  imagined.hosts = policy.hosts;
  imagined.ipsets = policy.ipsets;
  imagined.postures = policy.postures;
  imagined.default_posture = policy.default_posture;
  imagined.grants.emplace();
  for (Grant grant : policy.grants.value_or(std::vector<Grant>())) {
    if (grant.app.empty() || grant.via.empty()) continue;
    grant.app.clear();
    grant.ip = {Traffic{}};
    imagined.grants->push_back(std::move(grant));
  }
  return imagined;
}

std::vector<Opening> openings_at(const Policy& policy, const Policy& imagined, const Tailnet& tailnet,
                                 const Node& node) {
  std::vector<Opening> out;
  for (const Passage& passage : passages(policy, tailnet, node)) {
    out.push_back({passage.sources, {passage.destination}, passage.via});
  }
  for (const Award& award : awards(policy, tailnet, node)) out.push_back({award.sources, award.destinations, false});
  for (const Passage& passage : passages(imagined, tailnet, node)) {
    out.push_back({passage.sources, {passage.destination}, true});
  }
  return out;
}

}  // namespace

Tailnet with_approvals(const Policy& policy, Tailnet tailnet) {
  const Tailnet before = tailnet;
  for (Node& node : tailnet.nodes) {
    for (const Prefix& route : node.advertised) {
      bool approved = is_exit_route(route) && approves(policy, before, policy.exit_approvers, node);
      for (const auto& [key, approvers] : policy.route_approvers) {
        if (is_exit_route(route)) continue;  // only exitNode approves these
        if (key.contains(route) && approves(policy, before, approvers, node)) approved = true;
      }
      if (approved && !has_route(node, route)) node.approved.push_back(route);
    }
  }
  return tailnet;
}

Openings openings(const Policy& policy, const Tailnet& tailnet) {
  const Policy imagined = imagined_rules(policy);
  Openings all;
  for (const Node& node : tailnet.nodes) all[&node] = openings_at(policy, imagined, tailnet, node);
  return all;
}

std::vector<Opening> openings_at(const Policy& policy, const Tailnet& tailnet, const Node& node) {
  return openings_at(policy, imagined_rules(policy), tailnet, node);
}

bool sees(const Openings& openings, const Node& a, const Node& b) {
  for (const auto& [from, at] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    for (const Opening& opening : openings.at(at)) {
      if (is_covered(opening.sources, *from)) return true;
    }
  }
  return false;
}

std::vector<Prefix> primary_routes(const Tailnet& tailnet, const Node& node) {
  std::vector<Prefix> out;
  for (const Prefix& route : subnet_routes(node)) {
    std::vector<const Node*> routers;
    for (const Node& other : tailnet.nodes) {
      if (has_route(other, route)) routers.push_back(&other);
    }
    if (oldest(routers) == &node) out.push_back(route);
  }
  return out;
}

std::vector<Prefix> shown_routes(const Openings& openings, const Node& viewer, const Node& peer) {
  std::vector<Prefix> out;
  for (const Prefix& route : subnet_routes(peer)) {
    if (primary_for(openings, viewer, route) != &peer) continue;
    bool shown = has_route(viewer, route);  // its standby
    for (const Opening& opening : openings.at(&peer)) {
      if (is_covered(opening.sources, viewer) && overlap(opening.destinations, range_of(route))) shown = true;
    }
    for (const Opening& opening : openings.at(&viewer)) {
      if (overlap(opening.sources, range_of(route))) shown = true;
    }
    if (shown) out.push_back(route);
  }
  return out;
}

std::vector<Prefix> allowed_ips(const Policy& policy, const Tailnet& tailnet, const Openings& openings,
                                const Node& viewer, const Node& peer) {
  const auto without_ipv4 = [&](const Node& node) {
    const std::vector<std::string> has = attributes(policy, tailnet, node);
    return policy.disable_ipv4 || std::find(has.begin(), has.end(), "disable-ipv4") != has.end();
  };
  const bool only_ipv6 = without_ipv4(viewer) || without_ipv4(peer);
  std::vector<Prefix> out = &viewer == &peer ? subnet_routes(peer) : shown_routes(openings, viewer, peer);
  for (const Address& address : peer.addresses) {
    if (!only_ipv6 || !address.is_v4()) out.emplace_back(address);
  }
  std::copy_if(peer.approved.begin(), peer.approved.end(), std::back_inserter(out), is_exit_route);
  return out;
}

std::vector<std::string> attributes(const Policy& policy, const Tailnet& tailnet, const Node& node) {
  std::set<std::string> out;
  for (const NodeAttribute& entry : policy.node_attributes) {
    for (const Selector& target : entry.target) {
      bool meant = target.kind == Kind::everything || is_device_of(policy, tailnet, target, node);
      if (target.kind == Kind::address || target.kind == Kind::prefix || target.kind == Kind::host) {
        const Ranges ranges = addresses_of(policy, tailnet, target);
        for (const Address& address : node.addresses) meant = meant || contains(ranges, address);
      }
      if (meant) out.insert(entry.attributes.begin(), entry.attributes.end());
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace acl::oracle
