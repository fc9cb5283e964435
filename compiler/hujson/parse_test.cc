// The parser against the rules of HuJSON, against the reference implementation's answers where a folder with them is present,
// and its two passes against each other.
#include "compiler/hujson/parse.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/net/file.h"

namespace acl::hujson {
namespace {

// The first error as the reference words it, or "".
std::string first_error(std::string text) {
  const SourceText source("t.hujson", std::move(text));
  const ParseResult result = parse(source);
  return result.ok() ? "" : result.errors[0].service_message();
}

std::vector<std::string> all_errors(std::string text) {
  const SourceText source("t.hujson", std::move(text));
  std::vector<std::string> messages;
  for (const Diagnostic& error : parse(source).errors) {
    messages.push_back(std::to_string(error.place->start.line) + ":" + std::to_string(error.place->start.column) + " " +
                       error.message);
  }
  return messages;
}

TEST(Parse, CommentsAndOneTrailingCommaAreAllThatIsAdded) {
  EXPECT_EQ(first_error("// c\n{ /* c */ \"a\": [1, 2,], } // c\n"), "");
  EXPECT_EQ(first_error("[1,,]"), "hujson: line 1, column 4: invalid character ',' at start of value");
  EXPECT_EQ(first_error("[,]"), "hujson: line 1, column 2: invalid character ',' at start of value");
  EXPECT_EQ(first_error("{,}"), "hujson: line 1, column 2: invalid character ',' at start of value");
  EXPECT_EQ(first_error("{'a': 1}"), "hujson: line 1, column 2: invalid character '\\'' at start of value");
  EXPECT_EQ(first_error("# c\n{}"), "hujson: line 1, column 1: invalid character '#' at start of value");
}

TEST(Parse, LineCommentNeedsItsLineEnd) {
  EXPECT_EQ(first_error("{} // x"), "hujson: line 1, column 4: parsing comment: unexpected EOF");
  EXPECT_EQ(first_error("{} // x\r"), "hujson: line 1, column 4: parsing comment: unexpected EOF");
}

TEST(Parse, BlockCommentsDoNotNestAndCloseBehindTheirOpener) {
  EXPECT_EQ(first_error("/*/{}"), "hujson: line 1, column 1: parsing comment: unexpected EOF");
  EXPECT_EQ(first_error("/* /* */ {}"), "");
}

TEST(Parse, CommentsMustBeUtf8StringsNeedNot) {
  EXPECT_EQ(first_error("{} // \xff\n"), "hujson: line 1, column 4: invalid UTF-8 in comment");
  EXPECT_EQ(first_error("[\"\xff\"]"), "");
}

TEST(Parse, LiteralsAreMaximalRuns) {
  EXPECT_EQ(first_error("[nullx]"), "hujson: line 1, column 2: invalid literal: nullx");
  EXPECT_EQ(first_error("[1.2.3]"), "hujson: line 1, column 2: invalid literal: 1.2.3");
  EXPECT_EQ(first_error("[-0, 1e5, 3.1e+999, 0.5E-1]"), "");
}

TEST(Parse, ColumnsCountBytes) {
  EXPECT_EQ(first_error("{\"é\": x!}"), "hujson: line 1, column 8: invalid literal: x");
}

TEST(Parse, NestingIsBounded) {
  EXPECT_EQ(first_error(std::string(max_depth, '[') + std::string(max_depth, ']')), "");
  const std::string deep = std::string(max_depth + 1, '[') + std::string(max_depth + 1, ']');
  EXPECT_EQ(first_error(deep), "hujson: line 1, column 1001: nested more than 1000 levels deep");
  EXPECT_NE(first_error(std::string(1'000'000, '[')), "");
}

TEST(Parse, AllErrorsAreReportedInOneRun) {
  EXPECT_EQ(all_errors("{\n\t\"a\": tru,\n\t\"b\" 2,\n\t'c': 3,\n\t\"d\": [1 2],\n}\n"),
            (std::vector<std::string>{
                "2:7 invalid literal: tru",
                "3:6 invalid character '2' after object name",
                "4:2 invalid character '\\'' at start of value",
                "5:10 invalid character '2' after array value (expecting ',' or ']')",
            }));
}

TEST(Parse, MissingClosingQuoteIsToldOnItsLineAndHidesNothingBehind) {
  EXPECT_EQ(all_errors("{\r\n\t\"a\": \"x,\r\n\t\"b\": tru\r\n}\r\n").size(), 2U);
  const SourceText source("t.hujson", "{\n\t\"a\": \"x,\n\t\"b\": 1\n}\n");
  const ParseResult result = parse(source);
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors[0].help, "the closing quote is missing on this line");
  EXPECT_EQ(result.errors[0].place->start, (Position{2, 7}));
}

TEST(Parse, UnclosedCompositeNamesItsOpener) {
  const SourceText source("t.hujson", "{\n\t\"a\": [1\n");
  const ParseResult result = parse(source);
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors[0].message, "parsing array after value: unexpected EOF");
  ASSERT_EQ(result.errors[0].related.size(), 1U);
  EXPECT_EQ(result.errors[0].related[0].place.start, (Position{2, 7}));
}

TEST(Parse, BraceInsideACommentIsGuessed) {
  const SourceText source("t.hujson", "// policy {\n\"acls\": []\n}\n");
  EXPECT_EQ(parse(source).errors.at(0).help, "the opening \"{\" is missing, or stands inside a comment");
}

TEST(Parse, ListOfErrorsIsBounded) {
  std::string text = "[";
  for (int i = 0; i < 5000; ++i) text += "x,";
  const auto errors = all_errors(text + "]");
  EXPECT_EQ(errors.size(), max_errors + 1);
  EXPECT_NE(errors.back().find("4900 more"), std::string::npos);
}

TEST(Parse, AgreesWithTheReferenceImplementation) {
  const std::string path = std::string(ACL_SHARED_DIR) + "/reference/hujson-parse-cases.json";
  const auto text = read_file(path);
  if (!text) GTEST_SKIP() << "SKIPPED: no recorded parser cases at " << path;
  const auto cases = nlohmann::json::parse(*text);
  ASSERT_GT(cases.size(), 0U);
  for (const auto& c : cases) {
    const std::string expected = c["error"].is_null() ? "" : c["error"].get<std::string>();
    EXPECT_EQ(first_error(c["input"].get<std::string>()), expected) << c["name"];
  }
}

// --- properties ---

// Texts that are nearly HuJSON: fragments of it in any order.
rc::Gen<std::string> near_hujson() {
  static const std::vector<std::string> fragments = {
      "{",        "}",  "[",  "]",      ",",         ":",    "\"a\"",  "\"b\\n\"", "\"\\ud83d\\ude00\"",
      "\"\\x\"",  "\"", "1",  "-0.5e3", "01",        "true", "null",   "x",        " ",
      "\n",       "\t", "\r", "// c\n", "/* c */",   "/*",   "#",      "'",        "\xff",
      "\xc3\xa9", "//", "{}", "[1,2]",  "{\"a\":1}", "\\",   "\"a\":",
  };
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(fragments)),
                      [](const auto& parts) {
                        std::string text;
                        for (const auto& part : parts) text += part;
                        return text;
                      });
}

void expect_consistent(const Tree& tree, bool whole) {
  for (std::uint32_t i = 0; i < tree.nodes.size(); ++i) {
    const Node& node = tree.nodes[i];
    RC_ASSERT(node.before <= node.begin && node.begin <= node.end && node.end <= node.after);
    RC_ASSERT(node.after <= tree.text.size());
    RC_ASSERT(node.next > i && node.next <= tree.nodes.size());
    if (node.kind != Kind::object) continue;
    std::size_t children = 0;
    for (auto it = Value(tree, i).begin(); it != Value(tree, i).end(); ++it) {
      if (whole && children % 2 == 0) RC_ASSERT((*it).is(Kind::string));
      ++children;
    }
    RC_ASSERT(children % 2 == 0);
  }
}

TEST(ParseProperty, BothPassesAgreeAndTreesAreConsistent) {
  EXPECT_TRUE(rc::check([] {
    const SourceText source("t.hujson", *near_hujson());
    const auto strict = parse_strict(source.text());
    const Recovered recovered = recover(source);
    RC_ASSERT(strict.has_value() == recovered.errors.empty());
    RC_CLASSIFY(strict.has_value(), "well-formed");
    expect_consistent(recovered.tree, strict.has_value());
    if (!strict) return;
    RC_ASSERT(strict->nodes.size() == recovered.tree.nodes.size());
    for (std::size_t i = 0; i < strict->nodes.size(); ++i) {
      const Node& a = strict->nodes[i];
      const Node& b = recovered.tree.nodes[i];
      RC_ASSERT(std::tie(a.before, a.begin, a.end, a.after, a.next, a.kind, a.escaped, a.comma) ==
                std::tie(b.before, b.begin, b.end, b.after, b.next, b.kind, b.escaped, b.comma));
    }
    RC_ASSERT(strict->has_comments == recovered.tree.has_comments);
    RC_ASSERT(strict->trailing_commas == recovered.tree.trailing_commas);
  }));
}

}  // namespace
}  // namespace acl::hujson
