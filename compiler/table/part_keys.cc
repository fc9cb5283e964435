#include "compiler/table/part_keys.h"

#include <algorithm>
#include <cstring>

#include "compiler/hujson/tree.h"
#include "compiler/table/cache.h"
#include "engine/table/layout.h"

namespace acl::tables {

using release::Digest;

namespace {

// Bytes that are only hashed.
struct KeyBytes {
  std::vector<std::uint8_t> bytes;

  template <class T>
  void add(T value) {
    static_assert(std::is_integral_v<T> || std::is_enum_v<T>);
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  void add(std::string_view text) {
    add(text.size());
    const std::size_t at = bytes.size();
    bytes.resize(at + text.size());
    std::memcpy(bytes.data() + at, text.data(), text.size());
  }
  void add(const Digest& digest) { bytes.insert(bytes.end(), digest.bytes.begin(), digest.bytes.end()); }
  void add(const net::Address& address) {
    add(address.family());
    add(address.high());
    add(address.low());
  }
  void add(const std::vector<Interval>& intervals) {
    add(intervals.size());
    for (const Interval& interval : intervals) {
      add(interval.first);
      add(interval.last);
    }
  }
  [[nodiscard]] Digest digest() const { return release::digest_of(bytes); }
};

void sort_unique(std::vector<Digest>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

PartKeys::PartKeys(const resolve::Views& views, const Addresses& addresses, const NodeRuleReader& reader,
                   const RuleIds& ids)
    : views_(views), resolved_(views.resolved()), addresses_(addresses), reader_(reader), ids_(ids) {
  digest_sources();
  digest_logins();
  digest_capabilities();
  digest_known();
}

// From the addresses and intervals alone.
void PartKeys::digest_sources() {
  for (std::uint32_t id = 0; id < resolved_.sources.size(); ++id) {
    KeyBytes bytes;
    std::vector<Rank> ranks;
    for (const NodeId node : resolved_.sources[id].nodes) {
      const auto own = addresses_.of(node);
      ranks.insert(ranks.end(), own.begin(), own.end());
    }
    std::sort(ranks.begin(), ranks.end());
    bytes.add(ranks.size());
    for (const Rank rank : ranks) bytes.add(addresses_.list[rank]);
    bytes.add(addresses_.literals[id]);
    sources_.push_back(bytes.digest());
  }
}

// The sources of each SSH rule with whose they are, and what the rule says.
void PartKeys::digest_logins() {
  for (const resolve::SshRule& rule : resolved_.ssh) {
    KeyBytes bytes;
    bytes.add(ids_.of({resolve::Section::ssh, rule.index}));
    for (const NodeId node : rule.sources) {
      const inventory::Node& device = resolved_.inventory->nodes[node];
      for (const Rank rank : addresses_.of(node)) bytes.add(addresses_.list[rank]);
      // Where it matters whose a device is: an account of one's own name, and autogroup:self.
      if (rule.localpart_domains.empty() && !rule.self) continue;
      const bool owned = device.tags.empty() && device.user != inventory::none;
      bytes.add(owned ? std::string_view(resolved_.inventory->users[device.user].login) : std::string_view());
    }
    logins_.push_back(bytes.digest());
  }
}

void PartKeys::digest_capabilities() {
  for (const auto& map : resolved_.capability_maps) {
    KeyBytes bytes;
    for (const resolve::CapabilityValue& one : map) {
      bytes.add(one.name);
      const bool null = one.value == resolve::none;
      const std::string value = null ? std::string() : hujson::minimize({resolved_.file->tree, one.value});
      bytes.add(std::string_view(value));
    }
    maps_.push_back(bytes.digest());
  }
}

// Nodes as the names part has them: by age.
Digest PartKeys::digest_nodes(const std::vector<NodeId>& nodes, bool all) const {
  KeyBytes bytes;
  bytes.add(all ? resolved_.node_count() : std::size_t{0});
  for (const NodeId node : nodes) bytes.add(resolved_.inventory->age[node]);
  return bytes.digest();
}

void PartKeys::digest_known() {
  for (const resolve::Sources& sources : resolved_.sources)
    covered_.push_back(digest_nodes(sources.covered, sources.covers_all));
  for (std::uint32_t rule = 0; rule < resolved_.rules.size(); ++rule)
    receivers_.push_back(digest_nodes(views_.receivers(rule), views_.everywhere(rule)));
  std::vector<Digest> all;
  for (const std::uint32_t rule : views_.covering_all()) {
    all.push_back(receivers_[rule]);
    all_known_ = all_known_ || views_.everywhere(rule);
  }
  for (const resolve::Incidence& incidence : resolved_.everywhere) {
    const std::uint32_t sources = resolved_.rules[incidence.rule].sources;
    all.push_back(covered_[sources]);
    all_known_ = all_known_ || resolved_.sources[sources].covers_all;
  }
  if (all_known_) all = {digest_nodes({}, true)};
  sort_unique(all);
  KeyBytes bytes;
  for (const Digest& one : all) bytes.add(one);
  everybody_ = bytes.digest();
}

Digest PartKeys::hot(const std::vector<PacketRule>& rules, std::size_t own_count) const {
  KeyBytes bytes;
  bytes.add(cache_version);
  bytes.add(acl_kind_hot);
  bytes.add(own_count);
  for (const PacketRule& rule : rules) {
    bytes.add(sources_[rule.sources]);
    bytes.add(rule.protocol);
    const auto& ports = resolved_.port_lists[rule.ports];
    bytes.add(ports.size());
    for (const policy::PortRange& range : ports) {
      bytes.add(range.first);
      bytes.add(range.last);
    }
    bytes.add(ids_.of(rule.origin));
    bytes.add(rule.own);
    bytes.add(rule.behind);
  }
  return bytes.digest();
}

Digest PartKeys::ssh(NodeId node) const {
  KeyBytes bytes;
  bytes.add(cache_version);
  bytes.add(acl_kind_ssh);
  for (const NodeRuleReader::LoginPart& part : reader_.login_parts(node)) {
    bytes.add(logins_[part.rule]);
    bytes.add(part.person);
    if (part.is_recorder) bytes.add('r');
  }
  return bytes.digest();
}

// A node knows the sources of rules whose destinations it has, and who has the destinations of rules whose sources it is in.
Digest PartKeys::known_by(NodeId node) const {
  if (all_known_) return everybody_;
  std::vector<Digest> sets;
  std::uint32_t last = resolve::none;
  for (std::uint64_t i = resolved_.incidence_first[node]; i < resolved_.incidence_first[node + 1]; ++i) {
    const std::uint32_t sources = resolved_.rules[resolved_.incidences[i].rule].sources;
    if (sources != last) sets.push_back(covered_[sources]);
    last = sources;
  }
  for (const std::uint32_t rule : views_.covering(node)) sets.push_back(receivers_[rule]);
  sort_unique(sets);
  KeyBytes bytes;
  bytes.add(everybody_);
  for (const Digest& set : sets) bytes.add(set);
  return bytes.digest();
}

Digest PartKeys::names(const Digest& known, std::span<const CapabilityRule> capabilities, std::size_t own_count,
                       std::span<const std::uint64_t> hot_rules, std::span<const std::uint64_t> ssh_rules) const {
  KeyBytes bytes;
  bytes.add(cache_version);
  bytes.add(acl_kind_names);
  bytes.add(known);
  bytes.add(own_count);
  for (const auto& rules : {hot_rules, ssh_rules}) {
    bytes.add(rules.size());
    for (const std::uint64_t id : rules) bytes.add(id);
  }
  for (const CapabilityRule& rule : capabilities) {
    bytes.add(sources_[rule.sources]);
    bytes.add(maps_[rule.map]);
    bytes.add(ids_.of(rule.origin));
    bytes.add(rule.own);
    bytes.add(rule.behind);
  }
  return bytes.digest();
}

}  // namespace acl::tables
