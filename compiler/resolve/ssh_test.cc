// Who may log in as whom: https://tailscale.com/docs/features/tailscale-ssh. "!root" says that root is refused, "*" any other
// name.
#include <gtest/gtest.h>

#include "compiler/resolve/testing.h"

namespace acl::resolve {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Net company() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("phone", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("guest", "eve@example.org")
      .node("db", "tag:db")
      .node("ci", "tag:ci");
}

World under(const std::string& policy) { return company().under(R"("acls":[],)" + policy); }

TEST(Ssh, IsForTheDestinationsAlone) {
  const auto world = under(ssh(R"("ana@example.com")", R"("tag:db")", R"("root")"));
  EXPECT_THAT(world.ssh("db"), ElementsAre("accept laptop,phone -> root"));
  for (const char* node : {"laptop", "desk", "ci"}) EXPECT_THAT(world.ssh(node), IsEmpty()) << node;
}

TEST(Ssh, RootIsRefusedUnlessItIsListed) {
  const auto accounts = [](const std::string& users) {
    return under(ssh(R"("bo@example.com")", R"("tag:db")", users)).ssh("db");
  };
  EXPECT_THAT(accounts(R"("root")"), ElementsAre("accept desk -> root"));
  EXPECT_THAT(accounts(R"("ubuntu")"), ElementsAre("accept desk -> !root,ubuntu"));
  EXPECT_THAT(accounts(R"("ubuntu","root","ubuntu")"), ElementsAre("accept desk -> root,ubuntu"));
  EXPECT_THAT(accounts(R"("autogroup:nonroot")"), ElementsAre("accept desk -> *,!root"));
  EXPECT_THAT(accounts(R"("autogroup:nonroot","root")"), ElementsAre("accept desk -> *,root"));
}

// Whatever looks like a selector is the name of a local account there.
TEST(Ssh, OtherNamesAreTakenToTheLetter) {
  EXPECT_THAT(under(ssh(R"("bo@example.com")", R"("tag:db")", R"("autogroup:member","localpart:bo")")).ssh("db"),
              ElementsAre("accept desk -> autogroup:member,localpart:bo,!root"));
}

TEST(Ssh, CheckComesBeforeAccept) {
  const auto world = under(R"("ssh":[
    {"action":"accept","src":["ana@example.com"],"dst":["tag:db"],"users":["a"]},
    {"action":"check","src":["ana@example.com"],"dst":["tag:db"],"users":["b"]},
    {"action":"accept","src":["ana@example.com"],"dst":["tag:db"],"users":["c"]},
    {"action":"check","src":["ana@example.com"],"dst":["tag:db"],"users":["d"],"checkPeriod":"1h"}])");
  EXPECT_THAT(world.ssh("db"), ElementsAre("check laptop,phone -> b,!root", "check laptop,phone -> d,!root",
                                           "accept laptop,phone -> a,!root", "accept laptop,phone -> c,!root"));
}

TEST(Ssh, RulesAreNeverJoined) {
  const std::string rule = R"({"action":"accept","src":["bo@example.com"],"dst":["tag:db"],"users":["root"]})";
  EXPECT_THAT(under(R"("ssh":[)" + rule + "," + rule + "]").ssh("db"),
              ElementsAre("accept desk -> root", "accept desk -> root"));
}

TEST(Ssh, PrincipalsAreAddressesInByteOrder) {
  auto net = Net{};
  for (int i = 0; i < 10; ++i) net.node("n" + std::to_string(i), "ana@example.com");
  const auto world = net.node("db", "tag:db").under(ssh(R"("ana@example.com")", R"("tag:db")", R"("root")"));
  const auto rules = world.views().ssh_rules(world.id("db"));
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_THAT(join(rules[0].principals, " "), ::testing::StartsWith("100.64.0.1 100.64.0.10 100.64.0.2 100.64.0.3"));
  EXPECT_THAT(join(rules[0].principals, " "),
              ::testing::EndsWith("fd7a:115c:a1e0::8 fd7a:115c:a1e0::9 fd7a:115c:a1e0::a"));
}

TEST(Ssh, WithoutSourcesIsNoRule) {
  EXPECT_THAT(under(R"("groups":{"group:none":[]},)" + ssh(R"("group:none")", R"("tag:db")", R"("root")")).ssh("db"),
              IsEmpty());
  EXPECT_THAT(under(ssh("", R"("tag:db")", R"("root")")).ssh("db"), IsEmpty());
  EXPECT_THAT(under(ssh(R"("ana@example.com")", "", R"("root")")).ssh("db"), IsEmpty());
}

TEST(Ssh, EnvironmentPatternsAreOfTheirRule) {
  EXPECT_THAT(
      under(ssh(R"("bo@example.com")", R"("tag:db")", R"("root")", R"(,"acceptEnv":["GIT_*","LANG?"])")).ssh("db"),
      ElementsAre("accept desk -> root env:GIT_* env:LANG?"));
}

// --- autogroup:self and tagged sources ----------------------------------------------------------------------------------

TEST(SshSelf, IsForAUsersOwnUntaggedDevices) {
  const auto world = under(ssh(R"("autogroup:member")", R"("autogroup:self")", R"("root")"));
  EXPECT_THAT(world.ssh("laptop"), ElementsAre("accept laptop,phone -> root"));
  EXPECT_THAT(world.ssh("desk"), ElementsAre("accept desk -> root"));
  EXPECT_THAT(world.ssh("db"), IsEmpty());
}

TEST(SshSelf, IsForTheSourcesAlone) {
  const auto world = under(ssh(R"("bo@example.com")", R"("autogroup:self")", R"("root")"));
  EXPECT_THAT(world.ssh("desk"), ElementsAre("accept desk -> root"));
  EXPECT_THAT(world.ssh("laptop"), IsEmpty());
}

TEST(SshSelf, BesideTagsKeepsToEachOne) {
  const auto world = under(ssh(R"("autogroup:member")", R"("tag:db","autogroup:self")", R"("root")"));
  EXPECT_THAT(world.ssh("db"), ElementsAre("accept laptop,phone,desk,guest -> root"));
  EXPECT_THAT(world.ssh("desk"), ElementsAre("accept desk -> root"));
}

TEST(Ssh, AUserMayReachTheirOwnDevicesByName) {
  EXPECT_THAT(under(ssh(R"("ana@example.com")", R"("ana@example.com")", R"("root")")).ssh("phone"),
              ElementsAre("accept laptop,phone -> root"));
}

TEST(SshTagged, ADeviceIsListedOnceForEachOfItsTags) {
  auto net = company().node("both", "tag:ci,tag:db");
  const auto by = [&](const std::string& src) { return net.under(ssh(src, R"("tag:ci")", R"("root")")).ssh("ci"); };
  EXPECT_THAT(by(R"("autogroup:tagged")"), ElementsAre("accept db,ci,both,both -> root"));
  // Of several tags by name each lists its nodes; one tag alone, or one written twice, lists them once.
  EXPECT_THAT(by(R"("tag:ci","tag:db")"), ElementsAre("accept db,ci,both,both -> root"));
  EXPECT_THAT(by(R"("autogroup:tagged","tag:ci")"), ElementsAre("accept db,ci,both,both -> root"));
  EXPECT_THAT(by(R"("tag:ci")"), ElementsAre("accept ci,both -> root"));
  EXPECT_THAT(by(R"("tag:ci","tag:ci")"), ElementsAre("accept ci,both -> root"));
}

// --- localpart ----------------------------------------------------------------------------------------------------------

const std::string localpart = R"("localpart:*@example.com")";

// Person by person in the order of the users: what the rule allows besides, then the own name if the domain fits.
TEST(SshLocalpart, SplitsARuleByPerson) {
  EXPECT_THAT(under(ssh(R"("autogroup:member")", R"("tag:db")", localpart + R"(,"ubuntu")")).ssh("db"),
              ElementsAre("accept laptop,phone -> !root,ubuntu", "accept laptop,phone -> ana",
                          "accept desk -> !root,ubuntu", "accept desk -> bo", "accept guest -> !root,ubuntu"));
}

TEST(SshLocalpart, TakesTheNameBeforeTheAtSignAsItIs) {
  auto net = Net{}.node("laptop", "ana+work@example.com").node("db", "tag:db");
  EXPECT_THAT(net.under(ssh(R"("autogroup:member")", R"("tag:db")", localpart)).ssh("db"),
              ElementsAre("accept laptop -> !root", "accept laptop -> ana+work"));
}

TEST(SshLocalpart, FitsAnyOfSeveralDomains) {
  EXPECT_THAT(under(ssh(R"("eve@example.org")", R"("tag:db")", localpart + R"(,"localpart:*@example.org")")).ssh("db"),
              ElementsAre("accept guest -> !root", "accept guest -> eve"));
}

TEST(SshLocalpart, KeepsTaggedSourcesTogether) {
  EXPECT_THAT(under(ssh(R"("tag:ci","tag:db","bo@example.com")", R"("tag:db")", localpart)).ssh("db"),
              ElementsAre("accept desk -> !root", "accept desk -> bo", "accept db,ci -> !root"));
}

// Seen of the service, and kept: a source that is no destination gets the rules of its own user.
TEST(SshLocalpart, IsSentToItsSourcesToo) {
  const auto world = under(ssh(R"("autogroup:member","tag:ci")", R"("tag:db")", localpart));
  EXPECT_THAT(world.ssh("phone"), ElementsAre("accept laptop,phone -> !root", "accept laptop,phone -> ana"));
  EXPECT_THAT(world.ssh("guest"), ElementsAre("accept guest -> !root"));
  EXPECT_THAT(world.ssh("ci"), ElementsAre("accept ci -> !root"));
}

// --- and the network ----------------------------------------------------------------------------------------------------

TEST(Ssh, MakesNobodyVisible) {
  const auto world = under(ssh(R"("autogroup:member")", R"("tag:db")", R"("root")"));
  EXPECT_EQ(world.peers("db"), "");
  EXPECT_EQ(world.peers("laptop"), "");
}

}  // namespace
}  // namespace acl::resolve
