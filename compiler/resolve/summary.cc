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
    crypto_generichash(out.data(), out.size(), bytes_.data(), bytes_.size(), nullptr, 0);
    return out;
  }

 private:
  void append(const void* data, std::size_t size) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + size);
    if (size != 0) std::memcpy(bytes_.data() + at, data, size);
  }
  std::vector<unsigned char> bytes_;
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

// The peers of one group of nodes that are treated alike, the nodes themselves counted if rules lead from them to themselves.
struct PeerSet {
  std::uint64_t count = 0;
  SetHash hash;
};

class Summarizer {
 public:
  explicit Summarizer(const Views& views) : views_(views), resolved_(views.resolved()), marks_(resolved_.node_count()) {}

  Summary run(const std::function<void(std::size_t)>& progress) {
    hash_nodes();
    hash_sources();
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
  void hash_nodes() {
    Bytes bytes;
    for (const inventory::Node& node : resolved_.inventory->nodes) {
      bytes.clear();
      bytes.text(node.name);
      node_hashes_.push_back(hash_of(bytes.hash()));
      everyone_.add(node_hashes_.back());
    }
  }

  void hash_sources() {
    Bytes bytes;
    for (const Sources& sources : resolved_.sources) {
      bytes.clear();
      for (const EntryId id : sources.entries) bytes.entry(resolved_.entries[id]);
      source_digests_.push_back(bytes.hash());
    }
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
    Bytes bytes;
    for (const Route& route : resolved_.routes) {
      std::unordered_map<NodeId, SetHash> by_holder;
      for (NodeId node = 0; node < resolved_.node_count(); ++node) {
        const NodeId holder = primary_for(resolved_, node, route);
        if (holder == none) continue;
        const auto [known, fresh] = by_holder.try_emplace(holder);
        if (fresh) {
          bytes.clear();
          bytes.entry({EntryKind::prefix, static_cast<std::uint8_t>(route.prefix.length()), route.prefix.first(),
                       route.prefix.last()});
          bytes.text(resolved_.inventory->nodes[holder].name);
          known->second = hash_of(bytes.hash());
        }
        routes_[node].add(known->second);
      }
    }
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
      // A localpart rule is split by person; each person is one wire rule, two if the domain is theirs.
      std::uint64_t split = 1;
      if (!rule.localpart_domains.empty()) {
        std::vector<std::uint32_t> people;
        for (const NodeId node : rule.sources) {
          const inventory::Node& from = resolved_.inventory->nodes[node];
          people.push_back(from.tags.empty() ? from.user : none);
        }
        std::sort(people.begin(), people.end());
        people.erase(std::unique(people.begin(), people.end()), people.end());
        split = 0;
        for (const std::uint32_t person : people) split += 1 + (localpart_fits(resolved_, rule, person) ? 1U : 0U);
      }
      ssh_counts_.push_back(split);
    }
  }

  NodeSummary summarize_node(NodeId node) {
    NodeSummary out;
    node_bytes_.clear();
    for (const RuleView& view : views_.rules(node)) add_view(view, out);
    add_ssh(node, out);
    const PeerSet peers = peers_of(node);
    out.peers = peers.count;
    node_bytes_.number(peers.hash.a);
    node_bytes_.number(peers.hash.b);
    node_bytes_.number(routes_[node].a);
    node_bytes_.number(routes_[node].b);
    out.digest = hex(node_bytes_.hash());
    return out;
  }

  void add_view(const RuleView& view, NodeSummary& out) {
    ++out.rules;
    const auto source_count = static_cast<std::uint64_t>(view.sources->entries.size());
    node_bytes_.digest(source_digests_[view.rule->sources]);
    node_bytes_.number(view.rule->protocol);
    for (const DstPort& dst : view.dst_ports) {
      node_bytes_.entry(resolved_.entries[dst.entry]);
      node_bytes_.number(dst.ports.first);
      node_bytes_.number(dst.ports.last);
    }
    out.pairs += source_count * view.dst_ports.size();
    for (const CapGrant& grant : view.cap_grants) {
      for (const net::Prefix& prefix : grant.dsts) {
        node_bytes_.entry({EntryKind::prefix, static_cast<std::uint8_t>(prefix.length()), prefix.first(), prefix.last()});
      }
      node_bytes_.digest(capability_digests_[view.rule->capabilities]);
      out.pairs += source_count * grant.dsts.size();
    }
  }

  void add_ssh(NodeId node, NodeSummary& out) {
    const inventory::Node& device = resolved_.inventory->nodes[node];
    const std::uint32_t owner = device.tags.empty() ? device.user : none;
    for (std::size_t i = 0; i < resolved_.ssh.size(); ++i) {
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
      const bool any = std::any_of(rule.sources.begin(), rule.sources.end(), [&](NodeId source) {
        const inventory::Node& from = resolved_.inventory->nodes[source];
        return (from.tags.empty() ? from.user : none) == owner;
      });
      if (!any) continue;
      const bool both = !rule.localpart_domains.empty() && localpart_fits(resolved_, rule, owner);
      out.ssh_rules += both ? 2 : 1;
      node_bytes_.digest(ssh_digests_[i]);
      node_bytes_.text(owner == none ? "" : resolved_.inventory->users[owner].login);
    }
  }

  // Nodes that receive and are covered by the same rules have the same peers.
  PeerSet peers_of(NodeId node) {
    rules_in_.clear();
    for (std::uint64_t i = resolved_.incidence_first[node]; i < resolved_.incidence_first[node + 1]; ++i) {
      const std::uint32_t rule = resolved_.incidences[i].rule;
      if (rules_in_.empty() || rules_in_.back() != rule) rules_in_.push_back(rule);
    }
    const auto covering = views_.covering(node);
    Bytes& key = key_bytes_;
    key.clear();
    for (const std::uint32_t rule : rules_in_) key.number(rule);
    key.number(none);
    for (const std::uint32_t rule : covering) key.number(rule);
    const Digest digest = key.hash();
    const auto [known, fresh] = peer_sets_.try_emplace(std::string(digest.begin(), digest.end()));
    if (fresh) known->second = mark_and_count(node);
    PeerSet out = known->second;
    if (is_own_peer(covering)) {
      --out.count;
      out.hash.remove(node_hashes_[node]);
    }
    return out;
  }

  PeerSet mark_and_count(NodeId node) {
    if (views_.mark_peers(node, marks_)) return {resolved_.node_count(), everyone_};
    PeerSet out;
    for (const NodeId other : marks_.members()) {
      ++out.count;
      out.hash.add(node_hashes_[other]);
    }
    return out;
  }

  // Whether the marks of mark_peers() hold the node itself: a rule that it receives also covers it.
  [[nodiscard]] bool is_own_peer(std::span<const std::uint32_t> covering) const {
    const auto covers = [&](std::uint32_t rule) {
      return resolved_.sources[resolved_.rules[rule].sources].covers_all ||
             std::binary_search(covering.begin(), covering.end(), rule);
    };
    if (std::any_of(rules_in_.begin(), rules_in_.end(), covers)) return true;
    return std::any_of(resolved_.everywhere.begin(), resolved_.everywhere.end(),
                       [&](const Incidence& incidence) { return covers(incidence.rule); }) ||
           all_marked(covering);
  }
  // mark_peers() gives up counting as soon as some rule makes everybody a peer; the node is then counted, too.
  [[nodiscard]] bool all_marked(std::span<const std::uint32_t> covering) const {
    const auto to_all = [&](std::uint32_t rule) { return views_.everywhere(rule); };
    return std::any_of(covering.begin(), covering.end(), to_all) ||
           std::any_of(views_.covering_all().begin(), views_.covering_all().end(), to_all);
  }

  const Views& views_;
  const Resolved& resolved_;
  Views::Marks marks_;
  std::vector<SetHash> node_hashes_;
  SetHash everyone_;
  std::vector<Digest> source_digests_, capability_digests_, ssh_digests_;
  std::vector<std::uint64_t> ssh_counts_;
  std::vector<SetHash> routes_;
  std::unordered_map<std::string, PeerSet> peer_sets_;
  std::vector<std::uint32_t> rules_in_;
  Bytes node_bytes_, key_bytes_;
};

}  // namespace

Summary summarize(const Views& views, const std::function<void(std::size_t)>& progress) {
  return Summarizer(views).run(progress);
}

}  // namespace acl::resolve
