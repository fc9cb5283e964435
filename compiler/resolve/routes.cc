// Distinct approved subnet routes, and who may see them.
#include <algorithm>

#include "compiler/resolve/resolver.h"

namespace acl::resolve {

void Resolver::find_routes() {
  std::vector<std::pair<net::Prefix, NodeId>> all;
  for (NodeId id = 0; id < out_.node_count(); ++id) {
    for (const net::Prefix& route : out_.approved_routes[id]) {
      if (!route.is_everything()) all.emplace_back(route, id);
    }
  }
  const auto& age = tailnet_.inventory.age;
  std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return age[a.second] < age[b.second];
  });
  for (const auto& [prefix, node] : all) {
    if (out_.routes.empty() || out_.routes.back().prefix != prefix) out_.routes.push_back({prefix, {}, {}, {}, {}});
    out_.routes.back().nodes.push_back(node);
  }
  for (const Route& route : out_.routes) {
    tailnet_.addresses_in(route.prefix.first(), route.prefix.last(),
                          [&](NodeId, std::uint32_t) { out_.routes_hold_nodes = true; });
  }
}

// A viewer may see a route of a peer if a rule lets the viewer reach it there, or if the route is a source at the viewer.
// What it sees as primary depends on whether ordinary rules or only `via` grants lead there.
void Resolver::find_viewers() {
  const std::size_t nodes = out_.node_count();
  const auto mark = [&](Bits& bits, const std::vector<NodeId>& list, bool all) {
    if (all) {
      bits.set_all(nodes);
    } else {
      for (const NodeId node : list) bits.set(node);
    }
  };
  for (Route& route : out_.routes) {
    route.by_rule = Bits(nodes);
    route.as_source = Bits(nodes);
  }
  if (out_.routes.empty()) return;

  // For each selector and each source set, the routes that it overlaps.
  std::vector<std::vector<std::uint32_t>> of_selector(out_.selectors.size());
  std::vector<bool> selector_done(out_.selectors.size());
  const auto routes_in = [&](const std::vector<EntryId>& entries) {
    std::vector<std::uint32_t> found;
    if (entries.empty()) return found;
    for (std::uint32_t r = 0; r < out_.routes.size(); ++r) {
      const bool hit = std::any_of(entries.begin(), entries.end(),
                                   [&](EntryId id) { return overlaps(out_.entries[id], out_.routes[r].prefix); });
      if (hit) found.push_back(r);
    }
    return found;
  };
  // A node's own address lies in a route only where routes hold nodes at all.
  const auto outside = [&](const std::vector<EntryId>& all, const std::vector<EntryId>& literals) -> const auto& {
    return out_.routes_hold_nodes ? all : literals;
  };
  std::vector<std::vector<std::uint32_t>> of_sources(out_.sources.size());
  std::vector<bool> sources_done(out_.sources.size());
  std::vector<NodeId> scratch;
  for (std::uint32_t r = 0; r < out_.rules.size(); ++r) {
    const Rule& rule = out_.rules[r];
    const Sources& sources = out_.sources[rule.sources];
    if (!sources_done[rule.sources]) {
      sources_done[rule.sources] = true;
      of_sources[rule.sources] = routes_in(outside(sources.entries, sources.literals));
    }
    for (const Destination& destination : rule.destinations) {
      // Where the route is a source, the rule's receivers see it.
      for (const std::uint32_t id : of_sources[rule.sources]) {
        Route& route = out_.routes[id];
        const bool everywhere =
            destination.user == none && destination.via == none && out_.selectors[destination.selector].everything;
        mark(route.as_source, receivers(rule, destination, scratch), everywhere);
      }
      if (destination.user != none) continue;
      // A capability for `*` is narrowed to the receiver's own addresses: no route is reached by it.
      if (rule.kind == RuleKind::capability && out_.selectors[destination.selector].everything) continue;
      if (!selector_done[destination.selector]) {
        selector_done[destination.selector] = true;
        of_selector[destination.selector] =
            routes_in(outside(selector_entries_[destination.selector], out_.selectors[destination.selector].literals));
      }
      for (const std::uint32_t id : of_selector[destination.selector]) {
        Route& route = out_.routes[id];
        if (out_.selectors[destination.selector].exits_only && !out_.exit_node[route.nodes.front()]) continue;
        if (destination.via == none) {
          mark(route.by_rule, sources.covered, sources.covers_all);
        } else {
          route.by_via.push_back({destination.via, Bits(nodes)});
          mark(route.by_via.back().viewers, sources.covered, sources.covers_all);
        }
      }
    }
  }
}

}  // namespace acl::resolve
