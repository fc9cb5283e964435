// What a policy lets through, in small cases: selectors, rules, routers, capabilities, tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/oracle/testing.h"

namespace acl::oracle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::uint8_t tcp = 6, udp = 17, icmp = 1, gre = 47;

// --- selectors ---

TEST(Selectors, AUserIsTheirUntaggedDevicesWithBothFamilies) {
  World world;
  world.grant({"ana@example.com"}, {"bo@example.com"});
  EXPECT_THAT(world.reaching("bo-desk"), ElementsAre("ana-laptop", "ana-phone"));
  EXPECT_TRUE(reaches(world.policy, world.tailnet, address("fd7a:115c:a1e0::1"), address("fd7a:115c:a1e0::3"), tcp, 22,
                      world.node("bo-desk")));
}

TEST(Selectors, ATaggedDeviceBelongsToNoUser) {
  World world;
  world.node("db").user = "ana@example.com";  // who tagged it
  world.policy.groups["group:all"] = {"ana@example.com", "bo@example.com"};
  world.grant({"ana@example.com", "group:all", "autogroup:member", "user:*@example.com"}, {"tag:exit"});
  EXPECT_THAT(world.reaching("exit"), ElementsAre("ana-laptop", "ana-phone", "bo-desk"));
}

TEST(Selectors, GroupsOfTheIdentityProviderCountWhereThePolicyDefinesNone) {
  World world;
  world.tailnet.synced_groups["group:team@example.com"] = {"bo@example.com"};
  world.grant({"group:team@example.com"}, {"tag:db"});
  EXPECT_THAT(world.reaching("db"), ElementsAre("bo-desk"));
}

TEST(Selectors, ADeviceWithTwoTagsIsInBoth) {
  World world;
  world.grant({"tag:db"}, {"tag:exit"});
  world.grant({"tag:web"}, {"tag:router"});
  EXPECT_THAT(world.reached_from("db"), ElementsAre("router", "exit", "second"));
}

TEST(Selectors, TheOwnerIsAnAdminToo) {
  World world;
  world.grant({"autogroup:admin"}, {"tag:db"});
  EXPECT_THAT(world.reaching("db"), ElementsAre("ana-laptop", "ana-phone"));
}

TEST(Selectors, DevicesSharedInBelongToNoMemberButToTheirUser) {
  World world;
  world.grant({"autogroup:member"}, {"tag:db"});
  world.grant({"visitor@elsewhere.example"}, {"tag:exit"});
  world.grant({"autogroup:shared"}, {"tag:router"});
  EXPECT_THAT(world.reached_from("guest"), ElementsAre("router", "exit", "second"));
}

TEST(Selectors, TheWildcardAsSourceIsTheTailnetAndItsSubnetsNotTheInternet) {
  World world;
  world.grant({"*"}, {"tag:db"});
  EXPECT_EQ(world.reaching("db").size(), world.tailnet.nodes.size());
  EXPECT_TRUE(world.through(address("100.127.255.255"), "100.64.0.4", "db"));
  EXPECT_TRUE(world.through(address("10.33.255.1"), "100.64.0.4", "db"));
  EXPECT_FALSE(world.through(address("10.34.0.1"), "100.64.0.4", "db"));
  EXPECT_FALSE(world.through(address("8.8.8.8"), "100.64.0.4", "db")) << "exit routes are not part of it";
  for (const char* hole : {"100.115.92.0", "100.115.93.255"})
    EXPECT_FALSE(world.through(address(hole), "100.64.0.4", "db"));
  for (const char* edge : {"100.115.91.255", "100.115.94.0"})
    EXPECT_TRUE(world.through(address(edge), "100.64.0.4", "db"));
}

TEST(Selectors, DangerAllIsEveryAddress) {
  World world;
  world.grant({"autogroup:danger-all"}, {"tag:db"});
  EXPECT_TRUE(world.through(address("8.8.8.8"), "100.64.0.4", "db"));
  EXPECT_TRUE(world.through(address("100.115.92.0"), "100.64.0.4", "db"));
}

TEST(Selectors, ALiteralIsTakenAsWritten) {
  World world;
  world.policy.hosts["box"] = prefix("100.64.0.4");
  world.grant({"100.64.0.1"}, {"box"});
  EXPECT_TRUE(world.reach("ana-laptop", "db"));
  EXPECT_FALSE(reaches(world.policy, world.tailnet, address("fd7a:115c:a1e0::1"), address("fd7a:115c:a1e0::4"), tcp, 22,
                       world.node("db")))
      << "naming an IPv4 address says nothing about the IPv6 address of the same device";
}

TEST(Selectors, AnIpsetIsItsOperationsInOrder) {
  World world;
  world.policy.hosts["vault"] = prefix("10.33.5.9");
  auto target = [](const char* text) { return select(text); };
  world.policy.ipsets["ipset:dc"] = {{false, target("10.33.0.0/16")},
                                     {true, target("10.33.5.0/24")},
                                     {false, target("vault")},
                                     {true, target("10.33.77.0/24")}};
  world.grant({"autogroup:member"}, {"ipset:dc"});
  const Address ana = world.ip("ana-laptop");
  EXPECT_TRUE(world.through(ana, "10.33.4.255", "router"));
  EXPECT_FALSE(world.through(ana, "10.33.5.8", "router"));
  EXPECT_TRUE(world.through(ana, "10.33.5.9", "router"));
  EXPECT_FALSE(world.through(ana, "10.33.77.0", "router"));
}

TEST(Selectors, AServiceIsReachedAtItsHosts) {
  World world;
  world.tailnet.services = {{"svc:wiki", {address("100.65.0.9")}, {"db"}}};
  world.grant({"autogroup:member"}, {"svc:wiki"});
  EXPECT_TRUE(world.through(world.ip("bo-desk"), "100.65.0.9", "db"));
  EXPECT_FALSE(world.through(world.ip("bo-desk"), "100.65.0.9", "exit"));
  EXPECT_FALSE(world.reach("bo-desk", "db")) << "the service is not its host";
}

// --- rules ---

TEST(Rules, NeitherSectionAllowsAllAndAnEmptyOneNothing) {
  World world;
  EXPECT_THAT(world.reached_from("bo-desk"), IsEmpty());
  world.policy.grants.reset();
  EXPECT_EQ(world.reached_from("bo-desk").size(), world.tailnet.nodes.size());
  world.policy.acls.emplace();
  EXPECT_THAT(world.reached_from("bo-desk"), IsEmpty());
}

TEST(Rules, AclsAndGrantsAddUp) {
  World world;
  world.grant({"bo@example.com"}, {"tag:db"});
  world.acl({"bo@example.com"}, {"tag:exit"});
  EXPECT_THAT(world.reached_from("bo-desk"), ElementsAre("db", "exit"));
}

TEST(Rules, TheyHaveADirection) {
  World world;
  world.grant({"bo@example.com"}, {"ana@example.com"});
  EXPECT_TRUE(world.reach("bo-desk", "ana-phone"));
  EXPECT_FALSE(world.reach("ana-phone", "bo-desk"));
}

TEST(Rules, NoProtocolMeansTcpUdpAndBothIcmp) {
  World world;
  world.grant({"bo@example.com"}, {"tag:db"});
  for (const std::uint8_t protocol : {tcp, udp, icmp, std::uint8_t{58}})
    EXPECT_TRUE(world.reach("bo-desk", "db", 0, protocol));
  EXPECT_FALSE(world.reach("bo-desk", "db", 0, gre));
  EXPECT_FALSE(world.reach("bo-desk", "db", 22, 132));
}

TEST(Rules, PortsAreInclusiveAndOnlyTheWildcardHasPortZero) {
  World world;
  world.grant({"bo@example.com"}, {"tag:db"}).ip = {{tcp, {8000, 8010}}, {gre, {}}};
  EXPECT_FALSE(world.reach("bo-desk", "db", 7999));
  EXPECT_TRUE(world.reach("bo-desk", "db", 8000));
  EXPECT_TRUE(world.reach("bo-desk", "db", 8010));
  EXPECT_FALSE(world.reach("bo-desk", "db", 8011));
  EXPECT_FALSE(world.reach("bo-desk", "db", 8000, udp));
  EXPECT_TRUE(world.reach("bo-desk", "db", 0, gre));
  world.policy.grants->back().ip = {{std::nullopt, {1, 65535}}};
  EXPECT_FALSE(world.reach("bo-desk", "db", 0));
}

TEST(Rules, SelfIsEachUsersOwnDevices) {
  World world;
  world.grant({"autogroup:member"}, {"autogroup:self"});
  EXPECT_THAT(world.reached_from("ana-laptop"), ElementsAre("ana-laptop", "ana-phone"));
  EXPECT_THAT(world.reached_from("bo-desk"), ElementsAre("bo-desk"));
  EXPECT_THAT(world.reached_from("db"), IsEmpty());
  World narrowed;
  narrowed.acl({"*"}, {"autogroup:self"});
  EXPECT_THAT(narrowed.reached_from("ana-phone"), ElementsAre("ana-laptop", "ana-phone"));
  EXPECT_FALSE(narrowed.through(address("10.33.1.1"), "100.64.0.1", "ana-laptop")) << "no ranges of `*`";
}

// --- routers ---

TEST(Routers, ADestinationReachesEveryRouterItOverlapsAndIsNotClipped) {
  World world;
  world.grant({"bo@example.com"}, {"10.0.0.0/8"});
  const Address bo = world.ip("bo-desk");
  EXPECT_TRUE(world.through(bo, "10.33.5.9", "router"));
  EXPECT_TRUE(world.through(bo, "10.33.5.9", "second")) << "a standby, too";
  EXPECT_TRUE(world.through(bo, "10.1.2.3", "router")) << "wider than the route";
  EXPECT_FALSE(world.through(bo, "10.33.5.9", "exit")) << "exit routes do not count";
  EXPECT_FALSE(world.through(bo, "10.33.5.9", "db"));
  World narrow;
  narrow.grant({"bo@example.com"}, {"10.33.5.0/24"});
  EXPECT_TRUE(narrow.through(bo, "10.33.5.9", "router"));
  EXPECT_FALSE(narrow.through(bo, "10.33.6.9", "router"));
}

TEST(Routers, AnAdvertisedRouteThatIsNotApprovedDoesNotCount) {
  World world;
  world.node("router").approved.clear();
  world.node("router").advertised = {prefix("10.33.0.0/16")};
  world.grant({"bo@example.com"}, {"10.33.0.0/16"});
  EXPECT_FALSE(world.through(world.ip("bo-desk"), "10.33.5.9", "router"));
}

TEST(Routers, ATagIsTheRouterNotWhatIsBehindIt) {
  World world;
  world.grant({"bo@example.com"}, {"tag:router"});
  EXPECT_TRUE(world.reach("bo-desk", "router"));
  EXPECT_FALSE(world.through(world.ip("bo-desk"), "10.33.5.9", "router"));
}

TEST(Routers, TheInternetIsForExitNodesOnly) {
  World world;
  world.grant({"bo@example.com"}, {"autogroup:internet"});
  const Address bo = world.ip("bo-desk");
  EXPECT_TRUE(world.through(bo, "8.8.8.8", "exit"));
  for (const char* not_public : {"10.0.0.1", "172.31.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.6"}) {
    EXPECT_FALSE(world.through(bo, not_public, "exit")) << not_public;
  }
  EXPECT_FALSE(world.through(bo, "8.8.8.8", "router"));
  EXPECT_FALSE(world.reach("bo-desk", "exit")) << "the way out is not the node";
  World own;
  own.grant({"bo@example.com"}, {"tag:exit"});
  EXPECT_FALSE(own.through(bo, "8.8.8.8", "exit")) << "nor is the node the way out";
}

TEST(Routers, APublicSubnetRouteIsNoWayToTheInternet) {
  World world;
  world.node("router").approved = {prefix("198.51.100.0/24")};
  world.grant({"bo@example.com"}, {"autogroup:internet"});
  EXPECT_FALSE(world.through(world.ip("bo-desk"), "198.51.100.8", "router"));
}

TEST(Routers, PartOfTheInternetIsForExitNodes) {
  World world;
  world.policy.ipsets["ipset:most"] = {{false, select("autogroup:internet")}, {true, select("8.8.8.0/24")}};
  world.grant({"bo@example.com"}, {"ipset:most"});
  EXPECT_TRUE(world.through(world.ip("bo-desk"), "9.9.9.9", "exit"));
  EXPECT_FALSE(world.through(world.ip("bo-desk"), "8.8.8.8", "exit"));
}

TEST(Routers, ViaNamesTheRoutersAndOnlyWhatTheyRoute) {
  World world;
  world.grant({"bo@example.com"}, {"10.33.0.0/16", "100.64.0.9"}).via = {"tag:east"};
  const Address bo = world.ip("bo-desk");
  EXPECT_TRUE(world.through(bo, "10.33.5.9", "second"));
  EXPECT_FALSE(world.through(bo, "10.33.5.9", "router"));
  EXPECT_FALSE(world.reach("bo-desk", "second")) << "its own address is not routed";
  world.grant({"bo@example.com"}, {"autogroup:internet"}).via = {"tag:exit"};
  EXPECT_TRUE(world.through(bo, "8.8.8.8", "exit"));
}

// --- capabilities ---

TEST(Capabilities, TheyAreForTheNodesOwnAddresses) {
  World world;
  world.grant({"bo@example.com"}, {"*"}).app = {{"example.com/cap/db", {R"({"role":"reader"})"}}};
  const auto at = [&](const char* destination, const char* node) {
    return capabilities(awards(world.policy, world.tailnet, world.node(node)), world.ip("bo-desk"),
                        address(destination));
  };
  EXPECT_THAT(at("100.64.0.4", "db"),
              ElementsAre(Pair("example.com/cap/db", ""), Pair("example.com/cap/db", R"({"role":"reader"})")));
  EXPECT_THAT(at("10.33.1.1", "router"), IsEmpty());
  world.policy.grants->clear();
  world.grant({"bo@example.com"}, {"10.0.0.0/8"}).app = {{"example.com/cap/db", {}}};
  EXPECT_THAT(at("10.44.1.1", "router"), ElementsAre(Pair("example.com/cap/db", "")))
      << "a prefix that overlaps a route: whole";
}

TEST(Capabilities, DriveAndRelayAreAnsweredInReverse) {
  World world;
  world.grant({"bo@example.com"}, {"tag:db"}).app = {{"tailscale.com/cap/drive", {"{}"}},
                                                     {"tailscale.com/cap/relay", {"{}"}}};
  EXPECT_THAT(
      capabilities(awards(world.policy, world.tailnet, world.node("bo-desk")), world.ip("db"), world.ip("bo-desk")),
      ElementsAre(Pair("tailscale.com/cap/drive-sharer", ""), Pair("tailscale.com/cap/relay-target", "")));
}

TEST(Capabilities, TheyOpenNoPort) {
  World world;
  Grant& grant = world.grant({"bo@example.com"}, {"tag:db"});
  grant.ip.clear();
  grant.app = {{"example.com/cap/db", {}}};
  EXPECT_FALSE(world.reach("bo-desk", "db"));
  EXPECT_THAT(world.peers("bo-desk"), ElementsAre("db"));
}

// --- tests ---

TEST(Tests, TheyAskTheRulesNotTheTopology) {
  World world;
  world.grant({"bo@example.com"}, {"192.0.2.0/24"});
  const auto asks = [&](const char* destination) {
    return permits(world.policy, world.tailnet, world.ip("bo-desk"), address(destination), tcp, 443, true);
  };
  EXPECT_TRUE(asks("192.0.2.7")) << "though no router has it";
  EXPECT_FALSE(asks("192.0.3.7"));
}

}  // namespace
}  // namespace acl::oracle
