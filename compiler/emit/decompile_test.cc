// The words in which a decompiled table is told. That they are the right ones for a compiled table is tested in compiler/cli.
#include "compiler/emit/decompile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::emit {
namespace {

using table::AddressRange;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

net::Address address(std::string_view text) { return net::Address::parse(text).value(); }
AddressRange range(std::string_view first, std::string_view last) { return {address(first), address(last)}; }
AddressRange single(std::string_view text) { return range(text, text); }

TEST(RangeText, IsAPrefixWhereItIsOne) {
  EXPECT_EQ(range_text(single("10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(range_text(range("10.0.0.0", "10.0.0.255")), "10.0.0.0/24");
  EXPECT_EQ(range_text(range("0.0.0.0", "255.255.255.255")), "0.0.0.0/0");
  EXPECT_EQ(range_text(range("fd00::", "fd00::ffff")), "fd00::/112");
  EXPECT_EQ(range_text(range("10.0.0.1", "10.0.0.2")), "10.0.0.1-10.0.0.2");
}

TEST(Joined, RangesThatTouchOrOverlapAreOne) {
  EXPECT_THAT(joined({range("10.0.0.10", "10.0.0.20"), single("10.0.0.9"), range("10.0.0.15", "10.0.0.30"),
                      single("10.0.0.32")}),
              ElementsAre(range("10.0.0.9", "10.0.0.30"), single("10.0.0.32")));
  // The last address of one family does not touch the first of the other.
  EXPECT_THAT(joined({range("0.0.0.0", "255.255.255.255"), range("::", "::1")}),
              ElementsAre(range("0.0.0.0", "255.255.255.255"), range("::", "::1")));
  EXPECT_THAT(joined({range("255.255.255.0", "255.255.255.255"), single("255.255.255.255")}),
              ElementsAre(range("255.255.255.0", "255.255.255.255")));
}

TEST(ServicesText, ProtocolsOfEqualPortsStandTogether) {
  EXPECT_EQ(services_text({{6, {{22, 22}}}}), "tcp 22");
  EXPECT_EQ(services_text({{6, {{80, 90}, {443, 443}}}}), "tcp 80-90,443");
  EXPECT_EQ(services_text({{6, {{53, 53}}}, {17, {{53, 53}}}}), "tcp, udp 53");
  EXPECT_EQ(services_text({{1, {{0, 0xffff}}}, {6, {{22, 22}}}}), "icmp; tcp 22");
  EXPECT_EQ(services_text({{6, {{0, 0xffff}}}}), "tcp any port");
}

// TCP, UDP, ICMP and ICMPv6: https://tailscale.com/docs/reference/syntax/policy-file on `proto`.
TEST(ServicesText, WhatARuleWithoutAProtocolAllowsIsToldWithoutOne) {
  const std::vector<std::pair<std::uint16_t, std::uint16_t>> all{{0, 0xffff}}, one{{53, 53}};
  EXPECT_EQ(services_text({{1, all}, {6, all}, {17, all}, {58, all}}), "any port");
  EXPECT_EQ(services_text({{1, all}, {6, one}, {17, one}, {58, all}}), "port 53");
  EXPECT_EQ(services_text({{1, all}, {6, one}, {17, all}, {58, all}}), "icmp, ipv6-icmp; tcp 53; udp any port");
}

class Named : public ::testing::Test {
 protected:
  static table::Directory::Numbered node(std::uint32_t number, std::string name, std::vector<net::Address> addresses) {
    table::Identity identity;
    identity.name = std::move(name);
    identity.addresses = std::move(addresses);
    return {number, identity};
  }
  table::Directory directory{
      {node(0, "web", {address("10.0.0.1"), address("fd00::1")}), node(1, "db", {address("10.0.0.2")})}};
};

TEST_F(Named, ANodeIsNamedIfAllItsAddressesAreMeant) {
  const Members both = members_of({single("fd00::1"), single("10.0.0.2"), single("10.0.0.1")}, &directory);
  EXPECT_THAT(both.nodes, ElementsAre("db", "web"));
  EXPECT_THAT(both.partial, IsEmpty());
  EXPECT_THAT(both.addresses, IsEmpty());
  const Members half = members_of({single("10.0.0.1")}, &directory);
  EXPECT_THAT(half.nodes, IsEmpty());
  EXPECT_THAT(half.partial, ElementsAre(Pair("web", "10.0.0.1")));
}

TEST_F(Named, AnAddressWithinARangeIsNotToldAgain) {
  const Members members =
      members_of({single("10.0.0.1"), range("10.0.0.0", "10.0.0.255"), single("10.0.1.7")}, &directory);
  EXPECT_THAT(members.nodes, IsEmpty());
  EXPECT_THAT(members.partial, IsEmpty());
  EXPECT_THAT(members.addresses, ElementsAre("10.0.0.0/24", "10.0.1.7"));
}

TEST_F(Named, WithoutADirectoryAddressesAreAddresses) {
  EXPECT_THAT(members_of({single("10.0.0.1")}, nullptr).addresses, ElementsAre("10.0.0.1"));
}

TEST(RuleText, TellsTheLineWhereItIsKnown) {
  EXPECT_EQ((RuleName{"acls[2]", "policy.hujson", 44}.text()), "acls[2], policy.hujson:44");
  EXPECT_EQ((RuleName{"rule 7", "", 0}.text()), "rule 7");
}

}  // namespace
}  // namespace acl::emit
