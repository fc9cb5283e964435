// For the tests of this folder: small parts made by hand, line by line, to be looked up in and to be spoilt.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/table/layout.h"

namespace acl::table {

using Bytes = std::vector<std::uint8_t>;

inline net::Address at(const char* text) { return *net::Address::parse(text); }
inline std::uint32_t v4(const char* text) { return static_cast<std::uint32_t>(at(text).low()); }

// Grows by sections of whole lines; the header comes last.
struct Lines {
  Bytes bytes;

  explicit Lines(std::size_t header_bytes) : bytes(header_bytes) {}
  // The line that the elements begin at.
  template <class T>
  std::uint32_t add(const std::vector<T>& elements) {
    const std::size_t start = bytes.size();
    bytes.resize(start + (elements.size() * sizeof(T) + acl_line_bytes - 1) / acl_line_bytes * acl_line_bytes);
    if (!elements.empty()) std::memcpy(bytes.data() + start, elements.data(), elements.size() * sizeof(T));
    return static_cast<std::uint32_t>(start / acl_line_bytes);
  }
  template <class Header>
  Bytes finish(Header header, std::uint32_t kind, std::uint32_t classes) {
    header.part = {acl_table_magic,
                   static_cast<acl_u16>(acl_table_version),
                   static_cast<acl_u8>(kind),
                   0,
                   static_cast<acl_u32>(bytes.size() / acl_line_bytes),
                   classes};
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }
};

// 100.64.0.1 is in class 1, fd7a::1 in class 2, 10.0.0.0/8 in class 3 but for 10.0.0.7, which is in 1, fd00::/16 in class 3.
inline acl_classifier add_sources(Lines& lines) {
  acl_classifier c{};
  c.multiplier = 0x9e3779b97f4a7c15ULL;
  const auto slot = [](std::uint64_t space, std::uint32_t low, std::uint64_t number) {
    return (space << 32 | low) << 16 | number;
  };
  c.hash_line = lines.add<std::uint64_t>(
      {slot(0, v4("100.64.0.1"), 1), slot(1, 1, 2), slot(0, v4("10.0.0.7"), 1), 0, 0, 0, 0, 0});
  c.hash_lines = 1;
  c.space_line = lines.add<acl_space>({{0xfd7a000000000000, 0, 1}, {}, {}, {}});
  c.space_lines = 1;
  c.v4_count = 3;
  c.v4_line = lines.add<std::uint32_t>({0, v4("10.0.0.0"), v4("11.0.0.0")});
  lines.add<std::uint16_t>({0, 3, 0});
  c.v6_count = 3;
  c.v6_line = lines.add<std::uint64_t>({0, 0, 0xfd00000000000000, 0, 0xfd01000000000000, 0});
  lines.add<std::uint16_t>({0, 3, 0});
  return c;
}

inline std::uint64_t range(std::uint64_t protocol, std::uint64_t first, std::uint64_t last, std::uint64_t rule) {
  return (protocol << 16 | first) << 40 | (protocol << 16 | last) << 16 | rule;
}

// Changes a header in place.
template <class Header, class F>
Bytes edited(Bytes bytes, F change) {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  change(header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}
template <class T>
T* at_line(Bytes& bytes, std::uint32_t line) {
  return reinterpret_cast<T*>(bytes.data() + std::size_t{line} * acl_line_bytes);
}

// Refused with E1201, in these words.
template <class Part>
void expect_refused(const Bytes& bytes, const std::string& words) {
  const auto part = Part::open(bytes);
  ASSERT_FALSE(part) << "accepted, but expected: " << words;
  EXPECT_EQ(part.error().code, Code::E1201);
  EXPECT_THAT(part.error().message, testing::HasSubstr(words));
  EXPECT_FALSE(part.error().help.empty());
}

}  // namespace acl::table
