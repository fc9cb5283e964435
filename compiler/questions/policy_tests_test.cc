// The tests of a policy: whom they speak of, what `accept`, `deny` and `check` ask for.
#include "compiler/questions/policy_tests.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/inventory/load.h"
#include "compiler/questions/full_check.h"
#include "compiler/resolve/tailnet.h"

namespace acl::questions {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Ana has a laptop, Bo nothing; `eve` is of another tailnet and shares her device in; one database.
constexpr const char* small_tailnet = R"({
  "domains": ["example.com"],
  "users": [{"login": "ana@example.com"}, {"login": "bo@example.com"}, {"login": "eve@example.org"}],
  "nodes": [
    {"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"], "posture": {"node:os": "linux"}},
    {"name": "guest", "user": "eve@example.org", "addresses": ["100.64.0.2"], "shared": true},
    {"name": "db", "tags": ["tag:db"], "addresses": ["100.64.0.3"]},
  ],
  "syncedGroups": {"group:team@example.com": ["bo@example.com"]},
})";

// What a verdict without rules says of a case: all but the rule.
std::string verdict_of(const TestCase& test) {
  return fmt::format("{}[{}] {} {} {} {}", test.kind, test.index, test.name, test.ok, test.got, test.detail);
}

// What fails, as one text each; "refused: …" if the policy is not even read. Judging by those who are named alone must say the same.
std::vector<std::string> failures(const std::string& members, const char* tailnet = small_tailnet) {
  const SourceText text("inventory.hujson", tailnet);
  const inventory::LoadedInventory inventory = inventory::load_inventory({&text});
  EXPECT_TRUE(inventory.ok());
  TestRun run;
  const policy::Loaded loaded =
      full_check("policy.hujson", "{\"tagOwners\": {\"tag:db\": [], \"tag:spare\": []}, " + members + "}\n",
                 policy::Dialect::tailscale, inventory.inventory, &run);
  std::vector<std::string> out;
  for (const TestCase& test : run.cases) {
    if (!test.ok) out.push_back(describe(test));
  }
  if (!loaded.accepted() && out.empty()) out.push_back("refused: " + *loaded.message());
  if (!run.cases.empty()) {
    const policy::Policy& policy = loaded.file->policy;
    const TestRun judged = judge_tests(*loaded.file, resolve::Tailnet(inventory.inventory), loaded.file->tree,
                                       policy.tests, policy.ssh_tests);
    std::vector<std::string> all, quick;
    for (const TestCase& test : run.cases) all.push_back(verdict_of(test));
    for (const TestCase& test : judged.cases) quick.push_back(verdict_of(test));
    EXPECT_EQ(quick, all);
  }
  return out;
}

// A router with a network behind it, a device inside that network, an address there that is none's.
constexpr const char* routed_tailnet = R"({
  "users": [{"login": "ana@example.com"}, {"login": "bo@example.com"}, {"login": "cy@example.com"}],
  "nodes": [
    {"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"]},
    {"name": "desk", "user": "bo@example.com", "addresses": ["100.64.0.2"]},
    {"name": "phone", "user": "cy@example.com", "addresses": ["100.64.0.4"]},
    {"name": "db", "tags": ["tag:db"], "addresses": ["100.64.0.3"]},
    {"name": "router", "tags": ["tag:spare"], "addresses": ["100.64.0.9"],
     "advertisedRoutes": ["10.0.0.0/24"], "approvedRoutes": ["10.0.0.0/24"]},
    {"name": "inside", "tags": ["tag:spare"], "addresses": ["10.0.0.5"]},
  ],
})";

TEST(PolicyTests, WhoIsNotNamedCountsWhereARouteHoldsThem) {
  // Under a posture a route is a source only if no device stands in it: `inside` does, though no test speaks of it.
  EXPECT_THAT(failures(R"("postures": {"posture:x": ["node:os == 'linux'"]}, "hosts": {"spot": "10.0.0.9"},
                          "grants": [{"src": ["*"], "srcPosture": ["posture:x"], "dst": ["tag:db"], "ip": ["tcp:22"]}],
                          "tests": [{"src": "spot", "deny": ["tag:db:22"]}])",
                       routed_tailnet),
              IsEmpty());
}

TEST(PolicyTests, TheRuleThatIsToldDoesNotHangOnWhoIsNamed) {
  // Of the three rules, the last has the sources of the first only in the eyes of who knows ana alone.
  EXPECT_THAT(
      failures(
          R"("groups": {"group:a": ["ana@example.com", "bo@example.com"], "group:c": ["ana@example.com", "cy@example.com"]},
                          "acls": [{"action": "accept", "src": ["group:a"], "dst": ["tag:spare:1"]},
                                   {"action": "accept", "src": ["*"], "dst": ["tag:db:2"]},
                                   {"action": "accept", "src": ["group:c"], "dst": ["tag:db:2"]}],
                          "tests": [{"src": "ana@example.com", "deny": ["tag:db:2"]}])",
          routed_tailnet),
      ElementsAre("tests[0]: ana@example.com -> tag:db:2: expected deny, got accept by acls[1] (laptop -> db)"));
}

TEST(PolicyTests, WhoIsAddedForOneTestIsNobodyInAnother) {
  // Where postures are in use every source is a device with just the test's attributes; it is not among another test's destinations.
  EXPECT_THAT(failures(R"("postures": {"posture:x": ["node:os == 'linux'"]}, "hosts": {"db1": "100.64.0.3"},
                          "acls": [{"action": "accept", "src": ["ana@example.com"], "dst": ["db1:22"]},
                                   {"action": "accept", "src": ["bo@example.com"], "srcPosture": ["posture:x"], "dst": ["db1:23"]}],
                          "tests": [{"src": "ana@example.com", "accept": ["tag:db:22"]}, {"src": "tag:db", "deny": ["tag:spare:22"]}])",
                       routed_tailnet),
              IsEmpty());
}

TEST(PolicyTests, AnAttributeMayBeANumberBeyondAllNumbers) {
  EXPECT_THAT(failures(R"("postures": {"posture:x": ["custom:n >= 5"]},
                          "acls": [{"action": "accept", "src": ["ana@example.com"], "srcPosture": ["posture:x"], "dst": ["tag:db:22"]}],
                          "tests": [{"src": "ana@example.com", "srcPostureAttrs": {"custom:n": 1e999}, "accept": ["tag:db:22"]},
                                    {"src": "ana@example.com", "srcPostureAttrs": {"custom:n": 1e-310}, "deny": ["tag:db:22"]}])"),
              IsEmpty());
}

TEST(PolicyTests, AcceptAndDenyAreAskedOfEveryPair) {
  EXPECT_THAT(failures(R"("acls": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db:5432"]}],
                          "tests": [{"src": "ana@example.com", "accept": ["tag:db:5432"], "deny": ["tag:db:22"]}])"),
              IsEmpty());
  EXPECT_THAT(
      failures(R"("acls": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db:5432"]}],
                          "tests": [{"src": "ana@example.com", "accept": ["tag:db:22"], "deny": ["tag:db:5432"]}])"),
      ElementsAre("tests[0]: ana@example.com -> tag:db:22: expected accept, got deny (laptop -> db)",
                  "tests[0]: ana@example.com -> tag:db:5432: expected deny, got accept by acls[0] (laptop -> db)"));
}

TEST(PolicyTests, WhoHasNoDeviceIsTriedAsADeviceTheyMightHave) {
  EXPECT_THAT(failures(R"("acls": [{"action": "accept", "src": ["bo@example.com"], "dst": ["tag:spare:443"]}],
                          "tests": [{"src": "bo@example.com", "accept": ["tag:spare:443"], "deny": ["tag:db:443"]}])"),
              IsEmpty());
}

TEST(PolicyTests, MembersOfASyncedGroupAreTriedLikeThoseOfAnyGroup) {
  EXPECT_THAT(failures(R"("acls": [{"action": "accept", "src": ["group:team@example.com"], "dst": ["tag:db:443"]}],
                          "tests": [{"src": "group:team@example.com", "accept": ["tag:db:443"]}])"),
              IsEmpty());
}

// Her device stays one of another tailnet, of which no posture is asked.
TEST(PolicyTests, AGuestIsTriedAsAGuest) {
  EXPECT_THAT(failures(R"("postures": {"posture:linux": ["node:os == 'linux'"]},
                          "acls": [{"action": "accept", "src": ["autogroup:shared"], "dst": ["tag:db:443"],
                                    "srcPosture": ["posture:linux"]}],
                          "tests": [{"src": "eve@example.org", "accept": ["tag:db:443"]}])"),
              IsEmpty());
}

TEST(PolicyTests, WithPosturesTheSourceHasExactlyTheAttributesOfTheTest) {
  const std::string rules = R"("postures": {"posture:linux": ["node:os == 'linux'"]},
      "acls": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db:443"], "srcPosture": ["posture:linux"]}],)";
  EXPECT_THAT(failures(rules + R"("tests": [{"src": "ana@example.com", "srcPostureAttrs": {"node:os": "linux"},
                                             "accept": ["tag:db:443"]}])"),
              IsEmpty());
  EXPECT_THAT(failures(rules + R"("tests": [{"src": "ana@example.com", "accept": ["tag:db:443"]}])"),
              ElementsAre("tests[0]: ana@example.com -> tag:db:443: expected accept, got deny (a device of "
                          "ana@example.com -> db)"))
      << "what the laptop reports does not count";
}

TEST(PolicyTests, AnSshTestTellsAcceptFromCheck) {
  EXPECT_THAT(
      failures(R"("ssh": [{"action": "check", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"]},
                                  {"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["ops"]}],
                          "sshTests": [{"src": "ana@example.com", "dst": ["tag:db"], "accept": ["root", "ops"],
                                        "check": ["root"], "deny": ["nobody"]}])"),
      ElementsAre("sshTests[0]: ana@example.com -> root@tag:db: expected accept, got check by ssh[0] (laptop -> db)"));
}

}  // namespace
}  // namespace acl::questions
