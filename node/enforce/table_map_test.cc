#include "node/enforce/table_map.h"

#include <gmock/gmock.h>

#include "engine/table/hot_writer.h"

namespace acl::node {
namespace {

using net::Address;
using table::OwnAddress;

Address address(const char* text) { return *Address::parse(text); }

table::LineBytes part() {
  const std::vector<table::SourceRule> rules = {{{address("100.64.0.2"), address("100.64.0.9")}, {{6, 22, 22}}}};
  return *table::write_hot(rules);
}

TEST(TableMaps, AreOfTheNextPowerOfTwo) {
  const std::size_t head =
      sizeof(acl_filter_head) + acl_line_bytes;  // and the line that a lookup may read beyond the part
  EXPECT_EQ(table_map_size(64, 0), least_table_map);
  EXPECT_EQ(table_map_size(least_table_map - head, 0), least_table_map);
  EXPECT_EQ(table_map_size(least_table_map - head + 64, 0), 2 * least_table_map);
  EXPECT_EQ(table_map_size(greatest_table_map - head, 0), greatest_table_map);
  EXPECT_EQ(table_map_size(greatest_table_map - head + 64, 0), 0U);
}

TEST(TableMaps, KeepTheirSizeUnlessTheTableIsMuchSmaller) {
  EXPECT_EQ(table_map_size(200'000, std::size_t{1} << 20), std::size_t{1} << 20);
  EXPECT_EQ(table_map_size(100'000, std::size_t{1} << 20), std::size_t{1} << 17);
  EXPECT_EQ(table_map_size(64, least_table_map), least_table_map);
  EXPECT_EQ(table_map_size(200'000, least_table_map), std::size_t{1} << 18);
}

TEST(TableHeads, HaveASlotForEachOfSixtyFourAddresses) {
  std::vector<OwnAddress> own;
  for (std::uint16_t i = 0; i < 32; ++i) {
    own.push_back({Address::v4(0x64400000U + i), i, 0});
    own.push_back({Address::v6(0xfd7a115ca1e00000, i), static_cast<std::uint16_t>(i + 100), 0});
  }
  const acl_filter_head head = make_head(own, 640);
  EXPECT_EQ(head.table_bytes, 640U);
  for (const OwnAddress& one : own) {
    const std::uint64_t low = one.address.is_v4() ? 0xffff00000000ULL | one.address.low() : one.address.low();
    const acl_own_slot& slot = head.own[acl_own_index(head.multiplier, one.address.high(), low)];
    EXPECT_EQ(slot.low, low);
    EXPECT_EQ(slot.high, one.address.high());
    EXPECT_EQ(slot.number, one.hot_class + 1U);
  }
}

TEST(Tables, ThatAdmitOneOfTheNodesOwnAddressesAreRefused) {
  const auto refused = check_table(part(), std::vector<OwnAddress>{{address("100.64.0.3"), 1, 0}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::E1342);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("\"100.64.0.3\""));
  EXPECT_TRUE(check_table(part(), std::vector<OwnAddress>{{address("100.64.0.1"), 1, 0}}));
}

TEST(Tables, ThatDoNotHaveAClassOfAnOwnAddressAreRefused) {
  const auto refused = check_table(part(), std::vector<OwnAddress>{{address("100.64.0.1"), 2, 0}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::E1342);
}

TEST(Tables, ThatDoNotOpenAreRefused) {
  table::LineBytes bytes = part();
  bytes[0] ^= 1;
  EXPECT_EQ(check_table(bytes, {}).error().code, Code::E1201);
}

}  // namespace
}  // namespace acl::node
