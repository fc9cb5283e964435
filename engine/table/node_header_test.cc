// A node's header: its own addresses with their classes.
#include "engine/table/node_header.h"

#include "engine/table/testing.h"

namespace acl::table {
namespace {

NodeHeader sample() { return {{{at("100.64.0.1"), 1, 0}, {at("100.64.0.9"), 65535, 2}, {at("fd7a::1"), 3, 4}}}; }

void expect_bad(const Bytes& bytes, const std::string& words) {
  const auto header = parse_node_header(bytes);
  ASSERT_FALSE(header) << words;
  EXPECT_EQ(header.error().code, Code::E1202);
  EXPECT_THAT(header.error().message, testing::HasSubstr(words));
}

Bytes with(std::size_t place, std::uint8_t value) {
  Bytes bytes = encode_node_header(sample());
  bytes.at(place) = value;
  return bytes;
}

TEST(NodeHeader, ComesBackAsItWas) {
  EXPECT_EQ(parse_node_header(encode_node_header(sample())), sample());
  EXPECT_EQ(parse_node_header(encode_node_header({})), NodeHeader{});
}

TEST(NodeHeader, FindsOwnAddressesAlone) {
  const NodeHeader header = sample();
  ASSERT_NE(header.find(at("fd7a::1")), nullptr);
  EXPECT_EQ(header.find(at("fd7a::1"))->names_class, 4);
  EXPECT_EQ(header.find(at("100.64.0.2")), nullptr);
  EXPECT_EQ(header.find(at("::100.64.0.1")), nullptr);
}

TEST(NodeHeader, AnyShorterTextIsRefused) {
  const Bytes whole = encode_node_header(sample());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parse_node_header(std::span(whole).first(length))) << length;
  }
}

TEST(NodeHeader, IsRefusedWithWordsForEachFault) {
  expect_bad({}, "it is too short");
  expect_bad(with(0, 'X'), "it does not begin with ACLN");
  expect_bad(with(4, 2), "version \"2\" is not \"1\"");
  expect_bad(with(5, 65), "65 own addresses are more than 64");
  expect_bad(with(6, 1), "a reserved byte is set");
  expect_bad(with(5, 2), "24 bytes follow its addresses");
  for (const std::size_t reserved : {9U, 14U}) expect_bad(with(reserved, 1), "own address 0 is malformed");
  expect_bad(with(8, 5), "own address 0 is malformed");
  expect_bad(with(16, 1), "own address 0 is malformed");  // the upper half of an IPv4 address
  expect_bad(with(28, 1), "own address 0 is malformed");  // beyond 32 bits
  expect_bad(with(48, 1), "its addresses do not ascend");
}

TEST(NodeHeader, AddressesAscendAndNoneStandsTwice) {
  expect_bad(encode_node_header({{{at("100.64.0.1"), 1, 0}, {at("100.64.0.1"), 2, 0}}}), "its addresses do not ascend");
  expect_bad(encode_node_header({{{at("::1"), 1, 0}, {at("100.64.0.1"), 2, 0}}}), "its addresses do not ascend");
}

}  // namespace
}  // namespace acl::table
