// What `show`, `can --json` and `test` print for programs and people to rely on, to the byte: members, their order, exit codes.
// One small tailnet with a service, in which every kind of answer comes up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "compiler/cli/testing.h"

namespace acl::cli {
namespace {

constexpr const char* policy = R"~({
	"groups": {"group:ops": ["ana@example.com"]},
	"tagOwners": {"tag:web": ["group:ops"]},
	"grants": [
		{"src": ["group:ops"], "dst": ["svc:wiki"], "ip": ["tcp:443"]},
		{"src": ["autogroup:member"], "dst": ["tag:web"], "ip": ["tcp:80"]},
		{"src": ["group:ops"], "dst": ["tag:web"], "ip": ["tcp:22"]},
	],
	"ssh": [
		{"action": "check", "src": ["group:ops"], "dst": ["tag:web"], "users": ["root"]},
	],
	"tests": [
		{"src": "ana@example.com", "accept": ["svc:wiki:443", "tag:web:80"], "deny": ["svc:wiki:22"]},
	],
	"sshTests": [
		{"src": "ana@example.com", "dst": ["tag:web"], "check": ["root"]},
	],
}
)~";

constexpr const char* inventory = R"~({
	"users": [{"login": "ana@example.com"}, {"login": "bo@example.com"}],
	"nodes": [
		{"name": "laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"]},
		{"name": "desk", "user": "bo@example.com", "addresses": ["100.64.0.2"]},
		{"name": "web", "tags": ["tag:web"], "addresses": ["100.64.0.3"]},
	],
	"services": [{"name": "svc:wiki", "addresses": ["100.100.0.1"], "hosts": ["web"]}],
}
)~";

constexpr const char* fixture = R"~({
	"policy": "policy.hujson",
	"inventory": "inventory.hujson",
	"expect": [
		{"from": "laptop", "to": "svc:wiki:443", "verdict": "accept", "rule": "grants[0]"},
		{"from": "desk", "to": "svc:wiki:443", "verdict": "accept"},
		{"from": "laptop", "ssh": "root@web", "verdict": "accept"},
	],
}
)~";

class Answers : public InFolder {
 protected:
  void SetUp() override {
    InFolder::SetUp();
    policy_ = file("policy.hujson", policy);
    file("inventory.hujson", inventory);
    fixture_ = file("access.test.hujson", fixture);
  }
  // The exit code, then what was printed.
  std::string answer(void (*verb)(CLI::App&, int&), const std::string& command) const {
    const Outcome outcome = run_verb(verb, command);
    EXPECT_EQ(outcome.err, "");
    return std::to_string(outcome.exit_code) + "\n" + without_folder(outcome.out);
  }
  std::string can(const std::string& question) const { return answer(add_can, "can " + policy_ + " " + question); }
  std::string test(const std::string& options) const {
    return answer(add_test, "test " + options + " " + policy_ + " " + fixture_);
  }

  std::string policy_, fixture_;
};

TEST_F(Answers, ShowNamesTheServiceThatARuleOpens) {
  EXPECT_EQ(answer(add_show, "show --node web " + policy_), R"~(0
web  (tag:web)  100.64.0.3
  packets
    tcp 443 to svc:wiki         from group:ops                                       grants[0], line 5
    tcp 22                      from group:ops                                       grants[2], line 7
    tcp 80                      from autogroup:member                                grants[1], line 6
  logins
    root (check)                from group:ops                                       ssh[0], line 10
  sees 2 peers: desk, laptop
)~");
}

TEST_F(Answers, ShowAsWireHasTheAddressesOfTheServiceAtItsHost) {
  EXPECT_EQ(answer(add_show, "show --as wire --node web " + policy_), R"~(0
{"nodes":{"web":{"packet_filter_rules":[{"SrcIPs":["100.64.0.1"],"IPProto":[6],"DstPorts":[{"IP":"100.100.0.1","Ports":{"First":443,"Last":443}},{"IP":"100.64.0.3","Ports":{"First":22,"Last":22}}]},{"SrcIPs":["100.64.0.1","100.64.0.2"],"IPProto":[6],"DstPorts":[{"IP":"100.64.0.3","Ports":{"First":80,"Last":80}}]}],"ssh_rules":[{"principals":[{"nodeIP":"100.64.0.1"}],"sshUsers":{"root":"root"},"action":{"holdAndDelegate":"https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER"}}],"peers":["desk","laptop"],"self_caps":{"default-auto-update":[false],"https://tailscale.com/cap/file-sharing":null,"https://tailscale.com/cap/is-owner":null,"https://tailscale.com/cap/ssh":null,"https://tailscale.com/cap/tailnet-lock":null,"probe-udp-lifetime":null,"ssh-behavior-v1":null,"ssh-env-vars":null,"store-appc-routes":null,"tailnet-display-name":[""]}}}}
)~");
}

TEST_F(Answers, CanIsYesAsJson) {
  EXPECT_EQ(can("laptop svc:wiki:443 --json"), R"~(0
{"verdict": "accept", "rule": "grants[0]", "file": "DIR/policy.hujson", "line": 5, "layers": [{"name": "known", "ok": true, "reason": "laptop is a node; svc:wiki is a service"}, {"name": "visible", "ok": true, "reason": "100.100.0.1 is behind web"}, {"name": "packet", "ok": true, "reason": "grants[0] allows tcp port 443: laptop (100.64.0.1) is ana@example.com, in group:ops"}], "nearest": []}
)~");
}

TEST_F(Answers, CanIsNoAsJsonWithTheNearestRules) {
  EXPECT_EQ(can("desk svc:wiki:443 --json"), R"~(1
{"verdict": "deny", "rule": null, "file": "DIR/policy.hujson", "line": null, "layers": [{"name": "known", "ok": true, "reason": "desk is a node; svc:wiki is a service"}, {"name": "visible", "ok": true, "reason": "100.100.0.1 is behind web"}, {"name": "packet", "ok": false, "reason": "no rule allows tcp port 443 from desk to 100.100.0.1"}], "nearest": [{"rule": "grants[0]", "file": "DIR/policy.hujson", "line": 5, "failed": "source: desk is not in group:ops"}, {"rule": "grants[1]", "file": "DIR/policy.hujson", "line": 6, "failed": "destination: 100.100.0.1 is not in tag:web"}]}
)~");
}

TEST_F(Answers, CanSaysNoToPeople) {
  EXPECT_EQ(can("desk svc:wiki:443"), R"~(1
no
  known    ok  desk is a node; svc:wiki is a service
  visible  ok  100.100.0.1 is behind web
  packet   NO  no rule allows tcp port 443 from desk to 100.100.0.1
nearest rules:
  DIR/policy.hujson:5: grants[0]: source: desk is not in group:ops
  DIR/policy.hujson:6: grants[1]: destination: 100.100.0.1 is not in tag:web
)~");
}

TEST_F(Answers, CanLogInAfterACheckAsJson) {
  EXPECT_EQ(can("laptop ssh root@web --json"), R"~(0
{"verdict": "check", "rule": "ssh[0]", "file": "DIR/policy.hujson", "line": 10, "layers": [{"name": "known", "ok": true, "reason": "laptop is a node; web is a node"}, {"name": "visible", "ok": true, "reason": "laptop and web see each other"}, {"name": "packet", "ok": true, "reason": "grants[2] allows tcp port 22: laptop (100.64.0.1) is ana@example.com, in group:ops"}, {"name": "ssh", "ok": true, "reason": "ssh[0] lets laptop in as root, after a check"}], "nearest": []}
)~");
}

TEST_F(Answers, CanNotLogInAsJsonWhereNeitherPacketNorLoginIsAllowed) {
  EXPECT_EQ(can("desk ssh root@web --json"), R"~(1
{"verdict": "deny", "rule": null, "file": "DIR/policy.hujson", "line": null, "layers": [{"name": "known", "ok": true, "reason": "desk is a node; web is a node"}, {"name": "visible", "ok": true, "reason": "desk and web see each other"}, {"name": "packet", "ok": false, "reason": "no rule allows tcp port 22 from desk to web"}, {"name": "ssh", "ok": false, "reason": "no ssh rule leads from desk to web"}], "nearest": [{"rule": "ssh[0]", "file": "DIR/policy.hujson", "line": 10, "failed": "source: desk is not in group:ops"}, {"rule": "grants[1]", "file": "DIR/policy.hujson", "line": 6, "failed": "port: the rule is for 80"}, {"rule": "grants[2]", "file": "DIR/policy.hujson", "line": 7, "failed": "source: desk is not in group:ops"}]}
)~");
}

TEST_F(Answers, TestReportsEveryCaseAndTheUnusedRulesAsJson) {
  EXPECT_EQ(test("--format json"), R"~(1
{"passed": 5, "failed": 2, "cases": [
  {"file": "DIR/policy.hujson", "line": 13, "kind": "test", "name": "ana@example.com -> svc:wiki:443", "ok": true, "expected": "accept", "got": "accept", "rule": "grants[0]"},
  {"file": "DIR/policy.hujson", "line": 13, "kind": "test", "name": "ana@example.com -> tag:web:80", "ok": true, "expected": "accept", "got": "accept", "rule": "grants[1]"},
  {"file": "DIR/policy.hujson", "line": 13, "kind": "test", "name": "ana@example.com -> svc:wiki:22", "ok": true, "expected": "deny", "got": "deny", "rule": null},
  {"file": "DIR/policy.hujson", "line": 16, "kind": "sshTest", "name": "ana@example.com -> root@tag:web", "ok": true, "expected": "check", "got": "check", "rule": "ssh[0]"},
  {"file": "DIR/access.test.hujson", "line": 5, "kind": "expect", "name": "laptop -> svc:wiki:443", "ok": true, "expected": "accept", "got": "accept", "rule": "grants[0]"},
  {"file": "DIR/access.test.hujson", "line": 6, "kind": "expect", "name": "desk -> svc:wiki:443", "ok": false, "expected": "accept", "got": "deny", "rule": null},
  {"file": "DIR/access.test.hujson", "line": 7, "kind": "expect", "name": "laptop -> ssh root@web", "ok": false, "expected": "accept", "got": "check", "rule": "ssh[0]"}], "coverage": {"unused": ["grants[2]"]}}
)~");
}

TEST_F(Answers, TestReportsAsJunit) {
  EXPECT_EQ(test("--format junit"), R"~(1
<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="aclc" tests="7" failures="2">
  <testcase classname="test" name="ana@example.com -&gt; svc:wiki:443" file="DIR/policy.hujson" line="13"/>
  <testcase classname="test" name="ana@example.com -&gt; tag:web:80" file="DIR/policy.hujson" line="13"/>
  <testcase classname="test" name="ana@example.com -&gt; svc:wiki:22" file="DIR/policy.hujson" line="13"/>
  <testcase classname="sshTest" name="ana@example.com -&gt; root@tag:web" file="DIR/policy.hujson" line="16"/>
  <testcase classname="expect" name="laptop -&gt; svc:wiki:443" file="DIR/access.test.hujson" line="5"/>
  <testcase classname="expect" name="desk -&gt; svc:wiki:443" file="DIR/access.test.hujson" line="6"><failure message="expected accept, got deny (no rule allows tcp port 443 from desk to 100.100.0.1)"/></testcase>
  <testcase classname="expect" name="laptop -&gt; ssh root@web" file="DIR/access.test.hujson" line="7"><failure message="expected accept, got check by ssh[0]"/></testcase>
</testsuite>
)~");
}

TEST_F(Answers, TestReportsAsTap) {
  EXPECT_EQ(test("--format tap"), R"~(1
TAP version 13
1..7
ok 1 - DIR/policy.hujson:13: ana@example.com -> svc:wiki:443
ok 2 - DIR/policy.hujson:13: ana@example.com -> tag:web:80
ok 3 - DIR/policy.hujson:13: ana@example.com -> svc:wiki:22
ok 4 - DIR/policy.hujson:16: ana@example.com -> root@tag:web
ok 5 - DIR/access.test.hujson:5: laptop -> svc:wiki:443
not ok 6 - DIR/access.test.hujson:6: desk -> svc:wiki:443
  # expected accept, got deny (no rule allows tcp port 443 from desk to 100.100.0.1)
not ok 7 - DIR/access.test.hujson:7: laptop -> ssh root@web
  # expected accept, got check by ssh[0]
)~");
}

TEST_F(Answers, TestTellsPeopleTheFailuresAndTheUnusedRules) {
  EXPECT_EQ(test("--coverage"), R"~(1
DIR/access.test.hujson:6: expect failed: desk -> svc:wiki:443: expected accept, got deny (no rule allows tcp port 443 from desk to 100.100.0.1)
DIR/access.test.hujson:7: expect failed: laptop -> ssh root@web: expected accept, got check by ssh[0]
not exercised by any test: grants[2]
5 passed, 2 failed
)~");
}

TEST_F(Answers, WhatCannotBeReadOfATargetIsToldWithTheFix) {
  const auto complaint = [&](const std::string& question) {
    const Outcome outcome = run_verb(add_can, "can " + policy_ + " laptop " + question);
    EXPECT_EQ(outcome.exit_code, exit_usage);
    EXPECT_EQ(outcome.out, "");
    return outcome.err;
  };
  EXPECT_EQ(complaint("web:99999"),
            "error E0903: \"web:99999\": port range \"99999\": invalid first integer\n"
            "      = help: a target is DST[:PORT[/PROTO]]; PORT is a number up to 65535, a range of them, or *\n");
  EXPECT_EQ(complaint("web:80/tpc"),
            "error E0903: \"web:80/tpc\": proto name \"tpc\" not known; use protocol number 0-255\n"
            "      = help: did you mean \"tcp\"?\n");
  EXPECT_EQ(complaint("wep:80"), "error E0901: unknown name \"wep\"\n      = help: did you mean \"web\"?\n");
}

TEST_F(Answers, AFixturesVerdictIsOneOfThree) {
  const std::string path = file("bad.test.hujson", R"({"policy": "policy.hujson", "expect": [
    {"from": "laptop", "to": "web:80", "verdict": "check"},
    {"from": "laptop", "ssh": "root@web"},
  ]})");
  const Outcome outcome = run_verb(add_test, "test " + path);
  EXPECT_EQ(outcome.exit_code, exit_no);
  EXPECT_THAT(outcome.err, testing::HasSubstr("\"check\" is no verdict"));
  EXPECT_THAT(outcome.err, testing::HasSubstr("help: \"accept\" or \"deny\""));
  EXPECT_THAT(outcome.err, testing::HasSubstr("the entry has no \"verdict\""));
  EXPECT_THAT(outcome.err, testing::HasSubstr("help: \"accept\", \"check\" or \"deny\""));
}

}  // namespace
}  // namespace acl::cli
