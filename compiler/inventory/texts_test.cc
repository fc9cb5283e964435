#include "compiler/inventory/texts.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::inventory {
namespace {

TEST(InventoryTime, IsRfc3339) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2026-01-01T00:00:00Z"), 1767225600);
  EXPECT_EQ(parse_time("2026-01-01t01:30:00+01:30"), 1767225600);
  EXPECT_EQ(parse_time("2025-12-31T19:00:00-05:00"), 1767225600);
  EXPECT_EQ(parse_time("2024-02-29T12:00:00Z"), 1709208000);
  EXPECT_EQ(parse_time("0001-01-01T00:00:00Z"), go_zero_time);
  EXPECT_EQ(parse_time("9999-12-31T23:59:59Z"), 253402300799);
}

TEST(InventoryTime, PartsOfASecondAreDropped) {
  EXPECT_EQ(parse_time("2026-01-01T00:00:00.999999999Z"), 1767225600);
  EXPECT_EQ(parse_time("1969-12-31T23:59:59.5Z"), -1);
}

// RFC 3339, section 5.7: 23:59:60 exists at the end of some days.
TEST(InventoryTime, ALeapSecondCountsAsTheOneBefore) {
  EXPECT_EQ(parse_time("2016-12-31T23:59:60Z"), parse_time("2016-12-31T23:59:59Z"));
}

TEST(InventoryTime, AllElseIsRefused) {
  for (const char* text :
       {"", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00Z", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+25:00",
        "2026-01-01T00:00:00Zz", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

RC_GTEST_PROP(InventoryTime, WhatIsPrintedReadsBack, ()) {
  const std::int64_t seconds = *rc::gen::inRange<std::int64_t>(go_zero_time, 253402300800);
  RC_ASSERT(parse_time(time_text(seconds)) == seconds);
}

TEST(WireGuardKey, Is32BytesInBase64) {
  EXPECT_TRUE(is_wireguard_key("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="));
  EXPECT_FALSE(is_wireguard_key(""));
  EXPECT_FALSE(is_wireguard_key("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg"));
  EXPECT_FALSE(is_wireguard_key("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D=="));
  EXPECT_FALSE(is_wireguard_key("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D-="));
  // The last two bits stand for nothing: "h" would be another spelling of the key that ends in "g".
  EXPECT_FALSE(is_wireguard_key("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh="));
}

TEST(WireGuardKey, ComesFromANodeKey) {
  EXPECT_EQ(wireguard_key("nodekey:c53201039adba14be71f886da1d8dbe9eebded08cb111b7534007899"
                          "9aa9f038"),
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  EXPECT_EQ(wireguard_key("nodekey:" + std::string(64, '0')), std::string(43, 'A') + "=");
  EXPECT_EQ(wireguard_key("nodekey:11bb"), std::nullopt);
  EXPECT_EQ(wireguard_key("nodekey:" + std::string(63, '0') + "x"), std::nullopt);
}

TEST(Endpoint, IsHostAndPort) {
  for (const char* text : {"198.51.100.7:51820", "[2001:db8::7]:51820", "vpn.example.com:1", "host:65535"}) {
    EXPECT_TRUE(is_endpoint(text)) << text;
  }
  for (const char* text : {"", ":51820", "198.51.100.7", "198.51.100.7:0", "198.51.100.7:65536", "2001:db8::7:51820",
                           "[2001:db8::7]", "[198.51.100.7]:1", "a b:1", "host:1x", "host:051820"}) {
    EXPECT_FALSE(is_endpoint(text)) << text;
  }
}

}  // namespace
}  // namespace acl::inventory
