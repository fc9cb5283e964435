// Built ssh parts answer logins as the rules say: order, accounts, terms.
#include "compiler/table/ssh_builder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "compiler/resolve/testing.h"
#include "compiler/table/testing.h"
#include "engine/table/ssh.h"

namespace acl::tables {
namespace {

using resolve::Net;
using ::testing::ElementsAre;

const std::string owners =
    R"({"tagOwners":{"tag:db":["ana@example.com"],"tag:rec":["ana@example.com"]},"acls":[],"ssh":[)";

Net company() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("phone", "ana@example.com")
      .node("desk", "bo@example.org")
      .node("db", "tag:db")
      .node("rec", "tag:rec");
}

std::string rule(const std::string& action, const std::string& src, const std::string& dst, const std::string& users,
                 const std::string& more = "") {
  return R"({"action":")" + action + R"(","src":[")" + src + R"("],"dst":[")" + dst + R"("],"users":[)" + users + "]" +
         more + "}";
}

class Built {
 public:
  explicit Built(const std::string& rules, const char* node = "db")
      : setting_(company().inventory(), owners + rules + "]}"),
        part_(*setting_.ssh(setting_.id(node))),
        ssh_(*table::Ssh::open(part_.bytes)) {
    EXPECT_TRUE(setting_.ok());
  }
  [[nodiscard]] table::LoginDecision decide(const char* source, std::string_view name, bool exists = true,
                                            bool root = false) const {
    return ssh_.decide({*net::Address::parse(source), name, exists, root});
  }
  // "check by ssh[1]", "deny".
  [[nodiscard]] std::string ask(const char* source, std::string_view name, bool exists = true,
                                bool root = false) const {
    const auto decision = decide(source, name, exists, root);
    if (decision.action == table::LoginAction::deny) return "deny";
    return (decision.action == table::LoginAction::check ? "check by " : "accept by ") +
           resolve::origin_name(part_.rules.at(decision.rule));
  }

 private:
  Setting setting_;
  SshPart part_;
  table::Ssh ssh_;
};

constexpr const char *laptop = "100.64.0.1", *laptop6 = "fd7a:115c:a1e0::1", *desk = "100.64.0.3", *db = "100.64.0.4";

TEST(BuiltSshPart, RootIsOpenedByItsNameAlone) {
  const Built named(rule("accept", "ana@example.com", "tag:db", R"("root")"));
  EXPECT_EQ(named.ask(laptop, "root"), "accept by ssh[0]");
  EXPECT_EQ(named.ask(laptop6, "root"), "accept by ssh[0]");
  EXPECT_EQ(named.ask(laptop, "ubuntu"), "deny");
  const Built nonroot(rule("accept", "ana@example.com", "tag:db", R"("autogroup:nonroot")"));
  EXPECT_EQ(nonroot.ask(laptop, "root"), "deny");
  EXPECT_EQ(nonroot.ask(laptop, "ubuntu"), "accept by ssh[0]");
  EXPECT_EQ(nonroot.ask(laptop, "toor", true, true), "deny");  // user id 0 by another name
  EXPECT_EQ(nonroot.ask(laptop, "nobody-of-that-name", false), "deny");
}

TEST(BuiltSshPart, CheckIsAskedBeforeAccept) {
  const Built built(rule("accept", "ana@example.com", "tag:db", R"("root","web")") + "," +
                    rule("check", "ana@example.com", "tag:db", R"("root")"));
  EXPECT_EQ(built.ask(laptop, "root"), "check by ssh[1]");
  EXPECT_EQ(built.ask(laptop, "web"), "accept by ssh[0]");
}

TEST(BuiltSshPart, ACheckHoldsForItsPeriod) {
  const auto period = [](const std::string& more) {
    return Built(rule("check", "ana@example.com", "tag:db", R"("root")", more)).decide(laptop, "root").check_period;
  };
  EXPECT_EQ(period(""), 12U * 3600);
  EXPECT_EQ(period(R"(,"checkPeriod":"1h")"), 3600U);
  EXPECT_EQ(period(R"(,"checkPeriod":"90m")"), 5400U);
  EXPECT_EQ(period(R"(,"checkPeriod":"always")"), acl_ssh_always);
}

TEST(BuiltSshPart, OnesOwnNameIsTheLocalPartInThatDomain) {
  const Built built(rule("accept", "autogroup:member", "tag:db", R"("localpart:*@example.com")"));
  EXPECT_EQ(built.ask(laptop, "ana"), "accept by ssh[0]");
  EXPECT_EQ(built.ask(laptop, "bo"), "deny");
  EXPECT_EQ(built.ask(desk, "bo"), "deny");  // bo@example.org
  EXPECT_EQ(built.ask(desk, "ana"), "deny");
}

TEST(BuiltSshPart, PeopleReachTheirOwnDevicesByThemselves) {
  const Built built(rule("accept", "autogroup:member", "autogroup:self", R"("root")"), "phone");
  EXPECT_EQ(built.ask(laptop, "root"), "accept by ssh[0]");
  EXPECT_EQ(built.ask(desk, "root"), "deny");
  EXPECT_FALSE(built.decide(desk, "root").known_source);
}

TEST(BuiltSshPart, TheTermsAreThoseOfTheRule) {
  const Built built(rule("accept", "ana@example.com", "tag:db", R"("web")",
                         R"(,"acceptEnv":["GIT_*","LANG"],"recorder":["tag:rec"],"enforceRecorder":true)"));
  const auto decision = built.decide(laptop, "web");
  EXPECT_THAT(decision.environment, ElementsAre("GIT_*", "LANG"));
  EXPECT_THAT(decision.recorders, ElementsAre("tag:rec"));
  EXPECT_TRUE(decision.enforce_recorder && decision.agent_forwarding && decision.local_forwarding &&
              decision.remote_forwarding);
}

TEST(BuiltSshPart, ANodeKnowsWhetherItIsARecorderOfTheRule) {
  const auto is_recorder = [](const char* recorders) {
    return Built(rule("accept", "ana@example.com", "tag:db", R"("web")", fmt::format(R"(,"recorder":[{}])", recorders)))
        .decide(laptop, "web")
        .is_recorder;
  };
  EXPECT_FALSE(is_recorder(R"("tag:rec")"));
  EXPECT_TRUE(is_recorder(R"("tag:db")"));
  EXPECT_TRUE(is_recorder(R"("tag:rec","tag:db")"));
}

TEST(BuiltSshPart, NobodyElseIsASource) {
  const Built built(rule("accept", "ana@example.com", "tag:db", R"("root")"));
  for (const char* source : {"100.64.0.0", desk, db, "8.8.8.8", "fd7a:115c:a1e0::9", "::"}) {
    EXPECT_EQ(built.ask(source, "root"), "deny") << source;
    EXPECT_FALSE(built.decide(source, "root").known_source) << source;
  }
}

}  // namespace
}  // namespace acl::tables
