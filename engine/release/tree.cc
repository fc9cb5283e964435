#include "engine/release/tree.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/release/names.h"

namespace acl::release {
namespace {

constexpr std::size_t block_size = std::size_t{1} << 20;
constexpr std::size_t start_size = 12;

// The one rule of where the tree splits; bytes are those of the encoded leaves.
bool fits_one_page(std::uint64_t leaves, std::uint64_t bytes) noexcept {
  return leaves <= 1 || (leaves <= most_leaves && bytes + start_size <= leaf_page_limit);
}

}  // namespace

const std::uint8_t* TreeBuilder::keep(ByteView bytes) {
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < bytes.size()) {
    blocks_.emplace_back().reserve(std::max(block_size, bytes.size()));
  }
  Bytes& block = blocks_.back();
  block.insert(block.end(), bytes.begin(), bytes.end());
  return block.data() + block.size() - bytes.size();
}

Expected<void> TreeBuilder::add(const NodeKey& key, ByteView header, const std::vector<PartReference>& parts) {
  const auto encoded = encode_leaf(key, header, parts);
  if (!encoded) return tl::unexpected<Diagnostic>(encoded.error());
  entries_.push_back({position_of(key), keep(*encoded), static_cast<std::uint32_t>(encoded->size())});
  return {};
}

// One build: makes the pages of a range of sorted entries, children first.
struct TreeBuilder::Build {
  const Sink& sink;
  TreeCounts counts;

  using Range = std::span<const Entry>;

  Expected<Reference> emit(ByteView page, unsigned depth) {
    const Reference reference = reference_to(page);
    ++counts.pages;
    counts.page_bytes += page.size();
    counts.depth = std::max(counts.depth, depth);
    if (auto done = sink(reference, page); !done) return tl::unexpected<Diagnostic>(std::move(done.error()));
    return reference;
  }

  Expected<Reference> leaves(Range range, unsigned depth) {
    const auto start = leaf_page_start(depth, range.size());
    Bytes page(start.begin(), start.end());
    for (const Entry& entry : range) page.insert(page.end(), entry.bytes, entry.bytes + entry.length);
    return emit(page, depth);
  }

  // NOLINTNEXTLINE(misc-no-recursion): a level each, at most 64 of them
  Expected<Reference> subtree(Range range, unsigned depth) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < range.size() && i <= most_leaves; ++i) bytes += range[i].length;
    if (fits_one_page(range.size(), bytes)) return leaves(range, depth);
    Page page{depth, Children{}};
    auto& children = std::get<Children>(page.body);
    for (std::size_t begin = 0; begin < range.size();) {
      const unsigned digit = nibble(range[begin].position, depth);
      const auto end = std::partition_point(range.begin() + static_cast<std::ptrdiff_t>(begin), range.end(),
                                            [&](const Entry& e) { return nibble(e.position, depth) == digit; });
      const auto size = static_cast<std::size_t>(end - range.begin()) - begin;
      auto child = subtree(range.subspan(begin, size), depth + 1);
      if (!child) return child;
      children[digit] = *child;
      begin += size;
    }
    return emit(encode_page(page), depth);
  }
};

Expected<BuiltTree> TreeBuilder::finish(const Sink& sink) {
  const std::vector<Entry> entries = [this] {
    std::vector<Entry> sorted = std::move(entries_);
    std::sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) { return a.position < b.position; });
    return sorted;
  }();
  const std::deque<Bytes> blocks = std::move(blocks_);
  entries_.clear();
  blocks_.clear();
  for (std::size_t i = 1; i < entries.size(); ++i) {
    if (entries[i - 1].position == entries[i].position) {
      return fail(Code::E1023,
                  fmt::format("two nodes have one WireGuard public key (key digest {})", entries[i].position.text()));
    }
  }
  Build build{sink, {}};
  build.counts.leaves = entries.size();
  const auto root = build.subtree(entries, 0);
  if (!root) return tl::unexpected<Diagnostic>(root.error());
  return BuiltTree{*root, build.counts};
}

namespace {

struct Walk {
  const TreeVisitor& visitor;
  TreeCounts counts;
  Digest path;  // the nibbles above the page at hand

  struct Subtree {
    std::uint64_t leaves = 0;
    std::uint64_t bytes = 0;
  };

  void enter(unsigned depth, unsigned digit) noexcept {
    std::uint8_t& byte = path.bytes[depth / 2];
    byte = static_cast<std::uint8_t>(depth % 2 == 0 ? digit << 4 : (byte & 0xf0U) | digit);
  }

  Expected<Subtree> leaves(const Leaves& leaves, unsigned depth, std::size_t bytes, const std::string& name) {
    for (const Leaf& leaf : leaves) {
      const Digest position = position_of(leaf.key);
      for (unsigned i = 0; i < depth; ++i) {
        if (nibble(position, i) != nibble(path, i)) {
          return fail(Code::E1003, fmt::format("\"{}\": a leaf stands where its key does not lead", name));
        }
      }
      if (!visitor.leaf) continue;
      if (auto done = visitor.leaf(leaf); !done) return tl::unexpected<Diagnostic>(std::move(done.error()));
    }
    counts.leaves += leaves.size();
    return Subtree{leaves.size(), bytes - start_size};
  }

  // NOLINTNEXTLINE(misc-no-recursion): a level each, at most 64 of them
  Expected<Subtree> subtree(const Reference& reference, unsigned depth) {
    const std::string name = page_name(reference.digest);
    const auto bytes = visitor.read(reference);
    if (!bytes) return tl::unexpected<Diagnostic>(bytes.error());
    if (!matches(reference, *bytes)) {
      return fail(Code::E1018, fmt::format("\"{}\": these are not the bytes that were signed", name));
    }
    const auto page = parse_page(*bytes, depth, name);
    if (!page) return tl::unexpected<Diagnostic>(page.error());
    ++counts.pages;
    counts.page_bytes += bytes->size();
    counts.depth = std::max(counts.depth, depth);
    if (visitor.page) {
      if (auto done = visitor.page(reference, *bytes); !done)
        return tl::unexpected<Diagnostic>(std::move(done.error()));
    }
    if (const auto* own = std::get_if<Leaves>(&page->body)) return leaves(*own, depth, bytes->size(), name);
    Subtree sum;
    const auto& children = std::get<Children>(page->body);
    for (unsigned digit = 0; digit < children.size(); ++digit) {
      if (!children[digit]) continue;
      enter(depth, digit);
      const auto child = subtree(*children[digit], depth + 1);
      if (!child) return child;
      sum.leaves += child->leaves;
      sum.bytes += child->bytes;
    }
    if (fits_one_page(sum.leaves, sum.bytes)) {
      return fail(Code::E1003, fmt::format("\"{}\": a page of children where one of leaves would do", name));
    }
    return sum;
  }
};

}  // namespace

Expected<TreeCounts> walk_tree(const Reference& root, const TreeVisitor& visitor) {
  Walk walk{visitor, {}, {}};
  const auto all = walk.subtree(root, 0);
  if (!all) return tl::unexpected<Diagnostic>(all.error());
  return walk.counts;
}

}  // namespace acl::release
