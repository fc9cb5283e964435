#include "lsp/server/formatting.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>

#include "compiler/hujson/format.h"
#include "compiler/hujson/parse.h"
#include "tests/generate/hujson_text.h"

namespace acl::lsp {
namespace {

std::string text_from(const std::vector<std::uint8_t>& choices) { return generate::hujson_text(choices); }

// A range that an editor's selection may be.
Span span_in(const std::string& text, std::uint32_t a, std::uint32_t b) {
  const auto size = static_cast<std::uint32_t>(text.size()) + 1;
  return {std::min(a % size, b % size), std::max(a % size, b % size)};
}

RC_GTEST_PROP(Formatting, EditsMakeWhatFmtPrints, (const std::vector<std::uint8_t>& choices)) {
  const std::string text = text_from(choices);
  const auto tree = hujson::parse_strict(text);
  RC_PRE(tree.has_value());
  RC_ASSERT(with_edits(text, format_edits(*tree)) == hujson::format(*tree));
}

RC_GTEST_PROP(Formatting, EditsAreInOrderAndDoNotTouch, (const std::vector<std::uint8_t>& choices)) {
  const std::string text = text_from(choices);
  const auto tree = hujson::parse_strict(text);
  RC_PRE(tree.has_value());
  const auto edits = format_edits(*tree);
  for (std::size_t i = 1; i < edits.size(); ++i) RC_ASSERT(edits[i - 1].span.end < edits[i].span.begin);
}

RC_GTEST_PROP(Formatting, NoEditBeginsOrEndsBetweenCrAndLf, (const std::vector<std::uint8_t>& choices)) {
  const std::string text = text_from(choices);
  const auto tree = hujson::parse_strict(text);
  RC_PRE(tree.has_value());
  for (const TextEdit& edit : format_edits(*tree)) {
    for (const std::uint32_t at : {edit.span.begin, edit.span.end}) {
      RC_ASSERT(!(at > 0 && at < text.size() && text[at - 1] == '\r' && text[at] == '\n'));
    }
  }
}

RC_GTEST_PROP(Formatting, EditsOfARangeAreSomeOfThoseOfTheWhole,
              (const std::vector<std::uint8_t>& choices, std::uint32_t a, std::uint32_t b)) {
  const std::string text = text_from(choices);
  const auto tree = hujson::parse_strict(text);
  RC_PRE(tree.has_value());
  const auto all = format_edits(*tree);
  for (const TextEdit& edit : format_edits(*tree, span_in(text, a, b))) {
    RC_ASSERT(std::any_of(all.begin(), all.end(),
                          [&](const TextEdit& one) { return one.span == edit.span && one.text == edit.text; }));
  }
}

// White space inside of a comment may come out otherwise where only a part of it was laid out anew.
std::string without_space(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out),
               [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
  return out;
}

RC_GTEST_PROP(Formatting, ARangeKeepsTheMeaning,
              (const std::vector<std::uint8_t>& choices, std::uint32_t a, std::uint32_t b)) {
  const std::string text = text_from(choices);
  const auto tree = hujson::parse_strict(text);
  RC_PRE(tree.has_value());
  const std::string formatted = with_edits(text, format_edits(*tree, span_in(text, a, b)));
  const auto after = hujson::parse_strict(formatted);
  RC_ASSERT(after.has_value());
  if (!tree->has_comments) RC_ASSERT(hujson::format(*after) == hujson::format(*tree));
  RC_ASSERT(without_space(hujson::format(*after)) == without_space(hujson::format(*tree)));
}

RC_GTEST_PROP(Formatting, EditsBetweenAnyTextsAreRight, (const std::string& from, const std::string& to)) {
  // What splits a line end is written with it: then more than asked is the same.
  RC_PRE(from.find('\r') == std::string::npos);
  RC_ASSERT(with_edits(from, edits_between(from, to)) == to);
}

std::string format_range(std::string text, std::string_view selected) {
  const auto tree = hujson::parse_strict(text);
  const auto begin = static_cast<std::uint32_t>(text.find(selected));
  return with_edits(text, format_edits(*tree, {begin, begin + static_cast<std::uint32_t>(selected.size())}));
}

TEST(Formatting, ARangeInOneMemberFormatsThatMemberAlone) {
  EXPECT_EQ(format_range("{\n\"a\":   [1,2],\n\"b\":   [3,4],\n}\n", "3"), "{\n\"a\":   [1,2],\n\"b\":   [3,4],\n}\n");
  EXPECT_EQ(format_range("{\n\"a\":   [1,2],\n\"b\":   [3,4],\n}\n", "\"b\""),
            "{\n\"a\":   [1,2],\n\t\"b\": [3, 4],\n}\n");
}

TEST(Formatting, ARangeOverSeveralMembersFormatsThese) {
  EXPECT_EQ(format_range("{\n\"a\":   1,\n\"b\":   2,\n\"c\":   3,\n}\n", "a\":   1,\n\"b\""),
            "{\n\t\"a\": 1,\n\t\"b\": 2,\n\"c\":   3,\n}\n");
}

TEST(Formatting, ALaidOutTextNeedsNoEdit) {
  const std::string text = "{\n\t\"a\": [1, 2],\n}\n";
  EXPECT_TRUE(format_edits(*hujson::parse_strict(text)).empty());
}

TEST(Formatting, EditsAreSmall) {
  const std::string text = "{\n\t\"a\": [1,2],\n\t\"b\": 3,\n}\n";
  const auto edits = format_edits(*hujson::parse_strict(text));
  ASSERT_EQ(edits.size(), 1U);
  EXPECT_EQ(edits[0].span, (Span{11, 11}));
  EXPECT_EQ(edits[0].text, " ");
}

TEST(Formatting, ATextOfTenMegabytesIsFormatted) {
  const std::string text = generate::policy_text(60'000);
  const auto tree = hujson::parse_strict(text);
  ASSERT_TRUE(tree);
  EXPECT_EQ(with_edits(text, format_edits(*tree)), hujson::format(*tree));
}

}  // namespace
}  // namespace acl::lsp
