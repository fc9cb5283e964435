// The native format, as docs/inventory.md describes it.
#include "compiler/inventory/load.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/inventory/testing.h"

namespace acl::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> logins(const Inventory& inventory) {
  std::vector<std::string> out;
  for (const User& user : inventory.users) out.push_back(user.login);
  return out;
}

std::vector<std::string> texts(const std::vector<net::Address>& addresses) {
  std::vector<std::string> out;
  for (const net::Address& address : addresses) out.push_back(address.text());
  return out;
}

constexpr std::string_view host_key =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDpxHhMOCPKIyk4rqJEt9h5veRKFvhf+UhLhiXJHd/jm";

constexpr std::string_view security_key =
    "sk-ssh-ed25519@openssh.com "
    "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo=";

TEST(Inventory, HasEverythingThatIsDocumented) {
  const auto loaded = load(R"({
    // comments and trailing commas are welcome
    "tailnet": "example.com",
    "domains": ["example.com"],
    "users": [{"login": "ana@example.com", "name": "Ana", "role": "admin", "suspended": true,
               "securityKeys": ["sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo= ana@key"],
               "sub": "4711"}],
    "nodes": [{"id": "n1", "name": "db-1", "tags": ["tag:db"], "addresses": ["100.64.0.7", "fd7a:115c:a1e0::7"],
               "advertisedRoutes": ["10.0.0.0/16"], "approvedRoutes": ["0.0.0.0/0"], "created": "2026-01-01T00:00:00Z",
               "key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", "endpoint": "198.51.100.7:51820",
               "sshHostKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDpxHhMOCPKIyk4rqJEt9h5veRKFvhf+UhLhiXJHd/jm a comment"],
               "posture": {"node:os": "linux", "custom:score": 7.5, "custom:ok": true},
               "shared": true, "binding": "none"},
              {"name": "laptop", "user": "Ana@Example.com", "addresses": ["100.64.0.8"]}],
    "services": [{"name": "svc:web", "addresses": ["100.64.9.1"], "hosts": ["db-1"]}],
    "syncedGroups": {"group:idp@example.com": ["ana@example.com"]},
    "settings": {"magicDNS": true, "devicesAutoUpdatesOn": true},
  })");
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  const Inventory& all = loaded.inventory;
  EXPECT_EQ(all.tailnet, "example.com");
  ASSERT_EQ(all.users.size(), 1U);
  EXPECT_EQ(all.users[0].role, Role::admin);
  EXPECT_TRUE(all.users[0].suspended);
  EXPECT_EQ(all.users[0].sub, "4711");
  EXPECT_THAT(all.users[0].security_keys, ElementsAre(security_key));
  ASSERT_EQ(all.nodes.size(), 2U);
  const Node& db = all.nodes[0];
  EXPECT_EQ(db.user, none);
  EXPECT_THAT(db.tags, ElementsAre(0));
  EXPECT_THAT(all.tags, ElementsAre("tag:db"));
  EXPECT_EQ(db.created, 1767225600);
  EXPECT_EQ(db.endpoint, "198.51.100.7:51820");
  ASSERT_EQ(db.posture.size(), 3U);
  EXPECT_EQ(db.posture[1].second, Attribute(7.5));
  EXPECT_TRUE(db.shared);
  EXPECT_FALSE(db.bound);
  EXPECT_EQ(all.nodes[1].user, 0U);
  EXPECT_TRUE(all.nodes[1].bound);
  ASSERT_EQ(all.services.size(), 1U);
  EXPECT_THAT(all.services[0].hosts, ElementsAre(0));
  ASSERT_EQ(all.synced_groups.size(), 1U);
  EXPECT_TRUE(all.settings.magic_dns);
  EXPECT_TRUE(all.settings.devices_auto_updates_on);
}

// --- nodes ------------------------------------------------------------------------------------------------------------

TEST(InventoryNodes, NeedANameAndAddressesOnly) {
  EXPECT_THAT(said(load(R"({"nodes": [{"name": "a", "addresses": ["::1"]}]})").diagnostics),
              ElementsAre("W0808 1:21 node \"a\" has neither user nor tags"));
  EXPECT_THAT(said(load(R"({"nodes": [{"addresses": ["::1"]}]})").diagnostics),
              ElementsAre("E0804 1:12 a node has no name"));
  EXPECT_THAT(said(load(R"({"nodes": [{"name": "a"}, {"name": "b", "addresses": []}]})").diagnostics),
              ElementsAre("E0804 1:21 node \"a\" has no addresses", "E0804 1:36 node \"b\" has no addresses"));
}

TEST(InventoryNodes, HaveNamesOfTheirOwn) {
  const auto loaded = load(R"({"nodes": [{"name": "a", "user": "ana@x", "addresses": ["::1"]},
                                         {"name": "a", "user": "ana@x", "addresses": ["::2"]}]})");
  ASSERT_THAT(said(loaded.diagnostics), ElementsAre("E0805 2:51 the name \"a\" stands twice"));
  EXPECT_EQ(loaded.diagnostics[0].related.at(0).place.start, (Position{1, 21}));
  EXPECT_FALSE(loaded.ok());
}

// A source address proves an identity, so no two may share one.
TEST(InventoryNodes, HaveAddressesOfTheirOwn) {
  const auto loaded = load(R"({"nodes": [{"name": "a", "user": "ana@x", "addresses": ["100.64.0.1", "fd00::1"]},
                                         {"name": "b", "user": "ana@x", "addresses": ["fd00:0::1"]}]})");
  ASSERT_THAT(said(loaded.diagnostics), ElementsAre("E0810 2:87 the address fd00::1 belongs to node \"a\" already"));
  EXPECT_EQ(loaded.diagnostics[0].related.at(0).place.start, (Position{1, 21}));
}

TEST(InventoryNodes, AnAddressGivenTwiceCountsOnce) {
  const auto loaded = load(R"({"nodes": [{"name": "a", "user": "ana@x", "addresses": ["::1", "::1"]}]})");
  EXPECT_THAT(said(loaded.diagnostics), ElementsAre("W0820 1:64 the address ::1 stands twice"));
  EXPECT_THAT(texts(loaded.inventory.nodes[0].addresses), ElementsAre("::1"));
}

TEST(InventoryNodes, ListTheirIpv4AddressesFirst) {
  const auto loaded =
      load(R"({"nodes": [{"name": "a", "user": "ana@x", "addresses": ["::2", "10.0.0.2", "::1", "10.0.0.1"]}]})");
  EXPECT_THAT(texts(loaded.inventory.nodes[0].addresses), ElementsAre("10.0.0.2", "10.0.0.1", "::2", "::1"));
}

TEST(InventoryNodes, AddressesHaveNoLength) {
  const auto loaded = load(R"({"nodes": [{"name": "a", "addresses": ["100.64.0.7/32", "db.example.com"]}]})");
  ASSERT_GE(loaded.diagnostics.size(), 2U);
  EXPECT_EQ(loaded.diagnostics[0].message, "\"100.64.0.7/32\" is no address");
  EXPECT_EQ(loaded.diagnostics[0].help, "write the address without a length: \"100.64.0.7\"");
  EXPECT_EQ(loaded.diagnostics[1].message, "\"db.example.com\" is no address");
}

TEST(InventoryNodes, RoutesArePrefixesWithoutHostBits) {
  const auto loaded = load(one_node(R"("advertisedRoutes": ["10.0.3.7/16", "10.1.0.0/16", "lan"])"));
  ASSERT_EQ(loaded.diagnostics.size(), 2U);
  EXPECT_EQ(loaded.diagnostics[0].message, "\"10.0.3.7/16\" has bits set beyond its length");
  EXPECT_EQ(loaded.diagnostics[0].help,
            "write \"10.0.0.0/16\" for the network, or \"10.0.3.7\" for the single address");
  EXPECT_EQ(loaded.diagnostics[1].message, "\"lan\" is no prefix");
}

// As on the hosted service: tags take a node away from its owner.
TEST(InventoryNodes, TagsWinOverTheUser) {
  const auto loaded = load(one_node(R"("tags": ["tag:db"])"));
  EXPECT_THAT(said(loaded.diagnostics), ElementsAre("W0807 1:63 node \"a\" has both user and tags"));
  EXPECT_EQ(loaded.inventory.nodes[0].user, none);
  EXPECT_THAT(loaded.inventory.users, IsEmpty());
}

TEST(InventoryNodes, TagsAreInLowerCaseAndOnce) {
  const auto loaded =
      load(R"({"nodes": [{"name": "a", "addresses": ["::1"], "tags": ["tag:DB", "tag:web", "tag:db"]}]})");
  EXPECT_THAT(said(loaded.diagnostics), ElementsAre("W0820 1:12 node \"a\" has the tag \"tag:db\" twice"));
  EXPECT_THAT(loaded.inventory.tags, ElementsAre("tag:db", "tag:web"));
  EXPECT_THAT(loaded.inventory.nodes[0].tags, ElementsAre(0, 1));
}

TEST(InventoryNodes, TagsHaveAForm) {
  const auto loaded = load(R"({"nodes": [{"name": "a", "addresses": ["::1"], "tags": ["db", "tag:1st", "tag:a_b"]}]})");
  ASSERT_EQ(loaded.diagnostics.size(), 4U);
  EXPECT_EQ(loaded.diagnostics[0].code, Code::E0309);
  EXPECT_EQ(loaded.diagnostics[0].help, "write \"tag:db\"");
}

TEST(InventoryNodes, KeysEndpointsTimesAndBindingsAreChecked) {
  EXPECT_THAT(said(load(one_node(R"("key": "abc")")).diagnostics), ElementsAre(HasSubstr("E0813")));
  EXPECT_THAT(said(load(one_node(R"("endpoint": "10.0.0.1")")).diagnostics), ElementsAre(HasSubstr("E0819")));
  EXPECT_THAT(said(load(one_node(R"("created": "yesterday")")).diagnostics), ElementsAre(HasSubstr("E0812")));
  EXPECT_THAT(said(load(one_node(R"("binding": "ipsec")")).diagnostics), ElementsAre(HasSubstr("E0818")));
  EXPECT_THAT(said(load(one_node(R"("posture": {"a": []})")).diagnostics), ElementsAre(HasSubstr("E0203")));
  EXPECT_THAT(said(load(one_node(R"("posture": {"a": 1e999})")).diagnostics), ElementsAre(HasSubstr("E0203")));
  EXPECT_THAT(said(load(one_node(R"("posture": {"a": 1, "b": 2, "a": 3})")).diagnostics),
              ElementsAre(HasSubstr("E0202")));
}

TEST(InventoryNodes, OneKeyForTwoIsAWarning) {
  const auto loaded = load(R"({"nodes": [
    {"name": "a", "user": "ana@x", "addresses": ["::1"], "key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="},
    {"name": "b", "user": "ana@x", "addresses": ["::2"], "key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="}]})");
  EXPECT_THAT(said(loaded.diagnostics), ElementsAre("W0814 3:14 nodes \"a\" and \"b\" have the same key"));
}

TEST(InventoryNodes, SettingsBindingIsTheDefault) {
  const auto loaded = load(R"({"nodes": [{"name": "a", "user": "ana@x", "addresses": ["::1"]},
                                         {"name": "b", "user": "ana@x", "addresses": ["::2"], "binding": "wireguard"}],
                               "settings": {"binding": "none"}})");
  EXPECT_TRUE(loaded.ok());
  EXPECT_FALSE(loaded.inventory.nodes[0].bound);
  EXPECT_TRUE(loaded.inventory.nodes[1].bound);
}

TEST(InventoryNodes, NamesHaveNoControlCharacters) {
  EXPECT_THAT(said(load(R"({"nodes": [{"name": "a\nb", "addresses": ["::1"]}]})").diagnostics),
              ElementsAre(HasSubstr("E0817")));
}

// --- age --------------------------------------------------------------------------------------------------------------

TEST(InventoryAge, IsTheOrderOfCreationThenOfNames) {
  const auto loaded = load(R"({"nodes": [
    {"name": "z", "user": "ana@x", "addresses": ["::1"]},
    {"name": "b", "user": "ana@x", "addresses": ["::2"], "created": "2026-01-02T00:00:00Z"},
    {"name": "a", "user": "ana@x", "addresses": ["::3"], "created": "2026-01-02T01:00:00+01:00"},
    {"name": "c", "user": "ana@x", "addresses": ["::4"], "created": "2025-01-01T00:00:00Z"},
    {"name": "y", "user": "ana@x", "addresses": ["::5"], "created": "0001-01-01T00:00:00Z"}]})");
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.inventory.age, ElementsAre(4, 2, 1, 0, 3));
}

// --- users ------------------------------------------------------------------------------------------------------------

TEST(InventoryUsers, AreMadeOfTheNodesWhereNoneAreListed) {
  const auto loaded = load(R"({"nodes": [{"name": "a", "user": "bo@example.org", "addresses": ["::1"]},
                                         {"name": "b", "user": "Ana@Example.com", "addresses": ["::2"]},
                                         {"name": "c", "user": "ana@example.com", "addresses": ["::3"]}]})");
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_THAT(logins(loaded.inventory), ElementsAre("bo@example.org", "Ana@Example.com"));
  EXPECT_EQ(loaded.inventory.nodes[2].user, 1U);
  EXPECT_THAT(loaded.inventory.domains, ElementsAre("example.org", "example.com"));
}

TEST(InventoryUsers, AreAllKnownWhereTheyAreListed) {
  const auto loaded = load(R"({"users": [{"login": "ana@example.com"}],
                               "nodes": [{"name": "a", "user": "ann@example.com", "addresses": ["::1"]}]})");
  ASSERT_THAT(said(loaded.diagnostics), ElementsAre("E0806 2:64 no user has the login \"ann@example.com\""));
  EXPECT_EQ(loaded.diagnostics[0].help, "did you mean \"ana@example.com\"?");
}

TEST(InventoryUsers, AreEachListedOnceWhateverTheCase) {
  const auto loaded = load(R"({"users": [{"login": "ana@example.com"}, {"login": "ANA@example.com"}], "nodes": []})");
  ASSERT_THAT(said(loaded.diagnostics), ElementsAre("E0805 1:52 the login \"ANA@example.com\" stands twice"));
  EXPECT_EQ(loaded.diagnostics[0].related.at(0).place.start, (Position{1, 22}));
}

TEST(InventoryUsers, AreMembersUnlessTheyHaveARole) {
  const auto loaded =
      load(R"({"users": [{"login": "ana@x"}, {"login": "bo@x", "role": "Network-Admin"}], "nodes": []})");
  EXPECT_EQ(loaded.inventory.users[0].role, Role::member);
  EXPECT_EQ(loaded.inventory.users[1].role, Role::network_admin);
  const auto wrong = load(R"({"users": [{"login": "ana@x", "role": "amdin"}], "nodes": []})");
  ASSERT_EQ(wrong.diagnostics.size(), 1U);
  EXPECT_EQ(wrong.diagnostics[0].help, "did you mean \"admin\"?");
}

TEST(InventoryUsers, NeedALogin) {
  EXPECT_THAT(said(load(R"({"users": [{"name": "Ana"}], "nodes": []})").diagnostics),
              ElementsAre("E0804 1:12 a user has no login"));
  EXPECT_THAT(said(load(R"({"users": [{"login": "ana"}], "nodes": []})").diagnostics),
              ElementsAre("W0821 1:22 the login \"ana\" has no @"));
}

// ana@github names whoever vouches for ana; that is no mail domain.
TEST(InventoryDomains, AreThoseOfTheLoginsUnlessGiven) {
  const std::string users = R"("users": [{"login": "a@github"}, {"login": "b@B.example"}, {"login": "c@a.example"},
                                         {"login": "d@b.example"}, {"login": "e@"}], "nodes": [])";
  EXPECT_THAT(load("{" + users + "}").inventory.domains, ElementsAre("b.example", "a.example"));
  EXPECT_THAT(load(R"({"domains": ["x.example"], )" + users + "}").inventory.domains, ElementsAre("x.example"));
  EXPECT_THAT(load(R"({"domains": [], )" + users + "}").inventory.domains, IsEmpty());
}

// --- services and groups ----------------------------------------------------------------------------------------------

TEST(InventoryServices, RunOnNodesThatExist) {
  const auto loaded = load(R"({"nodes": [{"name": "db-1", "user": "ana@x", "addresses": ["::1"]}],
                               "services": [{"name": "svc:web", "hosts": ["db-2"]}]})");
  ASSERT_THAT(said(loaded.diagnostics), ElementsAre("E0816 2:75 no node has the name \"db-2\""));
  EXPECT_EQ(loaded.diagnostics[0].help, "did you mean \"db-1\"?");
}

TEST(InventoryServices, HaveNamesAndAddressesOfTheirOwn) {
  EXPECT_THAT(said(load(R"({"nodes": [], "services": [{"name": "web"}]})").diagnostics),
              ElementsAre(HasSubstr("E0336")));
  EXPECT_THAT(said(load(R"({"nodes": [], "services": [{"name": "svc:a"}, {"name": "svc:a"}]})").diagnostics),
              ElementsAre(HasSubstr("E0805")));
  EXPECT_THAT(said(load(R"({"nodes": [{"name": "a", "user": "ana@x", "addresses": ["::1"]}],
                            "services": [{"name": "svc:a", "addresses": ["::1"]}]})")
                       .diagnostics),
              ElementsAre("E0810 2:74 the address ::1 belongs to node \"a\" already"));
}

TEST(InventoryGroups, AreNamedLikeGroups) {
  EXPECT_THAT(said(load(R"({"nodes": [], "syncedGroups": {"eng": []}})").diagnostics), ElementsAre(HasSubstr("E0310")));
  EXPECT_THAT(said(load(R"({"nodes": [], "syncedGroups": {"group:a@x": [], "group:a@x": []}})").diagnostics),
              ElementsAre(HasSubstr("E0805")));
}

// --- users ------------------------------------------------------------------------------------------------------------

TEST(InventorySecurityKeys, AreOnFido2Devices) {
  const auto user = [](std::string_view key) {
    return load(
        fmt::format(R"({{"users": [{{"login": "ana@example.com", "securityKeys": ["{}"]}}], "nodes": []}})", key));
  };
  EXPECT_THAT(
      said(
          user(
              "sk-ecdsa-sha2-nistp256@openssh.com "
              "AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBAABAgMEBQYHCAkKCwwNDg8QERITFBUW"
              "FxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8AAAAEc3NoOg==")
              .diagnostics),
      IsEmpty());
  const std::string ed25519(security_key);
  for (const std::string& bad :
       {std::string(host_key), std::string("sk-ssh-ed25519@openssh.com"),
        std::string("sk-ssh-ed25519@openssh.com AAAA"),
        ed25519.substr(0, ed25519.size() - 12) + "AAAABHNzaA==",  // the last length is not that of what follows
        std::string(
            "sk-ssh-ed25519@openssh.com "
            "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAHwABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4AAAAEc3NoOg==")})
    EXPECT_THAT(said(user(bad).diagnostics), ElementsAre(HasSubstr("E0824"))) << bad;
}

TEST(InventorySecurityKeys, AreAtMostSixteen) {
  std::string keys;
  for (int i = 0; i < 17; ++i) keys += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", security_key);
  const auto loaded =
      load(fmt::format(R"({{"users": [{{"login": "ana@example.com", "securityKeys": [{}]}}], "nodes": []}})", keys));
  EXPECT_THAT(said(loaded.diagnostics), ElementsAre(HasSubstr("more than 16 security keys")));
}

TEST(InventorySub, IsAtMost255Bytes) {
  const auto loaded = load(
      fmt::format(R"({{"users": [{{"login": "ana@example.com", "sub": "{}"}}], "nodes": []}})", std::string(256, 's')));
  EXPECT_THAT(said(loaded.diagnostics), ElementsAre(HasSubstr("at most 255 bytes")));
}

// --- keys -------------------------------------------------------------------------------------------------------------

TEST(InventoryKeys, UnknownOnesAreErrorsWithASuggestion) {
  const auto loaded = load(one_node(R"("advertizedRoutes": [])"));
  ASSERT_THAT(said(loaded.diagnostics), ElementsAre("E0802 1:82 a node has no key \"advertizedRoutes\""));
  EXPECT_EQ(loaded.diagnostics[0].help, "did you mean \"advertisedRoutes\"?");
}

TEST(InventoryKeys, OtherLetterCaseIsAWarning) {
  const auto loaded = load(one_node(fmt::format(R"("SSHHostKeys": ["{}"])", host_key)));
  EXPECT_THAT(said(loaded.diagnostics), ElementsAre("W0803 1:82 \"SSHHostKeys\" is documented as \"sshHostKeys\""));
  EXPECT_THAT(loaded.inventory.nodes[0].ssh_host_keys, ElementsAre(host_key));
}

TEST(InventoryKeys, RepeatedOnesAreErrors) {
  const auto loaded = load(one_node(R"("shared": true, "Shared": false)"));
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.diagnostics[0].code, Code::E0202);
  EXPECT_EQ(loaded.diagnostics[0].related.at(0).place.start, (Position{1, 82}));
}

TEST(InventoryKeys, NullCountsAsAbsent) {
  const auto loaded = load(one_node(R"("tags": null, "created": null, "posture": null)"));
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
}

// --- what is no inventory ---------------------------------------------------------------------------------------------

TEST(Inventory, IsNotEverything) {
  for (const char* text : {"{}", "[1]", "7", "null", R"({"users": []})", R"({"inventory": 7})"}) {
    const auto loaded = load(text);
    ASSERT_EQ(loaded.diagnostics.size(), 1U) << text;
    EXPECT_EQ(loaded.diagnostics[0].code, Code::E0801) << text;
  }
  EXPECT_EQ(load(R"({"acls": []})").diagnostics.at(0).help, "this looks like a policy");
  EXPECT_EQ(load({}).diagnostics.at(0).code, Code::E0801);
  EXPECT_TRUE(load(R"({"nodes": []})").ok());
}

TEST(Inventory, WithSyntaxErrorsIsNotRead) {
  const auto loaded = load(R"({"nodes": [}})");
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.diagnostics[0].code, Code::E0101);
}

TEST(Inventory, OfSeveralFilesIsMerged) {
  const auto loaded =
      load({R"({"tailnet": "t", "nodes": [{"name": "a", "user": "ana@x.example", "addresses": ["::1"]}]})",
            R"({"users": [{"login": "ana@x.example", "role": "owner"}]})"});
  EXPECT_THAT(said(loaded.diagnostics), IsEmpty());
  EXPECT_EQ(loaded.inventory.users.at(loaded.inventory.nodes.at(0).user).role, Role::owner);
  const auto twice = load({one_node(""), one_node("")});
  ASSERT_EQ(twice.diagnostics.size(), 1U);
  EXPECT_EQ(twice.diagnostics[0].place->file, "file2");
  EXPECT_EQ(twice.diagnostics[0].related.at(0).place.file, "file1");
}

// What cannot be read is told a bounded number of times, however long the file.
TEST(Inventory, OfNothingButErrorsIsQuicklyRefused) {
  std::string text = R"({"users": [)";
  for (int i = 0; i < 20000; ++i) text += fmt::format(R"({{"login": "user{}@example.com"}},)", i);
  text += R"(], "nodes": [)";
  for (int i = 0; i < 20000; ++i)
    text += fmt::format(R"({{"name": "n{0}", "user": "usr{0}@example.com", "addresses": ["::1"]}},)", i);
  const auto loaded = load(text + "]}");
  EXPECT_EQ(loaded.diagnostics.size(), 1001U);
}

}  // namespace
}  // namespace acl::inventory
