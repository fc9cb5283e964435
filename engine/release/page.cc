#include "engine/release/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/release/text.h"

namespace acl::release {
namespace {

constexpr std::array<std::uint8_t, 5> magic_and_version{'a', 'c', 'l', 'p', 1};
constexpr std::uint8_t kind_children = 1, kind_leaves = 2;
constexpr std::size_t start_size = 12, child_size = 36, leaf_start = 36, part_size = 41;
constexpr std::size_t kinds_of_parts = 3;

std::array<std::uint8_t, start_size> page_start(std::uint8_t kind, unsigned depth, std::uint16_t number) noexcept {
  std::array<std::uint8_t, start_size> out{};
  std::copy(magic_and_version.begin(), magic_and_version.end(), out.begin());
  out[5] = kind;
  out[6] = static_cast<std::uint8_t>(depth);
  store_le(out.data() + 8, number);
  return out;
}

tl::unexpected<Diagnostic> fault(std::string_view name, std::string_view what) {
  return fail(Code::E1003, fmt::format("{}: {}", quoted(name), what));
}

Expected<Page> parse_children(ByteView bytes, unsigned depth, std::string_view name) {
  const auto present = load_le<std::uint16_t>(bytes.data() + 8);
  if (depth >= deepest) return fault(name, "children below the deepest level");
  std::size_t at = start_size;
  Children children;
  for (unsigned i = 0; i < children.size(); ++i) {
    if ((present >> i & 1) == 0) continue;
    if (bytes.size() - at < child_size) return fault(name, "it ends within its children");
    Reference child;
    std::memcpy(child.digest.bytes.data(), bytes.data() + at, Digest::size);
    child.length = load_le<std::uint32_t>(bytes.data() + at + Digest::size);
    if (child.length <= start_size || child.length > page_limit) {
      return fault(name, fmt::format("child {:x} has a length of {}", i, child.length));
    }
    children[i] = child;
    at += child_size;
  }
  if (present == 0) return fault(name, "a page of children without any");
  if (at != bytes.size()) return fault(name, "bytes behind the last child");
  return Page{depth, children};
}

// The leaf that begins at `at`, which moves behind it; nothing if there is none in its form.
std::optional<Leaf> take_leaf(ByteView bytes, std::size_t& at) {
  if (bytes.size() - at < leaf_start) return std::nullopt;
  const std::uint8_t* const start = bytes.data() + at;
  const std::size_t header = load_le<std::uint16_t>(start + 32);
  const std::size_t parts = start[34];
  if (header > longest_header || parts > kinds_of_parts || start[35] != 0) return std::nullopt;
  if (bytes.size() - at - leaf_start < header + parts * part_size) return std::nullopt;
  Leaf out;
  std::memcpy(out.key.data(), start, out.key.size());
  out.header.assign(start + leaf_start, start + leaf_start + header);
  std::uint8_t last = 0;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::uint8_t* const part = start + leaf_start + header + i * part_size;
    if (part[0] <= last || part[0] > kinds_of_parts) return std::nullopt;
    last = part[0];
    PartReference reference{static_cast<PartKind>(last), {}};
    std::memcpy(reference.object.digest.bytes.data(), part + 1, Digest::size);
    reference.object.length = load_le<std::uint64_t>(part + 1 + Digest::size);
    if (reference.object.length > largest_length) return std::nullopt;
    out.parts.push_back(reference);
  }
  at += leaf_start + header + parts * part_size;
  return out;
}

bool same_start(const Digest& a, const Digest& b, unsigned nibbles) noexcept {
  for (unsigned i = 0; i < nibbles; ++i) {
    if (nibble(a, i) != nibble(b, i)) return false;
  }
  return true;
}

Expected<Page> parse_leaves(ByteView bytes, unsigned depth, std::string_view name) {
  const std::size_t count = load_le<std::uint16_t>(bytes.data() + 8);
  if (count > most_leaves) return fault(name, fmt::format("{} leaves in one page", count));
  if (count == 0 && depth != 0) return fault(name, "a page of leaves without any");
  Leaves leaves;
  std::size_t at = start_size;
  Digest last;
  for (std::size_t i = 0; i < count; ++i) {
    auto leaf = take_leaf(bytes, at);
    if (!leaf) return fault(name, fmt::format("leaf {} is not in its form", i));
    const Digest position = position_of(leaf->key);
    if (i != 0 && (position <= last || !same_start(position, last, depth))) {
      return fault(name, fmt::format("leaf {} is out of place", i));
    }
    last = position;
    leaves.push_back(std::move(*leaf));
  }
  if (at != bytes.size()) return fault(name, "bytes behind the last leaf");
  return Page{depth, std::move(leaves)};
}

}  // namespace

Digest position_of(const NodeKey& key) noexcept { return digest_of(key); }

unsigned nibble(const Digest& position, unsigned depth) noexcept {
  const unsigned byte = position.bytes[depth / 2];
  return depth % 2 == 0 ? byte >> 4 : byte & 15U;
}

Expected<Page> parse_page(ByteView bytes, unsigned depth, std::string_view name) {
  if (bytes.size() > page_limit) return fault(name, fmt::format("it has more than {} bytes", page_limit));
  if (bytes.size() < start_size || !std::equal(magic_and_version.begin(), magic_and_version.end(), bytes.begin())) {
    return fault(name, "it does not begin as a page of version 1 does");
  }
  if (bytes[6] != depth || depth > deepest) {
    return fault(name, fmt::format("a page of depth {} where depth {} is expected", bytes[6], depth));
  }
  if (bytes[7] != 0 || bytes[10] != 0 || bytes[11] != 0) return fault(name, "a reserved byte is not zero");
  if (bytes[5] == kind_children) return parse_children(bytes, depth, name);
  if (bytes[5] == kind_leaves) return parse_leaves(bytes, depth, name);
  return fault(name, fmt::format("kind {} is neither children nor leaves", bytes[5]));
}

Bytes encode_page(const Page& page) {
  if (const auto* leaves = std::get_if<Leaves>(&page.body)) {
    const auto start = leaf_page_start(page.depth, leaves->size());
    Bytes out(start.begin(), start.end());
    for (const Leaf& leaf : *leaves) {
      const auto encoded = encode_leaf(leaf.key, leaf.header, leaf.parts);
      if (encoded) out.insert(out.end(), encoded->begin(), encoded->end());
    }
    return out;
  }
  const auto& children = std::get<Children>(page.body);
  std::uint16_t present = 0;
  Bytes out(start_size);
  for (unsigned i = 0; i < children.size(); ++i) {
    if (!children[i]) continue;
    present = static_cast<std::uint16_t>(present | 1U << i);
    const std::size_t at = out.size();
    out.resize(at + child_size);
    std::memcpy(out.data() + at, children[i]->digest.bytes.data(), Digest::size);
    store_le(out.data() + at + Digest::size, static_cast<std::uint32_t>(children[i]->length));
  }
  const auto start = page_start(kind_children, page.depth, present);
  std::copy(start.begin(), start.end(), out.begin());
  return out;
}

Expected<Bytes> encode_leaf(const NodeKey& key, ByteView header, const std::vector<PartReference>& parts) {
  if (header.size() > longest_header) {
    return fail(Code::E1023, fmt::format("the node with key digest {} has a header of {} bytes, more than {}",
                                         position_of(key).text(), header.size(), longest_header));
  }
  std::uint8_t last = 0;
  for (const PartReference& part : parts) {
    const auto kind = static_cast<std::uint8_t>(part.kind);
    if (kind <= last || kind > kinds_of_parts || part.object.length > largest_length) {
      return fail(Code::E1023, fmt::format("the node with key digest {} has parts twice, out of order or too long",
                                           position_of(key).text()));
    }
    last = kind;
  }
  Bytes out(leaf_start);
  std::copy(key.begin(), key.end(), out.begin());
  store_le(out.data() + 32, static_cast<std::uint16_t>(header.size()));
  out[34] = static_cast<std::uint8_t>(parts.size());
  out.insert(out.end(), header.begin(), header.end());
  for (const PartReference& part : parts) {
    const std::size_t at = out.size();
    out.resize(at + part_size);
    out[at] = static_cast<std::uint8_t>(part.kind);
    std::memcpy(out.data() + at + 1, part.object.digest.bytes.data(), Digest::size);
    store_le(out.data() + at + 1 + Digest::size, part.object.length);
  }
  return out;
}

std::array<std::uint8_t, 12> leaf_page_start(unsigned depth, std::size_t count) noexcept {
  return page_start(kind_leaves, depth, static_cast<std::uint16_t>(count));
}

}  // namespace acl::release
