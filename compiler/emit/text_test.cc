#include "compiler/emit/text.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>
#include <cstdlib>

#include "compiler/emit/testing.h"

namespace acl::emit {
namespace {

std::string text_of(const Diagnostic& diagnostic, const SourceText& source) {
  return render_text(diagnostic, Sources{{&source}}, {});
}

// The example of the header.
TEST(Text, PositionLineUnderlineAndHelp) {
  const SourceText source("policy.hujson",
                          "{\n"
                          "\"acls\": [\n"
                          "  {\"action\": \"accept\", \"src\": [\"tag:servr\"], \"dst\": [\"tag:db:5432\"]},\n"
                          "]}\n");
  const Diagnostic d = diagnostic_at(source, "\"tag:servr\"", "src=tag not found: \"tag:servr\"",
                                     "did you mean \"tag:server\" (line 7)? Tags are declared in \"tagOwners\".");
  EXPECT_EQ(text_of(d, source),
            "policy.hujson:3:32: error E0101: src=tag not found: \"tag:servr\"\n"
            "    3 |   {\"action\": \"accept\", \"src\": [\"tag:servr\"], \"dst\": [\"tag:db:5432\"]},\n"
            "      |                                ^~~~~~~~~~~\n"
            "      = help: did you mean \"tag:server\" (line 7)? Tags are declared in \"tagOwners\".\n");
}

TEST(Text, TheColumnCountsBytesTheUnderlineWidth) {
  const SourceText source("p.hujson", "\t\"日本é\": x,\n");
  EXPECT_EQ(text_of(diagnostic_at(source, "x", "bad"), source),
            "p.hujson:1:14: error E0101: bad\n"
            "    1 |     \"日本é\": x,\n"
            "      |              ^\n");
}

TEST(Text, ARangeOfSeveralLinesIsUnderlinedToTheEndOfItsFirst) {
  const SourceText source("p.hujson", "{\"a\": [\r\n  1,\r\n]}");
  EXPECT_EQ(text_of(diagnostic_at(source, "[\r\n  1,\r\n]", "bad"), source),
            "p.hujson:1:7: error E0101: bad\n"
            "    1 | {\"a\": [\n"
            "      |       ^\n");
}

TEST(Text, TheEndOfTheTextHasAPlaceToo) {
  const SourceText source("p.hujson", "{\n");
  Diagnostic d = make_diagnostic(Code::E0101, "unexpected end");
  d.place = source.place({2, 2});
  EXPECT_EQ(text_of(d, source),
            "p.hujson:2:1: error E0101: unexpected end\n"
            "    2 | \n"
            "      | ^\n");
}

TEST(Text, RelatedPlacesFollowAsNotesWithTheirOwnLines) {
  const SourceText source("p.hujson", "{\n  \"hosts\": {},\n  \"acls\": [],\n  \"Hosts\": {}\n}\n");
  Diagnostic d = diagnostic_at(source, "\"Hosts\"", "duplicate key \"Hosts\"", "keep one of them");
  d.related.push_back({"first defined here", place_of(source, "\"hosts\"")});
  EXPECT_EQ(text_of(d, source),
            "p.hujson:4:3: error E0101: duplicate key \"Hosts\"\n"
            "    4 |   \"Hosts\": {}\n"
            "      |   ^~~~~~~\n"
            "      = help: keep one of them\n"
            "      = note: first defined here: p.hujson:2:3\n"
            "    2 |   \"hosts\": {},\n"
            "      |   ^~~~~~~\n");
}

TEST(Text, ARelatedPlaceMayBeInAnotherFile) {
  const SourceText policy("p.hujson", "[1]");
  const SourceText inventory("inventory.hujson", "[2]");
  Diagnostic d = diagnostic_at(policy, "1", "bad");
  d.related.push_back({"declared here", place_of(inventory, "2")});
  EXPECT_EQ(render_text(d, Sources{{&policy, &inventory}}, {}),
            "p.hujson:1:2: error E0101: bad\n"
            "    1 | [1]\n"
            "      |  ^\n"
            "      = note: declared here: inventory.hujson:1:2\n"
            "    1 | [2]\n"
            "      |  ^\n");
}

TEST(Text, WithoutTheTextThereIsNoLineWithoutAPlaceNoPosition) {
  const SourceText source("p.hujson", "[1]");
  EXPECT_EQ(render_text(diagnostic_at(source, "1", "bad"), {}, {}), "p.hujson:1:2: error E0101: bad\n");
  EXPECT_EQ(render_text(make_diagnostic(Code::E0002, "cannot read \"p.hujson\"", "check the path"), {}, {}),
            "error E0002: cannot read \"p.hujson\"\n"
            "      = help: check the path\n");
}

TEST(Text, AHelpOfSeveralLinesIsAligned) {
  EXPECT_EQ(render_text(make_diagnostic(Code::E0101, "bad", "either this\nor that"), {}, {}),
            "error E0101: bad\n"
            "      = help: either this\n"
            "              or that\n");
}

TEST(Text, LineNumbersOfMoreThanFiveDigitsWidenTheMargin) {
  const SourceText source("p.hujson", std::string(123455, '\n') + "x");
  EXPECT_EQ(text_of(diagnostic_at(source, "x", "bad", "mend it"), source),
            "p.hujson:123456:1: error E0101: bad\n"
            "123456 | x\n"
            "       | ^\n"
            "       = help: mend it\n");
}

// A hostile policy can neither command the terminal nor forge a line of the report.
TEST(Text, NothingOfThePolicyIsPrintedUnescaped) {
  const SourceText source("p\x1b.hujson", "\x1b[2J\u202e\xff x");
  Diagnostic d = diagnostic_at(source, "x", "bad \x1b]0;t\x07\n\xfe", "say \x1b[0m");
  d.related.push_back({"see \x1b", place_of(source, "x")});
  EXPECT_EQ(text_of(d, source),
            "p\\x1b.hujson:1:10: error E0101: bad \\x1b]0;t\\x07\\n\\xfe\n"
            "    1 | \\x1b[2J\\u202e\\xff x\n"
            "      |                   ^\n"
            "      = help: say \\x1b[0m\n"
            "      = note: see \\x1b: p\\x1b.hujson:1:10\n"
            "    1 | \\x1b[2J\\u202e\\xff x\n"
            "      |                   ^\n");
}

TEST(Text, ColorMarksPositionSeverityMessageAndUnderline) {
  const SourceText source("p.hujson", "[1]");
  EXPECT_EQ(render_text(diagnostic_at(source, "1", "bad", "mend it"), Sources{{&source}}, {.color = true}),
            "\x1b[1mp.hujson:1:2:\x1b[0m \x1b[1;31merror E0101:\x1b[0m \x1b[1mbad\x1b[0m\n"
            "    1 | [1]\n"
            "      |  \x1b[1;31m^\x1b[0m\n"
            "      = \x1b[1;36mhelp:\x1b[0m mend it\n");
}

FileReport report_about(const SourceText& source) {
  FileReport report;
  report.file = source.name();
  report.source = &source;
  return report;
}

TEST(TextReport, TheVerdictStandsLast) {
  const SourceText source("p.hujson", "[1, 2]");
  FileReport report = report_about(source);
  EXPECT_EQ(render_text(report, {}, {}), "p.hujson: accepted\n");

  report.diagnostics = {warning_at(source, "2", "odd")};
  EXPECT_EQ(render_text(report, {}, {}),
            "p.hujson:1:5: warning E0101: odd\n"
            "    1 | [1, 2]\n"
            "      |     ^\n"
            "p.hujson: accepted, 1 warning\n");

  report.accepted = false;
  report.diagnostics.push_back(diagnostic_at(source, "1", "bad"));
  report.diagnostics.push_back(diagnostic_at(source, "2", "bad"));
  const std::string refused = render_text(report, {}, {});
  EXPECT_TRUE(refused.ends_with("\np.hujson: refused: 2 errors, 1 warning\n")) << refused;
}

TEST(TextReport, SaysWhatWasNotChecked) {
  const SourceText source("p.hujson", "{}");
  FileReport report = report_about(source);
  report.skipped = {"tests", "users of groups"};
  EXPECT_EQ(render_text(report, {}, {}),
            "p.hujson: accepted\n"
            "not checked without an inventory: tests\n"
            "not checked without an inventory: users of groups\n");
}

TEST(Color, OnlyOnATerminal) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(want_color(ends[1]));
  close(ends[0]);
  close(ends[1]);
}

// https://no-color.org: any value but the empty one.
TEST(Color, NoColorAndDumbTerminalsAreObeyed) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || isatty(terminal) != 1) GTEST_SKIP() << "no pseudoterminal";
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(want_color(terminal));
  setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(want_color(terminal));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(want_color(terminal));
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(want_color(terminal));
  close(terminal);
}

}  // namespace
}  // namespace acl::emit
