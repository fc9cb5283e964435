// Whatever classes of addresses are written are found again by the lookups of tables: many addresses, many networks, intervals.
#include "compiler/table/part_writer.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

#include "compiler/table/testing.h"
#include "engine/table/hot.h"

namespace acl::tables {
namespace {

using net::Address;

// A hot part of sources alone, from single addresses and intervals.
Bytes write(const Classes& classes, const Addresses& addresses, std::size_t count) {
  PartWriter writer(sizeof(acl_hot));
  acl_hot hot{};
  hot.part = part_header(acl_kind_hot, count);
  hot.sources = writer.classifier(classes, addresses);
  return writer.finish(hot);
}

class Writing : public testing::Test {
 protected:
  Setting nobody_{R"({"users":[],"nodes":[]})", R"({"acls":[]})"};

  void expect_found(const std::map<Address, std::uint16_t>& singles, const Classes& more = {}) {
    Classes classes = more;
    for (const auto& one : singles) classes.singles.emplace_back(one);
    const Bytes bytes = write(classes, nobody_.addresses(), 1000);
    ASSERT_EQ(bytes, write(classes, nobody_.addresses(), 1000)) << "the same input gives the same bytes";
    const auto hot = table::Hot::open(bytes);
    ASSERT_TRUE(hot) << hot.error().message;
    for (const auto& [address, number] : singles) ASSERT_EQ(hot->source_class(address), number) << address.text();
    for (const auto& [address, number] : singles) {
      for (const Address& beside : {resolve::predecessor(address), resolve::successor(address)}) {
        if (singles.count(beside) != 0 || !more.intervals.empty()) continue;
        ASSERT_EQ(hot->source_class(beside), 0U) << beside.text();
      }
    }
  }
};

TEST_F(Writing, FindsAddressesOfAnyNumber) {
  std::mt19937_64 random(7);
  for (const std::size_t count : {0U, 1U, 6U, 7U, 8U, 9U, 100U, 10'000U}) {
    std::map<Address, std::uint16_t> singles;
    for (std::size_t i = 0; i < count; ++i) {
      const auto number = static_cast<std::uint16_t>(random() % 1000 + 1);
      singles[Address::v4(static_cast<std::uint32_t>(random()))] = number;
      singles[Address::v6(0xfd7a115ca1e00000, random() & 0xffffffff)] = number;
    }
    expect_found(singles);
  }
}

// One address in each of very many networks of 96 bits: those beyond the last number become intervals of one address.
TEST_F(Writing, FindsAddressesInMoreNetworksThanThereAreNumbers) {
  std::map<Address, std::uint16_t> singles;
  for (std::uint64_t i = 0; i < 66'000; ++i)
    singles[Address::v6(0xfd00000000000000 + i * 3, i)] = static_cast<std::uint16_t>(i % 999 + 1);
  expect_found(singles);
}

TEST_F(Writing, ASingleAddressGoesBeforeTheIntervalAroundIt) {
  Classes classes;
  classes.intervals.push_back({{Address::v4(10), Address::v4(20)}, 3});
  classes.intervals.push_back({{Address::v4(21), Address::v4(30)}, 4});
  expect_found({{Address::v4(15), 1}, {Address::v4(20), 2}, {Address::v4(40), 5}}, classes);
  classes.singles.emplace_back(Address::v4(15), 1);
  const Bytes bytes = write(classes, nobody_.addresses(), 10);
  const auto hot = table::Hot::open(bytes);
  ASSERT_TRUE(hot);
  for (const auto& [place, number] :
       {std::pair{9U, 0U}, {10U, 3U}, {14U, 3U}, {15U, 1U}, {16U, 3U}, {20U, 3U}, {21U, 4U}, {30U, 4U}, {31U, 0U}})
    EXPECT_EQ(hot->source_class(Address::v4(place)), number) << place;
}

TEST_F(Writing, IntervalsReachToTheEndOfTheirFamily) {
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  Classes classes;
  classes.intervals.push_back({{Address::v4(0), Address::v4(0xffffffff)}, 1});
  classes.intervals.push_back({{Address::v6(0, 0), Address::v6(ones, ones)}, 2});
  const Bytes bytes = write(classes, nobody_.addresses(), 2);
  const auto hot = table::Hot::open(bytes);
  ASSERT_TRUE(hot);
  for (const Address& address : {Address::v4(0), Address::v4(0xffffffff)}) EXPECT_EQ(hot->source_class(address), 1U);
  for (const Address& address : {Address::v6(0, 0), Address::v6(ones, ones)}) EXPECT_EQ(hot->source_class(address), 2U);
}

TEST(Texts, StandOnceEach) {
  TextHeap heap;
  const std::uint32_t a = heap.add("tag:db"), b = heap.add("tag:web");
  EXPECT_NE(a, b);
  EXPECT_EQ(heap.add("tag:db"), a);
  EXPECT_EQ(heap.bytes().size(), 2U + 2 + 6 + 2 + 7);
  EXPECT_EQ(heap.bytes()[0] | heap.bytes()[1], 0);  // 0 is no text
}

}  // namespace
}  // namespace acl::tables
