#include "lsp/server/tree_edits.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "lsp/server/testing.h"

namespace acl::lsp {
namespace {

std::string appended(const std::string& text, std::string_view entry, std::string_view member = {}) {
  const auto tree = hujson::parse_strict(text);
  if (!tree) return "does not parse";
  const hujson::Value at = member.empty() ? tree->root() : *tree->root().find(member);
  return apply_edits(text, append_entry(*tree, at, entry));
}

TEST(Append, FollowsTheLayoutThatIsThere) {
  EXPECT_EQ(appended("[]", "1"), "[\n\t1\n]");
  EXPECT_EQ(appended("[2]", "1"), "[2, 1]");
  EXPECT_EQ(appended("[2,]", "1"), "[2, 1,]");
  EXPECT_EQ(appended("[\n  2\n]", "1"), "[\n  2,\n  1\n]");
  EXPECT_EQ(appended("[\n  2, // two\n]", "1"), "[\n  2, // two\n  1,\n]");
  EXPECT_EQ(appended("[\n  2 // two\n]", "1"), "[\n  2, // two\n  1\n]");
  EXPECT_EQ(appended("[\r\n  2,\r\n]", "1"), "[\r\n  2,\r\n  1,\r\n]");
  EXPECT_EQ(appended("{\n  \"a\": [],\n}", "1", "a"), "{\n  \"a\": [\n    1,\n  ],\n}");
  EXPECT_EQ(appended("{\"a\": [/* x */]}", "1", "a"), "{\"a\": [/* x */1]}");
}

std::string without(const std::string& text, const std::vector<bool>& removed) {
  const auto tree = hujson::parse_strict(text);
  return tree ? apply_edits(text, remove_entries(*tree, tree->root(), removed)) : "does not parse";
}

TEST(Remove, TakesTheLineAndTheCommaAlong) {
  EXPECT_EQ(without("[\n\t1,\n\t2,\n]", {true, false}), "[\n\t2,\n]");
  EXPECT_EQ(without("[\n\t1,\n\t2\n]", {false, true}), "[\n\t1\n]");
  EXPECT_EQ(without("[1, 2, 3]", {false, true, false}), "[1, 3]");
  EXPECT_EQ(without("[1, 2, 3]", {false, true, true}), "[1]");
  EXPECT_EQ(without("[1, 2, 3,]", {false, false, true}), "[1, 2, ]");
  EXPECT_EQ(without("{\"a\": 1, \"b\": 2}", {true, false}), "{\"b\": 2}");
  EXPECT_EQ(without("[1]", {true}), "[]");
}

TEST(Remove, LeavesComments) {
  EXPECT_EQ(without("[\n\t1, // one\n\t2,\n]", {true, false}), "[\n\t // one\n\t2,\n]");
  EXPECT_EQ(without("[1 /* a */, 2]", {true, false}), "[ /* a */ 2]");
}

// Whatever the layout, what is left are the entries that were to stay, with or without a new one.
RC_GTEST_PROP(Remove, AnythingFromAnyLayoutLeavesTheRest, (const std::vector<std::uint8_t>& entries, bool trailing)) {
  constexpr std::string_view gaps[] = {"", " ", "\n", "\n\t", " // c\n", "/* b */", "\r\n  "};
  std::string text = "[", wanted;
  std::vector<bool> removed;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint8_t choice = entries[i];
    text += std::string(gaps[choice % 7]) + std::to_string(i) + std::string(gaps[choice / 7 % 7]);
    if (trailing || i + 1 < entries.size()) text += ",";
    removed.push_back(choice / 49 % 2 == 1);
    if (!removed.back()) wanted += (wanted.empty() ? "" : ",") + std::to_string(i);
  }
  text += "\n]";
  const auto tree = hujson::parse_strict(text);
  RC_ASSERT(tree.has_value());
  const std::string left = apply_edits(text, remove_entries(*tree, tree->root(), removed));
  const auto after = hujson::parse_strict(left);
  RC_ASSERT(after.has_value());
  RC_ASSERT(hujson::minimize(after->root()) == "[" + wanted + "]");
  const std::string more = apply_edits(left, append_entry(*after, after->root(), "true"));
  const auto longer = hujson::parse_strict(more);
  RC_ASSERT(longer.has_value());
  RC_ASSERT(hujson::minimize(longer->root()) == "[" + wanted + (wanted.empty() ? "" : ",") + "true]");
}

TEST(Tidy, KeepsAFormattedFileFormatted) {
  const std::string text = "{\n\t\"a\": 1,\n\t// b\n\t\"c\": [],\n}\n";
  const auto tree = hujson::parse_strict(text);
  ASSERT_TRUE(tree.has_value());
  EXPECT_TRUE(is_formatted(*tree));
  const auto edits = tidy(*tree, append_entry(*tree, tree->root(), "\"longer\": 2"));
  EXPECT_EQ(apply_edits(text, edits), "{\n\t\"a\": 1,\n\t// b\n\t\"c\":      [],\n\t\"longer\": 2,\n}\n");
  const std::string odd = "{\n  \"a\": 1\n}\n";
  EXPECT_FALSE(is_formatted(*hujson::parse_strict(odd)));
}

}  // namespace
}  // namespace acl::lsp
