// From entries of the policy to rules, in the service's order: grants first, then acls; an entry's parts by protocol; rules
// of equal sources and protocol joined into the first of them.
#include <algorithm>
#include <map>

#include "compiler/resolve/posture.h"
#include "compiler/resolve/resolver.h"

namespace acl::resolve {

using policy::Autogroup;
using policy::PortRange;
using policy::Selector;
using policy::SelectorKind;

namespace {

constexpr std::string_view drive = "tailscale.com/cap/drive";
constexpr std::string_view drive_sharer = "tailscale.com/cap/drive-sharer";
constexpr std::string_view relay = "tailscale.com/cap/relay";
constexpr std::string_view relay_target = "tailscale.com/cap/relay-target";

std::uint64_t hash_of(const std::vector<EntryId>& values) noexcept {
  std::uint64_t hash = 0x9e3779b97f4a7c15ULL ^ values.size();
  for (const EntryId value : values) {
    hash ^= value;
    hash *= 0xff51afd7ed558ccdULL;
    hash ^= hash >> 32;
  }
  return hash;
}

// The place of a destination in an acls entry: `*`, then people and addresses, then groups and tags, autogroups last.
int destination_rank(const Selector& selector) noexcept {
  switch (selector.kind) {
    case SelectorKind::wildcard: return 0;
    case SelectorKind::group:
    case SelectorKind::tag: return 2;
    case SelectorKind::autogroup: return 3;
    default: return 1;
  }
}

bool is_self(const Selector& selector) noexcept { return selector.autogroup == Autogroup::self; }

// What rules must share to be joined.
std::uint64_t rule_key(const Rule& rule) noexcept {
  return std::uint64_t{rule.sources} << 16 | static_cast<std::uint16_t>(rule.protocol);
}

// Adds a set to a set, both in ascending order.
void unite(std::vector<std::uint32_t>& into, const std::vector<std::uint32_t>& more) {
  if (into.empty()) {
    into = more;
    return;
  }
  std::vector<std::uint32_t> out;
  out.reserve(into.size() + more.size());
  std::set_union(into.begin(), into.end(), more.begin(), more.end(), std::back_inserter(out));
  into = std::move(out);
}

std::vector<NodeId> intersection(const std::vector<NodeId>& a, const std::vector<NodeId>& b) {
  std::vector<NodeId> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

}  // namespace

// --- sources ----------------------------------------------------------------------------------------------------------

bool Resolver::passes(NodeId node, const std::optional<std::vector<policy::Text>>& posture) const {
  const auto& names = posture ? posture : policy_.default_src_posture;
  if (!names || names->empty()) return true;
  const inventory::Node& device = tailnet_.inventory.nodes[node];
  if (device.shared) return true;  // devices of other tailnets are not asked
  return std::any_of(names->begin(), names->end(), [&](const policy::Text& name) {
    const auto found = postures_.find(name.value);
    return found != postures_.end() && holds(*found->second, device.posture);
  });
}

std::uint32_t Resolver::sources(const std::vector<Selector>& src,
                                const std::optional<std::vector<policy::Text>>& posture) {
  std::vector<EntryId> entries, written;
  std::vector<NodeId> nodes;
  const bool asked = asks(posture);
  for (const Selector& one : src) {
    const std::uint32_t id = selector(one, true);
    const SelectorSet& set = out_.selectors[id];
    if (!asked) {
      written.insert(written.end(), set.literals.begin(), set.literals.end());
      unite(entries, selector_entries_[id]);
      unite(nodes, set.nodes);
      continue;
    }
    const auto add_node = [&](NodeId node) {
      if (!passes(node, posture)) return;
      entries.insert(entries.end(), out_.node_entries.begin() + out_.node_first_entry[node],
                     out_.node_entries.begin() + out_.node_first_entry[node + 1]);
      nodes.push_back(node);
    };
    for (const NodeId node : set.nodes) add_node(node);
    if (set.wildcard) {
      // The ranges would let every device in: its devices are listed one by one instead, what is behind routers stays.
      for (NodeId node = 0; node < out_.node_count(); ++node) add_node(node);
      for (const EntryId literal : set.literals) {
        const Entry& entry = out_.entries[literal];
        const bool route = std::any_of(out_.routes.begin(), out_.routes.end(), [&](const Route& r) {
          return r.prefix.first() == entry.first && r.prefix.last() == entry.last;
        });
        if (!route || !nodes_at(entry).empty()) continue;
        entries.push_back(literal);
        written.push_back(literal);
      }
      continue;
    }
    // Literal sources lose the devices that fail; their other addresses are no devices, and are not asked.
    for (const EntryId literal : set.literals) {
      for (const Entry& left : narrowed(out_.entries[literal], posture)) {
        const EntryId left_id = entry(left);
        entries.push_back(left_id);
        written.push_back(left_id);
      }
    }
  }
  if (asked) {
    make_set(entries);
    make_set(nodes);
  }
  return intern(std::move(entries), std::move(nodes), std::move(written));
}

std::uint32_t Resolver::intern(std::vector<EntryId> entries, std::vector<NodeId> nodes, std::vector<EntryId> written) {
  auto& same_hash = sources_index_[hash_of(entries)];
  for (const std::uint32_t id : same_hash) {
    if (out_.sources[id].entries == entries) return id;
  }
  const auto id = static_cast<std::uint32_t>(out_.sources.size());
  same_hash.push_back(id);
  Sources sources{std::move(entries), std::move(nodes), {}, {}, false};
  cover(sources, std::move(written));
  out_.sources.push_back(std::move(sources));
  return id;
}

// The nodes of which an address or an approved subnet route overlaps the sources.
void Resolver::cover(Sources& sources, std::vector<EntryId> written) const {
  std::vector<NodeId>& covered = sources.covered;
  covered = sources.nodes;
  // Entries that were written, and not made from identities; one that is the address of one of the identities is not counted.
  make_set(written);
  std::erase_if(written, [&](EntryId id) {
    const NodeId owner = out_.entry_owner[id];
    return owner != none && std::binary_search(sources.nodes.begin(), sources.nodes.end(), owner);
  });
  sources.literals = std::move(written);
  for (const EntryId id : out_.routes_hold_nodes ? sources.entries : sources.literals) {
    if (out_.entries[id].kind == EntryKind::any) {
      sources.covers_all = true;
      continue;
    }
    const auto nodes = holders(out_.entries[id]);
    covered.insert(covered.end(), nodes.begin(), nodes.end());
  }
  if (covered.size() != sources.nodes.size()) make_set(covered);
  if (covered.size() == out_.node_count()) sources.covers_all = true;
  if (sources.covers_all) covered.clear();
}

// --- rules ------------------------------------------------------------------------------------------------------------

std::uint32_t Resolver::port_list(std::vector<PortRange> ports) {
  // Most lists are one of a few; the last ones are looked at first.
  for (std::size_t i = out_.port_lists.size(); i-- > 0 && out_.port_lists.size() - i <= 16;) {
    if (out_.port_lists[i] == ports) return static_cast<std::uint32_t>(i);
  }
  out_.port_lists.push_back(std::move(ports));
  return static_cast<std::uint32_t>(out_.port_lists.size() - 1);
}

// Joins the part into the rule of the same sources and protocol, or makes it a rule of its own.
void Resolver::add(Rule part, Destination destination) {
  destination.sequence = sequence_++;
  if (part.kind == RuleKind::ports) {
    if (out_.sources[part.sources].entries.empty()) return;
    if (destination.via == none) {
      const auto [known, fresh] =
          rule_index_.try_emplace(rule_key(part), static_cast<std::uint32_t>(out_.rules.size()));
      if (!fresh) {
        out_.rules[known->second].destinations.push_back(destination);
        return;
      }
    }
  }
  part.destinations = {destination};
  out_.rules.push_back(std::move(part));
}

void Resolver::join_via_rules() {
  for (Rule& rule : out_.rules) {
    if (rule.kind != RuleKind::ports || rule.destinations.front().via == none) continue;
    const auto known = rule_index_.find(rule_key(rule));
    if (known != rule_index_.end()) rule.joins = known->second;
  }
}

std::vector<EntryId> Resolver::entries_of(const std::vector<NodeId>& nodes) const {
  std::vector<EntryId> entries;
  for (const NodeId node : nodes) {
    entries.insert(entries.end(), out_.node_entries.begin() + out_.node_first_entry[node],
                   out_.node_entries.begin() + out_.node_first_entry[node + 1]);
  }
  make_set(entries);
  return entries;
}

// A destination that no selector of the policy names.
std::uint32_t Resolver::add_set(std::vector<NodeId> nodes, std::vector<EntryId> literals) {
  SelectorSet set;
  set.text = "the passing sources";
  std::vector<EntryId> entries = entries_of(nodes);
  entries.insert(entries.end(), literals.begin(), literals.end());
  make_set(entries);
  set.nodes = std::move(nodes);
  set.literals = std::move(literals);
  reach(set);
  selector_entries_.push_back(std::move(entries));
  out_.selectors.push_back(std::move(set));
  return static_cast<std::uint32_t>(out_.selectors.size() - 1);
}

// autogroup:self: one rule for each user, from and to that user's untagged devices.
void Resolver::build_self(const std::vector<Selector>& src, const std::optional<std::vector<policy::Text>>& posture,
                          Rule part, Destination destination, bool companion) {
  if (destination.via != none) return;  // leads to tagged nodes alone, and these are nobody's own
  bool everyone = false;
  std::vector<NodeId> sources;
  for (const Selector& one : src) {
    const SelectorSet& set = out_.selectors[selector(one, true)];
    everyone = everyone || set.wildcard;
    sources.insert(sources.end(), set.nodes.begin(), set.nodes.end());
  }
  make_set(sources);
  for (std::uint32_t user = 0; user < tailnet_.nodes_of_user.size(); ++user) {
    const auto& devices = tailnet_.nodes_of_user[user];
    std::vector<NodeId> nodes = everyone ? devices : intersection(devices, sources);
    std::erase_if(nodes, [&](NodeId node) { return !passes(node, posture); });
    if (nodes.empty()) continue;
    if (companion) {
      // Turned around: from all of the user's devices to those that are sources.
      part.sources = intern(entries_of(devices), devices, {});
      destination.selector = add_set(std::move(nodes), {});
    } else {
      part.sources = intern(entries_of(nodes), nodes, {});
      destination.user = user;
    }
    add(part, destination);
  }
}

void Resolver::build_allow_all() {
  const Selector star = policy::parse_selector("*", {});
  Rule rule;
  rule.sources = sources({star}, std::nullopt);
  Destination destination;
  destination.selector = selector(star, false);
  destination.ports = port_list({PortRange{}});
  add(rule, destination);
}

void Resolver::build_grant(const policy::Grant& grant, std::uint32_t index) {
  if (grant.src.empty() || grant.dst.empty()) return;
  Destination destination;
  destination.origin = {Section::grants, index};
  if (!grant.via.empty()) {
    std::vector<std::uint32_t> tags;
    for (const Selector& via : grant.via) {
      if (const std::uint32_t tag = tailnet_.tag(via.text); tag != none) tags.push_back(tag);
    }
    destination.via = static_cast<std::uint32_t>(out_.via_lists.size());
    out_.via_lists.push_back(std::move(tags));
  }
  const std::uint32_t from = sources(grant.src, grant.src_posture);
  const bool only_autogroups = std::all_of(grant.dst.begin(), grant.dst.end(),
                                           [](const Selector& s) { return s.kind == SelectorKind::autogroup; });

  // Adds `part` once for each destination; a capability rule holds all of its destinations.
  const auto add_all = [&](Rule part, std::uint32_t ports) {
    destination.ports = ports;
    const bool joined = part.kind == RuleKind::ports;
    std::size_t made = none;
    const auto add_one = [&](const Selector& dst) {
      if (is_self(dst)) {
        build_self(grant.src, grant.src_posture, part, destination);
        return;
      }
      destination.selector = selector(dst, false);
      part.sources = from;
      if (joined || made == none) {
        add(part, destination);
        made = out_.rules.size() - 1;
      } else {
        destination.sequence = sequence_++;
        out_.rules[made].destinations.push_back(destination);
      }
    };
    for (const Selector& dst : grant.dst) {
      if (only_autogroups || !is_self(dst)) add_one(dst);
    }
    for (const Selector& dst : grant.dst) {
      if (!only_autogroups && is_self(dst)) add_one(dst);
    }
  };

  // One rule for each protocol, in the order of their first entries; -1 stands for the default set.
  std::vector<std::pair<std::int16_t, std::vector<PortRange>>> protocols;
  for (const policy::GrantIp& ip : grant.ip) {
    if (!ip.entry) continue;
    const std::int16_t protocol =
        ip.entry->has_protocol ? static_cast<std::int16_t>(ip.entry->protocol) : std::int16_t{-1};
    auto known = std::find_if(protocols.begin(), protocols.end(), [&](const auto& p) { return p.first == protocol; });
    if (known == protocols.end()) known = protocols.insert(protocols.end(), {protocol, {}});
    known->second.insert(known->second.end(), ip.entry->ports.begin(), ip.entry->ports.end());
  }
  for (auto& [protocol, ports] : protocols) {
    Rule part;
    part.protocol = protocol;
    add_all(part, port_list(std::move(ports)));
  }
  if (grant.app.empty()) return;

  Rule part;
  part.kind = grant.via.empty() ? RuleKind::capability : RuleKind::visibility;
  part.capabilities = static_cast<std::uint32_t>(out_.capability_maps.size());
  out_.capability_maps.emplace_back();
  for (const policy::Capability& capability : grant.app) {
    out_.capability_maps.back().push_back({capability.name.value, capability.node});
  }
  add_all(part, 0);
  if (part.kind == RuleKind::visibility) return;
  for (const policy::Capability& capability : grant.app) {
    if (capability.name.value == drive) build_companion(grant, index, drive_sharer, part);
    if (capability.name.value == relay) build_companion(grant, index, relay_target, part);
  }
}

// The reversed rule that the service adds to some capabilities: from the destinations to the sources.
void Resolver::build_companion(const policy::Grant& grant, std::uint32_t index, std::string_view name, Rule part) {
  part.capabilities = static_cast<std::uint32_t>(out_.capability_maps.size());
  out_.capability_maps.push_back({{name, none}});
  part.destinations.clear();
  Destination destination;
  destination.origin = {Section::grants, index};
  std::vector<Selector> reversed;
  for (const Selector& dst : grant.dst) {
    if (is_self(dst)) {
      build_self(grant.src, grant.src_posture, part, destination, true);
    } else {
      reversed.push_back(dst);
    }
  }
  if (reversed.empty()) return;
  part.sources = sources(reversed, std::vector<policy::Text>{});
  if (asks(grant.src_posture)) {
    // Only what passes the posture gets the companion; of `*` and danger-all the passing devices, not other addresses.
    bool everybody = false;
    std::vector<Selector> written;
    for (const Selector& src : grant.src) {
      everybody = everybody || src.autogroup == Autogroup::danger_all;
      if (src.kind != SelectorKind::wildcard && src.autogroup != Autogroup::danger_all) written.push_back(src);
    }
    std::vector<NodeId> nodes = out_.sources[sources(grant.src, grant.src_posture)].nodes;
    std::vector<EntryId> literals = out_.sources[sources(written, grant.src_posture)].literals;
    if (everybody) {
      nodes.clear();
      for (NodeId node = 0; node < out_.node_count(); ++node) {
        if (passes(node, grant.src_posture)) nodes.push_back(node);
      }
    }
    destination.selector = add_set(std::move(nodes), std::move(literals));
    destination.sequence = sequence_++;
    part.destinations.push_back(destination);
  } else {
    for (const Selector& src : grant.src) {
      destination.selector = selector(src, false);
      destination.sequence = sequence_++;
      part.destinations.push_back(destination);
    }
  }
  out_.rules.push_back(std::move(part));
}

void Resolver::build_acl(const policy::Acl& acl, std::uint32_t index) {
  if (acl.src.empty() || acl.dst.empty()) return;
  struct Host {
    const Selector* selector;
    std::vector<PortRange> ports;
  };
  // The ports of one and the same host become one list; then the hosts stand by kind.
  std::vector<Host> hosts;
  std::map<std::uint32_t, std::size_t> known;
  for (const policy::Target& target : acl.dst) {
    const auto [place, fresh] = known.try_emplace(selector(target.selector, false), hosts.size());
    if (fresh) hosts.push_back({&target.selector, {}});
    auto& ports = hosts[place->second].ports;
    ports.insert(ports.end(), target.ports.begin(), target.ports.end());
  }
  std::stable_sort(hosts.begin(), hosts.end(), [](const Host& a, const Host& b) {
    return destination_rank(*a.selector) < destination_rank(*b.selector);
  });

  Rule part;
  part.protocol = acl.protocol ? static_cast<std::int16_t>(*acl.protocol) : std::int16_t{-1};
  Destination destination;
  destination.origin = {Section::acls, index};
  const std::uint32_t from = sources(acl.src, acl.src_posture);
  for (Host& host : hosts) {
    destination.ports = port_list(std::move(host.ports));
    if (is_self(*host.selector)) {
      destination.selector = none;
      build_self(acl.src, acl.src_posture, part, destination);
    } else {
      destination.selector = selector(*host.selector, false);
      part.sources = from;
      add(part, destination);
    }
  }
}

void Resolver::build_rules() {
  if (policy_.allows_everything()) build_allow_all();
  if (policy_.grants) {
    for (std::uint32_t i = 0; i < policy_.grants->size(); ++i) build_grant((*policy_.grants)[i], i);
  }
  if (policy_.acls) {
    for (std::uint32_t i = 0; i < policy_.acls->size(); ++i) build_acl((*policy_.acls)[i], i);
  }
  join_via_rules();
}

// --- who receives what ------------------------------------------------------------------------------------------------

// With `via`: the node carries one of the tags and has an approved route that overlaps the destination.
bool Resolver::routes_through(NodeId node, const Destination& destination) const {
  const auto& tags = out_.via_lists[destination.via];
  const auto& node_tags = tailnet_.inventory.nodes[node].tags;
  const bool tagged = std::any_of(node_tags.begin(), node_tags.end(), [&](std::uint32_t tag) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  });
  if (!tagged) return false;
  const SelectorSet& set = out_.selectors[destination.selector];
  if (set.internet && out_.exit_node[node]) return true;
  if (set.exits_only) return false;
  const auto overlaps_route = [&](const Entry& entry) {
    const auto& routes = out_.approved_routes[node];
    return std::any_of(routes.begin(), routes.end(),
                       [&](const net::Prefix& route) { return !route.is_everything() && overlaps(entry, route); });
  };
  const auto& entries = selector_entries_[destination.selector];
  return std::any_of(entries.begin(), entries.end(), [&](EntryId id) {
    return overlaps_route(out_.entries[id]) || (out_.exit_node[node] && is_internet(out_.entries[id]));
  });
}

// The nodes of a destination that is not for every node; `scratch` holds them where they are fewer than the selector's own.
const std::vector<NodeId>& Resolver::receivers(const Rule& rule, const Destination& destination,
                                               std::vector<NodeId>& scratch) const {
  if (destination.user != none) return tailnet_.nodes_of_user[destination.user];
  const SelectorSet& set = out_.selectors[destination.selector];
  scratch.clear();
  if (destination.via != none) {
    for (NodeId node = 0; node < out_.node_count(); ++node) {
      if (routes_through(node, destination)) scratch.push_back(node);
    }
    return scratch;
  }
  const bool some_internet =
      std::any_of(set.literals.begin(), set.literals.end(), [&](EntryId id) { return is_internet(out_.entries[id]); });
  if (rule.kind != RuleKind::capability || !some_internet) return set.reached;
  // Who receives a public prefix for being an exit node has no part in its capabilities.
  for (const EntryId id : selector_entries_[destination.selector]) {
    const auto nodes = holders(out_.entries[id]);
    scratch.insert(scratch.end(), nodes.begin(), nodes.end());
    add_hosts(out_.entries[id], scratch);
  }
  make_set(scratch);
  return scratch;
}

void Resolver::find_incidences() {
  const std::size_t nodes = out_.node_count();
  std::vector<NodeId> scratch;
  const auto is_everywhere = [&](const Destination& destination) {
    return destination.user == none && destination.via == none && out_.selectors[destination.selector].everything;
  };
  out_.incidence_first.assign(nodes + 1, 0);
  const auto visit = [&](auto f) {
    for (std::uint32_t r = 0; r < out_.rules.size(); ++r) {
      const Rule& rule = out_.rules[r];
      for (std::uint32_t d = 0; d < rule.destinations.size(); ++d) {
        if (is_everywhere(rule.destinations[d])) continue;
        for (const NodeId node : receivers(rule, rule.destinations[d], scratch)) f(node, Incidence{r, d});
      }
    }
  };
  visit([&](NodeId node, Incidence) { ++out_.incidence_first[node + 1]; });
  for (std::size_t i = 0; i < nodes; ++i) out_.incidence_first[i + 1] += out_.incidence_first[i];
  out_.incidences.resize(out_.incidence_first[nodes]);
  std::vector<std::uint64_t> next(out_.incidence_first.begin(), out_.incidence_first.end() - 1);
  visit([&](NodeId node, Incidence incidence) { out_.incidences[next[node]++] = incidence; });
  for (std::uint32_t r = 0; r < out_.rules.size(); ++r) {
    for (std::uint32_t d = 0; d < out_.rules[r].destinations.size(); ++d) {
      if (is_everywhere(out_.rules[r].destinations[d])) out_.everywhere.push_back({r, d});
    }
  }
}

}  // namespace acl::resolve
