#include "lsp/server/occurrences.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "lsp/server/testing.h"

namespace acl::lsp {
namespace {

// "tag tag:db", "definition group group:eng", with the text the span covers where it differs from the name.
std::vector<std::string> found(const std::string& text, const std::string& path = "/net/policy.hujson",
                               std::shared_ptr<const InventoryState> inventory = nullptr) {
  const auto snapshot = snapshot_of(text, path, std::move(inventory));
  std::vector<std::string> out;
  for (const Occurrence& one : occurrences(*snapshot)) {
    std::string line = one.definition ? "definition " : "";
    line += std::string(name_of(one.kind)) + " " + one.name;
    const std::string written = slice(*snapshot, one.span);
    if (written != one.name) line += " (" + written + ")";
    out.push_back(line);
  }
  return out;
}
using Lines_ = std::vector<std::string>;

TEST(Occurrences, KeysOfTheSectionsOfNamesAreDefinitions) {
  EXPECT_EQ(
      found(R"({"groups": {"group:eng": ["ana@example.com"]}, "hosts": {"vault": "10.0.0.1"}})"),
      (Lines_{"definition group group:eng", "user ana@example.com", "definition host vault", "address 10.0.0.1"}));
  EXPECT_EQ(found(R"({"tagOwners": {"tag:db": []}, "ipsets": {"ipset:dc": []}, "postures": {"posture:ok": []}})"),
            (Lines_{"definition tag tag:db", "definition IP set ipset:dc", "definition posture posture:ok"}));
}

TEST(Occurrences, PortsAreNoPartOfAName) {
  EXPECT_EQ(
      found(
          R"({"acls": [{"dst": ["tag:db:5432", "vault:22,80", "*:*", "[fd7a::5]:22", "ana@example.com:8000-8010"]}]})"),
      (Lines_{"tag tag:db", "host vault", "address *", "address fd7a::5", "user ana@example.com"}));
}

TEST(Occurrences, ATargetWhosePortIsYetToBeWrittenIsThatName) {
  EXPECT_EQ(found(R"({"acls": [{"dst": ["tag:db", "group:eng", "vault"]}]})"),
            (Lines_{"tag tag:db", "group group:eng", "host vault"}));
}

TEST(Occurrences, TagsAndLoginsIgnoreLetterCase) {
  EXPECT_EQ(found(R"({"grants": [{"src": ["Ana@Example.com"], "dst": ["tag:DB", "Group:Eng"]}]})"),
            (Lines_{"user ana@example.com (Ana@Example.com)", "tag tag:db (tag:DB)", "group group:Eng (Group:Eng)"}));
}

TEST(Occurrences, OperationsOfIpsetsNameHostsAndSetsWithoutTheWordsAround) {
  EXPECT_EQ(
      found(R"({"ipsets": {"ipset:a": ["add host:vault", "remove 10.0.0.0/8", "ipset:b", "add  ipset:c"]}})"),
      (Lines_{"definition IP set ipset:a", "host vault", "address 10.0.0.0/8", "IP set ipset:b", "IP set ipset:c"}));
}

TEST(Occurrences, PosturesAttributesAndSetsInConditions) {
  EXPECT_EQ(found(R"({"postures": {"posture:a": ["node:os == 'linux'", "ip:public IN 'ipset:dc'"]},
                      "grants": [{"srcPosture": ["posture:a"]}]})"),
            (Lines_{"definition posture posture:a", "attribute node:os", "attribute ip:public", "IP set ipset:dc",
                    "posture posture:a"}));
}

TEST(Occurrences, ViaRecorderTestsApproversAndAttributes) {
  EXPECT_EQ(found(R"({"grants": [{"via": ["tag:r"], "ip": ["tcp:443", "22"], "app": {"a.example/b": []}}],
                      "ssh": [{"users": ["root", "autogroup:nonroot"], "recorder": ["tag:rec"]}],
                      "tests": [{"src": "group:eng", "accept": ["tag:db:22"]}],
                      "sshTests": [{"src": "ana@example.com", "dst": ["tag:db"], "check": ["root"]}],
                      "autoApprovers": {"routes": {"10.0.0.0/8": ["tag:r"]}, "services": {"svc:web": ["tag:r"]}},
                      "nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}]})"),
            (Lines_{"tag tag:r", "protocol tcp", "address 22", "capability a.example/b", "account root",
                    "autogroup autogroup:nonroot", "tag tag:rec", "group group:eng", "tag tag:db",
                    "user ana@example.com", "tag tag:db", "account root", "address 10.0.0.0/8", "tag tag:r",
                    "service svc:web", "tag tag:r", "address *", "attribute funnel"}));
}

TEST(Occurrences, TagsInTheConfigurationOfAppConnectorsCount) {
  EXPECT_EQ(
      found(
          R"({"nodeAttrs": [{"target": ["*"], "app": {"tailscale.com/app-connectors": [{"connectors": ["tag:c"], "name": "x"}]}}]})"),
      (Lines_{"address *", "capability tailscale.com/app-connectors", "tag tag:c"}));
}

TEST(Occurrences, ExpectationsOfFixturesNameNodesAccountsAndRules) {
  EXPECT_EQ(found(R"({"policy": "policy.hujson", "expect": [
                       {"from": "laptop", "to": "db-1:22/tcp", "verdict": "accept", "rule": "acls[3]"},
                       {"from": "group:eng", "ssh": "root@db-1", "verdict": "check"}]})",
                  "/net/a.test.hujson"),
            (Lines_{"node laptop", "node db-1", "rule acls[3]", "group group:eng", "account root", "node db-1"}));
}

TEST(Occurrences, WithAnInventoryABareNameThatIsNoNodeIsAHost) {
  const auto inventory = inventory_state(
      "/net/inventory.hujson",
      R"({"nodes": [{"name": "laptop", "user": "a@b.c", "addresses": ["100.64.0.1"]}], "users": [{"login": "a@b.c"}]})");
  EXPECT_EQ(
      found(R"({"policy": "p", "expect": [{"from": "laptop", "to": "vault:22"}]})", "/net/a.test.hujson", inventory),
      (Lines_{"node laptop", "host vault"}));
}

TEST(Occurrences, AnInventoryDefinesUsersNodesAndServices) {
  EXPECT_EQ(found(R"({"users": [{"login": "ana@example.com", "name": "Ana"}],
                      "nodes": [{"name": "laptop", "user": "ana@example.com"}, {"name": "db-1", "tags": ["tag:db"]}],
                      "services": [{"name": "svc:web", "hosts": ["db-1"]}],
                      "syncedGroups": {"group:x@example.com": ["ana@example.com"]}})",
                  "/net/inventory.hujson"),
            (Lines_{"definition user ana@example.com", "definition node laptop", "user ana@example.com",
                    "definition node db-1", "tag tag:db", "definition service svc:web", "node db-1",
                    "definition group group:x@example.com", "user ana@example.com"}));
}

TEST(Occurrences, EscapesAndWhiteSpaceLeadBackToTheirBytes) {
  EXPECT_EQ(found(R"({"acls": [{"src": [" tag:db ", "group:\u0065ng", "tag\u003ax"], "dst": ["tag:\u0064b:22"]}]})"),
            (Lines_{"tag tag:db", R"(group group:eng (group:\u0065ng))", R"(tag tag:x (tag\u003ax))",
                    R"(tag tag:db (tag:\u0064b))"}));
}

TEST(Occurrences, BrokenTextsKeepTheNamesThatStandInThem) {
  const std::string text = R"({"groups": {"group:eng": ["ana@example.com"]}, "acls": [{"src": ["group:eng)";
  for (std::size_t size = 0; size <= text.size(); ++size) found(text.substr(0, size));
  EXPECT_EQ(found(R"({"groups": {"group:eng": ["ana@example.com"]}, "acls": [{"src": ["group:eng"] "dst" )").front(),
            "definition group group:eng");
}

RC_GTEST_PROP(Occurrences, SpansLieInTheirLiteralsAndInTheText, (const std::string& junk)) {
  const auto snapshot = snapshot_of(R"({"acls": [{"src": [")" + junk + R"("], "dst": ["tag:x:)" + junk + "\"]}]}");
  std::uint32_t last = 0;
  for (const Occurrence& one : occurrences(*snapshot)) {
    RC_ASSERT(one.value.begin < one.span.begin);
    RC_ASSERT(one.span.begin < one.span.end);
    RC_ASSERT(one.span.end < one.value.end);
    RC_ASSERT(one.value.end <= snapshot->text().size());
    RC_ASSERT(last <= one.value.begin);
    last = one.value.begin;
  }
}

TEST(Occurrences, TheOneUnderTheCursorIsFoundUpToItsClosingQuote) {
  const Marked at(R"({"acls": [{"src": ["¦tag:db"], "dst": ["tag:web:22"]}]})");
  const auto snapshot = snapshot_of(at.text);
  const auto all = occurrences(*snapshot);
  ASSERT_NE(occurrence_at(all, at.offset), nullptr);
  EXPECT_EQ(occurrence_at(all, at.offset)->name, "tag:db");
  EXPECT_EQ(occurrence_at(all, at.offset + 7)->name, "tag:db");
  EXPECT_EQ(occurrence_at(all, at.offset + 9), nullptr);
  EXPECT_EQ(occurrence_at(all, 0), nullptr);
  const Marked login(R"({"policy": "p", "expect": [{"ssh": "root@db¦-1"}]})");
  const auto fixture = snapshot_of(login.text, "/net/a.test.hujson");
  const auto names = occurrences(*fixture);
  EXPECT_EQ(occurrence_at(names, login.offset)->name, "db-1");
  EXPECT_EQ(occurrence_at(names, login.offset - 6)->name, "root");
}

}  // namespace
}  // namespace acl::lsp
