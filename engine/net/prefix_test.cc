#include "engine/net/prefix.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace acl::net {
namespace {

Prefix prefix(std::string_view text) {
  const auto parsed = Prefix::parse(text);
  EXPECT_EQ(parsed.error, PrefixError::none) << text;
  return parsed.prefix;
}

TEST(Prefix, ReadsAddressesAndNetworks) {
  EXPECT_EQ(prefix("10.0.0.0/8").text(), "10.0.0.0/8");
  EXPECT_EQ(prefix("10.1.2.3").text(), "10.1.2.3");
  EXPECT_EQ(prefix("10.1.2.3/32").text(), "10.1.2.3");
  EXPECT_EQ(prefix("10.1.2.3").text_with_length(), "10.1.2.3/32");
  EXPECT_EQ(prefix("fd7a:115c:a1e0::/48").text(), "fd7a:115c:a1e0::/48");
  EXPECT_TRUE(prefix("0.0.0.0/0").is_everything());
  EXPECT_TRUE(prefix("::/0").is_everything());
}

TEST(Prefix, NamesTheMaskedFormWhereHostBitsAreSet) {
  const auto parsed = Prefix::parse("100.64.0.7/24");
  EXPECT_EQ(parsed.error, PrefixError::host_bits);
  EXPECT_EQ(parsed.prefix.text(), "100.64.0.0/24");
}

TEST(Prefix, RefusesMalformedText) {
  for (const char* text : {"", "/8", "10/8", "10.0.0/8", "web", "a.b.c.d/8"}) {
    EXPECT_EQ(Prefix::parse(text).error, PrefixError::malformed) << text;
  }
  for (const char* text :
       {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/9", "::/129", "::/1000"}) {
    EXPECT_EQ(Prefix::parse(text).error, PrefixError::length) << text;
  }
}

TEST(Prefix, FirstAndLastBoundIt) {
  EXPECT_EQ(prefix("10.0.0.0/8").last().text(), "10.255.255.255");
  EXPECT_EQ(prefix("0.0.0.0/0").last().text(), "255.255.255.255");
  EXPECT_EQ(prefix("fd7a:115c:a1e0::/48").last().text(), "fd7a:115c:a1e0:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(prefix("::/96").last().text(), "::ffff:ffff");
}

TEST(Prefix, FamiliesNeverMix) {
  EXPECT_FALSE(prefix("::/0").contains(Address::v4(1)));
  EXPECT_FALSE(prefix("0.0.0.0/0").overlaps(prefix("::/0")));
}

TEST(Prefix, ContainsIsBetweenFirstAndLast) {
  EXPECT_TRUE(rc::check([](std::uint64_t high, std::uint64_t low, std::uint64_t other, std::uint8_t length, bool v4) {
    const Address base = v4 ? Address::v4(static_cast<std::uint32_t>(low)) : Address::v6(high, low);
    const Prefix p(base, v4 ? length % 33U : length % 129U);
    const Address probe = v4 ? Address::v4(static_cast<std::uint32_t>(other)) : Address::v6(high, other);
    RC_ASSERT(p.contains(base));
    RC_ASSERT(p.contains(p.first()));
    RC_ASSERT(p.contains(p.last()));
    RC_ASSERT(p.contains(probe) == (p.first() <= probe && probe <= p.last()));
    RC_ASSERT(Prefix::parse(p.text()).prefix == p);
  }));
}

TEST(Prefix, OrdersByFirstAddressThenShorterFirst) {
  EXPECT_LT(prefix("10.0.0.0/8"), prefix("10.0.0.0/16"));
  EXPECT_LT(prefix("10.0.0.0/16"), prefix("10.1.0.0/16"));
  EXPECT_LT(prefix("255.0.0.0/8"), prefix("::/0"));
}

}  // namespace
}  // namespace acl::net
