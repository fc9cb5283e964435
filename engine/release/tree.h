// The radix tree as a whole: leaves in, pages out, and the way back that checks every page (page.h has the layout).
//
// TreeBuilder takes leaves in any order and keeps their encoded bytes and 48 bytes each (a million of 360 bytes: 400 MB), then
// gives out each page once, children before parents. The pages depend on the set of leaves alone, so whoever stores them writes
// only those whose digest is not there yet: one changed leaf makes new pages on one path.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/page.h"

namespace acl::release {

struct TreeCounts {
  std::uint64_t leaves = 0;
  std::uint64_t pages = 0;
  std::uint64_t page_bytes = 0;
  unsigned depth = 0;  // of the deepest page
};

struct BuiltTree {
  Reference root;
  TreeCounts counts;
};

class TreeBuilder {
 public:
  // Receives each page with its digest; an error ends the build.
  using Sink = std::function<Expected<void>(const Reference& reference, ByteView page)>;

  // E1023: a header or parts that no page may hold.
  Expected<void> add(const NodeKey& key, ByteView header, const std::vector<PartReference>& parts);

  // Ends the builder's life: its memory is gone afterwards. E1023: two leaves of one key; and what the sink says.
  Expected<BuiltTree> finish(const Sink& sink);

 private:
  struct Entry {
    Digest position;
    const std::uint8_t* bytes;
    std::uint32_t length;
  };
  struct Build;

  const std::uint8_t* keep(ByteView bytes);

  std::vector<Entry> entries_;
  std::deque<Bytes> blocks_;
};

struct TreeVisitor {
  // The bytes of a page; what comes is compared with the reference.
  std::function<Expected<Bytes>(const Reference& reference)> read;
  // Each page once it is known to be right, and each leaf in the order of positions. Either may be empty.
  std::function<Expected<void>(const Reference& reference, ByteView page)> page;
  std::function<Expected<void>(const Leaf& leaf)> leaf;
};

// Walks the whole tree and checks it: digests and lengths, the form of every page, that each leaf stands where its key says,
// that each subtree is split as page.h says and no other way. E1018 wrong bytes, E1003 wrong form, and what the visitor says.
Expected<TreeCounts> walk_tree(const Reference& root, const TreeVisitor& visitor);

}  // namespace acl::release
