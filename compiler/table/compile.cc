#include "compiler/table/compile.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>

#include "compiler/table/hot_builder.h"
#include "compiler/table/names_builder.h"
#include "compiler/table/node_rules.h"
#include "compiler/table/part_keys.h"
#include "compiler/table/prove.h"
#include "compiler/table/ssh_builder.h"
#include "engine/release/digest_many.h"
#include "engine/release/directory.h"
#include "engine/table/node_header.h"

namespace acl::tables {

using release::ByteView;
using release::Digest;
using release::Reference;
using resolve::Origin;
using resolve::Resolved;

namespace {

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
      : views_(views),
        resolved_(views.resolved()),
        options_(options),
        addresses_(resolved_),
        reader_(views),
        ids_(*resolved_.file),
        keys_(views, addresses_, reader_, ids_),
        threads_(options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency())) {
    scratches_.resize(threads_);
    waiting_.resize(threads_);
    for (unsigned i = 0; i < threads_; ++i) known_.emplace_back(views);
    for (unsigned i = 0; i < threads_; ++i) classifiers_.emplace_back(addresses_, resolved_.node_count());
  }

  Expected<Compiled> run() {
    if (auto ok = check_keys(); !ok) return tl::unexpected(ok.error());
    if (auto ok = group_nodes(); !ok) return tl::unexpected(ok.error());
    if (auto ok = build_groups(hot_, [&](Group& g, unsigned t) { return build_hot_group(g, t); }); !ok)
      return tl::unexpected(ok.error());
    if (auto ok = in_parallel(threads_, threads_, [&](std::size_t i, unsigned) { return keep_waiting(waiting_[i]); });
        !ok)
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

  // --- which nodes share what -------------------------------------------------------------------------------------------

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
      hot_keys[i] = keys_.hot(reader_.packets(node), resolved_.inventory->nodes[node].addresses.size());
      ssh_keys[i] = keys_.ssh(node);
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

  // Null if nothing is to be proved. Made for the first part that is built.
  const Prover* prover() {
    if (!options_.prove) return nullptr;
    std::call_once(prover_made_, [&] { prover_.emplace(views_, addresses_); });
    return &*prover_;
  }

  // Gives the part's bytes away; what stays is its reference.
  Expected<void> keep(CachedPart& part, ByteView bytes) {
    part.blob = release::reference_to(bytes);
    return options_.put ? options_.put(part.blob, bytes) : Expected<void>();
  }

  // The same for hot parts, nearly all bytes that there are: some together, which is faster (digest_many.h).
  struct Waiting {
    std::vector<CachedPart*> parts;
    std::vector<table::LineBytes> bytes;  // of each
    std::size_t size = 0;                 // of all
  };
  static constexpr std::size_t most_waiting = 32, most_waiting_bytes = 4U << 20;

  Expected<void> keep_later(CachedPart& part, table::LineBytes bytes, Waiting& waiting) {
    waiting.size += bytes.size();
    waiting.parts.push_back(&part);
    waiting.bytes.push_back(std::move(bytes));
    const bool enough = waiting.parts.size() >= most_waiting || waiting.size >= most_waiting_bytes;
    return enough ? keep_waiting(waiting) : Expected<void>();
  }
  Expected<void> keep_waiting(Waiting& waiting) {
    const std::vector<ByteView> views(waiting.bytes.begin(), waiting.bytes.end());
    std::vector<Digest> digests(views.size());
    release::digest_many(views, digests);
    for (std::size_t i = 0; i < views.size(); ++i) {
      waiting.parts[i]->blob = {digests[i], views[i].size()};
      if (!options_.put) continue;
      if (auto ok = options_.put(waiting.parts[i]->blob, views[i]); !ok) return ok;
    }
    waiting = {};
    return {};
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
    if (const Prover* prove = prover(); prove != nullptr) {
      if (auto same = prove->hot(group.node, built->bytes, built->own_classes, built->rules, scratches_[thread]); !same)
        return same;
    }
    pairs_ += built->addresses;
    group.part.own_classes = std::move(built->own_classes);
    group.part.rule_ids = ids(built->rules);
    group.rules = std::move(built->rules);
    return keep_later(group.part, std::move(built->bytes), waiting_[thread]);
  }

  Expected<void> build_ssh_group(Group& group, unsigned thread) {
    const std::vector<LoginRule> rules = reader_.logins(group.node);
    auto built = build_ssh(resolved_, addresses_, rules, classifiers_[thread]);
    if (!built) return tl::unexpected(in_node(std::move(built.error()), group.node));
    if (const Prover* prove = prover(); prove != nullptr) {
      if (auto same = prove->ssh(group.node, built->bytes, built->rules); !same) return same;
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
    names_parts_.resize(threads_);
    return in_parallel(threads_, same_known.size(), [&](std::size_t i, unsigned thread) -> Expected<void> {
      const Digest known = keys_.known_by(same_known[i].front());
      std::vector<std::uint8_t> blocks;  // once a part is built
      std::unordered_map<std::string, CachedPart> parts;
      for (const NodeId node : same_known[i]) {
        const std::vector<CapabilityRule> capabilities = reader_.capabilities(node);
        std::string text = key(capabilities);
        text.append(reinterpret_cast<const char*>(&hot_of_[node]), sizeof hot_of_[node]);
        text.append(reinterpret_cast<const char*>(&ssh_of_[node]), sizeof ssh_of_[node]);
        text.push_back(static_cast<char>(resolved_.inventory->nodes[node].addresses.size()));
        const auto [place, fresh] = parts.try_emplace(std::move(text));
        if (fresh) {
          if (auto ok = make_names_part(node, known, capabilities, blocks, thread, place->second); !ok) return ok;
        }
        names_[node] = place->second;
      }
      return {};
    });
  }

  Expected<void> make_names_part(NodeId node, const Digest& known, const std::vector<CapabilityRule>& capabilities,
                                 std::vector<std::uint8_t>& blocks, unsigned thread, CachedPart& part) {
    NamesInput input;
    input.capabilities = capabilities;
    input.own_count = resolved_.inventory->nodes[node].addresses.size();
    input.hot_rules = hot_[hot_of_[node]].part.rule_ids;
    input.ssh_rules = ssh_[ssh_of_[node]].part.rule_ids;
    const Digest key = keys_.names(known, capabilities, input.own_count, input.hot_rules, input.ssh_rules);
    if (const CachedPart* before = cached(key); before != nullptr) {
      part = *before;
    } else {
      if (blocks.empty()) blocks = known_[thread].blocks(node);
      input.known = blocks;
      if (auto ok = build_names_part(node, input, thread, part); !ok) return ok;
    }
    names_parts_[thread].emplace_back(key, part);
    return {};
  }

  Expected<void> build_names_part(NodeId node, const NamesInput& input, unsigned thread, CachedPart& part) {
    auto built = build_names(resolved_, addresses_, ids_, input, classifiers_[thread]);
    if (!built) return tl::unexpected(in_node(std::move(built.error()), node));
    const std::vector<CapabilityRule> rules(input.capabilities.begin(), input.capabilities.end());
    if (auto same = prove_names(node, key(rules), *built, thread); !same) return same;
    part.own_classes = std::move(built->own_classes);
    return keep(part, built->bytes);
  }

  // Capabilities stand first in the part: where the same rules made the same bytes before, they are proved.
  Expected<void> prove_names(NodeId node, const std::string& rules, const NamesPart& part, unsigned thread) {
    const Prover* prove = prover();
    if (prove == nullptr) return {};
    if (auto same = prove->known(node, part.bytes, scratches_[thread]); !same) return same;
    if (auto same = prove->ids(node, part.bytes, hot_[hot_of_[node]].rules, ssh_[ssh_of_[node]].rules); !same)
      return same;
    acl_names header;
    std::memcpy(&header, part.bytes.data(), sizeof header);
    const std::size_t end =
        std::max<std::size_t>(std::size_t{header.text_line} * acl_line_bytes + header.text_bytes, sizeof header);
    const std::string_view text = release::as_text(std::span(part.bytes).subspan(sizeof header, end - sizeof header));
    const auto [proved, fresh] = proved_capabilities_[thread].try_emplace(rules, text);
    if (!fresh && proved->second == text) return {};
    return prove->capabilities(node, part.bytes, part.own_classes);
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
    for (auto& parts : names_parts_) {
      for (auto& [key, part] : parts) out.cache.emplace(key, std::move(part));
    }
    for (auto* groups : {&hot_, &ssh_}) {
      for (Group& group : *groups) out.cache.emplace(group.key, std::move(group.part));
    }
    return out;
  }

  const resolve::Views& views_;
  const Resolved& resolved_;
  const CompileOptions& options_;
  Addresses addresses_;
  NodeRuleReader reader_;
  RuleIds ids_;
  PartKeys keys_;
  std::vector<KnownSets> known_;  // by thread
  unsigned threads_;
  std::once_flag prover_made_;
  std::optional<Prover> prover_;
  std::vector<Classifier> classifiers_;     // one for each thread
  std::vector<Prover::Scratch> scratches_;  // the same
  std::vector<Waiting> waiting_;            // the same
  std::vector<Group> hot_, ssh_;
  std::vector<std::uint32_t> hot_of_, ssh_of_;                                     // of each node
  std::vector<CachedPart> names_;                                                  // of each node
  std::vector<std::vector<std::pair<Digest, CachedPart>>> names_parts_;            // by thread: those made
  std::vector<std::unordered_map<std::string, std::string>> proved_capabilities_;  // by thread: rules → bytes
  std::atomic<std::uint64_t> built_ = 0, pairs_ = 0;
  std::uint64_t directory_bytes_ = 0;
  Reference directory_, rules_;
};

}  // namespace

Expected<Compiled> compile(const resolve::Views& views, const CompileOptions& options) {
  return Compiler(views, options).run();
}

}  // namespace acl::tables
