// Names: the names part of a table, opened: whom the node knows, which capabilities a source has at it, which rule of the policy
// a rule number stands for. docs/table-format.md.
//
// In: any bytes. Out: a view whose lookups stay within them, or E1201; as for Hot (hot.h).
//
// Identities have numbers: their place in the tailnet's directory (directory.h), which all nodes share. The part lists the
// numbers of the nodes that this one sees. Whether it lists the node itself says nothing: nodes that see the same share the part.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/table/layout.h"

namespace acl::table {

struct Capability {
  std::string_view name;
  std::string_view value;     // JSON; empty: null
  std::uint64_t rule_id = 0;  // provenance.h
};

class Names {
 public:
  static Expected<Names> open(std::span<const std::uint8_t> bytes);

  // What a source may rely on at a destination class (node_header.h, or destination_class() for an address behind the node); each
  // (name, value) as often as rules give it, in their order.
  [[nodiscard]] std::vector<Capability> capabilities(const net::Address& source, std::uint32_t destination_class) const;
  [[nodiscard]] std::uint32_t destination_class(const net::Address& address) const noexcept;
  // 0: the source has no capability.
  [[nodiscard]] std::uint32_t source_class(const net::Address& address) const noexcept;

  [[nodiscard]] bool knows(std::uint32_t identity) const noexcept;
  // Calls visit(number) for every known identity, ascending.
  template <class F>
  void each_known(F visit) const;
  // The chunks of the directory that hold a known identity, ascending; those of the first `chunk_count`.
  [[nodiscard]] std::vector<std::uint32_t> known_chunks(std::size_t chunk_count) const;

  // The id of a rule of the hot part, of the ssh part; 0 if there is no such number.
  [[nodiscard]] std::uint64_t hot_rule_id(std::uint32_t rule) const noexcept;
  [[nodiscard]] std::uint64_t ssh_rule_id(std::uint32_t rule) const noexcept;

  // Of a block of known identities (acl_known): the bytes behind its eight.
  static std::size_t block_bytes(std::uint32_t count) noexcept {
    return count == acl_known_bits ? acl_chunk_identities / 8 : (std::size_t{count} * 2 + 3) / 4 * 4;
  }

  [[nodiscard]] const acl_names& header() const noexcept { return *reinterpret_cast<const acl_names*>(bytes_.data()); }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }

 private:
  explicit Names(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  template <class T>
  [[nodiscard]] const T* at(std::uint32_t line, std::uint64_t index) const noexcept {
    return reinterpret_cast<const T*>(bytes_.data() + std::uint64_t{line} * acl_line_bytes) + index;
  }
  [[nodiscard]] std::string_view text(std::uint32_t reference) const noexcept;
  static std::uint16_t block_number(const std::uint8_t* bytes, std::uint32_t index) noexcept {
    std::uint16_t number = 0;
    std::memcpy(&number, bytes + std::size_t{index} * 2, 2);
    return number;
  }
  // Calls f(block, bytes behind its head) for each block, until f says false.
  template <class F>
  void each_block(F f) const;

  std::span<const std::uint8_t> bytes_;
};

template <class F>
void Names::each_block(F f) const {
  const std::span<const std::uint8_t> known(at<std::uint8_t>(header().known_line, 0), header().known_bytes);
  for (std::size_t place = 0; place < known.size();) {
    acl_known block;
    std::memcpy(&block, known.data() + place, sizeof block);
    place += sizeof block;
    if (!f(block, known.data() + place)) return;
    place += block_bytes(block.count);
  }
}

template <class F>
void Names::each_known(F visit) const {
  each_block([&](const acl_known& block, const std::uint8_t* bytes) {
    const std::uint32_t base = block.chunk * acl_chunk_identities;
    if (block.count != acl_known_bits) {
      for (std::uint32_t i = 0; i < block.count; ++i) visit(base + block_number(bytes, i));
      return true;
    }
    for (std::uint32_t i = 0; i < acl_chunk_identities; i += 64) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i / 8, sizeof word);
      for (; word != 0; word &= word - 1) visit(base + i + static_cast<std::uint32_t>(std::countr_zero(word)));
    }
    return true;
  });
}

}  // namespace acl::table
