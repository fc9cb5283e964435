// What the control plane says on saving a policy, given who and what there is: the policy's tests are run, and names that only
// the inventory knows are looked up. https://tailscale.com/docs/reference/syntax/policy-file#tests
#include "compiler/questions/full_check.h"

#include <gtest/gtest.h>

#include "compiler/inventory/load.h"

namespace acl::questions {
namespace {

// Two people and a server with two addresses each, and a router.
constexpr const char* tailnet = R"({
  "domains": ["example.com"],
  "users": [{"login": "ana@example.com"}, {"login": "bo@example.com"}, {"login": "eve@example.org"}],
  "nodes": [
    {"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1", "fd7a:115c:a1e0::1"]},
    {"name": "phone", "user": "ana@example.com", "addresses": ["100.64.0.2", "fd7a:115c:a1e0::2"]},
    {"name": "desk", "user": "bo@example.com", "addresses": ["100.64.0.3", "fd7a:115c:a1e0::3"]},
    {"name": "visitor", "user": "eve@example.org", "addresses": ["100.64.0.4", "fd7a:115c:a1e0::4"]},
    {"name": "db", "tags": ["tag:db"], "addresses": ["100.64.0.5", "fd7a:115c:a1e0::5"]},
    {"name": "router", "tags": ["tag:router"], "addresses": ["100.64.0.6", "fd7a:115c:a1e0::6"],
     "advertisedRoutes": ["10.0.0.0/16"], "approvedRoutes": ["10.0.0.0/16"]},
  ],
})";

// The service's answer to the policy; "" if it is accepted.
std::string answer(const std::string& sections) {
  const SourceText text("inventory.hujson", tailnet);
  const inventory::LoadedInventory inventory = inventory::load_inventory({&text});
  EXPECT_TRUE(inventory.ok());
  const std::string names = R"({"groups": {"group:both": ["ana@example.com", "bo@example.com"], "group:none": []},
    "hosts": {"it": "100.64.0.5", "printer": "10.0.0.9", "nowhere": "203.0.113.1", "lan": "10.0.0.0/16"},
    "tagOwners": {"tag:db": [], "tag:router": []}, )";
  const policy::Loaded loaded =
      full_check("policy.hujson", names + sections + "}\n", policy::Dialect::tailscale, inventory.inventory);
  return loaded.accepted() ? "" : *loaded.message();
}

constexpr const char* failed = "test(s) failed";
constexpr const char* passed = "";

// One rule of each kind, and one test.
std::string packets(const std::string& rules, const std::string& test) {
  return answer(rules + R"(, "tests": [{)" + test + "}]");
}
std::string acl(const std::string& src, const std::string& dst, const std::string& more = "") {
  return R"("acls": [{"action": "accept", "src": [")" + src + R"("], "dst": [")" + dst + "\"]" + more + "}]";
}
std::string login(const std::string& src, const std::string& dst, const std::string& users, const std::string& test,
                  const std::string& action = "accept") {
  return answer(R"("acls": [], "ssh": [{"action": ")" + action + R"(", "src": [")" + src + R"("], "dst": [")" + dst +
                R"("], "users": [)" + users + R"(]}], "sshTests": [{)" + test + "}]");
}

// --- tests --------------------------------------------------------------------------------------------------------------

TEST(SavedTests, OneFailureRefusesThePolicyAndSaysNoMore) {
  const std::string rules = acl("ana@example.com", "tag:db:22");
  EXPECT_EQ(packets(rules, R"("src": "ana@example.com", "accept": ["tag:db:22"])"), passed);
  EXPECT_EQ(packets(rules, R"("src": "ana@example.com", "accept": ["tag:db:23"])"), failed);
  EXPECT_EQ(packets(rules, R"("src": "ana@example.com", "deny": ["tag:db:22"])"), failed);
  EXPECT_EQ(packets(rules, R"("src": "ana@example.com", "accept": ["tag:db:22"]},
                              {"src": "bo@example.com", "accept": ["tag:db:22"])"),
            failed);
}

TEST(SavedTests, GrantsCountLikeAcls) {
  EXPECT_EQ(packets(R"("grants": [{"src": ["tag:router"], "dst": ["tag:db"], "ip": ["tcp:22"]}])",
                    R"("src": "tag:router", "accept": ["tag:db:22"], "deny": ["tag:db:23"])"),
            passed);
}

TEST(SavedTests, AnAddressNeedBelongToNoDevice) {
  for (const std::string address : {"203.0.113.1", "[2001:db8::1]", "nowhere"}) {
    const std::string test = R"("src": "ana@example.com", "accept": [")" + address + R"(:22"])";
    EXPECT_EQ(packets(acl("ana@example.com", address + ":22"), test), passed) << address;
    EXPECT_EQ(packets(acl("bo@example.com", address + ":22"), test), failed) << address;
  }
  EXPECT_EQ(packets(acl("ana@example.com", "lan:*"), R"("src": "ana@example.com", "accept": ["printer:631"])"), passed)
      << "an address behind a router";
}

TEST(SavedTests, AllDevicesOfASourceMustReach) {
  EXPECT_EQ(packets(acl("group:both", "tag:db:22"), R"("src": "group:both", "accept": ["tag:db:22"])"), passed);
  EXPECT_EQ(packets(acl("ana@example.com", "tag:db:22"), R"("src": "group:both", "accept": ["tag:db:22"])"), failed);
  EXPECT_EQ(packets(acl("100.64.0.1", "tag:db:22"), R"("src": "ana@example.com", "accept": ["tag:db:22"])"), failed);
  EXPECT_EQ(packets(acl("100.64.0.1", "tag:db:22"), R"("src": "100.64.0.1", "accept": ["tag:db:22"])"), passed);
}

TEST(SavedTests, WithoutAProtocolTcpOrUdpIsEnough) {
  const std::string test = R"("src": "ana@example.com", "accept": ["tag:db:53"])";
  EXPECT_EQ(packets(acl("ana@example.com", "tag:db:53", R"(, "proto": "tcp")"), test), passed);
  EXPECT_EQ(packets(acl("ana@example.com", "tag:db:53", R"(, "proto": "udp")"), test), passed);
  EXPECT_EQ(packets(acl("ana@example.com", "tag:db:53", R"(, "proto": "sctp")"), test), failed);
}

TEST(SavedTests, AProtocolIsAskedForByNameOrNumber) {
  const std::string rules = acl("ana@example.com", "tag:db:53", R"(, "proto": "udp")");
  const auto by = [&](const std::string& proto) {
    return packets(rules, R"("src": "ana@example.com", "proto": ")" + proto + R"(", "accept": ["tag:db:53"])");
  };
  for (const std::string proto : {"udp", "17", ""}) EXPECT_EQ(by(proto), passed) << proto;
  for (const std::string proto : {"tcp", "6", "132"}) EXPECT_EQ(by(proto), failed) << proto;
}

TEST(SavedTests, WhoeverIsUnknownFailsThemEvenUnderDeny) {
  for (const std::string verb : {"accept", "deny"}) {
    const std::string rules = acl("*", "*:*");
    EXPECT_EQ(packets(rules, R"("src": "zoe@example.com", ")" + verb + R"(": ["tag:db:22"])"), failed);
    EXPECT_EQ(packets(rules, R"("src": "ana@example.com", ")" + verb + R"(": ["zoe@example.com:22"])"), failed);
    EXPECT_EQ(packets(rules, R"("src": "group:none", ")" + verb + R"(": ["tag:db:22"])"), failed);
  }
}

// --- sshTests -----------------------------------------------------------------------------------------------------------

TEST(SavedSshTests, LookAtSshRulesAndNotAtThePacketFilter) {
  const std::string test = R"("src": "ana@example.com", "dst": ["tag:db"], "accept": ["root"])";
  EXPECT_EQ(login("ana@example.com", "tag:db", R"("root")", test), passed) << "no acl opens port 22";
  EXPECT_EQ(answer(acl("ana@example.com", "tag:db:22") + R"(, "ssh": [], "sshTests": [{)" + test + "}]"), failed);
}

TEST(SavedSshTests, BothKindsMustPass) {
  const std::string rules = acl("ana@example.com", "tag:db:22") +
                            R"(, "ssh": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db"],
                                          "users": ["root"]}], )";
  const auto saved = [&](const std::string& port, const std::string& account) {
    return answer(rules + R"("tests": [{"src": "ana@example.com", "accept": ["tag:db:)" + port +
                  R"("]}], "sshTests": [{"src": "ana@example.com", "dst": ["tag:db"], "accept": [")" + account +
                  R"("]}])");
  };
  EXPECT_EQ(saved("22", "root"), passed);
  EXPECT_EQ(saved("23", "root"), failed);
  EXPECT_EQ(saved("22", "mallory"), failed);
}

TEST(SavedSshTests, AskForEachAccountAtEachDestination) {
  const auto ask = [&](const std::string& users, const std::string& asserted) {
    return login("group:both", "tag:db", users,
                 R"("src": "ana@example.com", "dst": ["tag:db", "tag:db"], )" + asserted);
  };
  EXPECT_EQ(ask(R"("root", "ubuntu")", R"("accept": ["root", "ubuntu"], "deny": ["other"])"), passed);
  EXPECT_EQ(ask(R"("root")", R"("accept": ["ubuntu"])"), failed);
  EXPECT_EQ(ask(R"("root")", R"("deny": ["root"])"), failed);
  EXPECT_EQ(ask(R"("autogroup:nonroot")", R"("accept": ["anybody"], "deny": ["root"])"), passed);
  EXPECT_EQ(ask(R"("localpart:*@example.com")", R"("accept": ["ana"], "deny": ["bo", "root"])"), passed);
}

TEST(SavedSshTests, CheckNeedsACheckRule) {
  const std::string test = R"("src": "ana@example.com", "dst": ["tag:db"], "check": ["root"])";
  EXPECT_EQ(login("ana@example.com", "tag:db", R"("root")", test, "check"), passed);
  EXPECT_EQ(login("ana@example.com", "tag:db", R"("root")", test, "accept"), failed);
}

TEST(SavedSshTests, OfAutogroupSelfNameTheUserAsDestination) {
  const auto ask = [&](const std::string& to, const std::string& verb) {
    return login("autogroup:member", "autogroup:self", R"("root")",
                 R"("src": "ana@example.com", "dst": [")" + to + R"("], ")" + verb + R"(": ["root"])");
  };
  EXPECT_EQ(ask("ana@example.com", "accept"), passed);
  EXPECT_EQ(ask("bo@example.com", "deny"), passed);
  EXPECT_EQ(ask("bo@example.com", "accept"), failed);
  EXPECT_EQ(ask("tag:db", "deny"), passed);
}

TEST(SavedSshTests, AnAddressOrAliasIsThatOfADevice) {
  const auto ask = [&](const std::string& from, const std::string& to, const std::string& verb = "accept") {
    return login("ana@example.com", "tag:db", R"("root")",
                 R"("src": ")" + from + R"(", "dst": [")" + to + R"("], ")" + verb + R"(": ["root"])");
  };
  EXPECT_EQ(ask("100.64.0.2", "it"), passed);
  EXPECT_EQ(ask("fd7a:115c:a1e0::1", "100.64.0.5"), passed);
  EXPECT_EQ(ask("100.64.0.3", "it"), failed) << "bo's";
  for (const std::string verb : {"accept", "deny"}) {
    EXPECT_EQ(ask("ana@example.com", "203.0.113.1", verb), failed) << "the address of no device";
    EXPECT_EQ(ask("ana@example.com", "nowhere", verb), failed);
    EXPECT_EQ(ask("203.0.113.1", "tag:db", verb), failed);
  }
}

// --- domains ------------------------------------------------------------------------------------------------------------

constexpr const char* foreign =
    " is not associated with this Tailnet and cannot be used in user:*@<domain> expressions";

// A user of another domain can be a member of the tailnet all the same; the domain is compared as written.
TEST(SavedDomains, AreThoseOfTheTailnet) {
  const auto users = [](const std::string& account) {
    return answer(R"("ssh": [{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:db"], "users": [")" +
                  account + "\"]}]");
  };
  EXPECT_EQ(users("localpart:*@example.com"), passed);
  for (const std::string domain : {"example.org", "EXAMPLE.COM", "sub.example.com", "*"}) {
    EXPECT_EQ(users("localpart:*@" + domain), domain + foreign);
  }
  EXPECT_EQ(answer(acl("user:*@example.com", "*:*")), passed);
  EXPECT_EQ(answer(acl("user:*@example.org", "*:*")), std::string("src=example.org") + foreign);
  EXPECT_EQ(answer(R"("ssh": [{"action": "accept", "src": ["user:*@example.org"], "dst": ["tag:db"],
                               "users": ["root"]}])"),
            std::string("[ssh] example.org") + foreign);
}

}  // namespace
}  // namespace acl::questions
