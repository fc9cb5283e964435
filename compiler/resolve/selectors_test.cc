// What selectors stand for: https://tailscale.com/docs/reference/targets-and-selectors
#include <gtest/gtest.h>

#include "compiler/resolve/testing.h"

namespace acl::resolve {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// The destinations that `dst` opens to everyone, and where: "db: db:22".
Strings targets_of(const Net& net, const std::string& dst, const std::string& sections = "") {
  Strings out = net.under(sections + acl(R"("autogroup:danger-all")", dst)).everyone();
  for (std::string& line : out) {
    const std::size_t arrow = line.find("* -> ");
    EXPECT_NE(arrow, std::string::npos) << line;
    line.erase(arrow, 5);
  }
  return out;
}

// Two people, and a server.
Net people() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("phone", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("db", "tag:db");
}

// --- everyone -----------------------------------------------------------------------------------------------------------

// Without 100.115.92.0/23, which ChromeOS uses.
TEST(Wildcard, AsASourceIsTheTailnetsRanges) {
  EXPECT_THAT(people().under(acl(R"("*")", R"("tag:db:22")")).wire("db"),
              ElementsAre("100.115.94.0-100.127.255.255,100.64.0.0-100.115.91.255,fd7a:115c:a1e0::/48 -> "
                          "100.64.0.4:22 fd7a:115c:a1e0::4:22"));
}

TEST(Wildcard, AsASourceListsEachApprovedSubnetRouteOnceEvenInsideAnother) {
  auto net = people()
                 .node("a", "tag:router")
                 .approved(R"("10.0.0.0/8","10.33.0.0/16","192.0.2.7/32")")
                 .node("b", "tag:router")
                 .approved(R"("10.33.0.0/16")");  // a standby
  EXPECT_EQ(sources_of(net, R"("*")"), "10.0.0.0/8,10.33.0.0/16,(tailnet),192.0.2.7");
}

TEST(Wildcard, AsASourceHasNeitherExitRoutesNorRoutesNotApproved) {
  auto net = people()
                 .node("exit", "tag:exit")
                 .approved(R"("0.0.0.0/0","::/0")")
                 .node("router", "tag:router")
                 .advertises(R"("10.0.0.0/8")");
  EXPECT_EQ(sources_of(net, R"("*")"), "(tailnet)");
}

TEST(Wildcard, AsASourceLeavesOtherSourcesListed) {
  EXPECT_EQ(sources_of(people(), R"("*","ana@example.com","192.0.2.0/24")"), "(tailnet),laptop,phone,192.0.2.0/24");
}

// A WireGuard network of one's own has other addresses than the hosted service's.
TEST(Wildcard, AsASourceHasTheNodesOfOtherNetworks) {
  auto net = people().node("own", "ana@example.com").addresses(R"("10.9.0.1","fd00::1")");
  EXPECT_EQ(sources_of(net, R"("*")"), "own,(tailnet)");
}

TEST(Wildcard, AsADestinationIsLiteralAtEveryNode) {
  EXPECT_THAT(targets_of(people(), R"("*:443")"),
              ElementsAre("laptop: *:443", "phone: *:443", "desk: *:443", "db: *:443"));
}

TEST(DangerAll, IsEverySource) { EXPECT_EQ(sources_of(people(), R"("autogroup:danger-all")"), "*"); }

// --- identities and addresses -------------------------------------------------------------------------------------------

TEST(Identities, StandForBothAddressesOfADevice) {
  EXPECT_EQ(sources_of(people(), R"("bo@example.com")"), "desk");
  EXPECT_THAT(targets_of(people(), R"("bo@example.com:22")"), ElementsAre("desk: desk:22"));
}

TEST(Literals, StandForWhatIsWrittenAndNoMore) {
  EXPECT_EQ(sources_of(people(), R"("100.64.0.1")"), "laptop.v4");
  EXPECT_EQ(sources_of(people(), R"("fd7a:115c:a1e0::1")"), "laptop.v6");
  EXPECT_THAT(targets_of(people(), R"("100.64.0.4:22")"), ElementsAre("db: db.v4:22"));
}

TEST(Literals, AreSourcesWhetherOrNotANodeHasThem) {
  EXPECT_EQ(sources_of(people(), R"("198.51.100.7","100.64.0.99","10.0.0.0/8")"),
            "10.0.0.0/8,100.64.0.99,198.51.100.7");
}

TEST(Literals, APrefixOfOneAddressHasNoLength) {
  EXPECT_EQ(sources_of(people(), R"("198.51.100.7/32","2001:db8::7/128")"), "198.51.100.7,2001:db8::7");
}

TEST(Literals, HostAliasesAreTheirValues) {
  const std::string hosts = R"("hosts":{"vault":"10.20.0.9","lan":"10.20.0.0/16"},)";
  EXPECT_EQ(sources_of(people(), R"("vault","lan","10.20.0.9","10.20.0.0/16")", hosts), "10.20.0.0/16,10.20.0.9");
  auto net = people().node("router", "tag:router").approved(R"("10.20.0.0/16")");
  EXPECT_THAT(targets_of(net, R"("vault:8200")", hosts), ElementsAre("router: 10.20.0.9:8200"));
}

// --- people -------------------------------------------------------------------------------------------------------------

TEST(Users, AreTheirUntaggedDevices) { EXPECT_EQ(sources_of(people(), R"("ana@example.com")"), "laptop,phone"); }

TEST(Users, AreKnownByTheirLoginWithoutRegardToCase) {
  EXPECT_EQ(sources_of(people(), R"("Ana@Example.com")"), "laptop,phone");
}

TEST(Users, WithoutDevicesAreNobody) {
  auto net = people().user("cy@example.com");
  EXPECT_EQ(sources_of(net, R"("cy@example.com")"), "(nobody)");
  EXPECT_EQ(sources_of(net, R"("unknown@example.com")"), "(nobody)");
}

TEST(Users, OfADomain) {
  auto net = people().node("guest", "eve@example.org");
  EXPECT_EQ(sources_of(net, R"("user:*@example.com")"), "laptop,phone,desk");
  EXPECT_EQ(sources_of(net, R"("user:*@example.org")"), "guest");
}

TEST(Groups, AreTheDevicesOfTheirMembers) {
  const std::string groups =
      R"("groups":{"group:all":["ana@example.com","bo@example.com","gone@example.com"],"group:none":[]},)";
  EXPECT_EQ(sources_of(people(), R"("group:all")", groups), "laptop,phone,desk");
  EXPECT_EQ(sources_of(people(), R"("group:none")", groups), "(nobody)");
}

TEST(Groups, OfAnIdentityProviderComeFromTheInventory) {
  auto net = people().also(R"("syncedGroups":{"group:team@example.com":["bo@example.com"]})");
  EXPECT_EQ(sources_of(net, R"("group:team@example.com")"), "desk");
}

TEST(Groups, OfThePolicyTakeTheNameOfAnIdentityProviders) {
  auto net = people().also(R"("syncedGroups":{"group:team@example.com":["bo@example.com"]})");
  EXPECT_EQ(
      sources_of(net, R"("group:team@example.com")", R"("groups":{"group:team@example.com":["ana@example.com"]},)"),
      "laptop,phone");
}

// --- tags ---------------------------------------------------------------------------------------------------------------

TEST(Tags, AreTheNodesThatCarryThem) {
  auto net = Net{}.node("a", "tag:web").node("b", "tag:web,tag:db").node("c", "tag:db");
  EXPECT_EQ(sources_of(net, R"("tag:web")"), "a,b");
  EXPECT_EQ(sources_of(net, R"("tag:db")"), "b,c");
  EXPECT_EQ(sources_of(net, R"("tag:unused")"), "(nobody)");
  EXPECT_EQ(sources_of(net, R"("tag:web","tag:db")"), "a,b,c");  // each once
}

TEST(Tags, IgnoreCase) { EXPECT_EQ(sources_of(people(), R"("tag:DB")", ""), "db"); }

// The tag takes the place of the user: mail addresses, groups and roles never select a tagged node.
TEST(Tags, ANodeWithTagsBelongsToNoUser) {
  auto net = Net{}.user("ana@example.com", "owner").node("laptop", "ana@example.com").node("db", "tag:db");
  for (const char* selector : {"\"ana@example.com\"", "\"autogroup:member\"", "\"user:*@example.com\"",
                               "\"autogroup:owner\"", "\"autogroup:admin\"", "\"group:all\""}) {
    EXPECT_EQ(sources_of(net, selector, R"("groups":{"group:all":["ana@example.com"]},)"), "laptop") << selector;
  }
  EXPECT_EQ(sources_of(net, R"("autogroup:tagged")"), "db");
}

TEST(Tags, ANodeWithNeitherUserNorTagsIsOnlyItsAddress) {
  auto net = people().node("stray", "");
  EXPECT_EQ(sources_of(net, R"("autogroup:member","autogroup:tagged","user:*@example.com")"), "laptop,phone,desk,db");
  EXPECT_EQ(sources_of(net, R"("100.64.0.5")"), "stray.v4");
  EXPECT_THAT(targets_of(net, R"("*:1")"), Contains("stray: *:1"));
}

// --- autogroups ---------------------------------------------------------------------------------------------------------

TEST(Autogroups, MemberIsEveryUntaggedDeviceOfTheTailnet) {
  EXPECT_EQ(sources_of(people(), R"("autogroup:member")"), "laptop,phone,desk");
  EXPECT_THAT(targets_of(people(), R"("autogroup:member:22")"),
              ElementsAre("laptop: laptop:22", "phone: phone:22", "desk: desk:22"));
}

TEST(Autogroups, AdminIncludesTheOwnerAndOtherRolesAreJustThemselves) {
  auto net = Net{};
  for (const char* role : {"owner", "admin", "network-admin", "it-admin", "billing-admin", "auditor", "member"}) {
    const std::string login = std::string(role) + "@example.com";
    net.user(login, role).node(role, login);
  }
  EXPECT_EQ(sources_of(net, R"("autogroup:owner")"), "owner");
  EXPECT_EQ(sources_of(net, R"("autogroup:admin")"), "owner,admin");
  EXPECT_EQ(sources_of(net, R"("autogroup:network-admin")"), "network-admin");
  EXPECT_EQ(sources_of(net, R"("autogroup:it-admin")"), "it-admin");
  EXPECT_EQ(sources_of(net, R"("autogroup:billing-admin")"), "billing-admin");
  EXPECT_EQ(sources_of(net, R"("autogroup:auditor")"), "auditor");
}

// A device shared in is its user's by name, but its user is no member.
TEST(Autogroups, SharedIsDevicesOfOtherTailnets) {
  auto net = people().user("eve@example.com", "admin").node("guest", "eve@example.com").shared();
  EXPECT_EQ(sources_of(net, R"("autogroup:shared")"), "guest");
  EXPECT_EQ(sources_of(net, R"("eve@example.com")"), "guest");
  EXPECT_EQ(sources_of(net, R"("group:guests")", R"("groups":{"group:guests":["eve@example.com"]},)"), "guest");
  for (const char* selector : {"\"autogroup:member\"", "\"user:*@example.com\""}) {
    EXPECT_EQ(sources_of(net, selector), "laptop,phone,desk") << selector;
  }
  EXPECT_EQ(sources_of(net, R"("autogroup:admin")"), "(nobody)");
}

// --- destinations behind a node -----------------------------------------------------------------------------------------

Net network() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("router", "tag:router")
      .approved(R"("10.33.0.0/16")")
      .node("standby", "tag:router")
      .approved(R"("10.33.0.0/16")")
      .node("waiting", "tag:router")
      .advertises(R"("10.33.0.0/16")")
      .node("exit", "tag:exit")
      .approved(R"("0.0.0.0/0","::/0")")
      .node("closed", "tag:exit")
      .advertises(R"("0.0.0.0/0","::/0")");
}

TEST(Subnets, ADestinationIsDeliveredUnclippedWhereItOverlapsAnApprovedRoute) {
  EXPECT_THAT(targets_of(network(), R"("10.0.0.0/8:443")"),  // wider than the route
              ElementsAre("router: 10.0.0.0/8:443", "standby: 10.0.0.0/8:443"));
  EXPECT_THAT(targets_of(network(), R"("10.33.5.0/24:443")"),  // narrower
              ElementsAre("router: 10.33.5.0/24:443", "standby: 10.33.5.0/24:443"));
  EXPECT_THAT(targets_of(network(), R"("10.34.0.0/16:443")"), IsEmpty());
}

TEST(Subnets, ADestinationIsDeliveredUnclippedWhereItContainsAnAddressOfTheNode) {
  EXPECT_THAT(targets_of(network(), R"("100.64.0.0/30:22")"),
              ElementsAre("laptop: 100.64.0.0/30:22", "router: 100.64.0.0/30:22", "standby: 100.64.0.0/30:22"));
}

TEST(Subnets, ExitRoutesDoNotCount) { EXPECT_THAT(targets_of(network(), R"("172.16.0.0/12:443")"), IsEmpty()); }

TEST(Subnets, ATagIsTheRouterAndNotWhatIsBehindIt) {
  EXPECT_THAT(targets_of(network(), R"("tag:router:22")"),
              ElementsAre("router: router:22", "standby: standby:22", "waiting: waiting:22"));
}

// A router whose route holds the address of another node lets traffic to that node pass, too.
TEST(Subnets, ANodeInsideARouteIsDeliveredToTheRouterAsWell) {
  auto net = Net{}
                 .node("router", "tag:router")
                 .approved(R"("10.33.0.0/16")")
                 .node("inside", "tag:db")
                 .addresses(R"("10.33.0.7","fd7a:115c:a1e0::99")");
  EXPECT_THAT(targets_of(net, R"("tag:db:22")"), ElementsAre("router: inside.v4:22", "inside: inside:22"));
}

// --- the internet -------------------------------------------------------------------------------------------------------

TEST(Internet, IsSevenRangesForApprovedExitNodesAlone) {
  EXPECT_THAT(
      network().under(acl(R"("100.64.0.1")", R"("autogroup:internet:*")")).wire("exit"),
      ElementsAre("100.64.0.1 -> 0.0.0.0-9.255.255.255:* 11.0.0.0-100.63.255.255:* 100.128.0.0-169.253.255.255:* "
                  "169.255.0.0-172.15.255.255:* 172.32.0.0-192.167.255.255:* 192.169.0.0-255.255.255.255:* "
                  "2000::-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:*"));
  EXPECT_THAT(targets_of(network(), R"("autogroup:internet:*")"), ElementsAre("exit: (internet):*"));
}

// Even a public network of one's own is behind a router and not behind an exit node.
TEST(Internet, IsNotForRoutersOfPublicNetworks) {
  auto net = network().node("public", "tag:router").approved(R"("198.51.100.0/24","2001:db8::/32")");
  const auto world = net.under(acl(R"("ana@example.com")", R"("autogroup:internet:*")"));
  EXPECT_THAT(world.everyone(), ElementsAre("exit: laptop -> (internet):*"));
  EXPECT_EQ(world.peers("laptop"), "exit");
  EXPECT_THAT(world.routes("laptop"), IsEmpty());
  EXPECT_THAT(targets_of(net, R"("198.51.100.7:443")"),
              ElementsAre("exit: 198.51.100.7:443", "public: 198.51.100.7:443"));
}

TEST(Internet, AccessToAnExitNodeIsNoAccessThroughIt) {
  EXPECT_THAT(targets_of(network(), R"("tag:exit:*")"), ElementsAre("exit: exit:*", "closed: closed:*"));
}

// Exit nodes forward the public internet, so a public prefix is for them; what is only partly public is not.
TEST(Internet, APublicPrefixIsForExitNodes) {
  EXPECT_THAT(targets_of(network(), R"("8.8.8.0/24:53")"), ElementsAre("exit: 8.8.8.0/24:53"));
  EXPECT_THAT(targets_of(network(), R"("2001:db8::1:53")"), ElementsAre("exit: 2001:db8::1:53"));
  EXPECT_THAT(targets_of(network(), R"("172.0.0.0/8:53")"), IsEmpty());
}

TEST(Internet, WhatItHolds) {
  const auto entry = [](std::string_view first, std::string_view last) {
    return Entry{EntryKind::range, 0, net::Address::parse(first).value(), net::Address::parse(last).value()};
  };
  EXPECT_TRUE(is_internet(entry("8.8.8.8", "8.8.8.8")));
  EXPECT_TRUE(is_internet(entry("127.0.0.1", "127.0.0.1")));  // not cut out
  EXPECT_TRUE(is_internet(entry("224.0.0.1", "239.0.0.1")));  // nor multicast
  EXPECT_TRUE(is_internet(entry("2000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  for (const char* address : {"10.0.0.0", "172.16.0.0", "172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.0",
                              "100.127.255.255", "fd7a::1", "4000::", "::1"}) {
    EXPECT_FALSE(is_internet(entry(address, address))) << address;
  }
  EXPECT_FALSE(is_internet(entry("9.0.0.0", "11.0.0.0")));
  EXPECT_FALSE(is_internet(Entry{}));  // `*`
}

// --- IP sets ------------------------------------------------------------------------------------------------------------

std::string set_of(const std::string& operations) {
  return sources_of(people(), R"("ipset:x")",
                    R"("hosts":{"vault":"10.9.0.9"},"ipsets":{"ipset:x":[)" + operations +
                        R"(],"ipset:y":["10.0.0.0/30"],"ipset:z":["ipset:y","10.0.0.8"]},)");
}

TEST(Ipsets, AddAndRemoveInTheOrderWritten) {
  EXPECT_EQ(set_of(R"("add 10.0.0.0/24","remove 10.0.0.0/25")"), "10.0.0.128/25");
  EXPECT_EQ(set_of(R"("remove 10.0.0.0/25","add 10.0.0.0/24")"), "10.0.0.0/24");
  EXPECT_EQ(set_of(R"("add 10.0.0.0/24","remove 10.0.0.0/24")"), "(nobody)");
}

// A range that is a prefix is written as one; what is written in parts and touches is one range.
TEST(Ipsets, AreTheFewestRanges) {
  EXPECT_EQ(set_of(R"("10.0.0.0/25","10.0.0.128/25")"), "10.0.0.0/24");
  EXPECT_EQ(set_of(R"("10.0.0.1-10.0.0.3","10.0.0.4")"), "10.0.0.1-10.0.0.4");
  EXPECT_EQ(set_of(R"("add 10.0.0.0/24","remove 10.0.0.7")"), "10.0.0.0-10.0.0.6,10.0.0.8-10.0.0.255");
}

TEST(Ipsets, TakeHostsAndOtherSets) {
  EXPECT_EQ(set_of(R"("host:vault","ipset:z")"), "10.0.0.0/30,10.0.0.8,10.9.0.9");
  EXPECT_EQ(set_of(R"("add 10.0.0.0/29","remove ipset:z","remove 10.0.0.5")"), "10.0.0.4,10.0.0.6/31");
}

TEST(Ipsets, HoldLiteralsAndNotTheOtherAddressOfADevice) { EXPECT_EQ(set_of(R"("100.64.0.1")"), "laptop.v4"); }

TEST(Ipsets, APartOfTheInternetIsForExitNodes) {
  const std::string sets = R"("ipsets":{"ipset:x":["add autogroup:internet","remove 8.0.0.0/8"]},)";
  const Strings found = targets_of(network(), R"("ipset:x:443")", sets);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], ::testing::StartsWith("exit: 0.0.0.0/5:443 9.0.0.0/8:443 11.0.0.0-"));
}

// What is taken away is not in the set, whatever its name: no exit node has to do with this one.
TEST(Ipsets, TheInternetRemovedConcernsNoExitNode) {
  const auto world = network().under(R"("ipsets":{"ipset:x":["add 10.33.0.0/24","remove autogroup:internet"]},)" +
                                     acl(R"("ana@example.com")", R"("ipset:x:443")"));
  EXPECT_THAT(world.everyone(),
              ElementsAre("router: laptop -> 10.33.0.0/24:443", "standby: laptop -> 10.33.0.0/24:443"));
  EXPECT_EQ(world.peers("laptop"), "router standby");
}

// --- services -----------------------------------------------------------------------------------------------------------

Net wiki() {
  return people()
      .node("web", "tag:web")
      .also(R"("services":[{"name":"svc:wiki","addresses":["100.100.0.1","fd7a:115c:a1e0::5005"],"hosts":["web"]}])");
}

TEST(Services, AreTheirVirtualAddressesAtTheirHosts) {
  EXPECT_THAT(targets_of(wiki(), R"("svc:wiki:443")"), ElementsAre("web: 100.100.0.1:443 fd7a:115c:a1e0::5005:443"));
}

TEST(Services, OpenNothingElseOfTheirHosts) {
  const auto world = wiki().under(acl(R"("bo@example.com")", R"("svc:wiki:443")"));
  EXPECT_THAT(world.everyone(), ElementsAre("web: desk -> 100.100.0.1:443 fd7a:115c:a1e0::5005:443"));
  EXPECT_EQ(world.peers("desk"), "web");
}

TEST(Services, ThatDoNotExistAreNowhere) { EXPECT_THAT(targets_of(wiki(), R"("svc:other:443")"), IsEmpty()); }

// A service's capabilities are asked for at the address that is connected to.
TEST(Services, HaveCapabilitiesAtTheirAddresses) {
  const auto world = wiki().under(grant(R"("bo@example.com")", R"("svc:wiki")", R"(,"app":{"example.com/cap/x":[]})"));
  EXPECT_THAT(world.rules("web"), ElementsAre("desk => 100.100.0.1,fd7a:115c:a1e0::5005 example.com/cap/x=[]"));
}

// Hosts hold the addresses of their services; that another part of the set is internet changes nothing.
TEST(Services, HaveCapabilitiesAlsoInSetsThatHoldInternet) {
  const auto world = wiki().under(R"("ipsets":{"ipset:x":["100.100.0.0/24","2001:db8::53"]},)" +
                                  grant(R"("bo@example.com")", R"("ipset:x")", R"(,"app":{"example.com/cap/x":[]})"));
  EXPECT_THAT(world.rules("web"), ElementsAre("desk => 100.100.0.1 example.com/cap/x=[]"));
}

// --- SrcIPs -------------------------------------------------------------------------------------------------------------

TEST(Sources, AreASetInTheByteOrderOfTheirText) {
  auto net = Net{}
                 .node("a", "ana@example.com")
                 .addresses(R"("100.64.0.9","fd7a:115c:a1e0::b")")
                 .node("b", "ana@example.com")
                 .addresses(R"("100.64.0.10","fd7a:115c:a1e0::10")")
                 .node("db", "tag:db");
  EXPECT_THAT(
      net.under(acl(R"("192.0.2.0/24","ana@example.com","9.9.9.9","autogroup:member")", R"("tag:db:22")")).wire("db"),
      ElementsAre("100.64.0.10,100.64.0.9,192.0.2.0/24,9.9.9.9,fd7a:115c:a1e0::10,fd7a:115c:a1e0::b -> "
                  "100.64.0.3:22 fd7a:115c:a1e0::3:22"));
}

}  // namespace
}  // namespace acl::resolve
