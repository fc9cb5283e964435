// What other programs print, as an inventory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/inventory/load.h"
#include "compiler/inventory/testing.h"

namespace acl::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts(const std::vector<net::Prefix>& prefixes) {
  std::vector<std::string> out;
  for (const net::Prefix& prefix : prefixes) out.push_back(prefix.text());
  return out;
}

const Node& node(const LoadedInventory& loaded, std::string_view name) {
  static const Node nobody;
  for (const Node& each : loaded.inventory.nodes) {
    if (each.name == name) return each;
  }
  ADD_FAILURE() << "no node " << name;
  return nobody;
}

std::string owner(const LoadedInventory& loaded, std::string_view name) {
  const std::uint32_t user = node(loaded, name).user;
  return user == none ? "" : loaded.inventory.users.at(user).login;
}

// --- a recorded case --------------------------------------------------------------------------------------------------

constexpr const char* recorded = R"({
  "tailnet": "odin@example.com", "domains": ["example.com"],
  "users": [{"id": 1, "name": "odin", "email": "odin@example.com", "role": "owner"},
            {"id": 2, "name": "thor", "email": "thor@example.org", "role": "admin"}],
  "nodes": [{"name": "a", "user": null, "tags": ["tag:a"], "created_rank": 3, "ipv4": "100.64.0.1", "ipv6": "fd7a::1",
             "routable_ips": ["10.0.0.0/8"], "approved_routes": []},
            {"name": "b", "user": "thor", "tags": [], "created_rank": null, "ipv4": "100.64.0.2", "ipv6": "fd7a::2"},
            {"name": "c", "user": "odin", "tags": [], "created_rank": 1, "ipv6": "fd7a::3", "ipv4": "100.64.0.3"}],
  "settings": {"magic_dns": true}})";

TEST(RecordedCase, UsersGoByNameAndRanksStandForTimes) {
  const auto loaded = load(recorded);
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_EQ(owner(loaded, "b"), "thor@example.org");
  EXPECT_EQ(owner(loaded, "a"), "");
  EXPECT_EQ(loaded.inventory.users[0].role, Role::owner);
  EXPECT_THAT(loaded.inventory.age, ElementsAre(1, 2, 0));
  EXPECT_THAT(texts(node(loaded, "a").advertised_routes), ElementsAre("10.0.0.0/8"));
  EXPECT_TRUE(node(loaded, "c").addresses.at(0).is_v4());
  EXPECT_THAT(loaded.inventory.domains, ElementsAre("example.com"));
  EXPECT_TRUE(loaded.inventory.settings.magic_dns);
}

TEST(RecordedCase, MayBeGivenWhole) {
  const auto loaded = load(std::string(R"({"id": "x", "policy": "{}", "expect": {}, "inventory": )") + recorded + "}");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.inventory.nodes.size(), 3U);
}

TEST(RecordedCase, AUserWhoIsNotListedIsAnError) {
  EXPECT_THAT(said(load(R"({"users": [{"name": "odin", "email": "odin@x"}],
                            "nodes": [{"name": "a", "user": "loki", "ipv4": "10.0.0.1"}]})")
                       .diagnostics),
              ElementsAre("E0806 2:61 no user has the login \"loki\""));
}

// --- tailscale status --json ------------------------------------------------------------------------------------------

constexpr const char* status = R"({
  "Version": "1.88.1", "BackendState": "Running",
  "Self": {"ID": "n1", "PublicKey": "nodekey:c53201039adba14be71f886da1d8dbe9eebded08cb111b75340078999aa9f038",
           "HostName": "Ana's laptop", "DNSName": "laptop.tail0aa1.ts.net.", "OS": "macOS", "UserID": 4001,
           "TailscaleIPs": ["100.64.0.11", "fd7a:115c:a1e0::b"], "AllowedIPs": ["100.64.0.11/32", "fd7a:115c:a1e0::b/128"],
           "Created": "2026-01-02T03:04:05.678Z", "CapMap": {"https://tailscale.com/cap/is-admin": null}},
  "CurrentTailnet": {"Name": "example.com", "MagicDNSSuffix": "tail0aa1.ts.net", "MagicDNSEnabled": true},
  "Peer": {
    "nodekey:bb22": {"ID": "n2", "PublicKey": "nodekey:bb22", "DNSName": "db-1.tail0aa1.ts.net.", "OS": "linux",
      "UserID": 9999, "TailscaleIPs": ["100.64.0.20"], "AllowedIPs": ["100.64.0.20/32", "10.20.0.0/16"],
      "Tags": ["tag:db"], "PrimaryRoutes": ["10.20.0.0/16"], "Created": "0001-01-01T00:00:00Z", "ExitNodeOption": true},
    "nodekey:cc33": {"ID": "n3", "DNSName": "nas.other.ts.net.", "UserID": 5001, "AltSharerUserID": 4001,
      "TailscaleIPs": ["100.64.0.30"], "AllowedIPs": ["100.64.0.30/32"]}},
  "User": {"4001": {"ID": 4001, "LoginName": "ana@example.com", "DisplayName": "Ana"},
           "5001": {"ID": 5001, "LoginName": "zoe@other.example", "DisplayName": "Zoe"},
           "9999": {"ID": 9999, "LoginName": "tagged-devices", "DisplayName": "Tagged Devices"}}})";

TEST(Status, TellsTheNodeItselfAndThePeersItSees) {
  const auto loaded = load(status);
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_EQ(loaded.inventory.tailnet, "example.com");
  EXPECT_TRUE(loaded.inventory.settings.magic_dns);
  ASSERT_EQ(loaded.inventory.nodes.size(), 3U);
  const Node& laptop = node(loaded, "laptop");
  EXPECT_EQ(laptop.id, "n1");
  EXPECT_EQ(owner(loaded, "laptop"), "ana@example.com");
  EXPECT_EQ(laptop.key, "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  EXPECT_THAT(laptop.approved_routes, IsEmpty());
  EXPECT_EQ(laptop.posture.at(0), (std::pair<std::string, Attribute>("node:os", Attribute(std::string("macos")))));
  EXPECT_EQ(loaded.inventory.users.at(laptop.user).role, Role::admin);
}

TEST(Status, RoutesAreWhatAPeerMaySendFromBesidesItsAddresses) {
  const auto loaded = load(status);
  EXPECT_THAT(texts(node(loaded, "db-1").approved_routes), ElementsAre("10.20.0.0/16", "0.0.0.0/0", "::/0"));
  EXPECT_EQ(owner(loaded, "db-1"), "");
  EXPECT_EQ(node(loaded, "db-1").created, std::nullopt);
}

// A node of another tailnet keeps its full name, and its owner's domain is none of ours.
TEST(Status, ASharedNodeBelongsToAnotherTailnet) {
  const auto loaded = load(status);
  EXPECT_TRUE(node(loaded, "nas.other.ts.net").shared);
  EXPECT_THAT(loaded.inventory.domains, ElementsAre("example.com"));
}

TEST(Status, OfSeveralNodesAreOneInventory) {
  const auto loaded = load({status, R"({"Self": {"ID": "n2", "DNSName": "db-1.tail0aa1.ts.net.", "UserID": 9999,
    "Tags": ["tag:db"], "TailscaleIPs": ["100.64.0.20"], "AllowedIPs": ["100.64.0.20/32", "10.30.0.0/16"]}, "Peer": {
    "nodekey:dd44": {"ID": "n4", "DNSName": "web.tail0aa1.ts.net.", "Tags": ["tag:web"], "TailscaleIPs": ["100.64.0.40"]}}})"});
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_EQ(loaded.inventory.nodes.size(), 4U);
  EXPECT_THAT(texts(node(loaded, "db-1").approved_routes),
              ElementsAre("10.20.0.0/16", "0.0.0.0/0", "::/0", "10.30.0.0/16"));
}

TEST(Status, ToldWhatItDoesNotTell) {
  const auto loaded = load(status);
  ASSERT_FALSE(loaded.gaps.empty());
  EXPECT_EQ(loaded.gaps[0].message, "a status tells only the nodes that \"laptop\" sees");
}

// --- the devices and users APIs ---------------------------------------------------------------------------------------

constexpr const char* devices = R"({"devices": [
  {"addresses": ["100.64.0.20", "fd7a:115c:a1e0::14"], "id": "735", "nodeId": "n2", "user": "ana@example.com",
   "name": "db-1.tail0aa1.ts.net", "hostname": "db-1", "clientVersion": "1.88.1-t0123abcd-gfedcba98", "os": "linux",
   "tags": ["tag:db"], "created": "2026-02-03T10:11:12Z", "authorized": true, "nodeKey": "nodekey:11bb",
   "advertisedRoutes": ["10.20.0.0/16", "0.0.0.0/0"], "enabledRoutes": ["10.20.0.0/16"]},
  {"addresses": ["100.64.0.21"], "nodeId": "n3", "user": "bo@example.com", "name": "phone.tail0aa1.ts.net", "os": "iOS",
   "clientVersion": "", "created": "", "authorized": true},
  {"addresses": ["100.64.0.22"], "nodeId": "n4", "user": "zoe@other.example", "name": "nas.other.ts.net",
   "authorized": true, "isExternal": true},
  {"addresses": ["100.64.0.23"], "nodeId": "n5", "user": "bo@example.com", "name": "new.tail0aa1.ts.net",
   "authorized": false}]})";

constexpr const char* users = R"({"users": [
  {"id": "u1", "displayName": "Ana", "loginName": "ana@example.com", "type": "member", "role": "owner", "status": "active"},
  {"id": "u2", "displayName": "Bo", "loginName": "bo@example.com", "type": "member", "role": "it-admin",
   "status": "suspended"}]})";

TEST(Devices, AreNodes) {
  const auto loaded = load(devices);
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  const Node& db = node(loaded, "db-1");
  EXPECT_EQ(db.id, "n2");
  EXPECT_EQ(db.addresses.size(), 2U);
  EXPECT_THAT(texts(db.advertised_routes), ElementsAre("10.20.0.0/16", "0.0.0.0/0"));
  EXPECT_THAT(texts(db.approved_routes), ElementsAre("10.20.0.0/16"));
  ASSERT_EQ(db.posture.size(), 2U);
  EXPECT_EQ(db.posture[0].second, Attribute(std::string("1.88.1")));
  EXPECT_EQ(db.posture[1].second, Attribute(std::string("linux")));
  EXPECT_EQ(node(loaded, "phone").posture.at(0).second, Attribute(std::string("ios")));
}

// The API goes on naming the one who added a tagged device.
TEST(Devices, OfTagsHaveNoUser) {
  const auto loaded = load(devices);
  EXPECT_EQ(owner(loaded, "db-1"), "");
  EXPECT_EQ(owner(loaded, "phone"), "bo@example.com");
}

TEST(Devices, FromOutsideAreSharedAndUnauthorizedOnesAreLeftOut) {
  const auto loaded = load(devices);
  EXPECT_EQ(loaded.inventory.nodes.size(), 3U);
  EXPECT_TRUE(node(loaded, "nas.other.ts.net").shared);
  EXPECT_THAT(loaded.inventory.domains, ElementsAre("example.com"));
  EXPECT_EQ(loaded.gaps.at(0).message, "device \"new\" is not authorized and is left out");
}

// Found by fuzzing: nothing was made of the device, so there is no owner to be set apart.
TEST(Devices, FromOutsideMayBeLeftOutToo) {
  const auto loaded = load(R"({"devices": [{"user": "zoe@other.example", "name": "nas", "isExternal": true}]})");
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.inventory.users, IsEmpty());
}

TEST(Devices, GetTheirUsersRolesFromTheUsersApi) {
  for (const auto& loaded : {load({devices, users}), load({users, devices})}) {
    EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
    const User& bo = loaded.inventory.users.at(node(loaded, "phone").user);
    EXPECT_EQ(bo.role, Role::it_admin);
    EXPECT_EQ(bo.name, "Bo");
    EXPECT_TRUE(bo.suspended);
  }
}

// --- headscale --------------------------------------------------------------------------------------------------------

// Up to 0.29.
constexpr const char* old_headscale = R"([
  {"id": 3, "node_key": "nodekey:11bb", "ip_addresses": ["fd7a:115c:a1e0::3", "100.64.0.3"], "name": "DB", "given_name": "db-1",
   "user": {"id": 1, "name": "ana", "created_at": {"seconds": 1767225600, "nanos": 0}}, "created_at": {"seconds": 1767225601},
   "forced_tags": ["tag:db"], "valid_tags": ["tag:db", "tag:web"], "invalid_tags": ["tag:no"],
   "approved_routes": ["10.20.0.0/16"], "available_routes": ["10.20.0.0/16", "0.0.0.0/0", "::/0"]},
  {"id": 4, "ip_addresses": ["100.64.0.4"], "given_name": "laptop", "user": {"id": 1, "name": "ana"}}])";

// From 0.30.
constexpr const char* new_headscale = R"([
  {"id": "3", "nodeKey": "nodekey:11bb", "ipAddresses": ["100.64.0.3", "fd7a:115c:a1e0::3"], "name": "db", "givenName": "db-1",
   "user": {"id": "9", "name": "tagged-devices"}, "createdAt": "2026-01-01T00:00:01Z", "preAuthKey": null,
   "approvedRoutes": ["10.20.0.0/16"], "availableRoutes": ["10.20.0.0/16"], "tags": ["tag:db"]},
  {"id": "4", "ipAddresses": ["100.64.0.4"], "givenName": "laptop", "tags": [],
   "user": {"id": "1", "name": "ana", "displayName": "Ana", "email": "ana@example.com", "providerId": "https://id/ana"}}])";

TEST(Headscale, OfOldReleasesHasTagsFromThreeLists) {
  const auto loaded = load(old_headscale);
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  const Node& db = node(loaded, "db-1");
  EXPECT_EQ(db.id, "3");
  EXPECT_THAT(loaded.inventory.tags, ElementsAre("tag:db", "tag:web"));
  EXPECT_THAT(db.tags, ElementsAre(0, 1));
  EXPECT_EQ(db.created, 1767225601);
  EXPECT_TRUE(db.addresses[0].is_v4());
  EXPECT_THAT(texts(db.advertised_routes), ElementsAre("10.20.0.0/16", "0.0.0.0/0", "::/0"));
}

// Policies name such a user "ana@".
TEST(Headscale, ALocalUserHasNoMailAddress) {
  const auto loaded = load(old_headscale);
  EXPECT_EQ(owner(loaded, "laptop"), "ana@");
  EXPECT_EQ(loaded.inventory.users.size(), 1U);
  EXPECT_THAT(loaded.inventory.domains, IsEmpty());
}

TEST(Headscale, OfNewReleases) {
  const auto loaded = load(new_headscale);
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_EQ(owner(loaded, "db-1"), "");
  EXPECT_EQ(owner(loaded, "laptop"), "ana@example.com");
  EXPECT_EQ(loaded.inventory.users.size(), 1U);  // not the pseudo-user
  EXPECT_EQ(node(loaded, "db-1").created, 1767225601);
}

TEST(Headscale, UsersAreKnownByTheirNumbers) {
  const auto loaded =
      load({old_headscale, R"([{"id": 1, "name": "ana", "email": "ana@example.com"}, {"id": 2, "name": "bo"}])"});
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_EQ(owner(loaded, "laptop"), "ana@example.com");
  EXPECT_EQ(loaded.inventory.users.size(), 2U);
}

TEST(Headscale, OverItsRestApi) {
  const auto loaded = load({std::string(R"({"nodes": )") + new_headscale + "}",
                            R"({"users": [{"id": "1", "name": "ana", "createdAt": "2026-01-01T00:00:00Z"}]})"});
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_EQ(loaded.inventory.nodes.size(), 2U);
}

// --- all of them ------------------------------------------------------------------------------------------------------

TEST(Import, OnlyTheExpectedFormatWithFrom) {
  EXPECT_TRUE(load({status}, From::tailscale).ok());
  EXPECT_TRUE(load({devices, users}, From::api).ok());
  EXPECT_TRUE(load({new_headscale}, From::headscale).ok());
  EXPECT_THAT(said(load({status}, From::headscale).diagnostics),
              ElementsAre("E0801 1:1 \"file1\" is not the output of headscale nodes list or users list -o json"));
}

TEST(Import, UsersAloneAreNoInventory) {
  EXPECT_EQ(load(users).diagnostics.at(0).code, Code::E0801);
  EXPECT_EQ(load("[]").diagnostics.at(0).code, Code::E0801);
}

TEST(Import, NodesWithoutAddressesAreLeftOut) {
  const auto loaded = load(R"({"Self": {"DNSName": "a.ts.net.", "TailscaleIPs": null}, "Peer": null, "User": null})");
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_THAT(loaded.inventory.nodes, IsEmpty());
  EXPECT_EQ(loaded.gaps.at(0).message, "node \"a\" has no addresses and is left out");
}

// --- aclnode host-keys --json ---

constexpr std::string_view host_key =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDpxHhMOCPKIyk4rqJEt9h5veRKFvhf+UhLhiXJHd/jm";

std::string host_keys(std::string_view key, std::string_view text) {
  return "{\"hostKeys\": [{\"key\": \"" + std::string(key) + "\", \"sshHostKeys\": [\"" + std::string(text) + "\"]}]}";
}

constexpr const char* two_nodes = R"({"users": [{"login": "ana@example.com"}], "nodes": [
    {"name": "db", "user": "ana@example.com", "addresses": ["100.64.0.1"], "key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="},
    {"name": "web", "user": "ana@example.com", "addresses": ["100.64.0.2"]}]})";

TEST(ImportHostKeys, GoToTheNodeOfTheirWireGuardKeyWhateverTheOrderOfTheFiles) {
  const std::string keys =
      host_keys("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", std::string(host_key) + " root@db");
  for (const LoadedInventory& loaded : {load({two_nodes, keys}), load({keys, two_nodes})}) {
    ASSERT_TRUE(loaded.ok());
    EXPECT_THAT(node(loaded, "db").ssh_host_keys, ElementsAre(host_key));
    EXPECT_THAT(node(loaded, "web").ssh_host_keys, IsEmpty());
  }
}

TEST(ImportHostKeys, OfANodeThatIsNotThereAreAGap) {
  const LoadedInventory loaded = load({two_nodes, host_keys("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", host_key)});
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.gaps.size(), 1U);
  EXPECT_EQ(
      loaded.gaps[0].message,
      "no node has the WireGuard key \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", so its host keys are left out");
}

TEST(ImportHostKeys, MustBeKeys) {
  for (const char* bad :
       {"", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIDpxHhMOCPKIyk4rqJEt"}) {
    const LoadedInventory loaded = load({two_nodes, host_keys("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", bad)});
    ASSERT_FALSE(loaded.ok()) << bad;
    EXPECT_EQ(loaded.diagnostics[0].code, Code::E0823) << bad;
  }
}

}  // namespace
}  // namespace acl::inventory
