// The tests of a policy: whom they speak of, what `accept`, `deny` and `check` ask for.
#include "compiler/questions/policy_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/inventory/load.h"
#include "compiler/questions/full_check.h"

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

// What fails, as one text each; "refused: …" if the policy is not even read.
std::vector<std::string> failures(const std::string& members) {
  const SourceText text("inventory.hujson", small_tailnet);
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
  return out;
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
