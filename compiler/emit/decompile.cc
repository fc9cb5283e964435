#include "compiler/emit/decompile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "compiler/policy/ports.h"
#include "compiler/resolve/intervals.h"

namespace acl::emit {

using table::AddressRange;
using table::ClassRanges;

namespace {

using Classes = std::vector<std::uint32_t>;

RuleName rule_name(std::uint64_t id, std::string fallback, const NameSources& sources) {
  RuleName out{std::move(fallback), {}, 0};
  if (sources.provenance == nullptr || id == 0) return out;
  const table::RulePlace* place = sources.provenance->find(id);
  if (place == nullptr) return out;
  out.name = table::rule_name(*place);
  out.line = place->line;
  if (place->line != 0) out.file = sources.provenance->file;
  return out;
}

// Pairs of classes with equal contents become few rows: first the destinations of each (contents, source) are gathered, then the
// sources of each (contents, destinations).
template <class Key>
class RowGatherer {
 public:
  bool add(const Key& key, std::uint32_t source, std::uint32_t destination) {
    if (++added_ > most_rows) return false;
    Classes& destinations = by_source_[{key, source}];
    if (destinations.empty() || destinations.back() != destination) destinations.push_back(destination);
    return true;
  }
  // f(key, sources, destinations), ascending by key.
  template <class F>
  void each(F f) const {
    std::map<std::pair<Key, Classes>, Classes> rows;
    for (const auto& [from, destinations] : by_source_) rows[{from.first, destinations}].push_back(from.second);
    for (const auto& [row, sources] : rows) f(row.first, sources, row.second);
  }

 private:
  std::map<std::pair<Key, std::uint32_t>, Classes> by_source_;
  std::size_t added_ = 0;
};

tl::unexpected<Diagnostic> too_many() {
  return fail(Code::E1210, fmt::format("the table has more than {} rows", most_rows),
              "no compiler writes such a table");
}

// What one list allows by each rule.
std::map<std::uint32_t, std::vector<Service>> by_rule(const std::vector<table::Allowance>& list) {
  std::map<std::uint32_t, std::vector<Service>> out;
  for (const table::Allowance& one : list) {
    std::vector<Service>& services = out[one.rule];
    if (services.empty() || services.back().protocol != one.protocol) services.push_back({one.protocol, {}});
    services.back().ports.emplace_back(one.first_port, one.last_port);
  }
  return out;
}

// In the order of the policy, as far as it is known.
template <class Row>
void sort_by_line(std::vector<Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.rule.line < b.rule.line; });
}

std::string ports_text(const Service& service) {
  if (!policy::protocol_has_ports(service.protocol)) return {};
  std::string out;
  for (const auto& [first, last] : service.ports) {
    if (first == 0 && last == 0xffff) return " any port";
    out += out.empty() ? " " : ",";
    out += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
  }
  return out;
}

}  // namespace

std::string range_text(const AddressRange& range) {
  for (unsigned length = 0; length <= range.first.width(); ++length) {
    const net::Prefix prefix(range.first, length);
    if (prefix.first() == range.first && prefix.last() == range.last) return prefix.text();
  }
  return fmt::format("{}-{}", range.first.text(), range.last.text());
}

std::string RuleName::text() const {
  if (line == 0) return name;
  return fmt::format("{}, {}:{}", name, file, line);
}

std::vector<AddressRange> together(const ClassRanges& ranges, const Classes& classes) {
  std::vector<AddressRange> out;
  for (const std::uint32_t one : classes) {
    if (one == 0 || one > ranges.size()) continue;
    out.insert(out.end(), ranges[one - 1].begin(), ranges[one - 1].end());
  }
  return out;
}

std::vector<AddressRange> joined(std::vector<AddressRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
  std::vector<AddressRange> out;
  for (const AddressRange& range : ranges) {
    if (!out.empty() && out.back().last.family() == range.first.family()) {
      net::Address& last = out.back().last;
      if (!(resolve::successor(last) < range.first)) {
        last = std::max(last, range.last);
        continue;
      }
    }
    out.push_back(range);
  }
  return out;
}

Members members_of(std::vector<AddressRange> ranges, const table::Directory* directory) {
  std::sort(ranges.begin(), ranges.end(), [](const AddressRange& a, const AddressRange& b) {
    return a.first != b.first ? a.first < b.first : b.last < a.last;
  });
  Members out;
  std::map<std::uint32_t, std::vector<net::Address>> of_nodes;  // number → addresses
  std::map<std::uint32_t, const table::Identity*> identities;
  const AddressRange* wide = nullptr;  // the last range that was no single address
  for (const AddressRange& range : ranges) {
    const bool inside = wide != nullptr && range.first.family() == wide->first.family() && !(wide->last < range.last);
    if (inside) continue;
    const table::Directory::Numbered* owner =
        range.is_single() && directory != nullptr ? directory->whois(range.first) : nullptr;
    if (owner != nullptr) {
      of_nodes[owner->number].push_back(range.first);
      identities[owner->number] = &owner->identity;
      continue;
    }
    if (!range.is_single()) wide = &range;
    out.addresses.push_back(range_text(range));
  }
  for (const auto& [number, addresses] : of_nodes) {
    const table::Identity& identity = *identities[number];
    if (addresses.size() >= identity.addresses.size()) {
      out.nodes.push_back(identity.name);
      continue;
    }
    for (const net::Address& address : addresses) out.partial.emplace_back(identity.name, address.text());
  }
  std::sort(out.nodes.begin(), out.nodes.end());
  std::sort(out.partial.begin(), out.partial.end());
  return out;
}

namespace {

// TCP, UDP and both ICMPs, the first two on the same ports: what a rule without a protocol allows.
const Service* default_set(const std::vector<Service>& services) {
  constexpr std::array<std::uint8_t, 4> protocols{1, 6, 17, 58};
  if (services.size() != protocols.size()) return nullptr;
  for (std::size_t i = 0; i < protocols.size(); ++i) {
    if (services[i].protocol != protocols[i]) return nullptr;
  }
  return services[1].ports == services[2].ports ? &services[1] : nullptr;
}

}  // namespace

std::string services_text(const std::vector<Service>& services) {
  if (const Service* tcp = default_set(services)) {
    const std::string ports = ports_text(*tcp);
    return ports == " any port" ? "any port" : "port" + ports;
  }
  // Protocols of equal ports are one: "tcp, udp 53".
  std::vector<std::pair<std::string, std::string>> groups;  // ports, protocols
  for (const Service& service : services) {
    const std::string ports = ports_text(service);
    const std::string name = policy::protocol_name(service.protocol);
    const auto known = std::find_if(groups.begin(), groups.end(), [&](const auto& one) { return one.first == ports; });
    if (known == groups.end()) {
      groups.emplace_back(ports, name);
    } else {
      known->second += ", " + name;
    }
  }
  std::string out;
  for (const auto& [ports, protocols] : groups) out += (out.empty() ? "" : "; ") + protocols + ports;
  return out;
}

Expected<PacketTable> decompile(const table::Hot& hot, const NameSources& sources) {
  const auto listed = table::list_pairs(hot);
  if (!listed) return tl::unexpected(listed.error());
  std::vector<std::map<std::uint32_t, std::vector<Service>>> lists;
  for (const auto& list : listed->lists) lists.push_back(by_rule(list));
  RowGatherer<std::pair<std::uint32_t, std::vector<Service>>> rows;
  for (const table::ListedPair& pair : listed->pairs) {
    for (const auto& [rule, services] : lists[pair.list]) {
      if (!rows.add({rule, services}, pair.source, pair.destination)) return too_many();
    }
  }
  PacketTable out;
  const acl_hot& header = hot.header();
  out.sources = table::list_sources(hot.bytes(), header.sources, header.part.source_classes);
  out.behind = table::list_destinations(hot.bytes(), header.destinations, header.destination_classes);
  rows.each([&](const auto& key, const Classes& from, const Classes& to) {
    const std::uint64_t id = sources.names == nullptr ? 0 : sources.names->hot_rule_id(key.first);
    out.rows.push_back({rule_name(id, fmt::format("rule {}", key.first), sources), key.second, from, to});
  });
  sort_by_line(out.rows);
  return out;
}

LoginTable decompile(const table::Ssh& ssh, const NameSources& sources) {
  LoginTable out;
  out.sources = table::list_sources(ssh.bytes(), ssh.header().sources, ssh.classes());
  std::map<std::pair<std::uint32_t, std::string>, Classes> rows;
  for (std::uint32_t one = 1; one <= ssh.classes(); ++one) {
    for (const table::Ssh::ClassRule& rule : ssh.rules_of(one)) {
      rows[{rule.rule, rule.own_name ? std::string(ssh.own_name(one)) : std::string()}].push_back(one);
    }
  }
  for (const auto& [key, classes] : rows) {
    const std::uint64_t id = sources.names == nullptr ? 0 : sources.names->ssh_rule_id(key.first);
    out.rows.push_back(
        {rule_name(id, fmt::format("rule {}", key.first), sources), ssh.rule(key.first), key.second, classes});
  }
  return out;
}

Expected<CapabilityTable> decompile(const table::Names& names, const NameSources& sources) {
  CapabilityTable out;
  const acl_names& header = names.header();
  out.sources = table::list_sources(names.bytes(), header.sources, header.part.source_classes);
  out.behind = table::list_destinations(names.bytes(), header.destinations, header.destination_classes);
  RowGatherer<std::tuple<std::uint64_t, std::string, std::string>> rows;
  for (std::uint32_t source = 1; source <= header.part.source_classes; ++source) {
    if (out.sources[source - 1].empty()) continue;
    for (std::uint32_t destination = 1; destination <= header.destination_classes; ++destination) {
      for (const table::Capability& one : names.capabilities(out.sources[source - 1].front().first, destination)) {
        const std::tuple key(one.rule_id, std::string(one.name), std::string(one.value));
        if (!rows.add(key, source, destination)) return too_many();
      }
    }
  }
  rows.each([&](const auto& key, const Classes& from, const Classes& to) {
    const auto& [id, name, value] = key;
    out.rows.push_back({rule_name(id, fmt::format("rule {:016x}", id), sources), name, value, from, to});
  });
  sort_by_line(out.rows);
  return out;
}

}  // namespace acl::emit
