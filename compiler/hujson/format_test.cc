// The standard layout, rule by rule; then the reference implementation's own answers, where a folder with them is present; then
// what must hold of any text.
#include "compiler/hujson/format.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "compiler/hujson/parse.h"
#include "engine/net/file.h"
#include "tests/generate/hujson_text.h"

namespace acl::hujson {
namespace {

std::string formatted(const std::string& text) {
  const auto tree = parse_strict(text);
  if (!tree) {
    ADD_FAILURE() << "not HuJSON: " << text;
    return {};
  }
  return format(*tree);
}

std::string letters(std::size_t count, char letter = 'x') { return std::string(count, letter); }

// --- the document ---

TEST(Format, EndsInOneLineEndAndBeginsWithoutSpace) {
  EXPECT_EQ(formatted("\n\n  42  \n\n"), "42\n");
  EXPECT_EQ(formatted("/* a */ \"x\" // b\n\n\n"), "/* a */ \"x\" // b\n");
  EXPECT_EQ(formatted("\n// a\n\n\n\n// b\nnull\n\n\n// c\n\n"), "// a\n\n// b\nnull\n\n// c\n");
}

TEST(Format, StandardJsonStaysStandard) {
  EXPECT_EQ(formatted("{\n\"a\":[\n1,2],\"b\":{}}"), "{\n\t\"a\": [\n\t\t1,\n\t\t2\n\t],\n\t\"b\": {}\n}\n");
}

TEST(Format, OneCommentOrTrailingCommaAllowsThemEverywhere) {
  EXPECT_EQ(formatted("[\n[\n1]]// c\n"), "[\n\t[\n\t\t1,\n\t],\n] // c\n");
  EXPECT_EQ(formatted("[\n[\n1],[2,]]"), "[\n\t[\n\t\t1,\n\t],\n\t[2],\n]\n");
}

// --- literals ---

TEST(Format, OnlyStringsWithEscapesAreWrittenAnew) {
  EXPECT_EQ(formatted(R"(["\u0041\/\u00e9", "\"\\\b\f\n\r\t\u001F"])"),
            "[\"A/é\", \"\\\"\\\\\\b\\f\\n\\r\\t\\u001f\"]\n");
  EXPECT_EQ(formatted(R"(["\ud83d\ude00", "\ud800", "\udc00x"])"), "[\"😀\", \"\ufffd\", \"\ufffdx\"]\n");
  EXPECT_EQ(formatted("[\"\xff\", \"\xff\\n\"]"), "[\"\xff\", \"\ufffd\\n\"]\n");
  EXPECT_EQ(formatted("[1E5, -0, 10.500]"), "[1E5, -0, 10.500]\n");
}

TEST(Format, NamesAreNormalizedToo) {
  EXPECT_EQ(formatted("{\n\"\\u0061\":1,\"bb\":2}"), "{\n\t\"a\":  1,\n\t\"bb\": 2\n}\n");
}

// --- one line or several ---

TEST(Format, LineEndBeforeAMemberOrTheCloserExpands) {
  const std::string expanded = "[\n\t1,\n\t2\n]\n";
  EXPECT_EQ(formatted("[\n1,2]"), expanded);
  EXPECT_EQ(formatted("[1,\n2]"), expanded);
  EXPECT_EQ(formatted("[1,2\n]"), expanded);
}

TEST(Format, LineEndElsewhereDoesNot) {
  EXPECT_EQ(formatted("[1\n,2\n,]"), "[1, 2]\n");
  EXPECT_EQ(formatted("{\"a\"\n:1}"), "{\"a\": 1}\n");
  EXPECT_EQ(formatted("{\"a\":\n1}"), "{\"a\":\n\t\t1}\n");
  EXPECT_EQ(formatted("[1 // c\n,2]"), "[1 // c\n\t\t, 2]\n");
  EXPECT_EQ(formatted("[\r1\r]"), "[1]\n");
}

TEST(Format, CommentWithLineEndBeforeTheLastCommaExpands) {
  EXPECT_EQ(formatted("[1 // c\n,]"), "[\n\t1 // c\n\t\t,\n]\n");
}

TEST(Format, LineOfMoreThan78BytesExpands) {
  EXPECT_EQ(formatted("[\"" + letters(74) + "\"]"), "[\"" + letters(74) + "\"]\n");
  EXPECT_EQ(formatted("[\"" + letters(75) + "\"]"), "[\n\t\"" + letters(75) + "\"\n]\n");
  EXPECT_EQ(formatted("{\"" + letters(71) + "\":1}"), "{\"" + letters(71) + "\": 1}\n");
  EXPECT_EQ(formatted("{\"" + letters(72) + "\":1}"), "{\n\t\"" + letters(72) + "\": 1\n}\n");
}

TEST(Format, NestedCompositeCountsTwoMoreThanItsText) {
  EXPECT_EQ(formatted("[[\"" + letters(70) + "\"]]"), "[[\"" + letters(70) + "\"]]\n");
  EXPECT_EQ(formatted("[[\"" + letters(71) + "\"]]"), "[\n\t[\"" + letters(71) + "\"]\n]\n");
}

TEST(Format, StringsCountAsTheyAreWritten) {
  std::string escaped;
  for (int i = 0; i < 74; ++i) escaped += "\\u0078";
  EXPECT_EQ(formatted("[\"" + escaped + "\"]"), "[\"" + letters(74) + "\"]\n");
}

TEST(Format, ExpandedChildLeavesItsParentInline) {
  EXPECT_EQ(formatted("{\"a\":[\n1],\"b\":2}"), "{\"a\": [\n\t1\n], \"b\": 2}\n");
  EXPECT_EQ(formatted("[[\n1],[\n2]]"), "[[\n\t1\n], [\n\t2\n]]\n");
}

TEST(Format, OnlyWhatStandsOnOneLineWithTheParentCounts) {
  const std::string name = "\"" + letters(75) + "\"";
  EXPECT_EQ(formatted("{" + name + ":[\n1]}"), "{\n\t" + name + ": [\n\t\t1\n\t]\n}\n");
  EXPECT_EQ(formatted("[[\n" + name + "]]"), "[[\n\t" + name + "\n]]\n");
  EXPECT_EQ(formatted("[[\n1], \"" + letters(72) + "\"]"), "[[\n\t1\n], \"" + letters(72) + "\"]\n");
  EXPECT_EQ(formatted("[[\n1], \"" + letters(73) + "\"]"), "[\n\t[\n\t\t1\n\t],\n\t\"" + letters(73) + "\"\n]\n");
}

TEST(Format, CommentsCountWithTheSpacesAroundThem) {
  const auto array = [](std::size_t size) { return "[1, /*" + letters(size) + "*/ 2]"; };
  EXPECT_EQ(formatted(array(66)), array(66) + "\n");
  EXPECT_EQ(formatted(array(67)), "[\n\t1,\n\t/*" + letters(67) + "*/ 2,\n]\n");
}

TEST(Format, CommentsBeforeTheCloserDoNotCount) {
  EXPECT_EQ(formatted("[1/*" + letters(90) + "*/]"), "[1 /*" + letters(90) + "*/ ]\n");
  EXPECT_EQ(formatted("[/*" + letters(90) + "*/]"), "[ /*" + letters(90) + "*/ ]\n");
}

TEST(Format, CommentBehindAnExpandedChildsOpenerCountsForTheParent) {
  const std::string comment = "//" + letters(80);
  EXPECT_EQ(formatted("[[" + comment + "\n1]]"), "[\n\t[ " + comment + "\n\t\t1,\n\t],\n]\n");
}

TEST(Format, CommentsOfSeveralLinesCountByTheirEnds) {
  const std::string tail = letters(90) + "*/";
  EXPECT_EQ(formatted("[1/*\n" + tail + ",2]"), "[1 /*\n\t\t" + tail + " , 2]\n");
  const std::string head = "/*" + letters(90);
  EXPECT_EQ(formatted("[1" + head + "\n*/,2]"), "[\n\t1 " + head + "\n\t\t */ ,\n\t2,\n]\n");
}

// --- white space ---

TEST(Format, OneBlankLineBetweenMembersStays) {
  EXPECT_EQ(formatted("[\n\n\n1,\n\n\n\n2\n\n\n]"), "[\n\t1,\n\n\t2\n]\n");
  EXPECT_EQ(formatted("[\n1,\n// c\n\n2,\n\n// d\n]"), "[\n\t1,\n\t// c\n\n\t2,\n\n\t// d\n]\n");
}

TEST(Format, EmptyCompositesHoldNoSpace) {
  EXPECT_EQ(formatted("[ { }, [ \n\n ] ]"), "[{}, []]\n");
  EXPECT_EQ(formatted("[{/* c */}, [/*a*//*b*/]]"), "[{ /* c */ }, [ /*a*/ /*b*/ ]]\n");
  EXPECT_EQ(formatted("[{// c\n}]"), "[{ // c\n}]\n");
  EXPECT_EQ(formatted("[\n\n// c\n\n]"), "[\n\t// c\n]\n");
}

TEST(Format, DepthGrowsInExpandedCompositesOnly) {
  EXPECT_EQ(formatted("[[[[\n1]]]]"), "[[[[\n\t1\n]]]]\n");
  EXPECT_EQ(formatted("[\n[[\n1]]]"), "[\n\t[[\n\t\t1\n\t]]\n]\n");
}

TEST(Format, BreakAroundAColonIndentsTwice) {
  EXPECT_EQ(formatted("{\n\"a\":\n\n1,\"b\"// c\n\n:\n[\n2]}"),
            "{\n\t\"a\":\n\t\t1,\n\t\"b\" // c\n\t\t:\n\t\t[\n\t\t\t2,\n\t\t],\n}\n");
}

TEST(Format, TrailingCommaOfAnInlineCompositeGoesUnlessBetweenComments) {
  EXPECT_EQ(formatted("[1,]"), "[1]\n");
  EXPECT_EQ(formatted("[1 /*a*/ , ]"), "[1 /*a*/ ]\n");
  EXPECT_EQ(formatted("[1 , /*b*/]"), "[1 /*b*/ ]\n");
  EXPECT_EQ(formatted("{\"k\":1/*a*/,/*b*/}"), "{\"k\": 1 /*a*/ , /*b*/ }\n");
}

TEST(Format, TrailingCommaStandsRightBehindTheValue) {
  EXPECT_EQ(formatted("[\n1 // c\n]"), "[\n\t1, // c\n]\n");
  EXPECT_EQ(formatted("[\n1 /* c */,]"), "[\n\t1 /* c */ ,\n]\n");
}

// --- comments ---

TEST(Format, CommentsStandApartFromWhatIsBesideThem) {
  EXPECT_EQ(formatted("/*1*/{/*2*/\"a\"/*3*/:/*4*/[/*5*/1/*6*/,/*7*/2/*8*/]/*9*/}/*10*/"),
            "/*1*/ { /*2*/ \"a\" /*3*/ : /*4*/ [ /*5*/ 1 /*6*/ , /*7*/ 2 /*8*/ ] /*9*/ } /*10*/\n");
}

TEST(Format, CommentsAreKeptLessTheSpaceBehindThem) {
  EXPECT_EQ(formatted("[//no space \t\u00a0\u3000\v\n1]"), "[ //no space\n\t1,\n]\n");
  EXPECT_EQ(formatted("// a\u2003\u1680\u0085\n1"), "// a\n1\n");
  EXPECT_EQ(formatted("// a\u200b\n1"), "// a\u200b\n1\n");  // a zero width space is none to Unicode
}

TEST(Format, LineEndsOfOtherSystemsBecomeLineFeeds) {
  EXPECT_EQ(formatted("{\r\n\"a\":1,\r\n\r\n// c\r\n\"b\":2}\r\n"), "{\n\t\"a\": 1,\n\n\t// c\n\t\"b\": 2,\n}\n");
  EXPECT_EQ(formatted("[/* a\rb */ 1]"), "[ /* a b */ 1]\n");
  EXPECT_EQ(formatted("/*\r\na\n\rb\r\r\nc*/1"), "/*\na\nb\nc*/ 1\n");
}

TEST(Format, BlockCommentsAreIndentedAnew) {
  EXPECT_EQ(formatted("[\n  /* a\n       b\n     c */\n1]"), "[\n\t/* a\n\t  b\n\tc */\n\t1,\n]\n");
  EXPECT_EQ(formatted("[\n/*\n   a  \n\n\n     b\n  */\n1]"), "[\n\t/*\n\ta\n\n\n\t  b\n\t*/\n\t1,\n]\n");
  EXPECT_EQ(formatted("[\n/* a\n\t\tb\n    c */\n1]"),
            "[\n\t/* a\n\t\t\tb\n\t    c */\n\t1,\n]\n");  // no common white space
}

TEST(Format, StarsStandUnderTheFirstOne) {
  EXPECT_EQ(formatted("[\n/*\n* a\n* b\n*/\n1]"), "[\n\t/*\n\t * a\n\t * b\n\t */\n\t1,\n]\n");
  EXPECT_EQ(formatted("[\n/*\n     * a\n     * b\n         */\n1]"), "[\n\t/*\n\t * a\n\t * b\n\t */\n\t1,\n]\n");
  EXPECT_EQ(formatted("[\n/*\n* a\n\n* b\n*/\n1]"),
            "[\n\t/*\n\t* a\n\n\t* b\n\t*/\n\t1,\n]\n");  // not with a blank line
  EXPECT_EQ(formatted("[\n/*\n* a\nb\n*/\n1]"), "[\n\t/*\n\t* a\n\tb\n\t*/\n\t1,\n]\n");
  EXPECT_EQ(formatted("[\n/*\n   */\n1]"), "[\n\t/*\n\t */\n\t1,\n]\n");
}

// --- columns ---

TEST(Format, ValuesOfConsecutiveRowsStandInOneColumn) {
  EXPECT_EQ(formatted("{\n\"a\":1,\"bbb\":[1],\n\"cc\":{}}"), "{\n\t\"a\":   1,\n\t\"bbb\": [1],\n\t\"cc\":  {}\n}\n");
  EXPECT_EQ(formatted("{\n\"é\":1,\n\"ab\":2}"), "{\n\t\"é\": 1,\n\t\"ab\": 2\n}\n");  // bytes
}

TEST(Format, BlankOrCommentLineBeginsNewColumns) {
  EXPECT_EQ(formatted("{\n\"a\":1,\n\n\"bb\":2}"), "{\n\t\"a\": 1,\n\n\t\"bb\": 2\n}\n");
  EXPECT_EQ(formatted("{\n\"a\":1,\n// c\n\"bb\":2}"), "{\n\t\"a\": 1,\n\t// c\n\t\"bb\": 2,\n}\n");
  EXPECT_EQ(formatted("{\n\"a\":1, // c\n\"bb\":2}"), "{\n\t\"a\":  1, // c\n\t\"bb\": 2,\n}\n");
  EXPECT_EQ(formatted("{\n\"a\":1, /* c\n*/ \"bb\":2}"), "{\n\t\"a\":  1, /* c\n\t */ \"bb\": 2,\n}\n");
}

TEST(Format, RowOfSeveralLinesBeginsNewColumns) {
  EXPECT_EQ(formatted("{\n\"a\":1,\n\"bb\":[\n2],\n\"ccc\":3,\"d\":4}"),
            "{\n\t\"a\": 1,\n\t\"bb\": [\n\t\t2\n\t],\n\t\"ccc\": 3,\n\t\"d\":   4\n}\n");
  EXPECT_EQ(formatted("{\n\"a\":1,\n\"bb\":\n2}"), "{\n\t\"a\": 1,\n\t\"bb\":\n\t\t2\n}\n");
  EXPECT_EQ(formatted("{\n\"a\":1,\n\"bb\":[1//c\n,2]}"), "{\n\t\"a\": 1,\n\t\"bb\": [1 //c\n\t\t\t, 2],\n}\n");
}

TEST(Format, LineEndBeforeACloserIsNotSeen) {
  EXPECT_EQ(formatted("{\n\"a\":[// c\n],\n\"bb\":2}"), "{\n\t\"a\":  [ // c\n\t],\n\t\"bb\": 2,\n}\n");
  EXPECT_EQ(formatted("{\n\"a\":[[// c\n]],\n\"bb\":2}"), "{\n\t\"a\":  [[ // c\n\t]],\n\t\"bb\": 2,\n}\n");
}

TEST(Format, CommentsAroundTheColonTakePart) {
  EXPECT_EQ(formatted("{\n\"a\"/*x*/:/*y*/1,\n\"b\":2}"), "{\n\t\"a\" /*x*/ : /*y*/ 1,\n\t\"b\":              2,\n}\n");
}

TEST(Format, ColumnsHaveALimit) {
  const std::string name = "\"" + letters(4091) + "\"";
  EXPECT_EQ(formatted("{\n\"a\":1,\n" + name + ":2}"),
            "{\n\t\"a\":" + letters(4091, ' ') + "1,\n\t" + name + ": 2\n}\n");
  const std::string wider = "\"" + letters(4093) + "\"";
  EXPECT_EQ(formatted("{\n\"a\":1,\n" + wider + ":2}"), "{\n\t\"a\": 1,\n\t" + wider + ": 2\n}\n");
}

// --- sizes ---

TEST(Format, DeepestTextIsFormatted) {
  const std::string open = letters(max_depth - 1, '[');
  const std::string close = letters(max_depth - 1, ']');
  EXPECT_EQ(formatted(open + close), formatted(formatted(open + close)));
  std::string expanded;
  for (std::size_t i = 1; i < max_depth; ++i) expanded += "{\"a\"\n:\n";
  expanded += "1" + letters(max_depth - 1, '}');
  EXPECT_EQ(formatted(formatted(expanded)), formatted(expanded));
}

// A second or so if the time were quadratic in any of these, and minutes for the next size.
TEST(Format, LongRunsAndCommentsTakeLinearTime) {
  std::string members = "{\n";
  for (int i = 0; i < 100000; ++i) members += "\"name" + std::to_string(i) + "\": {},\n";
  EXPECT_EQ(formatted(formatted(members + "}")), formatted(members + "}"));
  std::string comment = "/*";
  for (int i = 0; i < 200000; ++i) comment += "   * line  \n";
  EXPECT_EQ(formatted(formatted(comment + "*/ 1")), formatted(comment + "*/ 1"));
  std::string comments;
  for (int i = 0; i < 100000; ++i) comments += i % 3 == 0 ? "// c\n" : "/**/";
  EXPECT_EQ(formatted(formatted("[" + comments + "1]")), formatted("[" + comments + "1]"));
}

// --- the reference ---

TEST(Format, AgreesWithTheReferenceImplementation) {
  const std::string path = std::string(ACL_SHARED_DIR) + "/reference/hujson-format-cases.json";
  const auto text = read_file(path);
  if (!text) GTEST_SKIP() << "SKIPPED: no recorded formatter cases at " << path;
  const auto cases = nlohmann::json::parse(*text);
  ASSERT_GT(cases.size(), 0U);
  for (const auto& c : cases) {
    EXPECT_EQ(formatted(c["input"].get<std::string>()), c["output"].get<std::string>()) << c["name"];
  }
}

// --- properties ---

// Every text of the generator; RapidCheck shrinks the bytes it is made of.
std::string any_text(const generate::HujsonShape& shape = {}) {
  const auto choices = *rc::gen::resize(600, rc::gen::arbitrary<std::vector<std::uint8_t>>()).as("choices");
  std::string text = generate::hujson_text(choices, shape);
  RC_LOG() << text << std::endl;
  return text;
}

Tree tree_of(std::string_view text) {
  auto tree = parse_strict(text);
  RC_ASSERT(tree.has_value());
  return std::move(*tree);
}

void expect_same_values(const Tree& a, const Tree& b) {
  RC_ASSERT(a.nodes.size() == b.nodes.size());
  for (std::uint32_t i = 0; i < a.nodes.size(); ++i) {
    const Value x(a, i);
    const Value y(b, i);
    RC_ASSERT(x.kind() == y.kind());
    RC_ASSERT(x.node().next == y.node().next);
    if (x.is(Kind::string)) RC_ASSERT(x.string() == y.string());
    if (x.is(Kind::number)) RC_ASSERT(x.text() == y.text());
    if (x.is(Kind::boolean)) RC_ASSERT(x.text() == y.text());
  }
}

// Appends the comments of an extra, without their white space of any kind.
void add_comments(std::vector<std::string>& comments, std::string_view extra) {
  while ((extra = extra.substr(std::min(extra.find('/'), extra.size()))).size() > 1) {
    const bool line = extra[1] == '/';
    const std::size_t size = line ? extra.find('\n') : extra.find("*/", 2) + 2;
    std::string comment;
    for (std::string_view rest = extra.substr(0, size); !rest.empty();) {
      const bool wide = rest.starts_with("\u3000");
      const std::size_t space = wide ? 3 : rest.starts_with("\u00a0") || rest.starts_with("\u0085") ? 2 : 1;
      if (space == 1 && std::string_view(" \t\r\n").find(rest[0]) == std::string_view::npos) comment += rest[0];
      rest.remove_prefix(space);
    }
    comments.push_back(std::move(comment));
    extra.remove_prefix(size);
  }
}

// All comments of a text in their order.
std::vector<std::string> comments_of(const Tree& tree) {
  std::vector<std::string> comments;
  std::size_t at = 0;
  // Everything between the scalars is extras and structural bytes.
  for (const Node& node : tree.nodes) {
    if (node.kind == Kind::array || node.kind == Kind::object) continue;
    add_comments(comments, tree.text.substr(at, node.begin - at));
    at = node.end;
  }
  add_comments(comments, tree.text.substr(at));
  return comments;
}

TEST(FormatProperty, FormattingTwiceChangesNothing) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = any_text();
    const std::string once = format(tree_of(text));
    RC_ASSERT(format(tree_of(once)) == once);
  }));
}

TEST(FormatProperty, MeaningAndCommentsStay) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = any_text();
    const Tree before = tree_of(text);
    const std::string once = format(before);
    const Tree after = tree_of(once);
    expect_same_values(before, after);
    RC_ASSERT(comments_of(before) == comments_of(after));
    RC_CLASSIFY(before.has_comments, "with comments");

    const std::string standard_before = standardize(before);
    const std::string standard_after = standardize(after);
    expect_same_values(tree_of(standard_before), tree_of(standard_after));
  }));
}

TEST(FormatProperty, StandardStaysStandard) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = any_text(generate::standard_json);
    const std::string once = format(tree_of(text));
    RC_ASSERT(tree_of(once).standard());
    RC_ASSERT(nlohmann::json::parse(once) == nlohmann::json::parse(text));
  }));
}

TEST(FormatProperty, NoLineEndsInSpaceAndTheTextInOneLineEnd) {
  EXPECT_TRUE(rc::check([] {
    const std::string once = format(tree_of(any_text()));
    RC_ASSERT(once.find(" \n") == std::string::npos);
    RC_ASSERT(once.find("\t\n") == std::string::npos);
    RC_ASSERT(once.ends_with('\n') && !once.ends_with("\n\n"));
    RC_ASSERT(once.find_first_of(" \t\n\r") != 0);
  }));
}

}  // namespace
}  // namespace acl::hujson
