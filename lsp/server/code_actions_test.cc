#include "lsp/server/code_actions.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "compiler/questions/full_check.h"
#include "engine/net/file.h"
#include "lsp/server/testing.h"
#include "lsp/server/tree_edits.h"

namespace acl::lsp {
namespace {

std::shared_ptr<const Snapshot> example(const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(ACL_SOURCE_DIR) / "examples" / name;
  const std::filesystem::path beside = path.parent_path() / "inventory.hujson";
  std::shared_ptr<const InventoryState> inventory;
  if (std::filesystem::exists(beside)) inventory = inventory_state(beside.string(), *read_file(beside.string()));
  return snapshot_of(*read_file(path.string()), path.string(), inventory);
}

// Each action that is offered for a diagnostic or at the begin of some value, once.
std::vector<CodeAction> all_actions(const Snapshot& snapshot) {
  std::vector<CodeAction> out;
  std::set<std::string> seen;
  const auto add = [&](Span range, const Wanted& wanted) {
    for (CodeAction& action : code_actions(snapshot, range, wanted)) {
      const std::string key = action.title + apply_edits(snapshot.text(), action.edits);
      if (seen.insert(key).second) out.push_back(std::move(action));
    }
  };
  const auto size = static_cast<std::uint32_t>(snapshot.text().size());
  add({0, size}, {true, false, true});
  for (const hujson::Node& node : snapshot.file->tree.nodes) add({node.begin, node.begin}, {false, true, false});
  return out;
}

std::multiset<std::string> comments_of(std::string_view text) {
  std::multiset<std::string> out;
  const auto tree = hujson::parse_strict(text);
  if (!tree) return out;
  const auto read = [&](std::string_view extra) {
    for (std::size_t at = extra.find('/'); at != std::string_view::npos; at = extra.find('/', at)) {
      const bool line = extra.substr(at, 2) == "//";
      const std::size_t end = line ? std::min(extra.find('\n', at), extra.size()) : extra.find("*/", at + 2) + 2;
      std::string comment(extra.substr(at, end - at));
      while (!comment.empty() && (comment.back() == '\r' || comment.back() == ' ')) comment.pop_back();
      out.insert(comment);
      at = end;
    }
  };
  // All that stands between the tokens: what is outside of strings.
  std::string outside;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"') {
      if (text.substr(i, 2) == "//" || text.substr(i, 2) == "/*") {
        const bool line = text[i + 1] == '/';
        const std::size_t end = line ? text.find('\n', i) : text.find("*/", i + 2) + 2;
        outside += text.substr(i, end - i);
        outside += '\n';
        i = end - 1;
      }
      continue;
    }
    while (++i < text.size() && text[i] != '"') i += text[i] == '\\' ? 1 : 0;
  }
  read(outside);
  return out;
}

std::size_t errors_in(const Snapshot& snapshot) {
  return static_cast<std::size_t>(std::count_if(snapshot.diagnostics.begin(), snapshot.diagnostics.end(),
                                                [](const Diagnostic& d) { return d.severity == Severity::error; }));
}

std::size_t count_of(const Snapshot& snapshot, const Diagnostic& wanted) {
  return static_cast<std::size_t>(
      std::count_if(snapshot.diagnostics.begin(), snapshot.diagnostics.end(),
                    [&](const Diagnostic& d) { return d.code == wanted.code && d.message == wanted.message; }));
}

// Applies the action and looks: the text parses, comments and layout stay, what it fixes is gone, nothing new is wrong.
std::shared_ptr<const Snapshot> applied(const Snapshot& before, const CodeAction& action) {
  const std::string text = apply_edits(before.text(), action.edits);
  auto after = make_snapshot(before.path, 2, before.kind, text, before.file->policy.dialect, before.inventory);
  SCOPED_TRACE(action.title + "\n" + text);
  for (std::size_t i = 1; i < action.edits.size(); ++i)
    EXPECT_LE(action.edits[i - 1].span.end, action.edits[i].span.begin);
  EXPECT_TRUE(after->whole);
  EXPECT_NE(text, before.text());
  if (!after->whole) return after;
  for (const std::uint32_t index : action.fixes) {
    const Diagnostic& fixed = before.diagnostics[index];
    EXPECT_LT(count_of(*after, fixed), count_of(before, fixed)) << fixed.message;
  }
  EXPECT_LE(errors_in(*after), errors_in(before)) << (after->diagnostics.empty() ? "" : after->diagnostics[0].message);
  if (action.title.find("Remove") == std::string::npos) {
    EXPECT_EQ(comments_of(text), comments_of(before.text()));
  }
  if (hujson::format(before.file->tree) == before.text()) {
    EXPECT_EQ(hujson::format(after->file->tree), text);
  }
  return after;
}

class Examples : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(CodeActions, Examples,
                         ::testing::Values("policies/homelab/policy.hujson", "policies/startup/policy.hujson",
                                           "policies/company/policy.hujson", "policies/plain-wireguard/policy.hujson",
                                           "policies/startup/access.test.hujson", "mistakes.hujson", "untidy.hujson"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
                           return name;
                         });

TEST_P(Examples, EachActionThatIsOfferedDoesWhatItSays) {
  const auto snapshot = example(GetParam());
  for (const CodeAction& action : all_actions(*snapshot)) applied(*snapshot, action);
}

// A test that is added asks for what its rule allows: it passes.
TEST_P(Examples, AddedTestsPass) {
  const auto snapshot = example(GetParam());
  if (!snapshot->accepted || snapshot->inventory == nullptr || snapshot->kind != FileKind::policy) return;
  for (const CodeAction& action : all_actions(*snapshot)) {
    if (action.title != "Add a test for this rule") continue;
    const auto after = applied(*snapshot, action);
    ASSERT_TRUE(after->accepted);
    const auto understanding = understanding_of(after);
    for (const questions::TestCase& test : understanding->tests->cases) {
      EXPECT_TRUE(test.ok) << questions::describe(test) << "\n" << after->text();
    }
  }
}

// From the section on that "Add a test for this rule" at the mark adds to.
std::string added_test(const std::string& marked, std::shared_ptr<const InventoryState> inventory = nullptr) {
  const Marked at(marked);
  const auto snapshot = snapshot_of(at.text, "/net/policy.hujson", std::move(inventory));
  EXPECT_TRUE(snapshot->accepted) << (snapshot->diagnostics.empty() ? "" : snapshot->diagnostics[0].message);
  for (const CodeAction& action : code_actions(*snapshot, {at.offset, at.offset}, {false, true, false})) {
    if (action.title != "Add a test for this rule") continue;
    const auto after = applied(*snapshot, action);
    return std::string(after->text().substr(after->text().find("ests\"")));
  }
  return "not offered";
}

std::string test_with_posture(const std::string& condition) {
  return added_test(R"({"groups": {"group:a": ["a@b.c"]}, "hosts": {"vault": "10.0.0.1"},
    "postures": {"posture:p": [")" +
                    condition + R"("]},
    "acls": [{¦"action": "accept", "src": ["group:a"], "dst": ["vault:22"], "srcPosture": ["posture:p"]}]})");
}

// JSON has no infinity.
TEST(AddedTests, AreNotOfferedForNumbersThatJsonCannotWrite) {
  EXPECT_NE(test_with_posture("custom:n >= 7").find(R"("custom:n": 7)"), std::string::npos);
  EXPECT_EQ(test_with_posture("custom:n >= 1e999"), "not offered");
  EXPECT_EQ(test_with_posture("custom:n >= -1e999"), "not offered");
}

// A rule with "check" is tried before one that accepts: for admins the accepting rule is not what decides.
TEST(AddedTests, OfAnAcceptingLoginRuleSpeakOfSomebodyWhomNoOtherRuleChecks) {
  const auto inventory = inventory_state("/net/inventory.hujson", R"({
    "users": [{"login": "admin@example.com", "role": "admin"}, {"login": "bo@example.com"}],
    "nodes": [{"name": "desk", "user": "admin@example.com", "addresses": ["100.64.0.1"]},
              {"name": "laptop", "user": "bo@example.com", "addresses": ["100.64.0.2"]},
              {"name": "web", "tags": ["tag:web"], "addresses": ["100.64.0.3"]}]})");
  const auto offered = [&](const std::string& checked) {
    return added_test(R"({"tagOwners": {"tag:web": []}, "acls": [], "ssh": [
      {¦"action": "accept", "src": ["autogroup:member"], "dst": ["tag:web"], "users": ["deploy"]},
      {"action": "check", "src": [")" +
                          checked + R"("], "dst": ["tag:web"], "users": ["autogroup:nonroot"]}]})",
                      inventory);
  };
  EXPECT_NE(offered("autogroup:admin").find(R"({"src": "bo@example.com", "dst": ["tag:web"], "accept": ["deploy"]})"),
            std::string::npos);
  EXPECT_EQ(offered("autogroup:member"), "not offered");
}

// --- one fix for each diagnostic that has one -------------------------------------------------------------------------

struct Mistake {
  const char* text;  // of a policy
  const char* code;
  const char* title;  // of the action
  const char* after;  // what the text then has
};

// In a little tailnet. `sections` come behind it.
std::string policy_with(const std::string& sections) {
  return R"({
	"groups": {"group:eng": ["ana@example.com", "bo@example.com"]},
	"hosts": {"vault": "10.20.0.9"},
	"tagOwners": {"tag:server": [], "tag:db": []},
	"ipsets": {"ipset:dc": ["10.8.0.0/14"]},
	"postures": {"posture:managed": ["node:os == 'linux'"]},
	)" +
         sections + "\n}\n";
}

const Mistake mistakes[] = {
    {R"("acls": [{"action": "accept", "src": ["tag:servr"], "dst": ["*:*"]}])", "E0301", R"(Write "tag:server")",
     R"("src": ["tag:server"])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["tag:servr:22"]}])", "E0301", R"(Write "tag:server")",
     R"("tag:server:22")"},
    {R"("acls": [{"action": "accept", "src": ["tag:new"], "dst": ["*:*"]}])", "E0301",
     R"(Define "tag:new" in "tagOwners")", R"("tag:new": [])"},
    {R"("acls": [{"action": "accept", "src": ["group:new"], "dst": ["*:*"]}])", "E0302",
     R"(Define "group:new" in "groups")", R"("group:new": [])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["valt:22"]}])", "E0303", R"(Write "vault")",
     R"("vault:22")"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["printer:22"]}])", "E0303",
     R"(Define "printer" in "hosts", with an address to fill in)", R"("printer": "192.0.2.1")"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["ipset:x:22"]}])", "E0304",
     R"(Define "ipset:x" in "ipsets")", R"("ipset:x": [])"},
    {R"("grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": ["posture:x"]}])", "E0305",
     R"(Define "posture:x" in "postures", with a condition to fill in)", R"("posture:x": ["custom:x == true"])"},
    {R"("acls": [], "ssh": [{"action": "check", "src": ["*"], "dst": ["tag:db"], "users": ["root"], "check_period": "12h"}])",
     "E0201", R"(Write "checkPeriod")", R"("checkPeriod": "12h")"},
    {R"("ACLs": [])", "W0207", R"(Write "acls" for "ACLs")", R"("acls": [])"},
    {R"("acls": [{"action": "accept", "users": ["*"], "ports": ["*:*"]}, {"action": "accept", "users": ["tag:db"], "ports": ["*:*"]}])",
     "W0209", R"(Write "src" for "users", "dst" for "ports")", R"({"action": "accept", "src": ["tag:db"], "dst")"},
    {R"("acls": [{"action": "accept", "src": [" tag:db "], "dst": ["*:*"]}])", "W0210",
     "Remove the white space around it", R"(["tag:db"])"},
    {R"("acls": [{"action": "accept", "src": ["autogroup:members"], "dst": ["*:*"]}])", "W0211",
     R"(Write "autogroup:member" everywhere)", R"("autogroup:member")"},
    {R"("acls": [{"action": "accept", "src": ["autogroup:membr"], "dst": ["*:*"]}])", "E0306",
     R"(Write "autogroup:member")", R"(["autogroup:member"])"},
    {R"("acls": [], "tests": null)", "W0208", "Remove the section", R"("acls": [])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"], "proto": "tcp", "proto": "tcp"}])", "E0202",
     "Remove this one: both are the same", R"("proto": "tcp"})"},
    {R"("acls": [{"action": "accept", "src": "*", "dst": ["*:*"]}])", "E0203", "Put it in brackets", R"("src": ["*"])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"], "proto": 6}])", "E0203", "Put it in double quotes",
     R"("proto": "6")"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["10.1.2.3/24:80"]}])", "W0320",
     R"(Write "10.1.2.0/24", which it means)", R"("10.1.2.0/24:80")"},
    {R"("acls": [{"action": "accept", "src": ["10.1.2.3/24"], "dst": ["*:80"]}])", "W0320",
     R"(Write "10.1.2.3", the one address)", R"(["10.1.2.3"])"},
    {R"("acls": [], "autoApprovers": {"routes": {"10.1.2.3/24": ["tag:db"]}})", "W0320",
     R"(Write "10.1.2.0/24", which it means)", R"("10.1.2.0/24": )"},
    {R"("acls": [])", "W0322", R"(Remove "group:eng")", R"("groups": {})"},
    {R"("acls": [])", "W0323", R"(Remove "vault")", R"("hosts": {})"},
    {R"("acls": [])", "W0324", R"(Remove "ipset:dc")", R"("ipsets": {})"},
    {R"("acls": [])", "W0326", R"(Remove "posture:managed")", R"("postures": {})"},
    {R"("acls": [])", "I0325", "Remove all 2 unused tags", R"("tagOwners": {})"},
    {R"("acls": [{"action": "accept", "src": ["Tag:db"], "dst": ["*:*"]}])", "W0327", "Write it in lower case",
     R"(["tag:db"])"},
    {R"("acls": [{"action": "accept", "src": ["host:vault"], "dst": ["*:*"]}])", "W0338", R"(Write "vault")",
     R"("src": ["vault"])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["tag:db"]}])", "E0403", R"(Write "tag:db:443")",
     R"("tag:db:443")"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["vault"]}])", "E0402", R"(Write "vault:*")",
     R"("vault:*")"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"], "proto": "tpc"}])", "E0404", R"(Write "tcp")",
     R"("proto": "tcp")"},
    {R"("grants": [{"src": ["*"], "dst": ["*"], "ip": ["upd:53"]}])", "E0404", R"(Write "udp")", R"("udp:53")"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:22"], "proto": "icmp"}])", "E0405", R"(Write "*:*")",
     R"(["*:*"])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["autogroup:danger-all:*"]}])", "E0407", R"(Write "*")",
     R"(["*:*"])"},
    {R"("grants": [{"src": ["*"], "dst": ["0.0.0.0/0"], "ip": ["*"]}])", "E0409", R"(Write "autogroup:internet")",
     R"(["autogroup:internet"])"},
    {R"("acls": [{"action": "Accept", "src": ["*"], "dst": ["*:*"]}])", "E0401", R"(Write "accept")",
     R"("action": "accept")"},
    {R"("acls": [{"src": ["*"], "dst": ["*:*"]}])", "E0401", R"(Add "action": "accept")", R"("action": "accept")"},
    {R"("acls": [{"action": "accept", "src": [], "dst": ["*:*"]}])", "W0413", "Remove this rule", R"("acls": [])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}, {"action": "accept", "src": ["*"], "dst": ["*:*"]}])",
     "W0414", "Remove this rule", R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:22,*"]}])", "W0415", R"(Write "*" alone)", R"(["*:*"])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["fd7a::5:22"]}])", "W0416", R"(Write "[fd7a::5]:22")",
     R"(["[fd7a::5]:22"])"},
    {R"("acls": [{"action": "accept", "src": ["*"], "dst": ["*:22, 80"]}])", "W0417", "Remove the white space",
     R"(["*:22,80"])"},
    {R"("grants": [{"src": ["*"], "dst": ["*"], "ip": ["tcp:80,443"]}])", "W0419", "Write an entry for each",
     R"(["tcp:80", "tcp:443"])"},
    {R"("grants": [{"src": ["*"], "dst": ["*"], "app": {"tailscale.com/cap/drve": []}}])", "W0421",
     R"(Write "tailscale.com/cap/drive")", R"("tailscale.com/cap/drive")"},
    {R"("disableIPv4": false)", "W0418", R"(Add "acls": [], which allows nothing)", R"("acls": [])"},
    {R"("acls": [], "ssh": [{"action": "Check", "src": ["*"], "dst": ["tag:db"], "users": ["root"]}])", "E0501",
     R"(Write "check")", R"("action": "check")"},
    {R"("acls": [], "ssh": [{"action": "check", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"], "checkPeriod": "7d"}])",
     "E0508", R"(Write "168h")", R"("168h")"},
    {R"("acls": [], "ssh": [{"action": "check", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"], "checkPeriod": "200h"}])",
     "E0509", R"(Write "168h")", R"("168h")"},
    {R"("acls": [], "ssh": [{"action": "check", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"], "checkPeriod": "5s"}])",
     "W0512", R"(Write "1m")", R"("1m")"},
    {R"("acls": [], "ssh": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"], "checkPeriod": "5m"}])",
     "W0514", R"(Remove "checkPeriod")", R"("users": ["root"]})"},
    {R"("acls": [], "ssh": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"], "enforceRecorder": true}])",
     "W0516", R"(Remove "enforceRecorder")", R"("users": ["root"]})"},
    {R"("acls": [], "ssh": [{"action": "accept", "src": ["ana@example.com"], "dst": ["tag:db"], "users": ["root"], "acceptEnv": ["", "LANG"]}])",
     "E0510", "Remove it", R"("acceptEnv": ["LANG"])"},
    {R"("acls": [], "ssh": [{"action": "accept", "src": ["group:eng"], "dst": ["ana@example.com"], "users": ["root"]}])",
     "E0507", R"(Write "autogroup:self")", R"("dst": ["autogroup:self"])"},
    {R"("acls": [], "tests": [{"src": "ana@example.com", "accept": ["tag:db"]}])", "E0601", R"(Write "tag:db:22")",
     R"(["tag:db:22"])"},
    {R"("acls": [], "sshTests": [{"src": "ana@example.com", "dst": ["tag:servr"], "deny": ["root"]}])", "E0603",
     R"(Write "tag:server")", R"("dst": ["tag:server"])"},
    {R"("acls": [], "nodeAttrs": [{"target": ["*"], "attr": ["funel"]}])", "W0705", R"(Write "funnel")",
     R"(["funnel"])"},
    {R"("acls": [], "OneCGNATRoute": "mac-alway")", "E0706", R"(Write "mac-always")", R"("mac-always")"},
    {R"("acls": [], "nodeAttrs": [{"target": ["tag:db"], "app": {"tailscale.com/app-connectors": []}}])", "W0707",
     R"(Write "target": ["*"])", R"("target": ["*"])"},
    {R"("acls": [], "nodeAttrs": [{"target": ["*"]}])", "W0710", "Remove this entry", R"("nodeAttrs": [])"},
};

TEST(Fixes, EachDiagnosticThatCanBeMendedIs) {
  for (const Mistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.text);
    const auto snapshot = snapshot_of(policy_with(mistake.text));
    bool found = false;
    std::string offered;
    for (const CodeAction& action : all_actions(*snapshot)) {
      for (const std::uint32_t index : action.fixes) {
        const Diagnostic& fixed = snapshot->diagnostics[index];
        if (action.kind == CodeAction::Kind::fix_all || code_name(fixed.code) != mistake.code) continue;
        offered += "\n  " + action.title;
        if (action.title != mistake.title) continue;
        found = true;
        const auto after = applied(*snapshot, action);
        EXPECT_NE(after->text().find(mistake.after), std::string_view::npos) << after->text();
      }
    }
    EXPECT_TRUE(found) << mistake.code << " has no action \"" << mistake.title << "\", but:" << offered;
    // Whatever else is offered holds what it promises, too.
    for (const CodeAction& action : all_actions(*snapshot)) applied(*snapshot, action);
  }
}

TEST(Fixes, DefinitionsGoWhereTheirSectionIsOrMakeOne) {
  const auto snapshot = snapshot_of(
      "{\n\t\"acls\": [\n\t\t{\"action\": \"accept\", \"src\": [\"tag:a\"], \"dst\": [\"*:*\"]}, // who\n\t],\n}\n");
  const auto actions = code_actions(*snapshot, snapshot->diagnostics[0].place->bytes, {true, false, false});
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(apply_edits(snapshot->text(), actions[0].edits),
            "{\n\t\"acls\": [\n\t\t{\"action\": \"accept\", \"src\": [\"tag:a\"], \"dst\": [\"*:*\"]}, // who\n\t],\n"
            "\t\"tagOwners\": {\n\t\t\"tag:a\": [],\n\t},\n}\n");
}

TEST(Fixes, AllSafeOnesAtOnceChangeNoMeaning) {
  const auto snapshot = snapshot_of(
      "{\"ACLs\": [{\"action\": \"accept\", \"users\": [\" tag:a \", \"Tag:b\"], \"ports\": [\"*:22,*\", \"*:22\"]}],\n"
      "\"TagOwners\": {\"tag:a\": [\"autogroup:members\"], \"tag:b\": []}}\n");
  const auto actions = code_actions(*snapshot, {0, 0}, {false, false, true});
  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(apply_edits(snapshot->text(), actions[0].edits),
            "{\"acls\": [{\"action\": \"accept\", \"src\": [\"tag:a\", \"tag:b\"], \"dst\": [\"*:*\", \"*:22\"]}],\n"
            "\"tagOwners\": {\"tag:a\": [\"autogroup:member\"], \"tag:b\": []}}\n");
}

TEST(Fixes, NothingIsOfferedForATextThatDoesNotParse) {
  const auto snapshot = snapshot_of("{\"acls\": [{\"src\": [\"tag:a\"]}");
  EXPECT_TRUE(code_actions(*snapshot, {0, 100}, {true, true, true}).empty());
}

// --- lists ------------------------------------------------------------------------------------------------------------

std::string sorted(const std::string& marked) {
  const Marked at(marked);
  const auto snapshot = snapshot_of(at.text);
  for (const CodeAction& action : code_actions(*snapshot, {at.offset, at.offset}, {false, true, false})) {
    if (action.title.substr(0, 4) == "Sort") return apply_edits(at.text, action.edits);
  }
  return "not offered";
}

TEST(Sort, OrdersAListAndDropsWhatStandsTwice) {
  EXPECT_EQ(sorted(R"({"acls": [], "groups": {"group:a": [¦"b@x.y", "a@x.y", "b@x.y"]}})"),
            R"({"acls": [], "groups": {"group:a": ["a@x.y", "b@x.y"]}})");
}

TEST(Sort, IsNotOfferedWhereTheOrderCountsOrCommentsStand) {
  EXPECT_EQ(sorted(R"({"ipsets": {"ipset:a": [¦"remove 10.0.0.0/8", "add 10.0.0.0/7"]}})"), "not offered");
  EXPECT_EQ(sorted("{\"groups\": {\"group:a\": [\n¦\"b@x.y\", // Bo\n\"a@x.y\"]}}"), "not offered");
  EXPECT_EQ(sorted(R"({"groups": {"group:a": [¦"a@x.y", "b@x.y"]}})"), "not offered");
}

// --- acl to grant -----------------------------------------------------------------------------------------------------

// What every node lets in, spelt out: node, source, protocol, destination, ports.
std::set<std::string> allowed(const Snapshot& snapshot) {
  const resolve::Resolved resolved = resolve::resolve(*snapshot.file, snapshot.inventory->inventory);
  const resolve::Views views(resolved);
  std::set<std::string> out;
  for (resolve::NodeId node = 0; node < resolved.node_count(); ++node) {
    for (const resolve::RuleView& rule : views.rules(node)) {
      for (const resolve::EntryId source : rule.sources->entries) {
        for (const resolve::DstPort& dst : rule.dst_ports) {
          out.insert(std::to_string(node) + " " + resolve::entry_text(resolved.entries[source]) + " " +
                     std::to_string(rule.rule->protocol) + " " + resolve::entry_text(resolved.entries[dst.entry]) +
                     " " + std::to_string(dst.ports.first) + "-" + std::to_string(dst.ports.last));
        }
      }
    }
  }
  return out;
}

std::vector<CodeAction> rewrites(const Snapshot& snapshot) {
  std::vector<CodeAction> out = all_actions(snapshot);
  std::erase_if(out, [](const CodeAction& action) { return action.title.substr(0, 9) != "Turn into"; });
  return out;
}

TEST_P(Examples, AGrantAllowsWhatItsAclAllowed) {
  const auto snapshot = example(GetParam());
  if (!snapshot->accepted || snapshot->inventory == nullptr || snapshot->kind != FileKind::policy) return;
  const auto before = allowed(*snapshot);
  for (const CodeAction& action : rewrites(*snapshot)) {
    const auto after = applied(*snapshot, action);
    ASSERT_TRUE(after->accepted);
    EXPECT_EQ(allowed(*after), before) << action.title << "\n" << after->text();
  }
}

TEST(RewriteAcl, OfEveryShapeAllowsTheSame) {
  const auto inventory = inventory_state("/net/inventory.hujson", R"({
    "users": [{"login": "ana@example.com"}, {"login": "bo@example.com", "role": "admin"}],
    "nodes": [
      {"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1", "fd7a:115c:a1e0::1"], "posture": {"node:os": "linux"}},
      {"name": "phone", "user": "ana@example.com", "addresses": ["100.64.0.2", "fd7a:115c:a1e0::2"]},
      {"name": "desk", "user": "bo@example.com", "addresses": ["100.64.0.3", "fd7a:115c:a1e0::3"]},
      {"name": "db", "tags": ["tag:db"], "addresses": ["100.64.0.4", "fd7a:115c:a1e0::4"]},
      {"name": "both", "tags": ["tag:db", "tag:server"], "addresses": ["100.64.0.5", "fd7a:115c:a1e0::5"],
       "advertisedRoutes": ["10.20.0.0/16", "0.0.0.0/0"], "approvedRoutes": ["10.20.0.0/16", "0.0.0.0/0"]}]})");
  const char* const acls[] = {
      R"({"action": "accept", "src": ["group:eng"], "dst": ["tag:db:5432,6432", "vault:5432,6432"]})",
      R"({"action": "accept", "src": ["group:eng", "tag:db"], "dst": ["tag:db:22", "tag:server:80-90", "vault:22", "*:443"]})",
      R"({"action": "accept", "proto": "tcp", "src": ["*"], "dst": ["*:*"]})",
      R"({"action": "accept", "proto": "icmp", "src": ["autogroup:member"], "dst": ["tag:db:*"]})",
      R"({"action": "accept", "proto": "47", "src": ["autogroup:member"], "dst": ["tag:db:*"]})",
      R"({"action": "accept", "proto": "", "src": ["ana@example.com"], "dst": ["autogroup:self:*", "tag:db:22"]})",
      R"({"action": "accept", "users": ["autogroup:tagged"], "ports": ["[fd7a:115c:a1e0::4]:22", "100.64.0.4:22", "10.20.0.0/16:1-65535"]})",
      R"({"action": "accept", "src": ["autogroup:danger-all"], "dst": ["ipset:dc:22", "autogroup:internet:*"]})",
      R"({"action": "accept", "src": ["group:eng"], "dst": ["tag:db:22"], "srcPosture": ["posture:managed"]})",
      R"({"action": "accept", "src": ["group:eng"], "dst": ["tag:db:22", "tag:db:22", "tag:db:80"]})",
  };
  for (const char* const acl : acls) {
    for (const std::string& around :
         {std::string("%"), std::string(R"(%, {"action": "accept", "src": ["tag:db"], "dst": ["tag:server:1"]})")}) {
      for (const std::string& before :
           {std::string(), std::string(R"("grants": [{"src": ["tag:db"], "dst": ["tag:db"], "ip": ["7"]}], )")}) {
        std::string text = around;
        text.replace(text.find('%'), 1, acl);
        const auto snapshot =
            snapshot_of(policy_with(before + "\"acls\": [" + text + "]"), "/net/policy.hujson", inventory);
        ASSERT_TRUE(snapshot->accepted) << snapshot->diagnostics[0].message;
        const auto actions = rewrites(*snapshot);
        ASSERT_FALSE(actions.empty()) << text;
        for (const CodeAction& action : actions) {
          const auto after = applied(*snapshot, action);
          ASSERT_TRUE(after->accepted) << after->text();
          EXPECT_EQ(allowed(*after), allowed(*snapshot)) << action.title << "\n" << after->text();
        }
      }
    }
  }
}

TEST(RewriteAcl, IsNotOfferedWhereAGrantCannotSayIt) {
  for (const char* const acl : {R"({"action": "accept", "src": ["*"], "dst": ["autogroup:self:*"]})",
                                R"({"action": "accept", "src": ["*"], "dst": ["0.0.0.0/0:*"]})",
                                R"({"action": "deny", "src": ["*"], "dst": ["*:*"]})"}) {
    EXPECT_TRUE(rewrites(*snapshot_of(policy_with("\"acls\": [" + std::string(acl) + "]"))).empty()) << acl;
  }
}

TEST(RewriteAcl, TakesItsCommentsAlong) {
  const auto snapshot = snapshot_of(R"({
	"acls": [
		// Databases.
		{
			"action": "accept", // always
			"src":    ["*"],
			"dst":    ["10.0.0.1:22"], // one
		}, // behind
		{"action": "accept", "src": ["*"], "dst": ["10.0.0.2:22"]},
	],
}
)");
  EXPECT_EQ(apply_edits(snapshot->text(), rewrites(*snapshot).at(0).edits), R"({
	"acls": [
		{"action": "accept", "src": ["*"], "dst": ["10.0.0.2:22"]},
	],
	"grants": [
		// Databases.
		// behind
		{
			// always
			"src": ["*"],
			"dst": ["10.0.0.1"],
			"ip":  ["22"], // one
		},
	],
}
)");
}

}  // namespace
}  // namespace acl::lsp
