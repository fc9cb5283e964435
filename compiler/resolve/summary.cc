#include "compiler/resolve/summary.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

namespace acl::resolve {
namespace {

using Digest = std::array<unsigned char, 32>;

// Bytes to be hashed. Numbers are written in the machine's order, which is little-endian on every machine this runs on.
class Bytes {
 public:
  void clear() { bytes_.clear(); }
  template <class T>
  void number(T value) {
    static_assert(std::is_integral_v<T>);
    append(&value, sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint64_t>(value.size()));
    append(value.data(), value.size());
  }
  void digest(const Digest& value) { append(value.data(), value.size()); }
  void entry(const Entry& entry) {
    number(static_cast<std::uint16_t>(static_cast<unsigned>(entry.kind) << 8 | entry.length));
    number(entry.first.high());
    number(entry.first.low());
    number(entry.last.high());
    number(entry.last.low());
  }
  [[nodiscard]] Digest hash() const {
    Digest out;
    crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size(),
                       nullptr, 0);
    return out;
  }

 private:
  void append(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }
  std::string bytes_;
};

std::string hex(const Digest& digest) {
  std::string out(digest.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), digest.data(), digest.size());
  out.pop_back();
  return out;
}

// A sum of hashes: the same for a set in whatever order it is added up.
struct SetHash {
  std::uint64_t a = 0, b = 0;
  void add(const SetHash& other) noexcept {
    a += other.a;
    b += other.b;
  }
  void remove(const SetHash& other) noexcept {
    a -= other.a;
    b -= other.b;
  }
};

SetHash hash_of(const Digest& digest) noexcept {
  SetHash out;
  std::memcpy(&out.a, digest.data(), 8);
  std::memcpy(&out.b, digest.data() + 8, 8);
  return out;
}

// Counts the union of the node sets that make up a node's peers. Large sets are kept as bits, so that a rule for everybody
// costs a few thousand words and not a node at a time.
class PeerCounter {
 public:
  explicit PeerCounter(const Views& views)
      : views_(views), resolved_(views.resolved()), scratch_(resolved_.node_count()) {
    large_ = std::max<std::size_t>(64, resolved_.node_count() / 64);
    covered_.resize(resolved_.sources.size());
    received_.resize(resolved_.rules.size());
    // What every node has for peers: the receivers of rules whose sources cover all nodes; and the sources of rules for all.
    base_ = Bits(resolved_.node_count());
    for (const std::uint32_t rule : views_.covering_all()) {
      everybody_ = everybody_ || views_.everywhere(rule);
      for (const NodeId node : views_.receivers(rule)) base_.set(node);
    }
    for (const Incidence& incidence : resolved_.everywhere) {
      const Sources& sources = resolved_.sources[resolved_.rules[incidence.rule].sources];
      everybody_ = everybody_ || sources.covers_all;
      for (const NodeId node : sources.covered) base_.set(node);
    }
    base_count_ = base_.count();
  }

  // The size of the union; the node itself is in it if rules lead from it to itself.
  std::uint64_t count(const std::vector<std::uint32_t>& received, std::span<const std::uint32_t> covering) {
    if (everybody(received, covering)) return resolved_.node_count();
    scratch_ = base_;
    count_ = base_count_;
    // Large sets first: after each of them the bits are counted anew.
    for (const std::uint32_t rule : received) {
      const std::uint32_t id = resolved_.rules[rule].sources;
      add_large(resolved_.sources[id].covered, covered_[id]);
    }
    for (const std::uint32_t rule : covering) add_large(views_.receivers(rule), received_[rule]);
    if (dirty_) count_ = scratch_.count();
    dirty_ = false;
    for (const std::uint32_t rule : received) {
      const std::uint32_t id = resolved_.rules[rule].sources;
      add_small(resolved_.sources[id].covered);
    }
    for (const std::uint32_t rule : covering) add_small(views_.receivers(rule));
    return count_;
  }

  [[nodiscard]] bool counts_itself(const std::vector<std::uint32_t>& received,
                                   std::span<const std::uint32_t> covering) const {
    if (everybody(received, covering)) return true;
    const auto covers = [&](std::uint32_t rule) {
      return resolved_.sources[resolved_.rules[rule].sources].covers_all ||
             std::binary_search(covering.begin(), covering.end(), rule);
    };
    return std::any_of(received.begin(), received.end(), covers) ||
           std::any_of(resolved_.everywhere.begin(), resolved_.everywhere.end(),
                       [&](const Incidence& incidence) { return covers(incidence.rule); });
  }

 private:
  [[nodiscard]] bool everybody(const std::vector<std::uint32_t>& received,
                               std::span<const std::uint32_t> covering) const {
    return everybody_ ||
           std::any_of(
               received.begin(), received.end(),
               [&](std::uint32_t rule) { return resolved_.sources[resolved_.rules[rule].sources].covers_all; }) ||
           std::any_of(covering.begin(), covering.end(), [&](std::uint32_t rule) { return views_.everywhere(rule); });
  }
  void add_large(const std::vector<NodeId>& nodes, Bits& bits) {
    if (nodes.size() < large_) return;
    if (bits.empty()) {
      bits = Bits(resolved_.node_count());
      for (const NodeId node : nodes) bits.set(node);
    }
    scratch_.merge(bits);
    dirty_ = true;
  }
  void add_small(const std::vector<NodeId>& nodes) {
    if (nodes.size() >= large_) return;
    for (const NodeId node : nodes) count_ += scratch_.insert(node) ? 1U : 0U;
  }

  const Views& views_;
  const Resolved& resolved_;
  std::size_t large_ = 0;
  bool everybody_ = false;
  bool dirty_ = false;
  std::uint64_t count_ = 0, base_count_ = 0;
  Bits base_, scratch_;
  std::vector<Bits> covered_, received_;  // of sources and rules, filled where the sets are large
};

class Summarizer {
 public:
  explicit Summarizer(const Views& views) : views_(views), resolved_(views.resolved()), counter_(views) {}

  Summary run(const std::function<void(std::size_t)>& progress) {
    hash_entries();
    hash_receivers();
    hash_capabilities();
    hash_routes();
    hash_ssh();
    Summary out;
    out.nodes.reserve(resolved_.node_count());
    for (NodeId node = 0; node < resolved_.node_count(); ++node) {
      out.nodes.push_back(summarize_node(node));
      if (progress && node % 4096 == 4095) progress(node + 1);
    }
    std::vector<NodeId> by_name(resolved_.node_count());
    for (NodeId node = 0; node < resolved_.node_count(); ++node) by_name[views_.name_order()[node]] = node;
    Bytes bytes;
    for (const NodeId node : by_name) {
      bytes.text(resolved_.inventory->nodes[node].name);
      bytes.text(out.nodes[node].digest);
    }
    out.digest = hex(bytes.hash());
    return out;
  }

 private:
  void hash_entries() {
    Bytes bytes;
    for (const Entry& entry : resolved_.entries) {
      bytes.clear();
      bytes.entry(entry);
      entry_hashes_.push_back(hash_of(bytes.hash()));
    }
    // Sources are sets: their hash is the sum of their entries'.
    for (const Sources& sources : resolved_.sources) {
      SetHash hash;
      for (const EntryId id : sources.entries) hash.add(entry_hashes_[id]);
      source_hashes_.push_back(hash);
    }
  }

  void hash_receivers() {
    Bytes bytes;
    std::vector<SetHash> nodes;
    for (const inventory::Node& node : resolved_.inventory->nodes) {
      bytes.clear();
      bytes.text(node.name);
      nodes.push_back(hash_of(bytes.hash()));
    }
    for (std::uint32_t rule = 0; rule < resolved_.rules.size(); ++rule) {
      SetHash hash;
      hash.a = views_.everywhere(rule) ? 1 : 0;
      for (const NodeId node : views_.receivers(rule)) hash.add(nodes[node]);
      receiver_hashes_.push_back(hash);
    }
    for (const std::uint32_t rule : views_.covering_all()) to_all_.add(receiver_hashes_[rule]);
  }

  void hash_capabilities() {
    Bytes bytes;
    for (const auto& map : resolved_.capability_maps) {
      bytes.clear();
      for (const CapabilityValue& value : map) {
        bytes.text(value.name);
        bytes.text(value.value == none ? "null" : hujson::minimize({resolved_.file->tree, value.value}));
      }
      capability_digests_.push_back(bytes.hash());
    }
  }

  // What each node sees of routes, added up route by route.
  void hash_routes() {
    routes_.resize(resolved_.node_count());
    for (const Route& route : resolved_.routes) {
      if (!route.by_via.empty()) {
        for (NodeId node = 0; node < resolved_.node_count(); ++node)
          add_route(node, route, primary_for(resolved_, node, route));
        continue;
      }
      // Without via everyone who sees the route sees the oldest as primary.
      const NodeId oldest = route.nodes.front();
      const SetHash hash = route_hash(route, oldest);
      Bits seen = route.by_rule;
      seen.merge(route.as_source);
      for (const NodeId node : route.nodes) seen.set(node);
      seen.each([&](std::size_t node) {
        if (node != oldest) routes_[node].add(hash);
      });
    }
  }
  void add_route(NodeId node, const Route& route, NodeId holder) {
    if (holder != none && holder != node) routes_[node].add(route_hash(route, holder));
  }
  [[nodiscard]] SetHash route_hash(const Route& route, NodeId holder) const {
    Bytes bytes;
    bytes.entry({EntryKind::prefix, static_cast<std::uint8_t>(route.prefix.length()), route.prefix.first(),
                 route.prefix.last()});
    bytes.text(resolved_.inventory->nodes[holder].name);
    return hash_of(bytes.hash());
  }

  // One digest for each SSH rule: whom it admits as whom. Which of its people a node hears of follows from the node.
  void hash_ssh() {
    Bytes bytes;
    for (const SshRule& rule : resolved_.ssh) {
      bytes.clear();
      const policy::SshRule& origin = resolved_.file->policy.ssh[rule.index];
      bytes.number(static_cast<unsigned char>(rule.check));
      for (const auto* nodes : {&rule.sources, &rule.repeated}) {
        for (const NodeId node : *nodes) bytes.text(resolved_.inventory->nodes[node].name);
        bytes.number(std::uint8_t{0});
      }
      for (const policy::Text& user : origin.users) bytes.text(user.value);
      for (const policy::Text& pattern : origin.accept_env) bytes.text(pattern.value);
      ssh_digests_.push_back(bytes.hash());
      std::vector<std::uint32_t> people;
      for (const NodeId node : rule.sources) {
        const inventory::Node& from = resolved_.inventory->nodes[node];
        people.push_back(from.tags.empty() ? from.user : none);
      }
      std::sort(people.begin(), people.end());
      people.erase(std::unique(people.begin(), people.end()), people.end());
      // A localpart rule is split by person; each person is one wire rule, two if the domain is theirs.
      std::uint64_t split = 1;
      if (!rule.localpart_domains.empty()) {
        split = 0;
        for (const std::uint32_t person : people) split += 1 + (localpart_fits(resolved_, rule, person) ? 1U : 0U);
      }
      ssh_people_.push_back(std::move(people));
      ssh_counts_.push_back(split);
    }
    // Which rules may concern a node at all.
    ssh_of_node_.resize(resolved_.node_count());
    for (std::uint32_t i = 0; i < resolved_.ssh.size(); ++i) {
      const SshRule& rule = resolved_.ssh[i];
      const auto note = [&](NodeId node) {
        if (ssh_of_node_[node].empty() || ssh_of_node_[node].back() != i) ssh_of_node_[node].push_back(i);
      };
      for (const NodeId node : rule.destinations) note(node);
      // Its own people hear of a rule with autogroup:self; the sources of a localpart rule do, too.
      if (rule.self || !rule.localpart_domains.empty()) {
        for (const NodeId node : rule.sources) note(node);
      }
    }
  }

  NodeSummary summarize_node(NodeId node) {
    NodeSummary out;
    node_bytes_.clear();
    for (const RuleView& view : views_.rules(node)) add_view(view, out);
    add_ssh(node, out);
    out.peers = peers_of(node);
    node_bytes_.number(routes_[node].a);
    node_bytes_.number(routes_[node].b);
    out.digest = hex(node_bytes_.hash());
    return out;
  }

  void add_view(const RuleView& view, NodeSummary& out) {
    ++out.rules;
    const auto source_count = static_cast<std::uint64_t>(view.sources->entries.size());
    node_bytes_.number(source_hashes_[view.rule->sources].a);
    node_bytes_.number(source_hashes_[view.rule->sources].b);
    node_bytes_.number(view.rule->protocol);
    for (const DstPort& dst : view.dst_ports) {
      node_bytes_.number(entry_hashes_[dst.entry].a);
      node_bytes_.number(dst.ports.first);
      node_bytes_.number(dst.ports.last);
    }
    out.pairs += source_count * view.dst_ports.size();
    for (const CapGrant& grant : view.cap_grants) {
      for (const net::Prefix& prefix : grant.dsts) {
        node_bytes_.entry(
            {EntryKind::prefix, static_cast<std::uint8_t>(prefix.length()), prefix.first(), prefix.last()});
      }
      node_bytes_.digest(capability_digests_[view.rule->capabilities]);
      out.pairs += source_count * grant.dsts.size();
    }
  }

  void add_ssh(NodeId node, NodeSummary& out) {
    const inventory::Node& device = resolved_.inventory->nodes[node];
    const std::uint32_t owner = device.tags.empty() ? device.user : none;
    for (const std::uint32_t i : ssh_of_node_[node]) {
      const SshRule& rule = resolved_.ssh[i];
      if (std::binary_search(rule.destinations.begin(), rule.destinations.end(), node)) {
        out.ssh_rules += ssh_counts_[i];
        node_bytes_.digest(ssh_digests_[i]);
        continue;
      }
      const bool own = rule.self && owner != none;
      const bool sent_to_source =
          !rule.localpart_domains.empty() && std::binary_search(rule.sources.begin(), rule.sources.end(), node);
      if (!own && !sent_to_source) continue;
      if (!std::binary_search(ssh_people_[i].begin(), ssh_people_[i].end(), owner)) continue;
      const bool both = !rule.localpart_domains.empty() && localpart_fits(resolved_, rule, owner);
      out.ssh_rules += both ? 2 : 1;
      node_bytes_.digest(ssh_digests_[i]);
      node_bytes_.text(owner == none ? "" : resolved_.inventory->users[owner].login);
    }
  }

  // The peers of a node are the sources of what it receives and the receivers of what covers it: so much goes into the digest.
  // Their number needs the union, which nodes that receive and are covered by the same rules have in common.
  std::uint64_t peers_of(NodeId node) {
    rules_in_.clear();
    for (std::uint64_t i = resolved_.incidence_first[node]; i < resolved_.incidence_first[node + 1]; ++i) {
      const std::uint32_t rule = resolved_.incidences[i].rule;
      if (rules_in_.empty() || rules_in_.back() != rule) rules_in_.push_back(rule);
    }
    const auto covering = views_.covering(node);
    SetHash from = to_all_;
    key_.assign(rules_in_.begin(), rules_in_.end());
    key_.push_back(none);
    for (const std::uint32_t rule : covering) {
      key_.push_back(rule);
      from.add(receiver_hashes_[rule]);
    }
    for (const std::uint32_t rule : rules_in_) {
      if (resolved_.rules[rule].kind == RuleKind::visibility) from.add(source_hashes_[resolved_.rules[rule].sources]);
    }
    node_bytes_.number(from.a);
    node_bytes_.number(from.b);
    const std::string_view key(reinterpret_cast<const char*>(key_.data()), key_.size() * sizeof key_[0]);
    const auto [known, fresh] = peer_counts_.try_emplace(std::string(key));
    if (fresh) known->second = counter_.count(rules_in_, covering);
    return known->second - (counter_.counts_itself(rules_in_, covering) ? 1U : 0U);
  }

  const Views& views_;
  const Resolved& resolved_;
  PeerCounter counter_;
  std::vector<SetHash> entry_hashes_, source_hashes_, receiver_hashes_;
  SetHash to_all_;
  std::vector<Digest> capability_digests_, ssh_digests_;
  std::vector<std::uint64_t> ssh_counts_;
  std::vector<std::vector<std::uint32_t>> ssh_people_;  // of each rule: whose devices are its sources, ascending
  std::vector<SetHash> routes_;
  std::vector<std::vector<std::uint32_t>> ssh_of_node_;
  std::unordered_map<std::string, std::uint64_t> peer_counts_;
  std::vector<std::uint32_t> rules_in_, key_;
  Bytes node_bytes_;
};

}  // namespace

Summary summarize(const Views& views, const std::function<void(std::size_t)>& progress) {
  return Summarizer(views).run(progress);
}

}  // namespace acl::resolve
