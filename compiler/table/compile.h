// compile: a resolved policy in, the tables of all nodes out, as the blobs and leaves of a release.
//
// Nodes that enforce the same share their parts: each distinct part is built, proved (prove.h), hashed and handed over once, and
// nothing is kept of it but its digest, so that memory does not grow with the sizes of all tables. Work is spread over threads;
// what comes out does not depend on their number. An error of any part ends the whole.
//
// A cache (cache.h) carries over what was built and proved before, so that a changed policy costs what it changes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/resolve/view.h"
#include "compiler/table/cache.h"
#include "engine/net/diagnostic.h"
#include "engine/release/page.h"

namespace acl::tables {

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
