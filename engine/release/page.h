// Page: one node of the radix tree over all nodes of the tailnet. Bytes in, value out, and back; one form.
//
// The tree is 16-way: level d looks at nibble d (the high half of a byte first) of BLAKE2b-256(the node's WireGuard public key).
// Hashed, so that whoever chooses keys does not choose the tree's shape. A page holds children or leaves:
//
//   magic "aclp"  version u8 = 1  kind u8  depth u8  0 u8
//   kind 1, children:  present u16 (bit n: nibble n)  0 u16   then for each present child  digest[32] length u32
//   kind 2, leaves:    count u16                      0 u16   then each leaf:
//       key[32]  header length u16  part count u8  0 u8  header  then for each part  kind u8  digest[32] length u64
//
// All integers little-endian. Leaves are ordered by the hash of their key, parts by kind, each kind at most once. A subtree is
// one page of leaves if it has at most most_leaves of them and at most leaf_page_limit bytes, or one leaf only; else a page of
// children. So equal sets of leaves make equal pages, whatever was there before. Only the root of an empty tree has no leaves.
//
// Parsing any bytes: E1003. Nothing is allocated beyond the size of the input.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"

namespace acl::release {

using NodeKey = std::array<std::uint8_t, 32>;  // a WireGuard public key

inline constexpr std::size_t most_leaves = 16;
inline constexpr std::size_t leaf_page_limit = 8192;
inline constexpr std::size_t longest_header = 4096;
// The largest page there can be: leaves.
inline constexpr std::size_t page_limit = leaf_page_limit;
inline constexpr unsigned deepest = 64;
// The longest part that can be told: 2^53-1, as for all numbers of a release.
inline constexpr std::uint64_t largest_length = (std::uint64_t{1} << 53) - 1;

enum class PartKind : std::uint8_t { hot = 1, ssh = 2, names = 3 };

struct PartReference {
  PartKind kind = PartKind::hot;
  Reference object;

  friend bool operator==(const PartReference&, const PartReference&) = default;
};

struct Leaf {
  NodeKey key{};
  Bytes header;  // the table compiler's: this node's own addresses and so on
  std::vector<PartReference> parts;

  friend bool operator==(const Leaf&, const Leaf&) = default;
};

using Children = std::array<std::optional<Reference>, 16>;
using Leaves = std::vector<Leaf>;

struct Page {
  unsigned depth = 0;  // nibbles that its keys share
  std::variant<Children, Leaves> body;

  friend bool operator==(const Page&, const Page&) = default;
};

// Where a key stands in the tree.
Digest position_of(const NodeKey& key) noexcept;
// Nibble `depth` of a position, below 64.
unsigned nibble(const Digest& position, unsigned depth) noexcept;

// The page that stands at `depth`. `name` is for the message.
Expected<Page> parse_page(ByteView bytes, unsigned depth, std::string_view name);
// The bytes of a page that keeps the rules above; parse_page gives the same page back.
Bytes encode_page(const Page& page);

// For builders: the bytes of one leaf as they stand in a page. E1023: a header or list of parts that no page may hold.
Expected<Bytes> encode_leaf(const NodeKey& key, ByteView header, const std::vector<PartReference>& parts);
// The first 12 bytes of a page of `count` leaves, which their bytes follow.
std::array<std::uint8_t, 12> leaf_page_start(unsigned depth, std::size_t count) noexcept;

}  // namespace acl::release
