// The parts of steering that need no kernel; with one, tests/e2e/node/steer.py has connections.
#include "node/steer/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/steer/local_addresses.h"
#include "node/steer/steer_rules.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;

net::Address at(const char* text) { return *net::Address::parse(text); }

TEST(SteerRules, ABeginningGoesToOurSocketAndNowhereElseIfThereIsNone) {
  const std::string text =
      steer_rules_text({"aclnode_wg0_ssh", "wg0", "", {at("100.64.0.2"), at("fd7a::2")}, 22, 40001, 40002});
  EXPECT_EQ(text,
            "table inet aclnode_wg0_ssh\n"
            "delete table inet aclnode_wg0_ssh\n"
            "table inet aclnode_wg0_ssh {\n"
            "  chain prerouting {\n"
            "    type filter hook prerouting priority mangle; policy accept;\n"
            "    iifname \"wg0\" ip daddr 100.64.0.2 tcp dport 22 tcp flags & (syn | ack) == syn tproxy ip to "
            "127.0.0.1:40001 accept\n"
            "    iifname \"wg0\" ip daddr 100.64.0.2 tcp dport 22 tcp flags & (syn | ack) == syn drop\n"
            "    iifname \"wg0\" ip6 daddr fd7a::2 tcp dport 22 tcp flags & (syn | ack) == syn tproxy ip6 to "
            "[::1]:40002 accept\n"
            "    iifname \"wg0\" ip6 daddr fd7a::2 tcp dport 22 tcp flags & (syn | ack) == syn drop\n"
            "  }\n"
            "}\n");
}

TEST(SteerRules, WithoutAListenerOfTheFamilyItIsDropped) {
  const std::string text = steer_rules_text({"t", "wg0", "", {at("fd7a::2")}, 22, 40001, 0});
  EXPECT_THAT(text, ::testing::Not(HasSubstr("tproxy")));
  EXPECT_THAT(text, HasSubstr("fd7a::2 tcp dport 22 tcp flags & (syn | ack) == syn drop"));
}

TEST(SteerRules, OfAnInterfaceThatIsEnslavedWhatComesInByItsMasterIsDroppedToo) {
  const std::string text = steer_rules_text({"t", "wg0", "blue", {at("100.64.0.2")}, 22, 0, 0});
  for (const char* name : {"wg0", "blue"})
    EXPECT_THAT(text, HasSubstr(std::string("iifname \"") + name +
                                "\" ip daddr 100.64.0.2 tcp dport 22 tcp flags & (syn | ack) == syn drop"));
}

TEST(HostAddresses, LoopbackIsOfTheHostWhateverIsListed) {
  for (const char* own : {"127.0.0.1", "127.255.255.254", "::1"}) EXPECT_TRUE(is_of_host(at(own), {})) << own;
  for (const char* other : {"126.255.255.255", "128.0.0.1", "::2", "1::1"})
    EXPECT_FALSE(is_of_host(at(other), {})) << other;
}

TEST(HostAddresses, WhatIsListedIsOfTheHost) {
  const std::vector<net::Address> host{at("100.64.0.2"), at("192.0.2.7"), at("fe80::1")};
  for (const net::Address& one : host) EXPECT_TRUE(is_of_host(one, host)) << one.text();
  EXPECT_FALSE(is_of_host(at("100.64.0.3"), host));
}

TEST(HostAddresses, TheKernelsListIsSortedAndHasEachOnce) {
  const auto host = host_addresses();
  ASSERT_TRUE(host) << host.error().message;
  for (std::size_t i = 1; i < host->size(); ++i) EXPECT_LT((*host)[i - 1], (*host)[i]);
}

TEST(Listeners, NoInterfaceOfThatNameIsAnError) {
  Listeners listeners;
  const auto opened = open_missing(listeners, "no-such-wg", false);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::E1401);
  EXPECT_THAT(opened.error().message, HasSubstr("\"no-such-wg\""));
}

}  // namespace
}  // namespace acl::node
