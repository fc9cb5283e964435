#include "compiler/resolve/view.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "compiler/resolve/intervals.h"
#include "compiler/resolve/resolver.h"

namespace acl::resolve {

using net::Prefix;

Views::Views(const Resolved& resolved) : resolved_(resolved) {
  const std::size_t nodes = resolved.node_count();
  receivers_.resize(resolved.rules.size());
  everywhere_.resize(resolved.rules.size());
  for (const Incidence& incidence : resolved.everywhere) everywhere_[incidence.rule] = true;
  for (NodeId node = 0; node < nodes; ++node) {
    for (std::uint64_t i = resolved.incidence_first[node]; i < resolved.incidence_first[node + 1]; ++i) {
      auto& receivers = receivers_[resolved.incidences[i].rule];
      if (receivers.empty() || receivers.back() != node) receivers.push_back(node);
    }
  }
  covering_first_.assign(nodes + 1, 0);
  const auto visit = [&](auto f) {
    for (std::uint32_t r = 0; r < resolved.rules.size(); ++r) {
      for (const NodeId node : resolved.sources[resolved.rules[r].sources].covered) f(node, r);
    }
  };
  visit([&](NodeId node, std::uint32_t) { ++covering_first_[node + 1]; });
  for (std::size_t i = 0; i < nodes; ++i) covering_first_[i + 1] += covering_first_[i];
  covering_.resize(covering_first_[nodes]);
  std::vector<std::uint64_t> next(covering_first_.begin(), covering_first_.end() - 1);
  visit([&](NodeId node, std::uint32_t r) { covering_[next[node]++] = r; });
  for (std::uint32_t r = 0; r < resolved.rules.size(); ++r) {
    if (resolved.sources[resolved.rules[r].sources].covers_all) covering_all_.push_back(r);
  }
  devices_of_.resize(resolved.inventory->users.size() + 1);
  for (NodeId node = 0; node < nodes; ++node) devices_of_[person_of(node)].push_back(node);
  std::vector<NodeId> by_name(nodes);
  std::iota(by_name.begin(), by_name.end(), 0);
  const auto& all = resolved.inventory->nodes;
  if (resolved.depth == Depth::all) {
    std::sort(by_name.begin(), by_name.end(), [&](NodeId a, NodeId b) { return all[a].name < all[b].name; });
  }
  name_order_.resize(nodes);
  for (std::uint32_t place = 0; place < nodes; ++place) name_order_[by_name[place]] = place;
}

std::size_t Views::person_of(NodeId node) const noexcept {
  const inventory::Node& device = resolved_.inventory->nodes[node];
  return device.tags.empty() && device.user != inventory::none ? device.user : resolved_.inventory->users.size();
}

const std::vector<NodeId>& Views::same_person(NodeId node) const { return devices_of_[person_of(node)]; }

std::span<const std::uint32_t> Views::covering(NodeId node) const noexcept {
  return {covering_.data() + covering_first_[node], covering_.data() + covering_first_[node + 1]};
}

namespace {

bool is_service(const SelectorSet& set) noexcept { return set.text.substr(0, 4) == "svc:"; }

}  // namespace

// The entry overlaps one of the node's addresses or approved subnet routes.
bool Views::holds_entry(NodeId node, const Entry& entry) const {
  const auto& addresses = resolved_.inventory->nodes[node].addresses;
  const auto& routes = resolved_.approved_routes[node];
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& a) { return contains(entry, a); }) ||
         std::any_of(routes.begin(), routes.end(),
                     [&](const Prefix& route) { return !route.is_everything() && overlaps(entry, route); });
}

// The node holds the entry, or the entry is internet and the node an exit.
bool Views::routes_entry(NodeId node, const Entry& entry, const SelectorSet& set) const {
  const auto& routes = resolved_.approved_routes[node];
  const bool routed = !set.exits_only && std::any_of(routes.begin(), routes.end(), [&](const Prefix& route) {
    return !route.is_everything() && overlaps(entry, route);
  });
  return routed || (resolved_.exit_node[node] && is_internet(entry));
}

bool Views::receives_entry(NodeId node, const Entry& entry, const SelectorSet& set) const {
  if (entry.kind == EntryKind::any || (!set.exits_only && holds_entry(node, entry))) return true;
  // Services are received by their hosts; the internet and public prefixes by exit nodes: `reached` holds both, and whoever
  // is there without an address or a route in any literal is there for one of these reasons.
  for (const inventory::Service& service : resolved_.inventory->services) {
    const bool host = std::find(service.hosts.begin(), service.hosts.end(), node) != service.hosts.end();
    if (host && std::any_of(service.addresses.begin(), service.addresses.end(),
                            [&](const net::Address& address) { return contains(entry, address); })) {
      return true;
    }
  }
  if (is_service(set)) return std::binary_search(set.reached.begin(), set.reached.end(), node);
  return resolved_.exit_node[node] && is_internet(entry);
}

std::vector<Incidence> Views::incidences(NodeId node) const {
  std::vector<Incidence> out;
  const auto first = resolved_.incidences.begin() + static_cast<std::ptrdiff_t>(resolved_.incidence_first[node]);
  const auto last = resolved_.incidences.begin() + static_cast<std::ptrdiff_t>(resolved_.incidence_first[node + 1]);
  std::merge(first, last, resolved_.everywhere.begin(), resolved_.everywhere.end(), std::back_inserter(out),
             [](const Incidence& a, const Incidence& b) {
               return a.rule != b.rule ? a.rule < b.rule : a.destination < b.destination;
             });
  return out;
}

std::vector<RuleView> Views::rules(NodeId node) const {
  std::vector<RuleView> out;
  for (const Incidence& incidence : incidences(node)) {
    const Rule& rule = resolved_.rules[incidence.rule];
    if (rule.kind == RuleKind::visibility) continue;
    if (out.empty() || out.back().rule != &rule) out.push_back({&rule, &resolved_.sources[rule.sources], {}, {}});
    RuleView& view = out.back();
    const Destination& destination = rule.destinations[incidence.destination];
    if (rule.kind == RuleKind::ports) {
      each_entry(node, destination, [&](EntryId entry) {
        for (const policy::PortRange& ports : resolved_.port_lists[destination.ports]) {
          view.dst_ports.push_back({entry, ports, destination.origin, destination.sequence});
        }
      });
      continue;
    }
    // A capability is narrowed to the node's own addresses and those of its services; a prefix that overlaps a route of the
    // node stays whole beside.
    CapGrant grant{{}, destination.origin};
    const bool service = destination.user == none && is_service(resolved_.selectors[destination.selector]);
    const inventory::Node& device = resolved_.inventory->nodes[node];
    each_entry(node, destination, [&](EntryId id) {
      const Entry& entry = resolved_.entries[id];
      for (const net::Address& address : device.addresses) {
        if (contains(entry, address)) grant.dsts.emplace_back(address);
      }
      if (entry.kind == EntryKind::any) return;
      for (const inventory::Service& hosted : resolved_.inventory->services) {
        if (std::find(hosted.hosts.begin(), hosted.hosts.end(), node) == hosted.hosts.end()) continue;
        for (const net::Address& address : hosted.addresses) {
          if (contains(entry, address)) grant.dsts.emplace_back(address);
        }
      }
      const auto& routes = resolved_.approved_routes[node];
      const bool routed = std::any_of(routes.begin(), routes.end(), [&](const Prefix& route) {
        return !route.is_everything() && overlaps(entry, route);
      });
      if (routed || service) {
        const auto whole = prefixes({entry.first, entry.last});
        grant.dsts.insert(grant.dsts.end(), whole.begin(), whole.end());
      }
    });
    make_set(grant.dsts);
    if (!grant.dsts.empty()) view.cap_grants.push_back(std::move(grant));
  }
  std::erase_if(out, [](const RuleView& view) { return view.dst_ports.empty() && view.cap_grants.empty(); });
  join_via(out);
  return out;
}

// Parts with `via` are joined at the nodes that have them, as if they had been in the list of rules from the start: into the
// first rule of the same sources and protocol, whose place may stem from a part that this node does not have.
void Views::join_via(std::vector<RuleView>& views) const {
  const auto is_via = [](const RuleView& view) {
    return view.rule->kind == RuleKind::ports && view.rule->destinations.front().via != none;
  };
  if (std::none_of(views.begin(), views.end(), is_via)) return;
  const auto place = [&](const RuleView& view) {
    const std::uint32_t own = view.rule->destinations.front().sequence;
    return view.rule->joins == none ? own
                                    : std::min(own, resolved_.rules[view.rule->joins].destinations.front().sequence);
  };
  std::vector<std::pair<std::uint32_t, RuleView>> placed;
  for (RuleView& view : views) {
    const auto same = std::find_if(placed.begin(), placed.end(), [&](const auto& other) {
      const Rule& rule = *other.second.rule;
      return rule.kind == RuleKind::ports && view.rule->kind == RuleKind::ports && rule.sources == view.rule->sources &&
             rule.protocol == view.rule->protocol;
    });
    if (same == placed.end()) {
      placed.emplace_back(place(view), std::move(view));
      continue;
    }
    same->first = std::min(same->first, place(view));
    auto& ports = same->second.dst_ports;
    ports.insert(ports.end(), view.dst_ports.begin(), view.dst_ports.end());
    std::stable_sort(ports.begin(), ports.end(),
                     [](const DstPort& a, const DstPort& b) { return a.sequence < b.sequence; });
  }
  std::stable_sort(placed.begin(), placed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  views.clear();
  for (auto& [at, view] : placed) views.push_back(std::move(view));
}

// --- peers and routes -------------------------------------------------------------------------------------------------

// Two nodes see each other if a rule that either receives has a source that covers the other.
bool Views::mark_peers(NodeId node, Marks& marks) const {
  marks.clear();
  const auto add = [&](const std::vector<NodeId>& nodes) {
    for (const NodeId other : nodes) marks.add(other);
  };
  std::uint32_t last = none;
  const auto received = [&](std::uint32_t rule) {
    if (rule == last) return false;
    last = rule;
    const Sources& sources = resolved_.sources[resolved_.rules[rule].sources];
    if (sources.covers_all) return true;
    add(sources.covered);
    return false;
  };
  for (std::uint64_t i = resolved_.incidence_first[node]; i < resolved_.incidence_first[node + 1]; ++i) {
    if (received(resolved_.incidences[i].rule)) return true;
  }
  last = none;
  for (const Incidence& incidence : resolved_.everywhere) {
    if (received(incidence.rule)) return true;
  }
  for (const std::uint32_t rule : covering(node)) {
    if (everywhere_[rule]) return true;
    add(receivers_[rule]);
  }
  for (const std::uint32_t rule : covering_all_) {
    if (everywhere_[rule]) return true;
    add(receivers_[rule]);
  }
  return false;
}

std::vector<NodeId> Views::peers(NodeId node) const {
  Marks marks(resolved_.node_count());
  const bool all = mark_peers(node, marks);
  std::vector<NodeId> out;
  if (all) {
    for (NodeId other = 0; other < resolved_.node_count(); ++other) out.push_back(other);
  } else {
    out = marks.members();
  }
  std::erase(out, node);
  std::sort(out.begin(), out.end(), [&](NodeId a, NodeId b) { return name_order_[a] < name_order_[b]; });
  return out;
}

namespace {

bool has_route(const Resolved& resolved, NodeId node, const Prefix& prefix) {
  const auto& routes = resolved.approved_routes[node];
  return std::find(routes.begin(), routes.end(), prefix) != routes.end();
}

}  // namespace

NodeId primary_for(const Resolved& resolved, NodeId viewer, const Route& route) {
  const NodeId oldest = route.nodes.front();
  const bool own = has_route(resolved, viewer, route.prefix);
  if (own || route.by_rule.test(viewer)) return oldest;
  // Only via grants lead there: the oldest that carries one of their tags.
  for (const NodeId node : route.nodes) {
    const auto& tags = resolved.inventory->nodes[node].tags;
    for (const Route::Via& via : route.by_via) {
      if (!via.viewers.test(viewer)) continue;
      const auto& wanted = resolved.via_lists[via.tags];
      const bool tagged = std::any_of(tags.begin(), tags.end(), [&](std::uint32_t tag) {
        return std::find(wanted.begin(), wanted.end(), tag) != wanted.end();
      });
      if (tagged) return node;
    }
  }
  return route.as_source.test(viewer) ? oldest : none;
}

std::vector<PeerView> Views::peer_views(NodeId node) const {
  std::map<NodeId, std::vector<Prefix>> primary;
  for (const Route& route : resolved_.routes) {
    const NodeId holder = primary_for(resolved_, node, route);
    if (holder != none && holder != node) primary[holder].push_back(route.prefix);
  }
  const bool hide_v4 = resolved_.ipv4_disabled[node];
  std::vector<PeerView> out;
  for (const NodeId peer : peers(node)) {
    PeerView view{peer, {}, {}, true};
    if (const auto found = primary.find(peer); found != primary.end()) view.primary_routes = std::move(found->second);
    std::vector<Prefix> own;
    for (const net::Address& address : resolved_.inventory->nodes[peer].addresses) {
      own.emplace_back(address);
      if (!(address.is_v4() && (hide_v4 || resolved_.ipv4_disabled[peer]))) view.allowed.emplace_back(address);
    }
    view.allowed.insert(view.allowed.end(), view.primary_routes.begin(), view.primary_routes.end());
    for (const Prefix& route : resolved_.approved_routes[peer]) {
      if (route.is_everything()) view.allowed.push_back(route);
    }
    make_set(view.allowed);
    make_set(own);
    view.only_addresses = view.allowed == own;
    out.push_back(std::move(view));
  }
  return out;
}

std::vector<Prefix> Views::self_allowed(NodeId node) const {
  std::vector<Prefix> out = resolved_.approved_routes[node];
  for (const net::Address& address : resolved_.inventory->nodes[node].addresses) {
    if (!(address.is_v4() && resolved_.ipv4_disabled[node])) out.emplace_back(address);
  }
  make_set(out);
  return out;
}

std::vector<Prefix> Views::primary_routes(NodeId node) const {
  std::vector<Prefix> out;
  for (const Route& route : resolved_.routes) {
    if (route.nodes.front() == node) out.push_back(route.prefix);
  }
  return out;
}

}  // namespace acl::resolve
