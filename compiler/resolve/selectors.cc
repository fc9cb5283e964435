// Selectors to sets, and the numbering of entries.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/resolve/intervals.h"
#include "compiler/resolve/resolver.h"

namespace acl::resolve {

using net::Address;
using net::Family;
using net::Prefix;
using policy::Autogroup;
using policy::Selector;
using policy::SelectorKind;

namespace {

Entry any_entry() { return {}; }

Entry address_entry(const Address& address) { return {EntryKind::address, 0, address, address}; }

Entry prefix_entry(const Prefix& prefix) {
  if (prefix.is_single()) return address_entry(prefix.first());
  return {EntryKind::prefix, static_cast<std::uint8_t>(prefix.length()), prefix.first(), prefix.last()};
}

Entry range_entry(const Address& first, const Address& last) { return {EntryKind::range, 0, first, last}; }

// The tailnet's own ranges: 100.64.0.0/10 without 100.115.92.0/23, which ChromeOS uses, and fd7a:115c:a1e0::/48.
std::vector<Entry> tailnet_ranges() {
  return {range_entry(Address::v4(0x64400000), Address::v4(0x64735bff)),
          range_entry(Address::v4(0x64735e00), Address::v4(0x647fffff)),
          prefix_entry(Prefix(Address::v6(0xfd7a115ca1e00000ULL, 0), 48))};
}

// An IP set applied from top to bottom. References form no cycle in an accepted policy; the depth is bounded all the same.
struct IpsetReader {
  const policy::Policy& policy;
  bool internet = false;

  Intervals read(std::string_view name, int depth = 0) {
    Intervals out;
    const auto found = std::find_if(policy.ipsets.begin(), policy.ipsets.end(),
                                    [&](const policy::Ipset& ipset) { return ipset.name.value == name; });
    if (found == policy.ipsets.end() || depth > 64) return out;
    for (const policy::IpsetOperation& operation : found->operations) {
      const Intervals target = targets(operation.target, depth);
      for (const Interval& interval : target.list()) operation.remove ? out.remove(interval) : out.add(interval);
    }
    return out;
  }

  Intervals targets(const Selector& target, int depth) {
    Intervals out;
    switch (target.kind) {
      case SelectorKind::address:
      case SelectorKind::prefix: out.add({target.prefix.first(), target.prefix.last()}); break;
      case SelectorKind::range: out.add({target.prefix.first(), target.range_last}); break;
      case SelectorKind::ipset: return read(target.text, depth + 1);
      case SelectorKind::autogroup: internet = true; return internet_set();
      case SelectorKind::host:
        for (const policy::Host& host : policy.hosts) {
          if (host.name.value == target.name && host.prefix) out.add({host.prefix->first(), host.prefix->last()});
        }
        break;
      default: break;
    }
    return out;
  }
};

// A range as a prefix where it is exactly one.
Entry interval_entry(const Interval& interval) {
  for (unsigned length = 0; length <= interval.first.width(); ++length) {
    const Prefix prefix(interval.first, length);
    if (prefix.first() == interval.first && prefix.last() == interval.last) return prefix_entry(prefix);
  }
  return range_entry(interval.first, interval.last);
}

std::string literal_key(const Entry& entry) {
  return fmt::format("{}/{} {} {}", static_cast<int>(entry.kind), entry.length, entry.first.text(), entry.last.text());
}

}  // namespace

bool is_internet(const Entry& entry) noexcept {
  return entry.kind != EntryKind::any && internet_set().covers({entry.first, entry.last});
}

std::string entry_text(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::any: return "*";
    case EntryKind::address: return entry.first.text();
    case EntryKind::prefix: return fmt::format("{}/{}", entry.first.text(), entry.length);
    case EntryKind::range: return fmt::format("{}-{}", entry.first.text(), entry.last.text());
  }
  return {};
}

// The number of an entry: a node's own address is the node's entry, whoever wrote it.
EntryId Resolver::entry(const Entry& wanted) {
  if (wanted.kind == EntryKind::address) {
    EntryId found = none;
    tailnet_.addresses_in(wanted.first, wanted.first,
                          [&](NodeId, std::uint32_t index) { found = out_.node_entries[index]; });
    if (found != none) return found;
  }
  const auto [known, fresh] =
      literal_index_.try_emplace(literal_key(wanted), static_cast<EntryId>(out_.entries.size()));
  if (fresh) {
    out_.entries.push_back(wanted);
    out_.entry_owner.push_back(none);
  }
  return known->second;
}

void Resolver::read_literals(const Selector& selector, SelectorSet& set) {
  const auto add = [&](const Entry& wanted) { set.literals.push_back(entry(wanted)); };
  switch (selector.kind) {
    case SelectorKind::address:
    case SelectorKind::prefix: add(prefix_entry(selector.prefix)); break;
    case SelectorKind::host:
      for (const policy::Host& host : policy_.hosts) {
        if (host.name.value == selector.name && host.prefix) add(prefix_entry(*host.prefix));
      }
      break;
    case SelectorKind::ipset: {
      IpsetReader reader{policy_};
      const Intervals found = reader.read(selector.text);
      for (const Interval& interval : found.list()) add(interval_entry(interval));
      set.internet = reader.internet && std::any_of(found.list().begin(), found.list().end(),
                                                    [](const Interval& one) { return internet_set().covers(one); });
      break;
    }
    case SelectorKind::service:
      for (const inventory::Service& service : tailnet_.inventory.services) {
        if (service.name != selector.text) continue;
        for (const Address& address : service.addresses) add(address_entry(address));
        set.reached.insert(set.reached.end(), service.hosts.begin(), service.hosts.end());
      }
      break;
    case SelectorKind::autogroup:
      if (selector.autogroup == Autogroup::internet) {
        for (const Interval& interval : internet_set().list()) add(range_entry(interval.first, interval.last));
        set.internet = true;
        set.exits_only = true;
      }
      break;
    default: break;
  }
}

std::uint32_t Resolver::selector(const Selector& selector, bool source) {
  const bool wildcard = selector.kind == SelectorKind::wildcard;
  std::string key =
      selector.kind == SelectorKind::host ? "host:" + std::string(selector.name) : std::string(selector.text);
  if (wildcard) key = source ? "* source" : "*";
  const auto [known, fresh] =
      selector_index_.try_emplace(std::move(key), static_cast<std::uint32_t>(out_.selectors.size()));
  if (!fresh) return known->second;
  SelectorSet set;
  set.text = selector.text;
  if (wildcard && source) {
    set.wildcard = true;
    for (const Entry& range : tailnet_ranges()) set.literals.push_back(entry(range));
    for (const auto& routes : out_.approved_routes) {
      for (const Prefix& route : routes) {
        if (!route.is_everything()) set.literals.push_back(entry(prefix_entry(route)));
      }
    }
    // On a network with other addresses than the hosted service's, its own nodes are the tailnet, too.
    const auto ranges = tailnet_ranges();
    for (NodeId id = 0; id < tailnet_.inventory.nodes.size(); ++id) {
      for (const Address& address : tailnet_.inventory.nodes[id].addresses) {
        const bool inside =
            std::any_of(ranges.begin(), ranges.end(), [&](const Entry& e) { return contains(e, address); });
        if (!inside) set.literals.push_back(entry(address_entry(address)));
      }
    }
    make_set(set.literals);
  } else if (wildcard || selector.autogroup == Autogroup::danger_all) {
    set.everything = true;
    set.literals.push_back(entry(any_entry()));
  } else if (selector.autogroup == Autogroup::self) {
    set.self = true;
  } else if (auto nodes = tailnet_.identities(selector, policy_)) {
    set.nodes = std::move(*nodes);
  } else {
    read_literals(selector, set);
  }
  out_.selectors.push_back(std::move(set));
  return known->second;
}

// What is left of a literal source once the devices that fail the posture are taken out: the literal itself if none is in it.
std::vector<Entry> Resolver::narrowed(const Entry& literal, const Postures& posture) const {
  Intervals left;
  if (literal.kind == EntryKind::any) {
    left.add({Address::v4(0), Address::v4(0xffffffff)});
    left.add({Address::v6(0, 0), Address::v6(~std::uint64_t{0}, ~std::uint64_t{0})});
  } else {
    left.add({literal.first, literal.last});
  }
  const std::vector<Interval> whole = left.list();
  for (const Interval& part : whole) {
    tailnet_.addresses_in(part.first, part.last, [&](NodeId node, std::uint32_t index) {
      if (passes(node, posture)) return;
      const Address& address = out_.entries[out_.node_entries[index]].first;
      left.remove({address, address});
    });
  }
  if (left.list() == whole) return {literal};
  std::vector<Entry> out;
  for (const Interval& interval : left.list()) out.push_back(interval_entry(interval));
  return out;
}

// Whether a rule's sources are asked for a posture at all: its own, or the default in its place.
bool Resolver::asks(const Postures& posture) const noexcept {
  const Postures& names = posture ? posture : policy_.default_src_posture;
  return names && !names->empty();
}

// All selectors of acls and grants, so that every entry is known before they are numbered.
void Resolver::collect_selectors() {
  // With a posture, also what it leaves of literal sources.
  const auto narrow = [&](const std::vector<Selector>& src, const Postures& posture) {
    if (!asks(posture)) return;
    for (const Selector& one : src) {
      const std::uint32_t id = selector(one, true);
      if (out_.selectors[id].wildcard) continue;
      const std::vector<EntryId> literals = out_.selectors[id].literals;
      for (const EntryId literal : literals) {
        for (const Entry& left : narrowed(Entry(out_.entries[literal]), posture)) entry(left);
      }
    }
  };
  const auto both = [&](const std::vector<Selector>& src, const std::vector<Selector>& dst) {
    for (const Selector& one : src) selector(one, true);
    for (const Selector& one : dst) selector(one, false);
  };
  if (policy_.grants) {
    for (const policy::Grant& grant : *policy_.grants) {
      both(grant.src, grant.dst);
      narrow(grant.src, grant.src_posture);
      if (!grant.app.empty()) both(grant.dst, grant.src);  // companions turn the rule around
    }
  }
  if (policy_.acls) {
    for (const policy::Acl& acl : *policy_.acls) {
      both(acl.src, {});
      narrow(acl.src, acl.src_posture);
      for (const policy::Target& target : acl.dst) selector(target.selector, false);
    }
  }
  if (policy_.allows_everything()) {
    const Selector star = policy::parse_selector("*", {});
    both({star}, {star});
  }
}

// Numbers entries by the byte order of their texts, which is the order of the wire.
void Resolver::number_entries() {
  const std::size_t count = out_.entries.size();
  std::vector<std::string> texts(count);
  std::vector<EntryId> order(count);
  const bool by_text = out_.depth == Depth::all;
  for (EntryId id = 0; id < count; ++id) {
    if (by_text) texts[id] = entry_text(out_.entries[id]);
    order[id] = id;
  }
  if (by_text) std::sort(order.begin(), order.end(), [&](EntryId a, EntryId b) { return texts[a] < texts[b]; });
  std::vector<EntryId> rank(count);
  std::vector<Entry> entries(count);
  std::vector<NodeId> owners(count);
  for (EntryId place = 0; place < count; ++place) {
    rank[order[place]] = place;
    entries[place] = out_.entries[order[place]];
    owners[place] = out_.entry_owner[order[place]];
  }
  out_.entries = std::move(entries);
  out_.entry_owner = std::move(owners);
  for (EntryId& id : out_.node_entries) id = rank[id];
  for (auto& [key, id] : literal_index_) id = rank[id];
  selector_entries_.resize(out_.selectors.size());
  for (std::size_t i = 0; i < out_.selectors.size(); ++i) {
    SelectorSet& set = out_.selectors[i];
    for (EntryId& id : set.literals) id = rank[id];
    auto& all = selector_entries_[i];
    all = set.literals;
    for (const NodeId node : set.nodes) {
      all.insert(all.end(), out_.node_entries.begin() + out_.node_first_entry[node],
                 out_.node_entries.begin() + out_.node_first_entry[node + 1]);
    }
    make_set(all);
  }
}

// Nodes with an address in the entry.
std::vector<NodeId> Resolver::nodes_at(const Entry& entry) const {
  std::vector<NodeId> nodes;
  if (entry.kind == EntryKind::any) {
    for (NodeId id = 0; id < out_.node_count(); ++id) nodes.push_back(id);
    return nodes;
  }
  tailnet_.addresses_in(entry.first, entry.last, [&](NodeId node, std::uint32_t) { nodes.push_back(node); });
  return nodes;
}

// Nodes with an address in the entry, or an approved subnet route that overlaps it.
std::vector<NodeId> Resolver::holders(const Entry& entry) const {
  std::vector<NodeId> nodes = nodes_at(entry);
  for (const Route& route : out_.routes) {
    if (overlaps(entry, route.prefix)) nodes.insert(nodes.end(), route.nodes.begin(), route.nodes.end());
  }
  make_set(nodes);
  return nodes;
}

// The addresses of a service count as its hosts'.
void Resolver::add_hosts(const Entry& entry, std::vector<NodeId>& nodes) const {
  for (const inventory::Service& service : tailnet_.inventory.services) {
    const bool inside = std::any_of(service.addresses.begin(), service.addresses.end(),
                                    [&](const Address& address) { return contains(entry, address); });
    if (inside) nodes.insert(nodes.end(), service.hosts.begin(), service.hosts.end());
  }
}

// Which nodes receive a selector as a destination.
void Resolver::reach(SelectorSet& set) {
  if (set.everything || set.self) return;
  set.reached.insert(set.reached.end(), set.nodes.begin(), set.nodes.end());
  if (out_.routes_hold_nodes) {
    for (const NodeId node : set.nodes) {
      for (const Address& address : tailnet_.inventory.nodes[node].addresses) {
        const auto nodes = holders(address_entry(address));
        set.reached.insert(set.reached.end(), nodes.begin(), nodes.end());
      }
    }
  }
  for (const EntryId literal : set.literals) {
    if (set.exits_only) break;
    const Entry& entry = out_.entries[literal];
    const auto nodes = holders(entry);
    set.reached.insert(set.reached.end(), nodes.begin(), nodes.end());
    add_hosts(entry, set.reached);
    // A public prefix is reached through exit nodes if all of it is internet.
    if (!set.internet && is_internet(entry)) {
      for (NodeId id = 0; id < out_.node_count(); ++id) {
        if (out_.exit_node[id]) set.reached.push_back(id);
      }
    }
  }
  if (set.internet) {
    for (NodeId id = 0; id < out_.node_count(); ++id) {
      if (out_.exit_node[id]) set.reached.push_back(id);
    }
  }
  make_set(set.reached);
}

}  // namespace acl::resolve
