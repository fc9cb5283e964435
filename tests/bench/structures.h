// Structures: other ways from an address to a class, to measure ours against (docs/decisions/0006-address-structure.md). Only for the
// benchmark: honest, small, of the whole address space, built from the same boundaries.
//
//   Poptrie    a trie of 6 bits a level, nodes and leaves compressed by bit vectors (Asai and Ohara, SIGCOMM 2015, without their table for the
//              first bits); of IPv6 the bits that all boundaries share are compared once and skipped
//   Eytzinger  the boundaries in the order of a breadth-first walk of a binary search tree, searched without branches (Khuong and
//              Morin 2017)
//
// In: boundaries ascending, the first the lowest key; a class holds from its boundary to before the next. Out: class of any key.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace acl::bench {

__extension__ using Wide = unsigned __int128;

template <class Key>
struct Boundary {
  Key start;
  std::uint16_t number;  // of the class
};

template <class Key>
class Poptrie {
 public:
  explicit Poptrie(std::span<const Boundary<Key>> boundaries) : outside_(boundaries.front().number) {
    // What lies before the first boundary that is not the lowest key, and behind the last, is one class where bits are skipped.
    std::span<const Boundary<Key>> inner = boundaries.subspan(1);
    if (sizeof(Key) > 4 && !inner.empty() && inner.back().number == outside_) {
      const Key differ = inner.front().start ^ inner.back().start;
      while (skip_ < width && (differ >> (width - 1 - skip_)) == 0) ++skip_;
      prefix_ = skip_ == 0 ? Key{0} : inner.front().start >> (width - skip_);
    }
    first_shift_ = static_cast<int>((width - skip_ + 5) / 6 * 6) - 6;
    nodes_.emplace_back();
    const Key low = skip_ == 0 ? Key{0} : static_cast<Key>(prefix_ << (width - skip_));
    fill(0, boundaries, low, first_shift_);
  }

  [[nodiscard]] std::uint32_t find(Key key) const noexcept {
    if (skip_ != 0 && (key >> (width - skip_)) != prefix_) return outside_;
    int shift = first_shift_;
    const Node* node = nodes_.data();
    for (;;) {
      const auto slot = static_cast<unsigned>(shift >= 0 ? (key & mask_) >> shift : (key & mask_) << -shift) & 63;
      const std::uint64_t upto = (std::uint64_t{2} << slot) - 1;
      if ((node->inner >> slot & 1) == 0)
        return leaves_[node->first_leaf + static_cast<std::uint32_t>(std::popcount(node->leaf & upto)) - 1];
      node = nodes_.data() + node->first_node + std::popcount(node->inner & upto) - 1;
      shift -= 6;
    }
  }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return nodes_.size() * sizeof(Node) + leaves_.size() * sizeof(std::uint16_t);
  }

 private:
  static constexpr unsigned width = sizeof(Key) * 8;
  struct Node {
    std::uint64_t inner = 0;  // which slots have a node
    std::uint64_t leaf = 0;   // at which slots a new leaf begins
    std::uint32_t first_node = 0, first_leaf = 0;
  };

  // The class at `key`, and whether it is the same up to `last`.
  static std::pair<std::uint16_t, bool> uniform(std::span<const Boundary<Key>> boundaries, Key key, Key last) {
    auto after =
        std::upper_bound(boundaries.begin(), boundaries.end(), key, [](Key k, const auto& b) { return k < b.start; });
    const std::uint16_t number = std::prev(after)->number;
    while (after != boundaries.end() && after->start <= last && after->number == number) ++after;
    return {number, after == boundaries.end() || after->start > last};
  }
  void fill(std::uint32_t index, std::span<const Boundary<Key>> boundaries, Key low, int shift) {
    Node node;
    node.first_leaf = static_cast<std::uint32_t>(leaves_.size());
    std::vector<Key> deeper;
    int last_leaf = -1;
    const int bits = static_cast<int>(width - skip_);
    for (unsigned slot = 0; slot < 64; ++slot) {
      if (shift + 6 > bits && (slot >> (bits - shift)) != 0) break;  // the first level may have fewer bits
      const Key from = low | static_cast<Key>(static_cast<Key>(slot) << shift);
      const Key to = from | static_cast<Key>((static_cast<Key>(1) << shift) - 1);
      const auto [number, whole] = uniform(boundaries, from, to);
      if (!whole) {
        node.inner |= std::uint64_t{1} << slot;
        deeper.push_back(from);
      } else if (last_leaf != number) {
        node.leaf |= std::uint64_t{1} << slot;
        leaves_.push_back(number);
        last_leaf = number;
      }
    }
    node.first_node = static_cast<std::uint32_t>(nodes_.size());
    nodes_.resize(nodes_.size() + deeper.size());
    nodes_[index] = node;
    for (std::size_t i = 0; i < deeper.size(); ++i)
      fill(node.first_node + static_cast<std::uint32_t>(i), boundaries, deeper[i], shift - 6);
  }

  std::vector<Node> nodes_;
  std::vector<std::uint16_t> leaves_;
  unsigned skip_ = 0;  // bits
  Key prefix_ = 0;
  Key mask_ = static_cast<Key>(~Key{0});
  int first_shift_ = 0;
  std::uint16_t outside_;
};

template <class Key>
class Eytzinger {
 public:
  explicit Eytzinger(std::span<const Boundary<Key>> boundaries)
      : starts_(boundaries.size()), before_(boundaries.size()), behind_(boundaries.back().number) {
    // Position 0 is unused; the lowest key needs no place, for nothing is before it.
    std::size_t next = 1;
    place(boundaries, next, 1);
  }

  [[nodiscard]] std::uint32_t find(Key key) const noexcept {
    std::size_t at = 1;
    while (at < starts_.size()) {
      __builtin_prefetch(starts_.data() + at * (64 / sizeof(Key)));
      at = 2 * at + (starts_[at] <= key ? 1 : 0);
    }
    at >>= std::countr_one(at) + 1;  // the last turn to the left: the first boundary above the key
    return at == 0 ? behind_ : before_[at];
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return starts_.size() * (sizeof(Key) + sizeof(std::uint16_t)); }

 private:
  void place(std::span<const Boundary<Key>> boundaries, std::size_t& next, std::size_t at) {
    if (at >= starts_.size()) return;
    place(boundaries, next, 2 * at);
    starts_[at] = boundaries[next].start;
    before_[at] = boundaries[next - 1].number;
    ++next;
    place(boundaries, next, 2 * at + 1);
  }

  std::vector<Key> starts_;
  std::vector<std::uint16_t> before_;  // the class before each boundary
  std::uint16_t behind_;
};

}  // namespace acl::bench
