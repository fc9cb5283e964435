// What a policy means, in small cases: the specification that the compiler is held against.
#include "tests/oracle/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/oracle/select.h"
#include "tests/oracle/wire.h"

namespace acl::oracle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr std::uint8_t tcp = 6, udp = 17, icmp = 1, gre = 47;

Address address(const char* text) { return Address::parse(text).value(); }
Prefix prefix(const char* text) { return Prefix::parse(text).prefix; }

// The kind is told by the text, as far as these tests need it.
Selector select(const std::string& text) {
  static const std::map<std::string, Kind> words = {
      {"*", Kind::everything},
      {"autogroup:member", Kind::member},
      {"autogroup:tagged", Kind::tagged},
      {"autogroup:shared", Kind::shared},
      {"autogroup:self", Kind::self},
      {"autogroup:internet", Kind::internet},
      {"autogroup:danger-all", Kind::danger_all},
  };
  const auto begins = [&](std::string_view word) { return text.compare(0, word.size(), word) == 0; };
  const auto word = words.find(text);
  if (word != words.end()) return {word->second, text, {}, {}};
  if (begins("autogroup:")) return {Kind::role, text.substr(10), {}, {}};
  if (begins("group:")) return {Kind::group, text, {}, {}};
  if (begins("tag:")) return {Kind::tag, text, {}, {}};
  if (begins("svc:")) return {Kind::service, text, {}, {}};
  if (begins("ipset:")) return {Kind::ipset, text, {}, {}};
  if (begins("user:*@")) return {Kind::user_domain, text.substr(7), {}, {}};
  const auto parsed = Prefix::parse(text);
  if (parsed.error == net::PrefixError::none) {
    return {parsed.prefix.is_single() ? Kind::address : Kind::prefix, text, parsed.prefix, {}};
  }
  return {text.find('@') == std::string::npos ? Kind::host : Kind::user, text, {}, {}};
}

std::vector<Selector> select_all(std::initializer_list<const char*> texts) {
  std::vector<Selector> out;
  for (const char* text : texts) out.push_back(select(text));
  return out;
}

// Everybody these tests speak of. Addresses: 100.64.0.N and fd7a:115c:a1e0::N.
//
//   1 ana-laptop, 2 ana-phone   ana@example.com, owner       6 exit    tag:exit, 0.0.0.0/0 and ::/0 approved
//   3 bo-desk                   bo@example.com, member       7 guest   visitor@elsewhere.example, shared in
//   4 db                        tag:db, tag:web              8 plain   neither user nor tags
//   5 router                    tag:router, 10.33.0.0/16     9 second  tag:router, tag:east, the same route, younger
struct World {
  Policy policy;
  Tailnet tailnet;

  World() {
    tailnet.domains = {"example.com"};
    tailnet.users = {{"ana@example.com", "owner"}, {"bo@example.com", "member"}, {"visitor@elsewhere.example", "member"}};
    add("ana-laptop", "ana@example.com", {});
    add("ana-phone", "ana@example.com", {});
    add("bo-desk", "bo@example.com", {});
    add("db", "", {"tag:db", "tag:web"});
    add("router", "", {"tag:router"}).approved = {prefix("10.33.0.0/16")};
    add("exit", "", {"tag:exit"}).approved = {prefix("0.0.0.0/0"), prefix("::/0")};
    add("guest", "visitor@elsewhere.example", {}).shared = true;
    add("plain", "", {});
    add("second", "", {"tag:router", "tag:east"}).approved = {prefix("10.33.0.0/16")};
    policy.grants.emplace();
  }

  Node& add(const char* name, const char* user, std::vector<std::string> tags) {
    const auto number = static_cast<std::uint32_t>(tailnet.nodes.size() + 1);
    Node node{name, user, std::move(tags), {Address::v4(0x64400000U + number), Address::v6(0xfd7a115ca1e00000U, number)},
              {},   {},   number,          {},
              false};
    tailnet.nodes.push_back(std::move(node));
    return tailnet.nodes.back();
  }
  Node& node(std::string_view name) {
    for (Node& node : tailnet.nodes) {
      if (node.name == name) return node;
    }
    throw std::out_of_range(std::string(name));
  }
  Address ip(std::string_view name) { return node(name).addresses[0]; }

  Grant& grant(std::initializer_list<const char*> src, std::initializer_list<const char*> dst) {
    policy.grants->push_back({select_all(src), select_all(dst), {Traffic{}}, {}, {}, {}});
    return policy.grants->back();
  }
  Acl& acl(std::initializer_list<const char*> src, std::initializer_list<const char*> dst) {
    if (!policy.acls) policy.acls.emplace();
    Acl acl{select_all(src), {}, {}, {}};
    for (const char* text : dst) acl.dst.push_back({select(text), {Ports{}}});
    policy.acls->push_back(std::move(acl));
    return policy.acls->back();
  }
  SshRule& rule(bool check, std::initializer_list<const char*> src, std::initializer_list<const char*> dst,
                std::vector<std::string> users) {
    policy.ssh.push_back({check, select_all(src), select_all(dst), std::move(users), {}, {}});
    return policy.ssh.back();
  }

  // TCP to a node's own IPv4 address, or to any address through a node.
  bool reach(const char* from, const char* to, std::uint16_t port = 22, std::uint8_t protocol = tcp) {
    return reaches(policy, tailnet, ip(from), ip(to), protocol, port, node(to));
  }
  bool through(const Address& source, const char* destination, const char* at, std::uint16_t port = 22) {
    return reaches(policy, tailnet, source, address(destination), tcp, port, node(at));
  }
  std::vector<std::string> reached_from(const char* from) {
    std::vector<std::string> out;
    for (const Node& to : tailnet.nodes) {
      if (reach(from, to.name.c_str())) out.push_back(to.name);
    }
    return out;
  }
  std::vector<std::string> reaching(const char* to) {
    std::vector<std::string> out;
    for (const Node& from : tailnet.nodes) {
      if (reach(from.name.c_str(), to)) out.push_back(from.name);
    }
    return out;
  }
  std::string login(const char* from, const char* to, const char* name) {
    return text(ssh(policy, tailnet, node(from), node(to), name));
  }
  std::vector<std::string> peers(const char* name) {
    std::vector<std::string> out;
    const Openings all = openings(policy, tailnet);
    for (const Node& other : tailnet.nodes) {
      if (other.name != name && sees(all, node(name), other)) out.push_back(other.name);
    }
    return out;
  }
  std::vector<std::string> routes(const char* viewer, const char* peer) {
    std::vector<std::string> out;
    for (const Prefix& route : shown_routes(openings(policy, tailnet), node(viewer), node(peer))) out.push_back(route.text());
    return out;
  }
};

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
  for (const char* hole : {"100.115.92.0", "100.115.93.255"}) EXPECT_FALSE(world.through(address(hole), "100.64.0.4", "db"));
  for (const char* edge : {"100.115.91.255", "100.115.94.0"}) EXPECT_TRUE(world.through(address(edge), "100.64.0.4", "db"));
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
  for (const std::uint8_t protocol : {tcp, udp, icmp, std::uint8_t{58}}) EXPECT_TRUE(world.reach("bo-desk", "db", 0, protocol));
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

// --- posture ---

TEST(Posture, SomePostureMustHoldAndInItEveryCondition) {
  World world;
  using Operator = Condition::Operator;
  world.policy.postures["posture:linux"] = {{"node:os", Operator::equal, {Value(std::string("linux"))}},
                                            {"custom:tier", Operator::is_set, {}}};
  world.policy.postures["posture:kiosk"] = {{"node:os", Operator::equal, {Value(std::string("js"))}}};
  world.node("ana-laptop").attributes = {{"node:os", std::string("linux")}, {"custom:tier", std::string("gold")}};
  world.node("ana-phone").attributes = {{"node:os", std::string("linux")}};
  world.node("bo-desk").attributes = {{"node:os", std::string("js")}};
  world.grant({"autogroup:member"}, {"tag:db"}).posture = {{"posture:linux", "posture:kiosk"}};
  EXPECT_THAT(world.reaching("db"), ElementsAre("ana-laptop", "bo-desk"));
}

TEST(Posture, ARulesOwnReplacesTheDefault) {
  World world;
  world.policy.postures["posture:never"] = {{"node:os", Condition::Operator::equal, {Value(std::string("none"))}}};
  world.policy.postures["posture:always"] = {{"node:os", Condition::Operator::not_set, {}}};
  world.policy.default_posture = {{"posture:never"}};
  world.grant({"autogroup:member"}, {"tag:db"});
  world.grant({"autogroup:member"}, {"tag:exit"}).posture = {{"posture:always"}};
  world.grant({"autogroup:member"}, {"bo@example.com"}).posture = {std::vector<std::string>()};
  EXPECT_THAT(world.reached_from("ana-laptop"), ElementsAre("bo-desk", "exit"));
}

TEST(Posture, ItIsAskedOfDevicesOfTheTailnetOnly) {
  World world;
  world.policy.postures["posture:never"] = {{"node:os", Condition::Operator::equal, {Value(std::string("none"))}}};
  world.grant({"*", "10.33.0.0/16", "100.64.0.0/24", "autogroup:danger-all"}, {"tag:db"}).posture = {{"posture:never"}};
  EXPECT_THAT(world.reaching("db"), ElementsAre("guest")) << "nor do literal prefixes let the others in";
  EXPECT_TRUE(world.through(address("10.33.1.1"), "100.64.0.4", "db")) << "behind a subnet router";
}

TEST(Posture, AnUnsetAttributeFailsEveryConditionButNotSet) {
  World world;
  using Operator = Condition::Operator;
  const auto meets = [&](Operator op, std::vector<Value> operands) {
    world.policy.postures["posture:p"] = {{"custom:x", op, std::move(operands)}};
    return meets_posture(world.policy, world.node("db"), std::vector<std::string>{"posture:p"});
  };
  EXPECT_FALSE(meets(Operator::not_equal, {Value(std::string("a"))}));
  EXPECT_FALSE(meets(Operator::not_in, {Value(std::string("a"))}));
  EXPECT_TRUE(meets(Operator::not_set, {}));
  world.node("db").attributes["custom:x"] = 2.5;
  EXPECT_TRUE(meets(Operator::at_least, {Value(2.5)}));
  EXPECT_TRUE(meets(Operator::not_equal, {Value(3.0)}));
  EXPECT_FALSE(meets(Operator::not_equal, {Value(std::string("a"))})) << "of another type";
  EXPECT_FALSE(meets(Operator::not_set, {}));
}

TEST(Posture, VersionsCompareByTheirNumbers) {
  EXPECT_LT(compare_versions("1.9", "1.10"), 0);
  EXPECT_LT(compare_versions("12", "12.0"), 0);
  EXPECT_GT(compare_versions("1.70.0", "1.70"), 0);
  EXPECT_EQ(compare_versions("1.070", "1.70"), 0);
  EXPECT_LT(compare_versions("1.70.1", "1.72.0-pre3"), 0);
}

// --- capabilities ---

TEST(Capabilities, TheyAreForTheNodesOwnAddresses) {
  World world;
  world.grant({"bo@example.com"}, {"*"}).app = {{"example.com/cap/db", {R"({"role":"reader"})"}}};
  const auto at = [&](const char* destination, const char* node) {
    return capabilities(awards(world.policy, world.tailnet, world.node(node)), world.ip("bo-desk"), address(destination));
  };
  EXPECT_THAT(at("100.64.0.4", "db"), ElementsAre(Pair("example.com/cap/db", ""), Pair("example.com/cap/db", R"({"role":"reader"})")));
  EXPECT_THAT(at("10.33.1.1", "router"), IsEmpty());
  world.policy.grants->clear();
  world.grant({"bo@example.com"}, {"10.0.0.0/8"}).app = {{"example.com/cap/db", {}}};
  EXPECT_THAT(at("10.44.1.1", "router"), ElementsAre(Pair("example.com/cap/db", ""))) << "a prefix that overlaps a route: whole";
}

TEST(Capabilities, DriveAndRelayAreAnsweredInReverse) {
  World world;
  world.grant({"bo@example.com"}, {"tag:db"}).app = {{"tailscale.com/cap/drive", {"{}"}}, {"tailscale.com/cap/relay", {"{}"}}};
  EXPECT_THAT(capabilities(awards(world.policy, world.tailnet, world.node("bo-desk")), world.ip("db"), world.ip("bo-desk")),
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

// --- logins ---

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

// --- routes and peers ---

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

TEST(Routes, ExitRoutesAreAllowedWhereverThePeerIsVisible) {
  World world;
  world.grant({"bo@example.com"}, {"tag:exit"});
  EXPECT_THAT(allowed_ips(world.policy, world.tailnet, openings(world.policy, world.tailnet), world.node("bo-desk"), world.node("exit")),
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
  world.policy.route_approvers = {{prefix("0.0.0.0/0"), select_all({"tag:db"})}, {prefix("10.0.0.0/8"), select_all({"tag:router"})}};
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
