// What one node sees: approved routes, who is primary, peers, their routes, exit nodes, attributes.
// https://tailscale.com/docs/features/subnet-routers, https://tailscale.com/docs/reference/syntax/policy-file
#include <gtest/gtest.h>

#include "compiler/resolve/testing.h"

namespace acl::resolve {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

// --- auto-approval ------------------------------------------------------------------------------------------------------

// The approved routes of a node of `owner` that advertises `routes`.
std::string approved(const std::string& owner, const std::string& routes, const std::string& approvers) {
  auto net = Net{}.user("ana@example.com", "admin").user("gone@example.com", "member", R"(,"suspended":true)");
  net.node("n", owner).advertises(routes);
  return net.under(R"("groups":{"group:ops":["ana@example.com"]},"autoApprovers":{)" + approvers + "}").approved("n");
}

TEST(AutoApproval, AKeyApprovesThePrefixItselfAndWhatIsInside) {
  const std::string approvers = R"("routes":{"10.0.0.0/16":["tag:router"]})";
  EXPECT_EQ(approved("tag:router", R"("10.0.0.0/16","10.0.7.0/24")", approvers), "10.0.0.0/16 10.0.7.0/24");
  EXPECT_EQ(approved("tag:router", R"("10.0.0.0/8","10.1.0.0/24","fd00::/8")", approvers), "");  // wider, beside
}

TEST(AutoApproval, OneFittingKeyIsEnough) {
  EXPECT_EQ(approved("tag:router", R"("10.0.7.0/24")",
                     R"("routes":{"10.0.0.0/16":["tag:other"],"10.0.0.0/8":["tag:router"]})"),
            "10.0.7.0/24");
}

TEST(AutoApproval, NeedsTheNodeAmongTheApprovers) {
  const auto by = [](const std::string& owner, const std::string& approver) {
    return approved(owner, R"("10.0.0.0/8")", R"("routes":{"10.0.0.0/8":[)" + approver + "]}");
  };
  EXPECT_EQ(by("tag:other", R"("tag:router")"), "");
  EXPECT_EQ(by("ana@example.com", R"("tag:router")"), "");
  EXPECT_EQ(by("ana@example.com", R"("ana@example.com")"), "10.0.0.0/8");
  EXPECT_EQ(by("ana@example.com", R"("group:ops")"), "10.0.0.0/8");
  EXPECT_EQ(by("ana@example.com", R"("autogroup:admin")"), "10.0.0.0/8");
  EXPECT_EQ(by("tag:router", R"("autogroup:tagged")"), "10.0.0.0/8");
}

TEST(AutoApproval, ASuspendedUsersNodesAreNotApproved) {
  EXPECT_EQ(approved("gone@example.com", R"("10.0.0.0/8")", R"("routes":{"10.0.0.0/8":["gone@example.com"]})"), "");
  EXPECT_EQ(approved("gone@example.com", R"("0.0.0.0/0")", R"("exitNode":["gone@example.com"])"), "");
}

// Every prefix lies in 0.0.0.0/0, but the exit routes are another matter.
TEST(AutoApproval, ExitRoutesAreApprovedThroughExitNodeAlone) {
  const std::string all = R"("0.0.0.0/0","::/0","10.0.0.0/8")";
  EXPECT_EQ(approved("tag:exit", all, R"("routes":{"0.0.0.0/0":["tag:exit"],"::/0":["tag:exit"]})"), "10.0.0.0/8");
  EXPECT_EQ(approved("tag:exit", all, R"("exitNode":["tag:exit"])"), "0.0.0.0/0 ::/0");
}

TEST(AutoApproval, AddsToWhatIsApprovedByHand) {
  auto net = Net{}.node("n", "tag:router").approved(R"("10.0.0.0/8")");
  EXPECT_EQ(net.under(R"("acls":[])").approved("n"), "10.0.0.0/8");
}

TEST(AutoApproval, OfARouteMakesItADestination) {
  auto net = Net{}.node("laptop", "ana@example.com").node("router", "tag:router").advertises(R"("10.0.0.0/16")");
  const std::string rule = acl(R"("ana@example.com")", R"("10.0.0.0/8:443")");
  EXPECT_THAT(net.under(rule).everyone(), IsEmpty());
  EXPECT_THAT(net.under(R"("autoApprovers":{"routes":{"10.0.0.0/8":["tag:router"]}},)" + rule).everyone(),
              ElementsAre("router: laptop -> 10.0.0.0/8:443"));
}

// --- who is primary -----------------------------------------------------------------------------------------------------

TEST(Primary, IsTheOldestOfSeveralRouters) {
  auto net = Net{}
                 .node("young", "tag:router")
                 .approved(R"("10.0.0.0/16","10.1.0.0/16")")
                 .joined(3)
                 .node("old", "tag:router")
                 .approved(R"("10.0.0.0/16")")
                 .joined(1)
                 .node("middle", "tag:router")
                 .approved(R"("10.0.0.0/16")")
                 .joined(2);
  const auto world = net.under(R"("acls":[])");
  EXPECT_EQ(world.primary("old"), "10.0.0.0/16");
  EXPECT_EQ(world.primary("middle"), "");
  EXPECT_EQ(world.primary("young"), "10.1.0.0/16");  // another prefix, if only a little
}

TEST(Primary, OfEquallyOldOnesGoesByName) {
  auto net = Net{}
                 .node("b", "tag:router")
                 .approved(R"("10.0.0.0/16")")
                 .joined(1)
                 .node("a", "tag:router")
                 .approved(R"("10.0.0.0/16")")
                 .joined(1);
  EXPECT_EQ(net.under(R"("acls":[])").primary("a"), "10.0.0.0/16");
}

TEST(Primary, ExitRoutesHaveNone) {
  auto net = Net{}.node("exit", "tag:exit").approved(R"("0.0.0.0/0","::/0")");
  EXPECT_EQ(net.under(R"("groups":{})").primary("exit"), "");
}

// --- peers --------------------------------------------------------------------------------------------------------------

Net office() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("db", "tag:db")
      .node("router", "tag:router")
      .approved(R"("10.0.0.0/16")")
      .node("standby", "tag:router")
      .approved(R"("10.0.0.0/16")");
}

TEST(Peers, AreThoseWhomARuleOfEitherNames) {
  const auto world = office().under(acl(R"("ana@example.com")", R"("tag:db:22")"));
  EXPECT_EQ(world.peers("laptop"), "db");
  EXPECT_EQ(world.peers("db"), "laptop");
  EXPECT_EQ(world.peers("desk"), "");
}

TEST(Peers, AreThoseOfDeliveredRulesOnly) {
  // Nobody has such an address or route: the rule is delivered nowhere.
  EXPECT_EQ(office().under(acl(R"("ana@example.com")", R"("10.7.0.0/16:22")")).peers("laptop"), "");
  // A group without members has no devices, so its capability rule names nobody.
  EXPECT_EQ(office()
                .under(R"("groups":{"group:none":[]},)" +
                       grant(R"("group:none")", R"("tag:db")", R"(,"app":{"example.com/cap/x":[]})"))
                .peers("db"),
            "");
}

TEST(Peers, CapabilitiesCount) {
  const auto world = office().under(grant(R"("ana@example.com")", R"("tag:db")", R"(,"app":{"example.com/cap/x":[]})"));
  EXPECT_EQ(world.peers("laptop"), "db");
}

TEST(Peers, ASourceBehindARouterMakesTheRouterVisible) {
  const auto world = office().under(acl(R"("10.0.5.0/24")", R"("tag:db:22")"));
  EXPECT_EQ(world.peers("db"), "router standby");
  EXPECT_EQ(world.peers("router"), "db");
  EXPECT_EQ(world.peers("laptop"), "");
}

TEST(Peers, AnAddressIsAsGoodAsAName) {
  EXPECT_EQ(office().under(acl(R"("100.64.0.2")", R"("100.64.0.3:22")")).peers("db"), "desk");
  EXPECT_EQ(office().under(acl(R"("100.64.0.0/30")", R"("tag:router:22")")).peers("router"), "db desk laptop");
}

TEST(Peers, DangerAllMakesEveryoneVisible) {
  const auto world = office().under(acl(R"("autogroup:danger-all")", R"("tag:db:22")"));
  EXPECT_EQ(world.peers("db"), "desk laptop router standby");
  EXPECT_EQ(world.peers("desk"), "db");
}

TEST(Peers, AreMutualAndNeverTheNodeItself) {
  const auto world = office().under(R"("acls":[
    {"action":"accept","src":["autogroup:member","100.64.0.4"],"dst":["tag:db:22","10.0.0.0/16:443","autogroup:member:80"]},
    {"action":"accept","src":["tag:router"],"dst":["ana@example.com:*"]},
    {"action":"accept","src":["10.0.0.0/24"],"dst":["bo@example.com:*"]}])");
  const auto& views = world.views();
  for (NodeId a = 0; a < world.resolved().node_count(); ++a) {
    for (const NodeId b : views.peers(a)) {
      EXPECT_NE(a, b);
      EXPECT_THAT(views.peers(b), Contains(a));
    }
  }
}

// --- routes of peers ----------------------------------------------------------------------------------------------------

TEST(Routes, AreShownOnThePrimaryToThoseWhoMayReachThem) {
  const auto world = office().under(acl(R"("ana@example.com")", R"("10.0.0.0/16:443","tag:db:22")"));
  EXPECT_EQ(world.peers("laptop"), "db router standby");
  EXPECT_THAT(world.routes("laptop"), ElementsAre("router: 10.0.0.0/16"));
  EXPECT_EQ(world.allowed("laptop", "router"), "10.0.0.0/16 100.64.0.4 fd7a:115c:a1e0::4");
  EXPECT_EQ(world.allowed("laptop", "standby"), "100.64.0.5 fd7a:115c:a1e0::5");
  EXPECT_THAT(world.routes("db"), IsEmpty());
}

TEST(Routes, AreShownWhereAPartOfThemMayBeReached) {
  EXPECT_THAT(office().under(acl(R"("ana@example.com")", R"("10.0.5.7:443")")).routes("laptop"),
              ElementsAre("router: 10.0.0.0/16"));
}

TEST(Routes, AreNotShownToThoseWhoMayReachTheRouterAlone) {
  const auto world = office().under(acl(R"("ana@example.com")", R"("tag:router:22")"));
  EXPECT_EQ(world.peers("laptop"), "router standby");
  EXPECT_THAT(world.routes("laptop"), IsEmpty());
}

// Of a capability for `*` only the router's own addresses arrive there.
TEST(Routes, AreShownByCapabilitiesThatNameThem) {
  const std::string app = R"(,"app":{"example.com/cap/x":[]})";
  EXPECT_THAT(office().under(grant(R"("ana@example.com")", R"("10.0.0.0/8")", app)).routes("laptop"),
              ElementsAre("router: 10.0.0.0/16"));
  EXPECT_THAT(office().under(grant(R"("ana@example.com")", R"("*")", app)).routes("laptop"), IsEmpty());
}

TEST(Routes, AreShownToThoseWhoAreReachedFromThem) {
  EXPECT_THAT(office().under(acl(R"("10.0.5.0/24")", R"("tag:db:22")")).routes("db"),
              ElementsAre("router: 10.0.0.0/16"));
  // `*` is a source with every subnet in it.
  EXPECT_THAT(office().under(acl(R"("*")", R"("tag:db:22")")).routes("db"), ElementsAre("router: 10.0.0.0/16"));
}

TEST(Routes, AreShownToTheStandbyOfExactlyThatPrefix) {
  auto net = office().node("other", "tag:router").approved(R"("10.0.0.0/8")");
  const auto world = net.under(acl(R"("tag:router")", R"("tag:router:22")"));
  EXPECT_THAT(world.routes("standby"), ElementsAre("router: 10.0.0.0/16"));
  EXPECT_THAT(world.routes("other"), IsEmpty());
  EXPECT_THAT(world.routes("router"), IsEmpty());
}

TEST(Routes, OfTheNodeItselfAreAllThatIsApproved) {
  auto net = office().node("exit", "tag:exit").approved(R"("0.0.0.0/0","::/0")");
  const auto world = net.under(R"("acls":[])");
  EXPECT_EQ(world.allowed("standby", "standby"), "10.0.0.0/16 100.64.0.5 fd7a:115c:a1e0::5");
  EXPECT_EQ(world.allowed("exit", "exit"), "0.0.0.0/0 100.64.0.6 ::/0 fd7a:115c:a1e0::6");
}

// --- via ----------------------------------------------------------------------------------------------------------------

// One network, three ways into it; the oldest is in the north.
Net ways() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("north", "tag:north")
      .approved(R"("10.0.0.0/16")")
      .node("south", "tag:south")
      .approved(R"("10.0.0.0/16")")
      .node("south-2", "tag:south")
      .approved(R"("10.0.0.0/16")");
}

const std::string by_south = R"({"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["*"],"via":["tag:south"]})";

TEST(Steering, ViaLeadsToTheOldestWithTheTag) {
  const auto world =
      ways().under(R"("grants":[)" + by_south + R"(,{"src":["bo@example.com"],"dst":["10.0.0.0/16"],"ip":["*"]}])");
  EXPECT_THAT(world.routes("laptop"), ElementsAre("south: 10.0.0.0/16"));
  EXPECT_THAT(world.routes("desk"), ElementsAre("north: 10.0.0.0/16"));
}

TEST(Steering, AnOrdinaryRuleForTheRouteLeadsToTheOldestOfAll) {
  const auto world =
      ways().under(R"("grants":[)" + by_south + R"(,{"src":["ana@example.com"],"dst":["10.0.7.0/24"],"ip":["22"]}])");
  EXPECT_THAT(world.routes("laptop"), ElementsAre("north: 10.0.0.0/16"));
  const auto with_acl =
      ways().under(R"("grants":[)" + by_south + "]," + acl(R"("autogroup:member")", R"("10.0.0.0/16:22")"));
  EXPECT_THAT(with_acl.routes("laptop"), ElementsAre("north: 10.0.0.0/16"));
}

// A public route behind a router that is an exit node, too: what it lets out to the internet is no rule for the route, whose
// oldest router is another.
TEST(Steering, TheInternetIsNoOrdinaryRuleForARouteOfAnother) {
  auto net = Net{}
                 .node("laptop", "ana@example.com")
                 .node("north", "tag:north")
                 .approved(R"("198.51.100.0/24")")
                 .node("south", "tag:south")
                 .approved(R"("198.51.100.0/24","0.0.0.0/0")");
  const auto world = net.under(R"("grants":[
      {"src":["ana@example.com"],"dst":["198.51.100.0/24"],"ip":["*"],"via":["tag:south"]},
      {"src":["ana@example.com"],"dst":["autogroup:internet"],"ip":["*"]}])");
  EXPECT_THAT(world.routes("laptop"), ElementsAre("south: 198.51.100.0/24"));
}

TEST(Steering, SeveralTagsLeadToTheOldestWithAnyOfThem) {
  const auto world =
      ways().under(grant(R"("ana@example.com")", R"("10.0.0.0/16")", R"(,"ip":["*"],"via":["tag:south","tag:north"])"));
  EXPECT_THAT(world.routes("laptop"), ElementsAre("north: 10.0.0.0/16"));
}

// --- exit nodes ---------------------------------------------------------------------------------------------------------

Net with_exit() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("exit", "tag:exit")
      .approved(R"("0.0.0.0/0","::/0")")
      .node("closed", "tag:exit")
      .advertises(R"("0.0.0.0/0","::/0")");
}

TEST(ExitNodes, ShowTheirRoutesToWhoeverSeesThem) {
  const auto world = with_exit().under(acl(R"("ana@example.com")", R"("tag:exit:22")"));
  EXPECT_EQ(world.allowed("laptop", "exit"), "0.0.0.0/0 100.64.0.3 ::/0 fd7a:115c:a1e0::3");
  EXPECT_EQ(world.allowed("laptop", "closed"), "100.64.0.4 fd7a:115c:a1e0::4");
  EXPECT_THAT(world.routes("laptop"), IsEmpty());  // never primary
  EXPECT_EQ(world.allowed("desk", "exit"), "no peer");
}

TEST(ExitNodes, AreVisibleThroughTheInternet) {
  const auto world = with_exit().under(acl(R"("ana@example.com")", R"("autogroup:internet:*")"));
  EXPECT_EQ(world.peers("laptop"), "exit");
  EXPECT_EQ(world.peers("desk"), "");
}

// Peers show suggest-exit-node for these, whatever nodeAttrs say.
TEST(ExitNodes, AreThoseWithAnApprovedExitRoute) {
  const auto world = with_exit().under(R"("acls":[])");
  EXPECT_TRUE(world.resolved().exit_node[world.id("exit")]);
  EXPECT_FALSE(world.resolved().exit_node[world.id("closed")]);
  EXPECT_FALSE(world.resolved().exit_node[world.id("laptop")]);
}

// --- without IPv4 -------------------------------------------------------------------------------------------------------

TEST(DisableIpv4, TakesANodesIpv4FromItselfAndItsPeersAndTheirsFromIt) {
  const auto world = office().under(R"("nodeAttrs":[{"target":["tag:router"],"attr":["disable-ipv4"]}])");
  EXPECT_EQ(world.allowed("router", "router"), "10.0.0.0/16 fd7a:115c:a1e0::4");  // its routes stay
  EXPECT_EQ(world.allowed("laptop", "router"), "10.0.0.0/16 fd7a:115c:a1e0::4");
  EXPECT_EQ(world.allowed("router", "laptop"), "fd7a:115c:a1e0::1");
  EXPECT_EQ(world.allowed("laptop", "db"), "100.64.0.3 fd7a:115c:a1e0::3");
  EXPECT_EQ(world.allowed("laptop", "laptop"), "100.64.0.1 fd7a:115c:a1e0::1");
}

TEST(DisableIpv4, OfTheWholeNetworkIsForAll) {
  for (const char* policy : {R"("disableIPv4":true)", R"("nodeAttrs":[{"target":["*"],"attr":["disable-ipv4"]}])"}) {
    const auto world = office().under(policy);
    EXPECT_EQ(world.allowed("laptop", "db"), "fd7a:115c:a1e0::3") << policy;
    EXPECT_EQ(world.allowed("db", "db"), "fd7a:115c:a1e0::3") << policy;
  }
}

// --- attributes ---------------------------------------------------------------------------------------------------------

TEST(NodeAttributes, EveryNodeHasSome) {
  const auto capabilities = office().also(R"("tailnet":"example.com")").under(R"("acls":[])").capabilities("laptop");
  for (const char* name : {"https://tailscale.com/cap/file-sharing", "https://tailscale.com/cap/ssh",
                           "https://tailscale.com/cap/tailnet-lock", "probe-udp-lifetime", "ssh-behavior-v1",
                           "ssh-env-vars", "store-appc-routes"}) {
    EXPECT_THAT(capabilities, Contains(Pair(name, "null"))) << name;
  }
  EXPECT_THAT(capabilities, Contains(Pair("tailnet-display-name", R"(["example.com"])")));
  EXPECT_THAT(capabilities, Contains(Pair("default-auto-update", "[false]")));
  EXPECT_EQ(capabilities.size(), 9U);
}

TEST(NodeAttributes, TellOfTheSettingOfAutomaticUpdates) {
  const auto world = office().also(R"("settings":{"devicesAutoUpdatesOn":true})").under(R"("acls":[])");
  EXPECT_THAT(world.capabilities("db"), Contains(Pair("default-auto-update", "[true]")));
}

TEST(NodeAttributes, TellOfTheRoleOfTheOwner) {
  auto net = Net{}.user("o@example.com", "owner").user("a@example.com", "admin").user("n@example.com", "network-admin");
  net.node("owner", "o@example.com").node("admin", "a@example.com").node("other", "n@example.com").node("db", "tag:db");
  const auto world = net.under(R"("acls":[])");
  const auto is_owner = Contains(Key("https://tailscale.com/cap/is-owner"));
  const auto is_admin = Contains(Key("https://tailscale.com/cap/is-admin"));
  EXPECT_THAT(world.capabilities("owner"), AllOf(is_owner, is_admin));
  EXPECT_THAT(world.capabilities("admin"), AllOf(Not(is_owner), is_admin));
  EXPECT_THAT(world.capabilities("other"), AllOf(Not(is_owner), Not(is_admin)));
  EXPECT_THAT(world.capabilities("db"), AllOf(is_owner, Not(is_admin)));
}

TEST(NodeAttributes, AreForTheirTargets) {
  const auto who = [](const std::string& target) {
    const auto world = office().under(R"("groups":{"group:x":["bo@example.com"]},"hosts":{"box":"100.64.0.3"},)"
                                      R"("nodeAttrs":[{"target":[)" +
                                      target + R"(],"attr":["magicdns-aaaa"]}])");
    Strings names;
    for (const char* node : {"laptop", "desk", "db", "router"}) {
      if (world.capabilities(node).count("magicdns-aaaa") != 0) names.emplace_back(node);
    }
    return join(names, " ");
  };
  EXPECT_EQ(who(R"("*")"), "laptop desk db router");
  EXPECT_EQ(who(R"("ana@example.com","tag:db")"), "laptop db");
  EXPECT_EQ(who(R"("group:x")"), "desk");
  EXPECT_EQ(who(R"("autogroup:member")"), "laptop desk");
  EXPECT_EQ(who(R"("autogroup:tagged")"), "db router");
  EXPECT_EQ(who(R"("box")"), "db");
  EXPECT_EQ(who(R"("fd7a:115c:a1e0::1")"), "laptop");
  EXPECT_EQ(who(R"("100.64.0.0/30")"), "laptop desk db");
  EXPECT_EQ(who(""), "");
}

TEST(NodeAttributes, AddUp) {
  const auto world = office().under(R"("nodeAttrs":[
    {"target":["*"],"attr":["a","b","probe-udp-lifetime"]}, {"target":["tag:db"],"attr":["b","c"]},
    {"target":["*"],"app":{"example.com/x":[{"n":1}]}}, {"target":["tag:db"],"app":{"example.com/x":[{"n":2}]}}])");
  EXPECT_THAT(world.capabilities("db"),
              AllOf(Contains(Pair("a", "null")), Contains(Pair("b", "null")), Contains(Pair("c", "null")),
                    Contains(Pair("example.com/x", R"([{"n":1},{"n":2}])"))));
  EXPECT_THAT(world.capabilities("laptop"), AllOf(Contains(Pair("b", "null")), Not(Contains(Key("c"))),
                                                  Contains(Pair("example.com/x", R"([{"n":1}])"))));
}

TEST(NodeAttributes, FunnelBringsItsPortsAlong) {
  const auto capabilities =
      office().under(R"("nodeAttrs":[{"target":["tag:db"],"attr":["funnel"]}])").capabilities("db");
  for (const char* name : {"funnel", "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000",
                           "https://tailscale.com/cap/warn-funnel-no-https"}) {
    EXPECT_THAT(capabilities, Contains(Pair(name, "null")));
  }
}

TEST(NodeAttributes, RandomizeClientPortIsForEveryNode) {
  const auto world = office().under(R"("randomizeClientPort":true)");
  for (const char* node : {"laptop", "db"}) {
    EXPECT_THAT(world.capabilities(node), Contains(Pair("randomize-client-port", "null")));
  }
}

}  // namespace
}  // namespace acl::resolve
