// PartWriter: puts the lines of a table's part together (layout.h, docs/table-format.md): sections, exact addresses, intervals.
//
// In: addresses and intervals with their classes, ascending. Out: bytes whose lookups give them back. Everything follows from
// what goes in and its order, so that equal tables are equal bytes. Nothing can fail; whoever writes keeps to the limits of the format
// (65,535 classes, acl_most_lines).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "engine/net/address.h"
#include "engine/table/address_range.h"
#include "engine/table/layout.h"
#include "engine/table/line_bytes.h"

namespace acl::table {

struct ExactClass {
  net::Address address;
  std::uint16_t number = 0;
};

struct RangeClass {
  AddressRange range;
  std::uint16_t number = 0;
};

// Exact addresses as they stand in slots. Added ascending; no address twice.
struct ExactSlots {
  void add(const net::Address& address, std::uint16_t number) {
    if (address.is_v4()) {
      slots.push_back(address.low() << 16 | number);
    } else if (const std::uint64_t space = space_of(address.high(), static_cast<std::uint32_t>(address.low() >> 32));
               space != 0) {
      slots.push_back((space << 32 | (address.low() & 0xffffffff)) << 16 | number);
    } else {
      more.push_back({address, number});
    }
  }
  // The number of a space; 0 if there is none left. Ascending, so that it is the one before or a new one.
  std::uint32_t space_of(std::uint64_t high, std::uint32_t middle) {
    if (!spaces.empty() && spaces.back().high == high && spaces.back().middle == middle) return spaces.back().number;
    if (spaces.size() == 0xffff) return 0;
    spaces.push_back({high, middle, static_cast<acl_u32>(spaces.size() + 1)});
    return spaces.back().number;
  }

  std::vector<std::uint64_t> slots;
  std::vector<acl_space> spaces;
  std::vector<ExactClass> more;  // beyond the last space
};

class PartWriter {
 public:
  // The header's bytes are left free and put in at the end.
  explicit PartWriter(std::size_t header_bytes) : bytes_(header_bytes) {}
  // Memory for so many bytes, so that they are not moved while there are no more.
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }

  // Appends the elements from the beginning of a line on; the line. 0 if there are none.
  template <class T>
  std::uint32_t section(std::span<const T> elements) {
    if (elements.empty()) return 0;
    const std::uint32_t line = start_line();
    const std::size_t at = bytes_.size();
    bytes_.resize(at + elements.size_bytes());
    std::memcpy(bytes_.data() + at, elements.data(), elements.size_bytes());
    return line;
  }
  // Both ascend; ranges are disjoint. An exact address goes before the range that it lies in.
  acl_classifier classifier(std::span<const ExactClass> exact, std::span<const RangeClass> ranges);
  acl_classifier classifier(const ExactSlots& exact, std::span<const RangeClass> ranges);
  acl_intervals intervals(std::span<const RangeClass> ranges);

  // The part: lines filled up, the header in place. `header` begins with an acl_part, of which the number of lines is set.
  template <class Header>
  LineBytes finish(Header header) {
    start_line();
    header.part.lines = static_cast<acl_u32>(bytes_.size() / acl_line_bytes);
    std::memcpy(bytes_.data(), &header, sizeof header);
    return std::move(bytes_);
  }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

 private:
  std::uint32_t start_line() {
    bytes_.resize((bytes_.size() + acl_line_bytes - 1) / acl_line_bytes * acl_line_bytes);
    return static_cast<std::uint32_t>(bytes_.size() / acl_line_bytes);
  }
  // Appends lines of zeros to a whole number of lines; as elements. Valid until more is appended.
  template <class T>
  std::span<T> empty_lines(std::uint32_t count) {
    const std::size_t at = bytes_.size(), size = std::size_t{count} * acl_line_bytes;
    bytes_.resize(at + size);
    return {reinterpret_cast<T*>(bytes_.data() + at), size / sizeof(T)};
  }
  // False if some address finds no place with this multiplier and so many lines.
  bool place_exact(acl_classifier& c, std::span<const std::uint64_t> slots, std::uint32_t count);
  bool place_spaces(acl_classifier& c, std::span<const acl_space> spaces);

  LineBytes bytes_;
  std::vector<std::uint8_t> used_;  // places of each line that is being filled
};

inline acl_part part_header(std::uint32_t kind, std::size_t source_classes) {
  return {acl_table_magic,
          static_cast<acl_u16>(acl_table_version),
          static_cast<acl_u8>(kind),
          0,
          0,
          static_cast<acl_u32>(source_classes)};
}

}  // namespace acl::table
