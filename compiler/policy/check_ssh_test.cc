// ssh: who may log in where as whom, and which rules are refused.
#include <gtest/gtest.h>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

const std::string people = R"("group:eng")";
const std::string server = R"("tag:server")";

Checked users(const std::string& list, Dialect dialect = Dialect::tailscale) {
  return ssh("accept", people, server, ",\"users\":[" + list + "]", dialect);
}
Checked period(const std::string& text, const std::string& action = "check", Dialect dialect = Dialect::tailscale) {
  return ssh(action, people, server, R"(,"users":["root"],"checkPeriod":")" + text + "\"", dialect);
}

// --- action ---

TEST(SshAction, IsAcceptOrCheck) {
  EXPECT_TRUE(ssh("accept", people, server).accepted());
  EXPECT_TRUE(ssh("check", people, server).accepted());
  EXPECT_EQ(ssh("Accept", people, server).message(), "\"Accept\" is not a valid action");
  EXPECT_EQ(ssh("deny", people, server).message(), "\"deny\" is not a valid action");
  EXPECT_EQ(ssh("Accept", people, server).under(Code::E0501), "\"Accept\"");
}

TEST(SshAction, MustBeGiven) {
  for (const std::string none : {"", R"("action":"",)", R"("action":null,)"}) {
    const Checked c = in_tailnet(R"("ssh":[{)" + none + R"("src":["group:eng"],"dst":["tag:db"],"users":["root"]}])");
    EXPECT_EQ(c.message(), "action must be specified") << none;
    EXPECT_EQ(c.errors(), "E0501") << none;
  }
}

TEST(SshAction, OuterSpaceIsTrimmed) { EXPECT_TRUE(ssh(" accept ", people, server).accepted()); }

TEST(SshSelectors, OuterSpaceIsTrimmedAndAccountsLoseItToo) {
  const Checked c = ssh("accept", R"(" ana@example.com")", R"("tag:server ")", R"(,"users":[" root "])");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.policy().ssh[0].src[0].text, "ana@example.com");
  EXPECT_EQ(c.policy().ssh[0].dst[0].text, "tag:server");
  EXPECT_EQ(c.policy().ssh[0].users[0].value, "root");
  EXPECT_EQ(users(R"(" ")").message(), "user \"\" is not valid");
}

// --- users ---

TEST(SshUsers, MustBeGiven) {
  for (const std::string none : {"", R"(,"users":[])", R"(,"users":null)"}) {
    const Checked c = ssh("accept", people, server, none);
    EXPECT_EQ(c.message(), "users must be specified") << none;
    EXPECT_EQ(c.errors(), "E0502");
  }
}

TEST(SshUsers, AreNeitherEmptyNorAStar) {
  EXPECT_EQ(users(R"("")").message(), "user \"\" is not valid");
  EXPECT_EQ(users(R"("*")").message(), "user \"*\" is not valid");
  EXPECT_EQ(users(R"("root","*")").under(Code::E0503), "\"*\"");
}

TEST(SshUsers, AreAccountsNonrootAndLocalparts) {
  const Checked c = users(R"("ubuntu","root","autogroup:nonroot","localpart:*@example.com","a.b-c_d$")");
  EXPECT_TRUE(c.accepted());
  EXPECT_FALSE(c.has(Code::W0511));
}

// Anything else is a literal account, accepted without a word by the service.
TEST(SshUsers, SelectorsAreTakenForAccountsWithAWarning) {
  for (const std::string user : {"autogroup:member", "group:eng", "tag:x", "localpart:foo@example.com",
                                 "localpart:", "localpart:*@", "autogroup:self", "10.0.0.1", "user:*@example.com"}) {
    EXPECT_TRUE(users("\"" + user + "\"").accepted()) << user;
    EXPECT_TRUE(users("\"" + user + "\"").has(Code::W0511)) << user;
  }
}

// --- sources and destinations: the table of who may log in where ---

// Y: either action; A: accepted, but check earns a warning, since a device cannot be asked; N: refused.
TEST(SshPairs, PeopleReachTaggedAndTheirOwnDevicesTagsReachTags) {
  const std::string ana = R"("ana@example.com")";
  const std::string domain = R"("user:*@example.com")";
  const std::string member = R"("autogroup:member")";
  const std::string tagged = R"("autogroup:tagged")";
  const std::string self = R"("autogroup:self")";
  const std::string role = R"("autogroup:admin")";
  const std::string synced = R"("group:ops@example.com")";
  const std::vector<std::tuple<std::string, std::string, char>> table = {
      {ana, server, 'Y'},
      {ana, tagged, 'Y'},
      {ana, self, 'Y'},
      {ana, ana, 'Y'},
      {people, server, 'Y'},
      {people, tagged, 'Y'},
      {people, self, 'Y'},
      {people, ana, 'N'},
      {member, server, 'Y'},
      {member, tagged, 'Y'},
      {member, self, 'Y'},
      {member, ana, 'N'},
      {domain, server, 'Y'},
      {domain, tagged, 'Y'},
      {domain, self, 'Y'},
      {domain, ana, 'N'},
      {role, server, 'Y'},
      {role, tagged, 'Y'},
      {role, self, 'Y'},
      {role, ana, 'N'},
      {synced, server, 'Y'},
      {synced, tagged, 'Y'},
      {synced, self, 'Y'},
      {synced, ana, 'N'},
      {server, server, 'A'},
      {server, tagged, 'A'},
      {server, self, 'N'},
      {server, ana, 'N'},
      {tagged, server, 'A'},
      {tagged, tagged, 'A'},
      {tagged, self, 'N'},
      {tagged, ana, 'N'},
      {R"("bo@example.com")", ana, 'N'},         // another user
      {ana + R"(,"bo@example.com")", ana, 'N'},  // not exactly that user
      {ana + "," + server, server, 'A'},         // a mix
      {ana + "," + server, self, 'N'},
      {ana + "," + server, ana, 'N'},
      {people + "," + tagged, server, 'A'},
  };
  for (const auto& [src, dst, cell] : table) {
    const Checked accept = ssh("accept", src, dst);
    const Checked check = ssh("check", src, dst);
    EXPECT_EQ(accept.accepted(), cell != 'N') << src << " → " << dst << accept.summary();
    EXPECT_EQ(check.accepted(), cell != 'N') << src << " → " << dst << check.summary();
    EXPECT_EQ(check.has(Code::W0506), cell == 'A' || src.find("tag") != std::string::npos) << src << " → " << dst;
    EXPECT_FALSE(accept.has(Code::W0506));
    if (cell == 'N') {
      EXPECT_EQ(accept.errors(), "E0507") << src << " → " << dst;
    }
  }
}

// As quoted in https://github.com/juanfont/headscale/issues/3010.
TEST(SshPairs, AUserIsADestinationOfThatUserAloneInTheServicesWords) {
  const std::string ana = R"("ana@example.com")";
  for (const std::string& src : {std::string(R"("bo@example.com")"), people, server, ana + R"(,"bo@example.com")"}) {
    EXPECT_EQ(ssh("accept", src, ana).message(), "users in dst are only allowed from the same user") << src;
  }
}

TEST(SshPairs, HaveHeadscalesWords) {
  const auto message = [](const std::string& src, const std::string& dst) {
    return ssh("accept", src, dst, R"(,"users":["root"])", headscale).message();
  };
  EXPECT_EQ(message(server, R"("ana@example.com")"), "tags in SSH source cannot access user-owned devices");
  EXPECT_EQ(message(people, R"("ana@example.com")"), "user destination requires source to contain only that same user");
  EXPECT_EQ(message(server, R"("autogroup:self")"),
            "autogroup:self destination requires source to contain only users or groups, not tags or autogroup:tagged");
  EXPECT_EQ(message(server, R"("autogroup:member")"),
            "tags in SSH source cannot access autogroup:member (user-owned devices)");
  EXPECT_EQ(message(people, R"("*")"), "wildcard (*) is not supported as SSH destination");
}

// Where no sources are left, there is nobody to refuse.
TEST(SshPairs, WithoutASourceOrADestinationAreAWarning) {
  EXPECT_TRUE(ssh("accept", "", server).accepted());
  EXPECT_EQ(ssh("accept", "", server).said(Code::W0413), "ssh[0] can never match: it has no src");
  EXPECT_EQ(ssh("accept", people, "").said(Code::W0413), "ssh[0] can never match: it has no dst");
  EXPECT_TRUE(in_tailnet(R"("ssh":[{"action":"accept","users":["root"]}])").accepted());
}

TEST(SshDestinations, AreRefusedInTheServicesWords) {
  for (const std::string dst : {"vault", "lan", "*", "10.0.0.1", "10.0.0.0/8", "group:eng", "ipset:dc", "svc:x",
                                "autogroup:internet", "autogroup:member"}) {
    EXPECT_EQ(ssh("accept", people, "\"" + dst + "\"").message(), "invalid dst \"" + dst + "\"") << dst;
  }
}

TEST(SshDestinations, HelpWithWhatMayStandInstead) {
  EXPECT_EQ(ssh("accept", people, R"("group:eng")").help(Code::E0308),
            "people may log in only to tagged devices and their own: use a tag or autogroup:self");
  EXPECT_EQ(ssh("accept", people, R"("*")").help(Code::E0308), "list tags, autogroup:tagged or autogroup:self");
}

TEST(SshSources, AreIdentitiesOnly) {
  for (const std::string src : {"*", "10.0.0.1", "10.0.0.0/8", "vault", "ipset:dc", "svc:x", "autogroup:internet",
                                "autogroup:shared", "autogroup:danger-all", "autogroup:self"}) {
    EXPECT_EQ(ssh("accept", "\"" + src + "\"", server).errors(), "E0308") << src;
    EXPECT_EQ(ssh("accept", "\"" + src + "\"", server).message(), "\"" + src + "\" is not allowed in src") << src;
  }
}

// Reported by users, promised by nobody: a warning, in the reported words.
TEST(SshCheck, OfATagIsAWarning) {
  const Checked c = ssh("check", server, server);
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.said(Code::W0506), "\"check\" action does not support tags in src");
  EXPECT_EQ(c.under(Code::W0506), "\"tag:server\"");
}

// --- checkPeriod ---

TEST(CheckPeriod, IsADurationOrAlways) {
  for (const std::string text : {"12h", "168h", "1h30m", "90m", "0.5h", "1m", "always", "30s", "0s", "0"}) {
    EXPECT_TRUE(period(text).accepted()) << text;
  }
  EXPECT_EQ(period("abc").message(), "time: invalid duration \"abc\"");
  EXPECT_EQ(period("7d").message(), "time: invalid duration \"7d\"");
  EXPECT_EQ(period("abc").errors(), "E0508");
}

TEST(CheckPeriod, IsAtMostAWeekAndNotNegative) {
  for (const std::string text : {"200h", "168h0m1s", "-1m"}) EXPECT_EQ(period(text).errors(), "E0509") << text;
  EXPECT_NE(period("200h").message().find("200h0m0s"), std::string::npos) << "named in its printed form";
  EXPECT_NE(period("-1m").message().find("-1m0s"), std::string::npos);
}

TEST(CheckPeriod, BelowAMinuteIsAWarning) {
  EXPECT_TRUE(period("30s").has(Code::W0512));
  EXPECT_FALSE(period("1m").has(Code::W0512));
  EXPECT_FALSE(period("always").has(Code::W0512));
}

TEST(CheckPeriod, WithAcceptIsAWarningAndForHeadscaleAnError) {
  EXPECT_TRUE(period("12h", "accept").accepted());
  EXPECT_TRUE(period("12h", "accept").has(Code::W0514));
  EXPECT_FALSE(period("12h").has(Code::W0514));
  EXPECT_EQ(period("12h", "accept", headscale).message(), "checkPeriod is only valid with action \"check\"");
  EXPECT_TRUE(period("12h", "check", headscale).accepted());
}

// --- acceptEnv ---

TEST(AcceptEnv, HasNoEmptyPatterns) {
  const auto env = [](const std::string& list) {
    return ssh("accept", people, server, ",\"users\":[\"root\"],\"acceptEnv\":" + list);
  };
  EXPECT_TRUE(env(R"(["GIT_*","FOO_?","*"])").accepted());
  EXPECT_TRUE(env("[]").accepted());
  EXPECT_TRUE(env("null").accepted());
  EXPECT_EQ(env(R"(["GIT_*",""])").message(), "acceptEnv values cannot be empty");
  EXPECT_EQ(env(R"(["GIT_*",""])").under(Code::E0510), "\"\"");
}

// --- recorder ---

TEST(Recorder, IsAListOfTags) {
  const auto recorder = [](const std::string& list) {
    return ssh("accept", people, server, ",\"users\":[\"root\"],\"recorder\":" + list);
  };
  EXPECT_TRUE(recorder(R"(["tag:db"])").accepted());
  EXPECT_EQ(recorder(R"(["group:eng"])").errors(), "E0515");
  EXPECT_EQ(recorder(R"(["tag:x"])").errors(), "E0301");
  EXPECT_EQ(recorder(R"("tag:db")").errors(), "E0203");
}

TEST(Recorder, IsMissedWhereItIsEnforced) {
  EXPECT_TRUE(ssh("accept", people, server, R"(,"users":["root"],"enforceRecorder":true)").has(Code::W0516));
  EXPECT_FALSE(ssh("accept", people, server, R"(,"users":["root"],"enforceRecorder":false)").has(Code::W0516));
  EXPECT_FALSE(ssh("accept", people, server, R"(,"users":["root"],"recorder":["tag:db"],"enforceRecorder":true)")
                   .has(Code::W0516));
}

// --- order ---

Checked two(const std::string& accept, const std::string& check, const std::string& more = "") {
  return in_tailnet(R"("ssh":[{"action":"accept",)" + accept + R"(},{"action":"check",)" + check + more + "}]");
}

// All check rules come before all accept rules.
TEST(SshOrder, AnAcceptRuleBehindACheckRuleIsNeverReached) {
  const std::string rule = R"("src":["group:eng"],"dst":["tag:db"],"users":["root"])";
  const Checked c = two(rule, rule);
  EXPECT_EQ(c.said(Code::W0517), "ssh[0] is never reached: ssh[1] covers it, and check rules come first");
  EXPECT_TRUE(two(rule, R"("src":["group:eng"],"dst":["tag:db"],"users":["a","root"])").has(Code::W0517));
  EXPECT_FALSE(two(rule, R"("src":["group:eng"],"dst":["tag:db"],"users":["a"])").has(Code::W0517));
  EXPECT_FALSE(two(rule, R"("src":["group:eng"],"dst":["tag:server"],"users":["root"])").has(Code::W0517));
  EXPECT_FALSE(two(rule, R"("src":["ana@example.com"],"dst":["tag:db"],"users":["root"])").has(Code::W0517));
  // A posture may not hold.
  EXPECT_FALSE(two(rule, rule, R"(,"srcPosture":["posture:managed"])").has(Code::W0517));
}

// A default posture restricts the check rule as well, and an accept rule that opts out may then be reached.
TEST(SshOrder, ADefaultPostureMayLeaveTheAcceptRuleToDecide) {
  const std::string rule = R"("src":["group:eng"],"dst":["tag:db"],"users":["root"])";
  const Checked c = in_tailnet(R"("defaultSrcPosture":["posture:managed"],"ssh":[{"action":"accept",)" + rule +
                               R"(,"srcPosture":[]},{"action":"check",)" + rule + "}]");
  EXPECT_FALSE(c.has(Code::W0517));
}

}  // namespace
}  // namespace acl::policy
