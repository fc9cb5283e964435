#include "compiler/table/compile.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <thread>

#include "compiler/table/hot_builder.h"
#include "compiler/table/names_builder.h"
#include "compiler/table/node_rules.h"
#include "compiler/table/prove.h"
#include "compiler/table/ssh_builder.h"
#include "engine/release/directory.h"
#include "engine/table/node_header.h"

namespace acl::tables {

using release::ByteView;
using release::Digest;
using release::Reference;
using resolve::Origin;
using resolve::Resolved;

namespace {

// Raised when a part's bytes or the meaning of a key change: then nothing of an old cache fits.
constexpr std::uint32_t cache_version = 2;

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

// Nodes that share a part.
struct Group {
  NodeId node = 0;  // one of them
  Digest key;
  std::size_t size = 0;  // how many there are
  CachedPart part;
  std::vector<Origin> rules;  // of each rule number
};

// Runs f(i) for i below `count` on some threads; f says what went wrong. The first error by i is returned.
template <class F>
Expected<void> in_parallel(unsigned threads, std::size_t count, F f) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::size_t first_at = count;
  std::optional<Diagnostic> first;
  const auto work = [&](unsigned thread) {
    for (std::size_t i = next++; i < count && !failed; i = next++) {
      Expected<void> done = f(i, thread);
      if (done) continue;
      const std::lock_guard lock(mutex);
      failed = true;
      if (i < first_at) {
        first_at = i;
        first = std::move(done.error());
      }
    }
  };
  std::vector<std::thread> pool;
  for (unsigned i = 1; i < threads; ++i) pool.emplace_back(work, i);
  work(0);
  for (std::thread& thread : pool) thread.join();
  if (first) return tl::unexpected(std::move(*first));
  return {};
}

class Compiler {
 public:
  Compiler(const resolve::Views& views, const CompileOptions& options)
      : resolved_(views.resolved()),
        options_(options),
        addresses_(resolved_),
        reader_(views),
        ids_(*resolved_.file),
        threads_(options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency())) {
    if (options.prove) prover_.emplace(views, addresses_);
    scratches_.resize(threads_);
    for (unsigned i = 0; i < threads_; ++i) known_.emplace_back(views);
    for (unsigned i = 0; i < threads_; ++i) classifiers_.emplace_back(addresses_, resolved_.node_count());
  }

  Expected<Compiled> run() {
    if (auto ok = check_keys(); !ok) return tl::unexpected(ok.error());
    digest_sources();
    if (auto ok = group_nodes(); !ok) return tl::unexpected(ok.error());
    if (auto ok = build_groups(hot_, [&](Group& g, unsigned t) { return build_hot_group(g, t); }); !ok)
      return tl::unexpected(ok.error());
    if (auto ok = build_groups(ssh_, [&](Group& g, unsigned t) { return build_ssh_group(g, t); }); !ok)
      return tl::unexpected(ok.error());
    if (auto ok = build_names_parts(); !ok) return tl::unexpected(ok.error());
    if (auto ok = write_directory(); !ok) return tl::unexpected(ok.error());
    return finish();
  }

 private:
  // --- keys -------------------------------------------------------------------------------------------------------------

  Expected<void> check_keys() {
    std::string missing;
    std::size_t count = 0;
    std::map<std::string_view, NodeId> holders;
    const auto& nodes = resolved_.inventory->nodes;
    for (NodeId node = 0; node < nodes.size(); ++node) {
      if (nodes[node].addresses.size() > table::most_own) {
        return fail(Code::E1206, fmt::format("\"{}\" has {} addresses, more than {}", nodes[node].name,
                                             nodes[node].addresses.size(), table::most_own));
      }
      if (nodes[node].key.empty()) {
        if (nodes[node].bound) missing += fmt::format("{}\"{}\"", count++ == 0 ? "" : ", ", nodes[node].name);
        continue;
      }
      const auto [known, fresh] = holders.try_emplace(nodes[node].key, node);
      if (!fresh) {
        return fail(
            Code::E1208,
            fmt::format("\"{}\" and \"{}\" have the same WireGuard key", nodes[known->second].name, nodes[node].name),
            "a node is found by its key; give each its own");
      }
    }
    if (count == 0) return {};
    return fail(
        Code::E1205, fmt::format("{} node{} no WireGuard key: {}", count, count == 1 ? " has" : "s have", missing),
        "add \"key\" to each in the inventory, or \"binding\": \"none\" where its addresses are believed without one");
  }

  // --- what parts depend on ---------------------------------------------------------------------------------------------

  // One digest for each set of sources, from its addresses and intervals alone.
  void digest_sources() {
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
      source_digests_.push_back(bytes.digest());
    }
    // Of logins: the sources of each SSH rule with whose they are, and what the rule says.
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
      login_digests_.push_back(bytes.digest());
    }
  }

  [[nodiscard]] Digest hot_key(const std::vector<PacketRule>& rules, std::size_t own_count) const {
    KeyBytes bytes;
    bytes.add(cache_version);
    bytes.add(acl_kind_hot);
    bytes.add(own_count);
    for (const PacketRule& rule : rules) {
      bytes.add(source_digests_[rule.sources]);
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

  [[nodiscard]] Digest ssh_key(NodeId node) const {
    KeyBytes bytes;
    bytes.add(cache_version);
    bytes.add(acl_kind_ssh);
    for (const NodeRuleReader::LoginPart& part : reader_.login_parts(node)) {
      bytes.add(login_digests_[part.rule]);
      bytes.add(part.person);
    }
    return bytes.digest();
  }

  std::uint32_t join(std::unordered_map<std::string, std::uint32_t>& index, std::vector<Group>& groups, NodeId node,
                     const Digest& key) {
    const std::string text(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size());
    const auto [known, fresh] = index.try_emplace(text, static_cast<std::uint32_t>(groups.size()));
    if (fresh) groups.push_back({node, key, 0, {}, {}});
    ++groups[known->second].size;
    return known->second;
  }

  Expected<void> group_nodes() {
    const std::size_t count = resolved_.node_count();
    std::vector<Digest> hot_keys(count), ssh_keys(count);
    const auto read = [&](std::size_t i, unsigned) -> Expected<void> {
      const auto node = static_cast<NodeId>(i);
      if (!enforces(node)) return {};
      hot_keys[i] = hot_key(reader_.packets(node), resolved_.inventory->nodes[node].addresses.size());
      ssh_keys[i] = ssh_key(node);
      return {};
    };
    if (auto ok = in_parallel(threads_, count, read); !ok) return ok;
    std::unordered_map<std::string, std::uint32_t> hot_index, ssh_index;
    hot_of_.assign(count, 0);
    ssh_of_.assign(count, 0);
    for (NodeId node = 0; node < count; ++node) {
      if (!enforces(node)) continue;
      hot_of_[node] = join(hot_index, hot_, node, hot_keys[node]);
      ssh_of_[node] = join(ssh_index, ssh_, node, ssh_keys[node]);
    }
    return {};
  }
  // Only a node with a key has a leaf, and so a table.
  [[nodiscard]] bool enforces(NodeId node) const { return !resolved_.inventory->nodes[node].key.empty(); }

  // --- building ---------------------------------------------------------------------------------------------------------

  template <class F>
  Expected<void> build_groups(std::vector<Group>& groups, F build) {
    std::atomic<std::size_t> done = 0;
    return in_parallel(threads_, groups.size(), [&](std::size_t i, unsigned thread) -> Expected<void> {
      Group& group = groups[i];
      const std::size_t so_far = done += group.size;
      if (options_.progress) options_.progress(so_far);
      if (const CachedPart* known = cached(group.key); known != nullptr && rules_of(*known, group.rules)) {
        group.part = *known;
        return {};
      }
      ++built_;
      return build(group, thread);
    });
  }

  [[nodiscard]] const CachedPart* cached(const Digest& key) const {
    if (options_.cache == nullptr) return nullptr;
    const auto known = options_.cache->find(key);
    if (known == options_.cache->end()) return nullptr;
    return !options_.has || options_.has(known->second.blob) ? &known->second : nullptr;
  }

  // Gives the part's bytes away; what stays is its reference.
  Expected<void> keep(CachedPart& part, const std::vector<std::uint8_t>& bytes) {
    part.blob = release::reference_to(bytes);
    return options_.put ? options_.put(part.blob, bytes) : Expected<void>();
  }
  [[nodiscard]] std::vector<std::uint64_t> ids(const std::vector<Origin>& rules) const {
    std::vector<std::uint64_t> out;
    out.reserve(rules.size());
    for (const Origin& origin : rules) out.push_back(ids_.of(origin));
    return out;
  }

  // False if the cache has an id that no rule has.
  [[nodiscard]] bool rules_of(const CachedPart& part, std::vector<Origin>& out) const {
    out.clear();
    for (const std::uint64_t id : part.rule_ids) {
      const auto rule = ids_.rule(id);
      if (!rule) return false;
      out.push_back(*rule);
    }
    return true;
  }

  Expected<void> build_hot_group(Group& group, unsigned thread) {
    const std::vector<PacketRule> rules = reader_.packets(group.node);
    auto built = build_hot(resolved_, addresses_, rules, resolved_.inventory->nodes[group.node].addresses.size(),
                           classifiers_[thread]);
    if (!built) return tl::unexpected(in_node(std::move(built.error()), group.node));
    if (prover_) {
      if (auto same = prover_->hot(group.node, built->bytes, built->own_classes, built->rules, scratches_[thread]);
          !same)
        return same;
    }
    pairs_ += built->addresses;
    group.part.own_classes = std::move(built->own_classes);
    group.part.rule_ids = ids(built->rules);
    group.rules = std::move(built->rules);
    return keep(group.part, built->bytes);
  }

  Expected<void> build_ssh_group(Group& group, unsigned thread) {
    const std::vector<LoginRule> rules = reader_.logins(group.node);
    auto built = build_ssh(resolved_, addresses_, rules, classifiers_[thread]);
    if (!built) return tl::unexpected(in_node(std::move(built.error()), group.node));
    if (prover_) {
      if (auto same = prover_->ssh(group.node, built->bytes, built->rules); !same) return same;
    }
    group.part.rule_ids = ids(built->rules);
    group.rules = std::move(built->rules);
    return keep(group.part, built->bytes);
  }

  [[nodiscard]] Diagnostic in_node(Diagnostic diagnostic, NodeId node) const {
    diagnostic.message = fmt::format("\"{}\": {}", resolved_.inventory->nodes[node].name, diagnostic.message);
    return diagnostic;
  }

  // --- names ------------------------------------------------------------------------------------------------------------

  // Nodes that know the same come together, so that a set is made once and not kept.
  Expected<void> build_names_parts() {
    const std::size_t count = resolved_.node_count();
    names_.resize(count);
    std::unordered_map<std::string, std::uint32_t> index;
    std::vector<std::vector<NodeId>> same_known;
    for (NodeId node = 0; node < count; ++node) {
      if (!enforces(node)) continue;
      const auto [place, fresh] = index.try_emplace(known_[0].key(node), static_cast<std::uint32_t>(same_known.size()));
      if (fresh) same_known.emplace_back();
      same_known[place->second].push_back(node);
    }
    proved_capabilities_.resize(threads_);
    return in_parallel(threads_, same_known.size(), [&](std::size_t i, unsigned thread) -> Expected<void> {
      const std::vector<std::uint8_t> blocks = known_[thread].blocks(same_known[i].front());
      std::unordered_map<std::string, CachedPart> parts;
      for (const NodeId node : same_known[i]) {
        const std::vector<CapabilityRule> capabilities = reader_.capabilities(node);
        std::string text = key(capabilities);
        text.append(reinterpret_cast<const char*>(&hot_of_[node]), sizeof hot_of_[node]);
        text.append(reinterpret_cast<const char*>(&ssh_of_[node]), sizeof ssh_of_[node]);
        text.push_back(static_cast<char>(resolved_.inventory->nodes[node].addresses.size()));
        const auto [place, fresh] = parts.try_emplace(std::move(text));
        if (fresh) {
          if (auto ok = build_names_part(node, capabilities, blocks, thread, place->second); !ok) return ok;
        }
        names_[node] = place->second;
      }
      return {};
    });
  }

  Expected<void> build_names_part(NodeId node, const std::vector<CapabilityRule>& capabilities,
                                  const std::vector<std::uint8_t>& blocks, unsigned thread, CachedPart& part) {
    NamesInput input;
    input.capabilities = capabilities;
    input.own_count = resolved_.inventory->nodes[node].addresses.size();
    input.hot_rules = hot_[hot_of_[node]].part.rule_ids;
    input.ssh_rules = ssh_[ssh_of_[node]].part.rule_ids;
    input.known = blocks;
    auto built = build_names(resolved_, addresses_, ids_, input, classifiers_[thread]);
    if (!built) return tl::unexpected(in_node(std::move(built.error()), node));
    if (auto same = prove_names(node, key(capabilities), *built, thread); !same) return same;
    part.own_classes = std::move(built->own_classes);
    part.blob = release::reference_to(built->bytes);
    if (cached(part.blob.digest) != nullptr || !options_.put) return {};
    return options_.put(part.blob, built->bytes);
  }

  // Capabilities stand first in the part: where the same rules made the same bytes before, they are proved.
  Expected<void> prove_names(NodeId node, const std::string& rules, const NamesPart& part, unsigned thread) {
    if (!prover_) return {};
    if (auto same = prover_->known(node, part.bytes, scratches_[thread]); !same) return same;
    if (auto same = prover_->ids(node, part.bytes, hot_[hot_of_[node]].rules, ssh_[ssh_of_[node]].rules); !same)
      return same;
    acl_names header;
    std::memcpy(&header, part.bytes.data(), sizeof header);
    const std::size_t end =
        std::max<std::size_t>(std::size_t{header.text_line} * acl_line_bytes + header.text_bytes, sizeof header);
    const std::string_view text = release::as_text(std::span(part.bytes).subspan(sizeof header, end - sizeof header));
    const auto [proved, fresh] = proved_capabilities_[thread].try_emplace(rules, text);
    if (!fresh && proved->second == text) return {};
    return prover_->capabilities(node, part.bytes, part.own_classes);
  }

  Expected<void> write_directory() {
    const std::vector<table::Identity> all = identities(resolved_);
    std::vector<Reference> chunks;
    const auto put = [&](const std::vector<std::uint8_t>& bytes) -> Expected<Reference> {
      const Reference reference = release::reference_to(bytes);
      directory_bytes_ += bytes.size();
      if (options_.put) {
        if (auto ok = options_.put(reference, bytes); !ok) return tl::unexpected(ok.error());
      }
      return reference;
    };
    for (std::size_t first = 0; first < all.size(); first += acl_chunk_identities) {
      const std::size_t count = std::min<std::size_t>(acl_chunk_identities, all.size() - first);
      const auto chunk = put(table::encode_chunk(std::span(all).subspan(first, count)));
      if (!chunk) return tl::unexpected(chunk.error());
      chunks.push_back(*chunk);
    }
    const auto index = release::encode_directory(chunks);
    if (!index) return tl::unexpected(index.error());
    const auto directory = put(*index);
    if (!directory) return tl::unexpected(directory.error());
    directory_ = *directory;
    const auto rules = put(table::encode_provenance(ids_.provenance()));
    if (!rules) return tl::unexpected(rules.error());
    rules_ = *rules;
    return {};
  }

  // --- the result -------------------------------------------------------------------------------------------------------

  Expected<Compiled> finish() {
    Compiled out;
    out.directory = directory_;
    out.rules = rules_;
    std::map<Digest, std::uint64_t> sizes[3];
    std::vector<std::uint64_t> hot_sizes;
    for (NodeId node = 0; node < resolved_.node_count(); ++node) {
      if (!enforces(node)) {
        ++out.counts.without;
        continue;
      }
      NodeLeaf leaf;
      leaf.node = node;
      std::size_t length = 0;
      const std::string& text = resolved_.inventory->nodes[node].key;
      sodium_base642bin(leaf.key.data(), leaf.key.size(), text.data(), text.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL);
      const CachedPart& hot = hot_[hot_of_[node]].part;
      const CachedPart& names = names_[node];
      table::NodeHeader header;
      const std::vector<net::Address> own = reader_.own(node);
      for (std::size_t i = 0; i < own.size(); ++i)
        header.own.push_back({own[i], hot.own_classes[i], names.own_classes[i]});
      leaf.header = table::encode_node_header(header);
      leaf.parts = {{release::PartKind::hot, hot.blob},
                    {release::PartKind::ssh, ssh_[ssh_of_[node]].part.blob},
                    {release::PartKind::names, names.blob}};
      for (std::size_t i = 0; i < 3; ++i) sizes[i][leaf.parts[i].object.digest] = leaf.parts[i].object.length;
      hot_sizes.push_back(hot.blob.length);
      out.leaves.push_back(std::move(leaf));
    }
    out.counts.nodes = out.leaves.size();
    out.counts.tables = hot_.size() + ssh_.size();
    out.counts.hot = sizes[0].size();
    out.counts.ssh = sizes[1].size();
    out.counts.names = sizes[2].size();
    for (const auto& [digest, size] : sizes[0]) out.counts.hot_bytes += size;
    for (const auto& [digest, size] : sizes[1]) out.counts.ssh_bytes += size;
    for (const auto& [digest, size] : sizes[2]) out.counts.names_bytes += size;
    out.counts.directory_bytes = directory_bytes_;
    out.counts.built = built_;
    out.counts.pairs = pairs_;
    if (!hot_sizes.empty()) {
      std::sort(hot_sizes.begin(), hot_sizes.end());
      out.counts.largest_hot = hot_sizes.back();
      out.counts.median_hot = hot_sizes[hot_sizes.size() / 2];
    }
    for (const CachedPart& names : names_) {
      if (names.blob.length != 0) out.cache.emplace(names.blob.digest, CachedPart{names.blob, {}, {}});
    }
    for (auto* groups : {&hot_, &ssh_}) {
      for (Group& group : *groups) out.cache.emplace(group.key, std::move(group.part));
    }
    return out;
  }

  const Resolved& resolved_;
  const CompileOptions& options_;
  Addresses addresses_;
  NodeRuleReader reader_;
  RuleIds ids_;
  std::vector<KnownSets> known_;  // by thread
  unsigned threads_;
  std::optional<Prover> prover_;
  std::vector<Classifier> classifiers_;     // one for each thread
  std::vector<Prover::Scratch> scratches_;  // the same
  std::vector<Digest> source_digests_, login_digests_;
  std::vector<Group> hot_, ssh_;
  std::vector<std::uint32_t> hot_of_, ssh_of_;                                     // of each node
  std::vector<CachedPart> names_;                                                  // of each node
  std::vector<std::unordered_map<std::string, std::string>> proved_capabilities_;  // by thread: rules → bytes
  std::atomic<std::uint64_t> built_ = 0, pairs_ = 0;
  std::uint64_t directory_bytes_ = 0;
  Reference directory_, rules_;
};

}  // namespace

// --- the cache --------------------------------------------------------------------------------------------------------

std::string print_cache(const Cache& cache) {
  std::string out = fmt::format("aclc cache {}\n", cache_version);
  for (const auto& [key, part] : cache) {
    out += fmt::format("{} {} {} {}", key.text(), part.blob.digest.text(), part.blob.length, part.own_classes.size());
    for (const std::uint16_t one : part.own_classes) out += fmt::format(" {}", one);
    for (const std::uint64_t id : part.rule_ids) out += fmt::format(" {}", id);
    out += '\n';
  }
  return out;
}

namespace {

// The numbers up to the end of the line; nothing if something else stands there.
template <class T>
bool read_number(std::string_view& line, T& out) {
  if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), out);
  if (error != std::errc() || end == line.data()) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return true;
}

bool read_part(std::string_view line, Digest& key, CachedPart& part) {
  if (line.size() < 130) return false;
  const auto first = Digest::parse(line.substr(0, 64)), second = Digest::parse(line.substr(65, 64));
  if (!first || !second) return false;
  key = *first;
  part.blob.digest = *second;
  line.remove_prefix(129);
  std::size_t own = 0;
  if (!read_number(line, part.blob.length) || !read_number(line, own) || own > table::most_own) return false;
  for (; own > 0; --own) {
    if (!read_number(line, part.own_classes.emplace_back())) return false;
  }
  while (!line.empty()) {
    if (!read_number(line, part.rule_ids.emplace_back())) return false;
  }
  return true;
}

}  // namespace

Cache parse_cache(std::string_view text) {
  Cache out;
  const std::string head = fmt::format("aclc cache {}\n", cache_version);
  if (text.substr(0, head.size()) != head) return {};
  text.remove_prefix(head.size());
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    Digest key;
    CachedPart part;
    if (!read_part(text.substr(0, end), key, part)) return {};
    out.emplace_hint(out.end(), key, std::move(part));
    text.remove_prefix(end + 1);
  }
  return out;
}

Expected<Compiled> compile(const resolve::Views& views, const CompileOptions& options) {
  return Compiler(views, options).run();
}

}  // namespace acl::tables
