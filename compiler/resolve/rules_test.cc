// From entries of acls and grants to the rules of nodes: what becomes one rule, and in which order.
// https://tailscale.com/docs/reference/syntax/policy-file, https://tailscale.com/docs/reference/syntax/grants; the orders,
// which mean nothing for access, are those that the hosted service was seen to give.
#include <gtest/gtest.h>

#include "compiler/resolve/testing.h"

namespace acl::resolve {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Net small() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("db", "tag:db")
      .node("web", "tag:web");
}

// --- absent and empty ---------------------------------------------------------------------------------------------------

TEST(Default, WithoutAclsAndGrantsEverythingIsAllowed) {
  const auto world = small().under(R"("groups":{})");
  for (const char* node : {"laptop", "desk", "db", "web"}) {
    EXPECT_THAT(world.rules(node), ElementsAre("(tailnet) -> *:*")) << node;
  }
  EXPECT_EQ(world.peers("laptop"), "db desk web");
}

TEST(Default, RulesForSshLeaveThatAsItIs) {
  const auto world = small().under(ssh(R"("autogroup:member")", R"("tag:db")", R"("root")"));
  EXPECT_THAT(world.rules("db"), ElementsAre("(tailnet) -> *:*"));
}

TEST(Default, AnEmptySectionAllowsNothing) {
  for (const char* policy : {R"("acls":[])", R"("grants":[])", R"("acls":[],"grants":[])"}) {
    const auto world = small().under(policy);
    EXPECT_THAT(world.everyone(), IsEmpty()) << policy;
    EXPECT_EQ(world.peers("laptop"), "") << policy;
  }
}

// --- one entry of acls --------------------------------------------------------------------------------------------------

TEST(Acl, EverySourceMayReachEveryDestination) {
  EXPECT_THAT(small().under(acl(R"("ana@example.com","bo@example.com")", R"("tag:db:5432","tag:web:443")")).everyone(),
              ElementsAre("db: laptop,desk -> db:5432", "web: laptop,desk -> web:443"));
}

TEST(Acl, IsOneWay) {
  EXPECT_THAT(small().under(acl(R"("ana@example.com")", R"("tag:db:*")")).rules("laptop"), IsEmpty());
}

TEST(Acl, WithoutProtocolMeansTheDefaultOnes) {
  EXPECT_THAT(small().under(acl(R"("*")", R"("tag:db:22")")).rules("db"), ElementsAre("(tailnet) -> db:22"));
  EXPECT_THAT(small().under(acl(R"("*")", R"("tag:db:22")", R"(,"proto":"tcp")")).rules("db"),
              ElementsAre("(tailnet) -> db:22 tcp"));
  EXPECT_THAT(small().under(acl(R"("*")", R"("tag:db:*")", R"(,"proto":"47")")).rules("db"),
              ElementsAre("(tailnet) -> db:* protocol 47"));
}

TEST(Acl, WithoutSourcesOrDestinationsIsNothing) {
  EXPECT_THAT(small().under(acl("", R"("tag:db:22")")).everyone(), IsEmpty());
  EXPECT_THAT(small().under(acl(R"("*")", "")).everyone(), IsEmpty());
  EXPECT_THAT(small().under(R"("groups":{"group:none":[]},)" + acl(R"("group:none")", R"("tag:db:22")")).everyone(),
              IsEmpty());
}

// One address after the other, each with every port.
TEST(Acl, ListsAllPortsOfAnAddressBeforeTheNextAddress) {
  EXPECT_THAT(small().under(acl(R"("100.64.0.1")", R"("tag:db:443,22,8000-8080")")).wire("db"),
              ElementsAre("100.64.0.1 -> 100.64.0.3:443 100.64.0.3:22 100.64.0.3:8000-8080 "
                          "fd7a:115c:a1e0::3:443 fd7a:115c:a1e0::3:22 fd7a:115c:a1e0::3:8000-8080"));
}

TEST(Acl, GathersThePortsOfOneHost) {
  EXPECT_THAT(small().under(acl(R"("100.64.0.1")", R"("tag:db:22","100.64.0.3:1","tag:db:443")")).wire("db"),
              ElementsAre("100.64.0.1 -> 100.64.0.3:1 "
                          "100.64.0.3:22 100.64.0.3:443 fd7a:115c:a1e0::3:22 fd7a:115c:a1e0::3:443"));
}

TEST(Acl, NeitherSortsPortsNorDropsRepeatedOnes) {
  EXPECT_THAT(small().under(acl(R"("100.64.0.1")", R"("100.64.0.3:443,22,443")")).wire("db"),
              ElementsAre("100.64.0.1 -> 100.64.0.3:443 100.64.0.3:22 100.64.0.3:443"));
}

// Whatever the order in the file: `*`; people and addresses; groups and tags; autogroups. As written within a kind.
TEST(Acl, ListsDestinationsByKind) {
  const std::string names = R"("groups":{"group:x":["ana@example.com"]},"hosts":{"it":"100.64.0.1"},)";
  const std::string written = R"("autogroup:member:1","group:x:2","100.64.0.1:3","*:4","ana@example.com:5","it:6",)"
                              R"("100.64.0.0/24:7")";
  EXPECT_THAT(small().under(names + acl(R"("9.9.9.9")", written)).rules("laptop"),
              ElementsAre("9.9.9.9 -> *:4 laptop.v4:3 laptop:5 laptop.v4:6 100.64.0.0/24:7 laptop:2 laptop:1"));
}

// --- one grant ----------------------------------------------------------------------------------------------------------

TEST(Grant, ListsDestinationsAsWritten) {
  EXPECT_THAT(
      small().under(grant(R"("9.9.9.9")", R"("autogroup:member","*","100.64.0.1")", R"(,"ip":["22"])")).rules("laptop"),
      ElementsAre("9.9.9.9 -> laptop:22 *:22 laptop.v4:22"));
}

TEST(Grant, IsOneRulePerProtocolInTheOrderOfTheirFirstEntries) {
  EXPECT_THAT(
      small()
          .under(grant(R"("ana@example.com")", R"("tag:db")", R"(,"ip":["udp:53","443","tcp:22","udp:123","80"])"))
          .rules("db"),
      ElementsAre("laptop -> db:53 db:123 udp", "laptop -> db:443 db:80", "laptop -> db:22 tcp"));
}

TEST(Grant, WithoutSourcesOrDestinationsIsNothing) {
  const std::string both = R"(,"ip":["*"],"app":{"example.com/cap/x":[]})";
  EXPECT_THAT(small().under(grant("", R"("tag:db")", both)).everyone(), IsEmpty());
  EXPECT_THAT(small().under(grant(R"("*")", "", both)).everyone(), IsEmpty());
}

TEST(Grant, GivesPortsFirstThenCapabilities) {
  EXPECT_THAT(
      small()
          .under(grant(R"("ana@example.com")", R"("tag:db")", R"(,"app":{"example.com/cap/x":[{"a":1}]},"ip":["22"])"))
          .rules("db"),
      ElementsAre("laptop -> db:22", R"(laptop => db example.com/cap/x=[{"a":1}])"));
}

// --- joining ------------------------------------------------------------------------------------------------------------

std::string two_acls(const std::string& first, const std::string& second) {
  return R"("acls":[{"action":"accept",)" + first + R"(},{"action":"accept",)" + second + "}]";
}

TEST(Joining, SameSourcesAndProtocolAreOneRule) {
  EXPECT_THAT(small()
                  .under(two_acls(R"("src":["ana@example.com"],"dst":["tag:db:22"])",
                                  R"("src":["ana@example.com"],"dst":["tag:db:443","100.64.0.3:22"])"))
                  .rules("db"),
              ElementsAre("laptop -> db:22 db.v4:22 db:443"));
}

// It is the addresses that count, not how they were named.
TEST(Joining, LooksAtAddressesAndNotAtNames) {
  EXPECT_THAT(small()
                  .under(two_acls(R"("src":["autogroup:member"],"dst":["tag:db:22"])",
                                  R"("src":["bo@example.com","100.64.0.1","fd7a:115c:a1e0::1"],"dst":["tag:db:443"])"))
                  .rules("db"),
              ElementsAre("laptop,desk -> db:22 db:443"));
}

TEST(Joining, OtherSourcesOrAnotherProtocolAreAnotherRule) {
  EXPECT_THAT(small()
                  .under(two_acls(R"("src":["ana@example.com"],"dst":["tag:db:22"])",
                                  R"("src":["ana@example.com","bo@example.com"],"dst":["tag:db:22"])"))
                  .rules("db"),
              ElementsAre("laptop -> db:22", "laptop,desk -> db:22"));
  EXPECT_THAT(small()
                  .under(two_acls(R"("src":["ana@example.com"],"dst":["tag:db:22"])",
                                  R"("src":["ana@example.com"],"proto":"tcp","dst":["tag:db:22"])"))
                  .rules("db"),
              ElementsAre("laptop -> db:22", "laptop -> db:22 tcp"));
}

TEST(Joining, GoesAcrossGrantsAndAclsWithGrantsFirst) {
  EXPECT_THAT(small()
                  .under(acl(R"("bo@example.com","ana@example.com")", R"("tag:db:1")") + "," +
                         R"("grants":[{"src":["ana@example.com"],"dst":["tag:db"],"ip":["2"]},
                                         {"src":["autogroup:member"],"dst":["tag:db"],"ip":["3"]}])")
                  .rules("db"),
              ElementsAre("laptop -> db:2", "laptop,desk -> db:3 db:1"));
}

TEST(Joining, HappensBeforeNodesGetTheirShareSoAPlaceCanStemFromAPartElsewhere) {
  const std::string policy = R"("grants":[
    {"src":["ana@example.com"],"dst":["tag:web"],"ip":["1"]},
    {"src":["bo@example.com"],"dst":["tag:db"],"ip":["2"]},
    {"src":["ana@example.com"],"dst":["tag:db"],"ip":["3"]}])";
  EXPECT_THAT(small().under(policy).rules("db"), ElementsAre("laptop -> db:3", "desk -> db:2"));
}

TEST(Joining, LeavesCapabilitiesAlone) {
  const std::string policy = R"("grants":[
    {"src":["ana@example.com"],"dst":["tag:db"],"app":{"example.com/cap/x":[]}},
    {"src":["ana@example.com"],"dst":["tag:db"],"app":{"example.com/cap/x":[]}}])";
  EXPECT_THAT(small().under(policy).rules("db"),
              ElementsAre("laptop => db example.com/cap/x=[]", "laptop => db example.com/cap/x=[]"));
}

// --- capabilities -------------------------------------------------------------------------------------------------------

const std::string app = R"(,"app":{"example.com/cap/x":[]})";

TEST(Capabilities, AreForTheNodesOwnAddresses) {
  const auto world = small().under(grant(R"("ana@example.com")", R"("*")", app));
  EXPECT_THAT(world.rules("db"), ElementsAre("laptop => db example.com/cap/x=[]"));
  EXPECT_THAT(world.rules("web"), ElementsAre("laptop => web example.com/cap/x=[]"));
  EXPECT_THAT(small().under(grant(R"("ana@example.com")", R"("100.64.0.0/16")", app)).rules("db"),
              ElementsAre("laptop => db.v4 example.com/cap/x=[]"));
}

TEST(Capabilities, APrefixThatOverlapsARouteStaysWhole) {
  auto net = small().node("router", "tag:router").approved(R"("10.33.0.0/16")");
  EXPECT_THAT(net.under(grant(R"("ana@example.com")", R"("10.0.0.0/8","100.64.0.0/10","*")", app)).rules("router"),
              ElementsAre("laptop => 10.0.0.0/8 router.v4 router example.com/cap/x=[]"));
  EXPECT_THAT(net.under(grant(R"("ana@example.com")", R"("10.33.0.7")", app)).rules("router"),
              ElementsAre("laptop => 10.33.0.7 example.com/cap/x=[]"));
}

// The wire has prefixes there and nothing else.
TEST(Capabilities, ARangeThatOverlapsARouteStaysWholeAsPrefixes) {
  auto net = small().node("router", "tag:router").approved(R"("10.33.0.0/16")");
  EXPECT_THAT(
      net.under(R"("ipsets":{"ipset:x":["10.33.0.1-10.33.0.6"]},)" + grant(R"("ana@example.com")", R"("ipset:x")", app))
          .rules("router"),
      ElementsAre("laptop => 10.33.0.1,10.33.0.2/31,10.33.0.4/31,10.33.0.6 example.com/cap/x=[]"));
}

// An exit node forwards packets; it has no say in what is behind it.
TEST(Capabilities, AreNotForTheInternet) {
  auto net = small().node("exit", "tag:exit").approved(R"("0.0.0.0/0","::/0")");
  const auto world = net.under(grant(R"("ana@example.com")", R"("8.8.8.0/24")", app));
  EXPECT_THAT(world.everyone(), IsEmpty());
  EXPECT_EQ(world.peers("laptop"), "");
}

TEST(Capabilities, HaveOneListForEachDestination) {
  EXPECT_THAT(small().under(grant(R"("ana@example.com")", R"("tag:db","100.64.0.3")", app)).rules("db"),
              ElementsAre("laptop => db db.v4 example.com/cap/x=[]"));
}

TEST(Capabilities, OfNobodyAreSentAllTheSame) {
  EXPECT_THAT(small().under(R"("groups":{"group:none":[]},)" + grant(R"("group:none")", R"("tag:db")", app)).everyone(),
              ElementsAre("db: (nobody) => db example.com/cap/x=[]"));
}

TEST(Capabilities, KeepTheirValuesWithoutComments) {
  EXPECT_THAT(small()
                  .under(grant(R"("ana@example.com")", R"("tag:db")",
                               R"(,"app":{"example.com/cap/x":[{"b":1, /* first */ "a":[true,]},]})"))
                  .rules("db"),
              ElementsAre(R"(laptop => db example.com/cap/x=[{"b":1,"a":[true]}])"));
}

// File sharing and relaying also need the way back: a reversed rule at the sources, right behind.
TEST(Companions, ShareFilesAndRelay) {
  const auto world = small().under(R"("grants":[
    {"src":["ana@example.com"],"dst":["tag:db"],"app":{"tailscale.com/cap/drive":[{"shares":["*"]}]}},
    {"src":["ana@example.com"],"dst":["tag:web"],"app":{"tailscale.com/cap/relay":[]}}])");
  EXPECT_THAT(world.rules("db"), ElementsAre(R"(laptop => db tailscale.com/cap/drive=[{"shares":["*"]}])"));
  EXPECT_THAT(world.rules("web"), ElementsAre("laptop => web tailscale.com/cap/relay=[]"));
  EXPECT_THAT(world.rules("laptop"), ElementsAre("db => laptop tailscale.com/cap/drive-sharer=null",
                                                 "web => laptop tailscale.com/cap/relay-target=null"));
}

TEST(Companions, OfAStarComeFromTheWholeTailnet) {
  const auto world = small().under(grant(R"("ana@example.com")", R"("*")", R"(,"app":{"tailscale.com/cap/drive":[]})"));
  EXPECT_THAT(world.rules("laptop"), ElementsAre("laptop => laptop tailscale.com/cap/drive=[]",
                                                 "(tailnet) => laptop tailscale.com/cap/drive-sharer=null"));
  EXPECT_THAT(world.rules("db"), ElementsAre("laptop => db tailscale.com/cap/drive=[]"));
}

TEST(Companions, NoOtherCapabilityHasOne) {
  const auto world =
      small().under(grant(R"("ana@example.com")", R"("tag:db")", R"(,"app":{"tailscale.com/cap/webui":[]})"));
  EXPECT_THAT(world.rules("laptop"), IsEmpty());
}

// --- autogroup:self -----------------------------------------------------------------------------------------------------

Net two_devices() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("phone", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("db", "tag:db");
}

TEST(Self, IsFromAndToAUsersOwnUntaggedDevices) {
  for (const auto& policy :
       {acl(R"("autogroup:member")", R"("autogroup:self:22")"), acl(R"("*")", R"("autogroup:self:22")"),
        grant(R"("autogroup:member")", R"("autogroup:self")", R"(,"ip":["22"])")}) {
    const auto world = two_devices().under(policy);
    EXPECT_THAT(world.everyone(), ElementsAre("laptop: laptop,phone -> laptop:22", "phone: laptop,phone -> phone:22",
                                              "desk: desk -> desk:22"))
        << policy;
    EXPECT_EQ(world.peers("laptop"), "phone");
    EXPECT_EQ(world.peers("desk"), "");
  }
}

TEST(Self, IsForTheSourcesAlone) {
  EXPECT_THAT(two_devices().under(acl(R"("bo@example.com")", R"("autogroup:self:22")")).everyone(),
              ElementsAre("desk: desk -> desk:22"));
}

TEST(Self, ComesAfterOtherDestinations) {
  EXPECT_THAT(two_devices()
                  .under(acl(R"("autogroup:member")", R"("autogroup:self:22","ana@example.com:80","*:443")"))
                  .rules("laptop"),
              ElementsAre("laptop,phone,desk -> *:443 laptop:80", "laptop,phone -> laptop:22"));
  EXPECT_THAT(two_devices()
                  .under(grant(R"("autogroup:member")", R"("autogroup:self","ana@example.com")", R"(,"ip":["22"])"))
                  .rules("laptop"),
              ElementsAre("laptop,phone,desk -> laptop:22", "laptop,phone -> laptop:22"));
}

TEST(Self, AmongAutogroupsStandsWhereItIsWritten) {
  EXPECT_THAT(
      two_devices().under(acl(R"("autogroup:member")", R"("autogroup:self:22","autogroup:member:80")")).rules("laptop"),
      ElementsAre("laptop,phone -> laptop:22", "laptop,phone,desk -> laptop:80"));
}

// Among the autogroups of an acls entry the written order holds, whatever else the entry names.
TEST(Self, KeepsItsPlaceAmongAutogroupsBesideOtherDestinations) {
  EXPECT_THAT(two_devices()
                  .under(acl(R"("bo@example.com")", R"("autogroup:self:22","tag:db:1","autogroup:member:80")"))
                  .rules("desk"),
              ElementsAre("desk -> desk:22 desk:80"));
  EXPECT_THAT(two_devices()
                  .under(acl(R"("autogroup:member")", R"("autogroup:self:22","tag:db:1","autogroup:member:80")"))
                  .rules("desk"),
              ElementsAre("laptop,phone,desk -> desk:80", "desk -> desk:22"))
      << "the rule from all members begins with its part at db";
}

TEST(Self, IsJoinedLikeOtherRules) {
  EXPECT_THAT(two_devices()
                  .under(two_acls(R"("src":["autogroup:member"],"dst":["autogroup:self:22"])",
                                  R"("src":["ana@example.com"],"dst":["ana@example.com:80"])"))
                  .rules("laptop"),
              ElementsAre("laptop,phone -> laptop:22 laptop:80"));
}

TEST(Self, HasCapabilitiesToo) {
  EXPECT_THAT(
      two_devices().under(grant(R"("autogroup:member")", R"("autogroup:self")", app)).everyone(),
      ElementsAre("laptop: laptop,phone => laptop example.com/cap/x=[]",
                  "phone: laptop,phone => phone example.com/cap/x=[]", "desk: desk => desk example.com/cap/x=[]"));
}

TEST(Self, IsNoPartOfTaggedAndOwnerlessNodes) {
  auto net = two_devices().node("stray", "");
  const auto world = net.under(acl(R"("*")", R"("autogroup:self:*")"));
  EXPECT_THAT(world.rules("db"), IsEmpty());
  EXPECT_THAT(world.rules("stray"), IsEmpty());
}

// --- via ----------------------------------------------------------------------------------------------------------------

Net offices() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("east", "tag:east")
      .approved(R"("10.0.0.0/16")")
      .node("west", "tag:west")
      .approved(R"("10.0.0.0/16")")
      .node("far", "tag:east")
      .approved(R"("10.9.0.0/16")")
      .node("idle", "tag:east");
}

TEST(Via, IsForTaggedNodesWithAFittingApprovedRoute) {
  EXPECT_THAT(offices()
                  .under(grant(R"("ana@example.com")", R"("10.0.5.0/24")", R"(,"ip":["443"],"via":["tag:east"])"))
                  .everyone(),
              ElementsAre("east: laptop -> 10.0.5.0/24:443"));
  EXPECT_THAT(offices()
                  .under(grant(R"("ana@example.com")", R"("10.0.0.0/8")", R"(,"ip":["443"],"via":["tag:east"])"))
                  .everyone(),
              ElementsAre("east: laptop -> 10.0.0.0/8:443", "far: laptop -> 10.0.0.0/8:443"));
  EXPECT_THAT(
      offices()
          .under(grant(R"("ana@example.com")", R"("10.0.0.0/16")", R"(,"ip":["443"],"via":["tag:east","tag:west"])"))
          .everyone(),
      ElementsAre("east: laptop -> 10.0.0.0/16:443", "west: laptop -> 10.0.0.0/16:443"));
}

TEST(Via, AnotherGrantWithoutItOpensEveryRouter) {
  EXPECT_THAT(offices()
                  .under(R"("grants":[
      {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["443"],"via":["tag:east"]},
      {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["80"]}])")
                  .everyone(),
              ElementsAre("east: laptop -> 10.0.0.0/16:443 10.0.0.0/16:80", "west: laptop -> 10.0.0.0/16:80"));
}

TEST(Via, ToTheInternetIsForTaggedExitNodes) {
  auto net = offices()
                 .node("open", "tag:east")
                 .approved(R"("0.0.0.0/0","::/0")")
                 .node("other", "tag:west")
                 .approved(R"("0.0.0.0/0","::/0")")
                 .node("closed", "tag:east")
                 .advertises(R"("0.0.0.0/0","::/0")");
  EXPECT_THAT(net.under(grant(R"("ana@example.com")", R"("autogroup:internet")", R"(,"ip":["*"],"via":["tag:east"])"))
                  .everyone(),
              ElementsAre("open: laptop -> (internet):*"));
}

TEST(Via, ToIdentitiesLeadsNowhere) {
  EXPECT_THAT(
      offices().under(grant(R"("ana@example.com")", R"("tag:east")", R"(,"ip":["*"],"via":["tag:east"])")).everyone(),
      IsEmpty());
  EXPECT_THAT(offices()
                  .under(grant(R"("ana@example.com")", R"("autogroup:self")", R"(,"ip":["*"],"via":["tag:east"])"))
                  .everyone(),
              IsEmpty());
}

// `app` with `via` is no rule, yet shows the router and its route to the source as if it were one.
TEST(Via, OfCapabilitiesGivesVisibilityAlone) {
  const auto world = offices().under(grant(R"("ana@example.com")", R"("10.0.0.0/16")", app + R"(,"via":["tag:west"])"));
  EXPECT_THAT(world.everyone(), IsEmpty());
  EXPECT_EQ(world.peers("laptop"), "west");
  EXPECT_EQ(world.peers("west"), "laptop");
  EXPECT_THAT(world.routes("laptop"), ElementsAre("west: 10.0.0.0/16"));
  EXPECT_THAT(offices()
                  .under(grant(R"("ana@example.com")", R"("10.0.0.0/16")", app + R"(,"ip":["1"],"via":["tag:west"])"))
                  .everyone(),
              ElementsAre("west: laptop -> 10.0.0.0/16:1"));
}

// Where a part with `via` applies, it is joined as if it had been in the list from the start; elsewhere it is not there at all.
TEST(Via, IsJoinedOnlyWhereItApplies) {
  auto net = offices().node("desk", "bo@example.com");
  const auto world = net.under(R"("grants":[
    {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["1"],"via":["tag:east"]},
    {"src":["bo@example.com"],"dst":["10.0.0.0/16"],"ip":["2"]},
    {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["3"]},
    {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["4"],"via":["tag:west"]}])");
  EXPECT_THAT(world.rules("east"), ElementsAre("laptop -> 10.0.0.0/16:1 10.0.0.0/16:3", "desk -> 10.0.0.0/16:2"));
  EXPECT_THAT(world.rules("west"), ElementsAre("desk -> 10.0.0.0/16:2", "laptop -> 10.0.0.0/16:3 10.0.0.0/16:4"));
}

TEST(Via, TakesThePlaceOfAPartElsewhere) {
  auto net = offices().node("desk", "bo@example.com");
  const auto world = net.under(R"("grants":[
    {"src":["ana@example.com"],"dst":["bo@example.com"],"ip":["1"]},
    {"src":["bo@example.com"],"dst":["10.0.0.0/16"],"ip":["2"]},
    {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["3"],"via":["tag:east"]}])");
  EXPECT_THAT(world.rules("east"), ElementsAre("laptop -> 10.0.0.0/16:3", "desk -> 10.0.0.0/16:2"));
}

// Capabilities and their companions keep their places among joined rules.
TEST(Via, LeavesCapabilitiesInTheirPlaces) {
  const auto world = offices().under(R"("grants":[
    {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["1"],"via":["tag:east"]},
    {"src":["tag:east"],"dst":["ana@example.com"],"app":{"tailscale.com/cap/drive":[]}},
    {"src":["ana@example.com"],"dst":["10.0.0.0/16"],"ip":["2"],"via":["tag:east"]}])");
  EXPECT_THAT(world.rules("east"), ElementsAre("laptop -> 10.0.0.0/16:1 10.0.0.0/16:2",
                                               "laptop => east tailscale.com/cap/drive-sharer=null"));
}

}  // namespace
}  // namespace acl::resolve
