#include "engine/net/address.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace acl::net {
namespace {

std::string round_trip(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? address->text() : "refused";
}

TEST(Address, PrintsAsRfc5952Says) {
  EXPECT_EQ(round_trip("100.64.0.7"), "100.64.0.7");
  EXPECT_EQ(round_trip("FD7A:115C:A1E0::0007"), "fd7a:115c:a1e0::7");
  EXPECT_EQ(round_trip("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");     // the first of two equal runs
  EXPECT_EQ(round_trip("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");  // one zero group is not shortened
  EXPECT_EQ(round_trip("::"), "::");
  EXPECT_EQ(round_trip("::1"), "::1");
  EXPECT_EQ(round_trip("1::"), "1::");
  EXPECT_EQ(round_trip("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
  EXPECT_EQ(round_trip("::1.2.3.4"), "::102:304");
}

TEST(Address, RefusesWhatIsNotExactlyOneAddress) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "0x1.2.3.4",
        "1.2.3.4/32", "fe80::1%eth0", ":::", "1:2:3:4:5:6:7", "12345::", "::g", "[::1]", "1..2.3"}) {
    EXPECT_FALSE(Address::parse(text)) << '"' << text << '"';
  }
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(Address::parse("::1\0"sv));
}

TEST(Address, OrdersIPv4BeforeIPv6ThenByValue) {
  EXPECT_LT(Address::v4(0xffffffff), Address::v6(0, 0));
  EXPECT_LT(Address::v4(1), Address::v4(2));
  EXPECT_LT(Address::v6(0, ~0ULL), Address::v6(1, 0));
}

TEST(Address, TextParsesBackToTheSameAddress) {
  EXPECT_TRUE(rc::check([](std::uint64_t high, std::uint64_t low, bool v4, std::uint8_t zeros) {
    if (zeros & 1) high &= 0xffff0000;
    if (zeros & 2) low &= 0xffff0000ffffULL;
    if (zeros & 4) high = 0;
    const Address address = v4 ? Address::v4(static_cast<std::uint32_t>(low)) : Address::v6(high, low);
    RC_ASSERT(Address::parse(address.text()) == address);
  }));
}

}  // namespace
}  // namespace acl::net
