// Who sees whom by which routes, in small cases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/oracle/testing.h"

namespace acl::oracle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Peers, EitherDirectionMakesBothVisible) {
  World world;
  world.grant({"bo@example.com"}, {"tag:db"});
  world.rule(false, {"ana@example.com"}, {"tag:exit"}, {"root"});
  EXPECT_THAT(world.peers("bo-desk"), ElementsAre("db"));
  EXPECT_THAT(world.peers("db"), ElementsAre("bo-desk"));
  EXPECT_THAT(world.peers("ana-laptop"), IsEmpty()) << "ssh rules make nobody visible";
}

TEST(Peers, ASourceMayBeARoute) {
  World world;
  world.grant({"10.33.5.0/24"}, {"tag:db"});
  EXPECT_THAT(world.peers("db"), ElementsAre("router", "second"));
  EXPECT_THAT(world.routes("db", "router"), ElementsAre("10.33.0.0/16"));
}

TEST(Peers, ViaWithAppIsSeenThoughNothingIsSent) {
  World world;
  Grant& grant = world.grant({"bo@example.com"}, {"10.33.0.0/16"});
  grant.ip.clear();
  grant.app = {{"example.com/cap/db", {}}};
  grant.via = {"tag:east"};
  EXPECT_THAT(awards(world.policy, world.tailnet, world.node("second")), IsEmpty());
  EXPECT_THAT(world.peers("bo-desk"), ElementsAre("second"));
  EXPECT_THAT(world.routes("bo-desk", "second"), ElementsAre("10.33.0.0/16"));
}

TEST(Routes, TheOldestIsPrimary) {
  World world;
  EXPECT_EQ(primary_routes(world.tailnet, world.node("router")).size(), 1U);
  EXPECT_THAT(primary_routes(world.tailnet, world.node("second")), IsEmpty());
  world.node("second").created = 0;
  EXPECT_THAT(primary_routes(world.tailnet, world.node("router")), IsEmpty());
}

TEST(Routes, ARouteIsShownToWhomItConcernsAndOnThePrimary) {
  World world;
  world.grant({"bo@example.com"}, {"10.33.0.0/16"});
  world.grant({"ana@example.com"}, {"tag:router"});
  EXPECT_THAT(world.routes("bo-desk", "router"), ElementsAre("10.33.0.0/16"));
  EXPECT_THAT(world.routes("bo-desk", "second"), IsEmpty());
  EXPECT_THAT(world.routes("ana-laptop", "router"), IsEmpty()) << "may reach the router, not the route";
  EXPECT_THAT(world.routes("second", "router"), ElementsAre("10.33.0.0/16")) << "its standby";
}

TEST(Routes, ViaChangesWhoIsPrimaryUnlessAnotherGrantCoversTheRoute) {
  World world;
  world.grant({"bo@example.com"}, {"10.33.0.0/16"}).via = {"tag:east"};
  EXPECT_THAT(world.routes("bo-desk", "router"), IsEmpty());
  EXPECT_THAT(world.routes("bo-desk", "second"), ElementsAre("10.33.0.0/16"));
  world.grant({"bo@example.com"}, {"10.33.0.0/16"});
  EXPECT_THAT(world.routes("bo-desk", "router"), ElementsAre("10.33.0.0/16"));
  EXPECT_THAT(world.routes("bo-desk", "second"), IsEmpty());
}

TEST(Routes, TheInternetIsNoOtherGrantForARouteOfAnOlderRouter) {
  World world;
  for (const char* name : {"router", "second"}) world.node(name).approved.push_back(prefix("198.51.100.0/24"));
  world.node("second").approved.push_back(prefix("0.0.0.0/0"));
  world.grant({"bo@example.com"}, {"198.51.100.0/24"}).via = {"tag:east"};
  world.grant({"bo@example.com"}, {"autogroup:internet"});
  EXPECT_THAT(world.routes("bo-desk", "router"), IsEmpty());
  EXPECT_THAT(world.routes("bo-desk", "second"), ElementsAre("198.51.100.0/24"));
}

TEST(Routes, ExitRoutesAreAllowedWhereverThePeerIsVisible) {
  World world;
  world.grant({"bo@example.com"}, {"tag:exit"});
  EXPECT_THAT(
      allowed_ips(world.policy, world.tailnet, openings(world.policy, world.tailnet), world.node("bo-desk"),
                  world.node("exit")),
      UnorderedElementsAre(prefix("0.0.0.0/0"), prefix("::/0"), prefix("100.64.0.6"), prefix("fd7a:115c:a1e0::6")));
}

TEST(Routes, WithoutIpv4ANodeAndItsPeersShowNone) {
  World world;
  world.grant({"*"}, {"*"});
  world.policy.node_attributes = {{select_all({"tag:db"}), {"disable-ipv4"}}};
  const Openings all = openings(world.policy, world.tailnet);
  const auto allowed = [&](const char* viewer, const char* peer) {
    return allowed_ips(world.policy, world.tailnet, all, world.node(viewer), world.node(peer)).size();
  };
  EXPECT_EQ(allowed("bo-desk", "db"), 1U);
  EXPECT_EQ(allowed("db", "bo-desk"), 1U);
  EXPECT_EQ(allowed("db", "db"), 1U);
  EXPECT_EQ(allowed("bo-desk", "ana-laptop"), 2U);
}

TEST(Approval, AKeyApprovesEveryPrefixInsideItButNoExitRoute) {
  World world;
  world.node("router").approved.clear();
  world.node("router").advertised = {prefix("10.33.0.0/16"), prefix("0.0.0.0/0"), prefix("192.0.0.0/8")};
  world.policy.route_approvers = {{prefix("0.0.0.0/0"), select_all({"tag:db"})},
                                  {prefix("10.0.0.0/8"), select_all({"tag:router"})}};
  EXPECT_THAT(with_approvals(world.policy, world.tailnet).nodes[4].approved, ElementsAre(prefix("10.33.0.0/16")));
  world.policy.route_approvers[0].second = select_all({"tag:router"});
  EXPECT_THAT(with_approvals(world.policy, world.tailnet).nodes[4].approved,
              UnorderedElementsAre(prefix("10.33.0.0/16"), prefix("192.0.0.0/8")));
  world.policy.exit_approvers = select_all({"autogroup:tagged"});
  EXPECT_EQ(with_approvals(world.policy, world.tailnet).nodes[4].approved.size(), 3U);
}

TEST(Approval, AnAdvertisementWiderThanItsKeyIsNotApproved) {
  World world;
  world.node("router").approved.clear();
  world.node("router").advertised = {prefix("10.0.0.0/8")};
  world.policy.route_approvers = {{prefix("10.33.0.0/16"), select_all({"tag:router"})}};
  EXPECT_THAT(with_approvals(world.policy, world.tailnet).nodes[4].approved, IsEmpty());
}

}  // namespace
}  // namespace acl::oracle
