#include "lsp/server/structure.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compiler/hujson/parse.h"
#include "lsp/server/testing.h"

namespace acl::lsp {
namespace {

std::string folded(std::string_view text) {
  std::string out;
  for (const Fold& fold : folds(text)) {
    out += (out.empty() ? "" : " ") + std::string(fold.comment ? "c" : "") + std::to_string(fold.first) + "-" +
           std::to_string(fold.last);
  }
  return out;
}

TEST(Folding, ObjectsAndArraysFoldUpToTheLineBeforeTheirCloser) {
  EXPECT_EQ(folded("{\n\"a\": [\n1,\n2\n],\n\"b\": {}\n}"), "0-5 1-3");
  EXPECT_EQ(folded("{\"a\": 1}"), "");
  EXPECT_EQ(folded("[\n]"), "");
}

TEST(Folding, CommentsOfSeveralLinesFoldWhole) {
  EXPECT_EQ(folded("// a\n// b\n{} // c\n// d\n"), "c0-1");
  EXPECT_EQ(folded("/* a\nb */ [\n/* c */\n1]"), "c0-1 1-2");
}

TEST(Folding, BracketsInStringsAndCommentsAreNone) { EXPECT_EQ(folded("[\n\"{\", // [\n\"\\\"[\"\n/* { */ ]"), "0-2"); }

TEST(Folding, ATextWithErrorsFoldsAsFarAsItsBracketsMatch) {
  EXPECT_EQ(folded("{\n\"a\": [\n1,\n}\n]"), "0-2");
  EXPECT_EQ(folded("]\n}\n{\n\"open\n\n}"), "2-4");
}

TEST(Folding, LoneCarriageReturnsEndLines) { EXPECT_EQ(folded("[\r1\r\n2\r]"), "0-2"); }

RC_GTEST_PROP(Folding, StaysInsideAnyText, (const std::vector<std::uint8_t>& choices)) {
  constexpr std::string_view pieces[] = {"{", "}", "[", "]", "\n", "\"", "//", "/*", "*/", "\\", "a", "\r"};
  std::string text;
  for (const std::uint8_t choice : choices) text += pieces[choice % std::size(pieces)];
  const std::uint32_t lines = Lines(text).count();
  for (const Fold& fold : folds(text)) {
    RC_ASSERT(fold.first < fold.last);
    RC_ASSERT(fold.last < lines);
  }
}

std::vector<std::string> grown(const std::string& marked) {
  const Marked at(marked);
  const auto snapshot = snapshot_of(at.text);
  std::vector<std::string> out;
  const auto all = selections(snapshot->file->tree, at.text, {at.offset});
  for (const Span span : all[0]) out.push_back(slice(*snapshot, span));
  return out;
}

TEST(SelectionRanges, GrowFromTheWordToTheMemberToTheWhole) {
  EXPECT_EQ(grown(R"({"groups": {"group:a": ["an¦a", "bo"]}})"),
            (std::vector<std::string>{"ana", "\"ana\"", "\"ana\", \"bo\"", "[\"ana\", \"bo\"]",
                                      "\"group:a\": [\"ana\", \"bo\"]", "{\"group:a\": [\"ana\", \"bo\"]}",
                                      "\"groups\": {\"group:a\": [\"ana\", \"bo\"]}",
                                      "{\"groups\": {\"group:a\": [\"ana\", \"bo\"]}}"}));
}

TEST(SelectionRanges, AlwaysHoldAtLeastTheWhole) {
  EXPECT_EQ(grown("¦"), (std::vector<std::string>{""}));
  EXPECT_EQ(grown("// ¦x\n"), (std::vector<std::string>{"// x\n"}));
}

RC_GTEST_PROP(SelectionRanges, EachContainsTheOneBefore, (std::uint32_t offset)) {
  const std::string text = R"({"a": [1, {"b": "c" // d
  }], "e": "f", "g" })";
  const SourceText source("p", text);
  const auto parsed = hujson::parse(source);
  offset %= static_cast<std::uint32_t>(text.size() + 1);
  const auto spans = selections(parsed.tree, text, {offset})[0];
  RC_ASSERT(!spans.empty());
  for (std::size_t i = 0; i < spans.size(); ++i) {
    RC_ASSERT(spans[i].begin <= offset && offset <= spans[i].end);
    if (i != 0) RC_ASSERT(spans[i].begin <= spans[i - 1].begin && spans[i - 1].end <= spans[i].end);
  }
}

}  // namespace
}  // namespace acl::lsp
