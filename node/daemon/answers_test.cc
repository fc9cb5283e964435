#include "node/daemon/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::node {
namespace {

using ::testing::HasSubstr;

Status enforcing() {
  Status s;
  s.mode = Mode::enforcing;
  s.generation = release::Generation{2, 17};
  s.trust_version = 2;
  s.age_s = 7300;
  s.expires = release::Time{1'790'000'000};
  s.standing = "current";
  s.source = "https://policy.example.com/release";
  s.trust_fingerprint = "5e0a";
  s.backend = "tcx";
  s.interface = "wg0";
  s.attached = s.guarded = true;
  s.binding_failures = 1;
  s.last_error = "could not reach \"https://…\"";
  s.last_error_at = 1'790'000'100;
  return s;
}

TEST(Answers, StatusHasTheMembersThatToolsRelyOn) {
  EXPECT_EQ(
      status_json(enforcing()),
      R"({"state":"enforcing","generation":17,"trust_version":2,"age_s":7300,"expires":"2026-09-21T14:13:20Z","standing":"current",)"
      R"("source":"https://policy.example.com/release","trust_fingerprint":"5e0a","backend":"tcx","interface":"wg0","attached":true,)"
      R"("guarded":true,"known_nodes":0,"admitted_sources":0,"binding_failures":1,"lost_records":0,"passed_packets":0,"dropped_packets":0,)"
      R"("ssh":{"enabled":false,"listening":false,"steered_by":null,"sessions":0,"starting":0,"refused":0,"host_keys_of":null,)"
      R"("trouble":null},"last_error":"could not reach \"https://…\"","last_error_at":"2026-09-21T14:15:00Z"})");
  EXPECT_TRUE(says_yes(status_json(enforcing())));
}

TEST(Answers, WithoutAReleaseNothingIsClaimed) {
  Status none;
  none.interface = "wg0";
  const std::string text = status_json(none);
  EXPECT_THAT(text, HasSubstr(R"("state":"deny-all","generation":null)"));
  EXPECT_FALSE(says_yes(text));
  EXPECT_THAT(status_text(text), HasSubstr("NOT ATTACHED"));
  EXPECT_THAT(status_text(text), HasSubstr("everything is denied"));
}

TEST(Answers, LoginsAreALineOfTheStatusWhereTheyAreOn) {
  Status status = enforcing();
  EXPECT_EQ(status_text(status_json(status)).find("logins"), std::string::npos);
  status.ssh = {true, true, "SK_LOOKUP", 2, 1, 4, 7, "/etc/ssh", ""};
  EXPECT_THAT(status_text(status_json(status)),
              HasSubstr("logins       by SK_LOOKUP, 2 sessions, 1 starting, 4 waiting for a check, 7 refused; WARNING: "
                        "host keys of another program "
                        "(/etc/ssh)\n"));
  status.ssh = {true, false, "", 0, 0, 0, 0, "", "E1401: no"};
  EXPECT_THAT(
      status_text(status_json(status)),
      HasSubstr("logins       NOT LISTENING, 0 sessions, 0 starting, 0 waiting for a check, 0 refused; E1401: no\n"));
}

TEST(Answers, ChecksAreTwoLinesForEachPersonAtANode) {
  EXPECT_EQ(checks_text(R"({"checks": []})"), "nobody is remembered\n");
  EXPECT_EQ(checks_text(R"({"checks": [{"node": "laptop", "source": "AAA=", "user": "ann@example.com",
                           "checked": {"at": "2026-11-26T15:55:55Z", "by": "fido2"}, "approved": null},
                          {"node": null, "source": "BBB=", "user": "bob@example.com", "checked": null,
                           "approved": {"from": "a", "until": "b", "by": "root"}}]})"),
            "ann@example.com at laptop\n  checked   2026-11-26T15:55:55Z by fido2\n"
            "bob@example.com at BBB=\n  approved  a to b by root\n");
  EXPECT_EQ(checks_text("{"), "");
}

TEST(Answers, OneMoreLayerThatIsNotOkMakesItANo) {
  Why why;
  why.allowed = true;
  const std::string json = why_json(why);
  EXPECT_TRUE(says_yes(add_layer(json, {"shell", true, "its shell is /bin/sh"})));
  const std::string denied = add_layer(json, {"shell", false, "its shell is /usr/sbin/nologin"});
  EXPECT_FALSE(says_yes(denied));
  EXPECT_EQ(why_text(denied), "no\n  shell    NO  its shell is /usr/sbin/nologin\n");
  EXPECT_EQ(add_layer("[]", {}), "[]");
}

TEST(Answers, StatusReadsAsLines) {
  EXPECT_EQ(status_text(status_json(enforcing())),
            "state        enforcing\n"
            "release      2.17, 2 h old\n"
            "expires      2026-09-21T14:13:20Z (current)\n"
            "source       https://policy.example.com/release\n"
            "trust        5e0a\n"
            "interface    wg0, filter attached by tcx, guarded\n"
            "nodes        0 known, 0 source ranges admitted, 1 not bound by WireGuard\n"
            "packets in   0 passed, 0 dropped\n"
            "last error   could not reach \"https://…\" (2026-09-21T14:15:00Z)\n");
}

TEST(Answers, WhyHasTheShapeOfAclcCan) {
  Why why;
  why.file = "policy.hujson";
  why.layers = {{"known", true, "100.64.0.5 is ann-laptop"}, {"packet", false, "no rule"}};
  why.nearest = {{"acls[3]", 14, "it allows 443/tcp"}};
  const std::string text = why_json(why);
  EXPECT_EQ(
      text,
      R"({"verdict":"deny","rule":null,"file":"policy.hujson","line":null,"layers":[{"name":"known","ok":true,"reason":"100.64.0.5 is ann-laptop"},)"
      R"({"name":"packet","ok":false,"reason":"no rule"}],"nearest":[{"rule":"acls[3]","file":"policy.hujson","line":14,"failed":"it allows 443/tcp"}]})");
  EXPECT_EQ(why_text(text),
            "no\n  known    ok  100.64.0.5 is ann-laptop\n  packet   NO  no rule\nnearest rules:\n  policy.hujson:14: "
            "acls[3]: it allows 443/tcp\n");
  EXPECT_FALSE(says_yes(text));
}

TEST(Answers, ControlCharactersOfAPolicyDoNotReachTheTerminal) {
  Whois whois;
  whois.known = true;
  whois.node = "web\x1b[2J\n\xc2\x9b\xe2\x80\xae\xc3\xbc";
  const std::string text = whois_json(*net::Address::parse("100.64.0.5"), whois);
  EXPECT_THAT(text, ::testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(whois_text(text), HasSubstr("is web\\x1b[2J\\x0a\\xc2\\x9b\\xe2\\x80\\xae\xc3\xbc\n"));
}

TEST(Answers, ACapabilitysValueIsJson) {
  Whois whois;
  whois.known = whois.bound = true;
  whois.node = "ann";
  whois.capabilities = {{"example.com/cap", R"({"role":"admin"})", "grants[1]"},
                        {"example.com/other", "", "grants[2]"}};
  const std::string text = whois_json(*net::Address::parse("fd7a::5"), whois);
  EXPECT_THAT(
      text,
      HasSubstr(
          R"({"name":"example.com/cap","value":{"role":"admin"},"rule":"grants[1]"},{"name":"example.com/other","value":null)"));
  EXPECT_THAT(whois_text(text), HasSubstr("may    example.com/cap {\"role\":\"admin\"}  (grants[1])"));
}

TEST(Answers, TextOfSomethingElseIsEmpty) {
  for (const char* odd : {"", "[]", "3", "{"}) {
    EXPECT_EQ(status_text(odd), "");
    EXPECT_EQ(why_text(odd), "");
    EXPECT_EQ(whois_text(odd), "");
    EXPECT_FALSE(says_yes(odd));
  }
}

TEST(Answers, MembersOfAnotherKindAreLeftOut) {
  EXPECT_THAT(
      status_text(R"({"generation":17,"age_s":true,"attached":"yes","guarded":[],"last_error":{"a":"\u001b"}})"),
      ::testing::AllOf(HasSubstr(".17, 0 s old"), HasSubstr("NOT ATTACHED"), HasSubstr("NO GUARD"),
                       ::testing::Not(HasSubstr("\x1b"))));
  EXPECT_THAT(whois_text(R"({"known":true,"bound":1,"own":null,"capabilities":[3]})"), HasSubstr("NO: WireGuard"));
  EXPECT_THAT(whois_text(R"({"known":"yes"})"), HasSubstr("nobody that this node knows"));
  EXPECT_THAT(why_text(R"({"layers":[1,{"ok":"x"}],"nearest":[2]})"), HasSubstr("NO"));
}

TEST(Answers, LostDecisionRecordsAreShown) {
  Status s;
  s.lost_records = 3;
  EXPECT_THAT(status_text(status_json(s)), HasSubstr("decisions    3 records LOST"));
  EXPECT_THAT(status_text(status_json(Status())), ::testing::Not(HasSubstr("LOST")));
}

}  // namespace
}  // namespace acl::node
