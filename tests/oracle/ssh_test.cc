// Who may log in, in small cases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/oracle/testing.h"
#include "tests/oracle/wire.h"

namespace acl::oracle {
namespace {

TEST(Ssh, RootMustBeNamed) {
  World world;
  world.rule(false, {"bo@example.com"}, {"tag:db"}, {"autogroup:nonroot", "deploy"});
  EXPECT_EQ(world.login("bo-desk", "db", "ubuntu"), "accept as ubuntu");
  EXPECT_EQ(world.login("bo-desk", "db", "root"), "deny");
  EXPECT_EQ(world.login("ana-laptop", "db", "ubuntu"), "deny");
  world.rule(false, {"bo@example.com"}, {"tag:db"}, {"root"});
  EXPECT_EQ(world.login("bo-desk", "db", "root"), "accept as root");
}

TEST(Ssh, CheckRulesComeFirst) {
  World world;
  world.rule(false, {"autogroup:member"}, {"tag:db"}, {"autogroup:nonroot", "root"});
  world.rule(true, {"bo@example.com"}, {"tag:db"}, {"root"});
  EXPECT_EQ(world.login("bo-desk", "db", "root"), "check as root");
  EXPECT_EQ(world.login("bo-desk", "db", "ubuntu"), "accept as ubuntu");
  EXPECT_EQ(world.login("ana-phone", "db", "root"), "accept as root");
}

TEST(Ssh, SelfIsOnesOwnDevices) {
  World world;
  world.rule(true, {"autogroup:member"}, {"autogroup:self"}, {"autogroup:nonroot"});
  EXPECT_EQ(world.login("ana-laptop", "ana-phone", "ana"), "check as ana");
  EXPECT_EQ(world.login("ana-laptop", "bo-desk", "ana"), "deny");
  EXPECT_EQ(world.login("ana-laptop", "db", "ana"), "deny");
}

TEST(Ssh, WordsThatMeanNothingAreNamesOfAccounts) {
  World world;
  world.rule(false, {"bo@example.com"}, {"tag:db"}, {"tag:foo", "localpart:*@"});
  EXPECT_EQ(world.login("bo-desk", "db", "tag:foo"), "accept as tag:foo");
  EXPECT_EQ(world.login("bo-desk", "db", "localpart:*@"), "accept as localpart:*@");
  EXPECT_EQ(world.login("bo-desk", "db", "bo"), "deny");
}

TEST(Ssh, LocalpartIsTheSourcesOwnName) {
  World world;
  world.rule(false, {"autogroup:member", "tag:web"}, {"tag:db"}, {"localpart:*@example.com", "deploy"});
  EXPECT_EQ(world.login("bo-desk", "db", "bo"), "accept as bo");
  EXPECT_EQ(world.login("bo-desk", "db", "ana"), "deny");
  EXPECT_EQ(world.login("bo-desk", "db", "deploy"), "accept as deploy");
  EXPECT_EQ(world.login("db", "db", "deploy"), "accept as deploy") << "a tagged device has no name of its own";
}

TEST(Ssh, LocalpartRulesReachTheSourcesThemselves) {
  World world;
  world.rule(false, {"autogroup:member"}, {"tag:db"}, {"localpart:*@example.com"});
  EXPECT_EQ(world.login("ana-laptop", "ana-phone", "ana"), "accept as ana");
  EXPECT_EQ(world.login("bo-desk", "ana-phone", "bo"), "deny");
  world.policy.ssh[0].dst.clear();
  EXPECT_EQ(world.login("ana-laptop", "ana-phone", "ana"), "deny") << "a rule without destinations is none";
}

TEST(Ssh, TheWireFormIsReadInOrder) {
  const Address source = address("100.64.0.1");
  const std::vector<WireSshRule> rules = {{{address("100.64.0.2")}, {{"*", "="}}, false},
                                          {{source}, {{"root", ""}, {"*", "="}}, true},
                                          {{source}, {{"root", "admin"}}, false}};
  EXPECT_EQ(text(ssh(rules, source, "ubuntu")), "check as ubuntu");
  EXPECT_EQ(text(ssh(rules, source, "root")), "accept as admin") << "\"\" is no match, not a refusal";
  EXPECT_EQ(text(ssh(rules, address("100.64.0.3"), "ubuntu")), "deny");
}

}  // namespace
}  // namespace acl::oracle
