// compile: a resolved policy in, the tables of all nodes out, as the blobs and leaves of a release.
//
// Nodes that enforce the same share their parts: each distinct part is built, proved (prove.h), hashed and handed over once, and
// nothing is kept of it but its digest, so that memory does not grow with the sizes of all tables. Work is spread over threads;
// what comes out does not depend on their number. An error of any part ends the whole.
//
// A Cache carries over what was built before: a part is known by a digest of all that it depends on, so that a changed policy costs
// what it changes. What is in a cache was proved when it was made, and is believed: a cache is trusted like the folder it is in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/resolve/view.h"
#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"
#include "engine/release/page.h"

namespace acl::tables {

// What a built part is, beside its bytes.
struct CachedPart {
  release::Reference blob;
  std::vector<std::uint16_t> own_classes;
  std::vector<std::uint64_t> rule_ids;  // of each rule number

  friend bool operator==(const CachedPart&, const CachedPart&) = default;
};
// By the digest of what the part was built from, of a names part by its own; ordered, so that it prints the same.
using Cache = std::map<release::Digest, CachedPart>;

std::string print_cache(const Cache& cache);
// Anything that is not a cache of this version is an empty one.
Cache parse_cache(std::string_view text);

struct NodeLeaf {
  resolve::NodeId node = 0;
  release::NodeKey key{};
  std::vector<std::uint8_t> header;
  std::vector<release::PartReference> parts;
};

struct Compiled {
  std::vector<NodeLeaf> leaves;  // of all nodes with a key, in the order of the inventory
  release::Reference directory, rules;
  struct Counts {
    std::uint64_t nodes = 0;                    // with a table
    std::uint64_t without = 0;                  // "binding": "none"
    std::uint64_t hot = 0, ssh = 0, names = 0;  // distinct parts
    std::uint64_t tables = 0;                   // hot and ssh parts that nodes need; some of them come out equal
    std::uint64_t built = 0;                    // of these, not from the cache
    std::uint64_t pairs = 0;                    // allowed source addresses, over all distinct hot parts built
    std::uint64_t hot_bytes = 0, ssh_bytes = 0, names_bytes = 0, directory_bytes = 0;  // of distinct ones
    std::uint64_t largest_hot = 0, median_hot = 0;                                     // over nodes
  } counts;
  Cache cache;  // of all parts of this compilation
};

struct CompileOptions {
  unsigned threads = 0;          // 0: as many as there are processors
  const Cache* cache = nullptr;  // null: build everything
  bool prove = true;             // false: only for measuring what the proof costs
  // Whether a blob of the cache is still where it was put; null: it is.
  std::function<bool(const release::Reference&)> has;
  // Receives each distinct blob that is not in the cache; called by several threads. Null: blobs are dropped.
  std::function<Expected<void>(const release::Reference&, release::ByteView)> put;
  std::function<void(std::size_t nodes)> progress;  // how many nodes are done; by several threads; may be null
};

// E1205: nodes without a key that need one, all named. E1206, E1207.
Expected<Compiled> compile(const resolve::Views& views, const CompileOptions& options);

}  // namespace acl::tables
