// The report as a whole: its order, its places, its limits.
#include "compiler/policy/findings.h"

#include <gtest/gtest.h>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

// --- order: the service's first error first, the rest as they stand in the file ---

TEST(Report, TheServicesFirstErrorComesFirst) {
  // Groups are judged before acls, acls before ssh; in the file they stand the other way round.
  const Checked c = checked(R"({
    "ssh": [{"action": "deny", "src": ["ana@example.com"], "dst": ["autogroup:self"], "users": ["root"]}],
    "acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}],
    "groups": {"group:a": ["tag:x"]},
  })");
  EXPECT_EQ(c.errors(), "E0311 E0501 E0401");
  EXPECT_EQ(c.message(), "groups[\"group:a\"]: \"tag:x\": group members must be users");
}

TEST(Report, WarningsAndErrorsStandTogetherInTheOrderOfTheFile) {
  const Checked c = checked(R"({
    "hosts": {"unused": "10.0.0.1"},
    "acls": [{"action": "accept", "src": [], "dst": ["x:22"]}, {"action": "deny", "src": ["*"], "dst": ["*:*"]}],
    "groups": {"group:unused": []},
  })");
  EXPECT_EQ(c.codes(), "E0303 W0323 E0401 W0322");
}

TEST(Report, TheStructureIsJudgedBeforeTheMeaning) {
  const Checked c = checked("{\"groups\":{\"group:a\":[\"*\"]},\n\"bogus\":1}");
  EXPECT_EQ(c.message(), "json: unknown field \"bogus\"");
  EXPECT_EQ(c.errors(), "E0201 E0311");
}

TEST(Report, SectionsAreJudgedInAFixedOrder) {
  // One error in each section; taking the first section away brings the next one's to the front.
  const std::vector<std::pair<std::string, Code>> sections = {
      {R"("groups":{"x":[]})", Code::E0310},
      {R"("hosts":{"x":"y"})", Code::E0314},
      {R"("ipsets":{"x":[]})", Code::E0315},
      {R"("tagOwners":{"x":[]})", Code::E0309},
      {R"("postures":{"x":[]})", Code::E0332},
      {R"("grants":[{"src":["*"],"dst":["*"]}])", Code::E0410},
      {R"("acls":[{"action":"x","src":["*"],"dst":["*:*"]}])", Code::E0401},
      {R"("autoApprovers":{"routes":{"x":[]}})", Code::E0701},
      {R"("nodeAttrs":[{"target":["autogroup:self"],"attr":["funnel"]}])", Code::E0703},
      {R"("OneCGNATRoute":"x")", Code::E0706},
      {R"("ssh":[{"action":"accept","src":["a@b.c"],"dst":["autogroup:self"],"users":[]}])", Code::E0502},
      {R"("sshTests":[{"src":"a@b.c","dst":["10.0.0.0/8"],"accept":["root"]}])", Code::E0602},
      {R"("tests":[{"src":"a@b.c"}])", Code::E0601},
  };
  for (std::size_t from = 0; from < sections.size(); ++from) {
    std::string text;
    for (std::size_t i = sections.size(); i-- > from;)
      text += sections[i].first + ",";  // the last section stands first
    const Checked c = checked("{" + text + "}");
    EXPECT_EQ(c.loaded->diagnostics.front().code, sections[from].second) << c.codes();
  }
}

TEST(Report, AllProblemsAreFoundInOneRun) {
  EXPECT_EQ(acl(R"("tag:x","group:y","z")", R"("tag:a:22","b:22","*:0")", R"(,"proto":"p")").errors(),
            "E0404 E0301 E0302 E0303 E0301 E0303 E0403");
}

// --- the answer ---

TEST(Report, APolicyIsAcceptedExactlyIfNothingIsAnError) {
  EXPECT_TRUE(checked(R"({"acls":[]})").accepted());
  EXPECT_EQ(checked(R"({"acls":[]})").loaded->message(), nullptr);
  EXPECT_TRUE(checked("{}").accepted()) << "a warning is no error";
  EXPECT_FALSE(checked(R"({"x":1})").accepted());
}

TEST(Report, NoInternalNameReachesAUser) {
  const Checked c =
      checked(R"({"acls":[{"action":1,"src":{},"dst":[null],"x":1}],"grants":"x","ssh":[[]],"derpMap":[]})");
  for (const Diagnostic& d : c.loaded->diagnostics) {
    for (const std::string word : {"std::", "acl::", "Kind", "Selector", "0x"}) {
      EXPECT_EQ(d.message.find(word), std::string::npos) << d.message;
    }
  }
}

// --- what was not checked ---

TEST(Skipped, SaysWhatOnlyAnInventoryCanTell) {
  EXPECT_TRUE(checked(R"({"acls":[]})").loaded->skipped.empty());
  EXPECT_EQ(acl(R"("*")", R"("*:*")").loaded->skipped, (std::vector<std::string>{"whether 2 logins named here exist"}));
  const Checked c =
      checked(R"({"acls":[{"action":"accept","src":["user:*@example.com","ana@example.com"],"dst":["*:*"]}],
                                "tests":[{"src":"ana@example.com","accept":["10.0.0.1:22"]}],
                                "sshTests":[{"src":"ana@example.com","dst":["10.0.0.1"],"accept":["root"]},
                                            {"src":"ana@example.com","dst":["10.0.0.1"],"accept":["root"]}]})");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.loaded->skipped, (std::vector<std::string>{
                                   "whether 1 login named here exists",
                                   "whether 1 domain of user:*@… or localpart:*@… belongs to the tailnet",
                                   "the outcome of 1 entry in tests",
                                   "the outcome of 2 entries in sshTests",
                               }));
}

TEST(Skipped, ATestThatFailsAnywayIsNotSkipped) {
  EXPECT_TRUE(checked(R"({"acls":[],"tests":[{"src":"10.0.0.1","accept":["*:22"]}]})").loaded->skipped.empty());
}

// --- places ---

TEST(Spans, CountLinesAndBytesFromOne) {
  const Checked c =
      checked("{\n\t\"acls\": [\n\t\t{\"action\": \"accept\", \"src\": [\"tag:\u00e9\", \"tag:x\"], \"dst\": []}]}");
  ASSERT_EQ(c.count(Code::E0301), 2U);
  EXPECT_EQ(c.at(Code::E0301), "3:32");
  std::vector<Position> ends;
  for (const Diagnostic& d : c.loaded->diagnostics) {
    if (d.code == Code::E0301) ends.push_back(d.place->end);
  }
  EXPECT_EQ(ends, (std::vector<Position>{{3, 40}, {3, 49}})) << "é is two bytes, a tab one; ends are exclusive";
}

TEST(Spans, ALineEndsAtItsLineFeedOnly) {
  EXPECT_EQ(checked("{\r\n\"acls\":\r[],\r\n\"x\":1}").at(Code::E0201), "3:1");
}

TEST(Spans, StayTrueBehindComments) {
  EXPECT_EQ(checked("// a\n{/* b\nc */ \"x\": 1, // d\n}\n").at(Code::E0201), "3:6");
}

TEST(Spans, CoverTheBadValueWithItsQuotes) {
  EXPECT_EQ(acl(R"("tag:\u0078")", R"("*:*")").under(Code::E0301), R"("tag:\u0078")");
  EXPECT_EQ(acl(R"("*")", R"("x:22")").under(Code::E0303), R"("x:22")");
  EXPECT_EQ(acl(R"("*")", R"("*:*")", R"(,"proto":"x")").under(Code::E0404), R"("x")");
  EXPECT_EQ(grant(R"("*")", R"("*")", "").under(Code::E0410), R"({"src":["*"],"dst":["*"]})");
  EXPECT_EQ(checked("[1]").under(Code::E0203), "[1]");
}

// --- limits ---

std::string many(std::size_t count, const std::string& item) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + item;
  return out;
}

TEST(Limits, ErrorsBeyondTheFirstThousandAreCounted) {
  const Checked c =
      checked("{\"acls\":[{\"action\":\"accept\",\"src\":[" + many(10'000, "\"tag:x\"") + "],\"dst\":[\"*:*\"]}]}");
  EXPECT_EQ(c.loaded->diagnostics.size(), max_findings + 1);
  EXPECT_EQ(c.count(Code::E0301), max_findings);
  EXPECT_EQ(c.loaded->diagnostics.back().code, Code::E0106);
  EXPECT_EQ(c.said(Code::E0106), "9000 more problems are not listed");
}

TEST(Limits, WarningsBeyondTheFirstThousandAreNoError) {
  const Checked c =
      checked("{\"acls\":[{\"action\":\"accept\",\"src\":[" + many(10'000, "\" * \"") + "],\"dst\":[\"*:*\"]}]}");
  EXPECT_EQ(c.loaded->diagnostics.size(), max_findings + 1);
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.said(Code::I0107), "9000 more problems are not listed");
}

TEST(Limits, AThousandWarningsHideNoError) {
  const Checked c = checked("{\"acls\":[{\"action\":\"accept\",\"src\":[" + many(5'000, "\" * \"") + "],\"dst\":[" +
                            many(3, "\"x:22\"") + "]}]}");
  EXPECT_EQ(c.count(Code::E0303), 3U);
  EXPECT_EQ(c.loaded->diagnostics.size(), max_findings + 1);
  EXPECT_EQ(c.loaded->diagnostics.front().code, Code::E0303);
  EXPECT_TRUE(c.has(Code::I0107));
}

TEST(Limits, ALongNameIsQuotedInPart) {
  const std::string name(1'000'000, 'x');
  for (const std::string& section : {R"("groups":{"group:)" + name + R"(":[)" + many(2'000, "\"*\"") + "]}",
                                     R"("tagOwners":{"tag:)" + name + R"(":[)" + many(2'000, "\"*\"") + "]}",
                                     R"("ipsets":{"ipset:)" + name + R"(":[)" + many(2'000, "\"*\"") + "]}",
                                     R"("postures":{"posture:)" + name + R"(":[)" + many(2'000, "\"*\"") + "]}"}) {
    const Checked c = checked("{" + section + "}");
    EXPECT_FALSE(c.accepted());
    std::size_t bytes = 0;
    for (const Diagnostic& d : c.loaded->diagnostics) bytes += d.message.size() + d.help.size() + d.service_text.size();
    EXPECT_LT(bytes, 10'000'000U) << section.substr(0, 20);
  }
}

TEST(Limits, ACutTextEndsInAWholeCharacter) {
  std::string name;
  for (int i = 0; i < 3'000; ++i) name += "\u00e9";
  const std::string message = acl("\"" + name + "\"", R"("*:*")").said(Code::E0303);
  EXPECT_LT(message.size(), 2'100U);
  EXPECT_EQ(message.substr(message.size() - 5), "\u00e9\u2026");
}

}  // namespace
}  // namespace acl::policy
