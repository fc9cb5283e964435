#include "lsp/server/document.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::lsp {
namespace {

// Texts with all that makes places hard: all line ends, characters of all lengths, bytes that are no UTF-8.
rc::Gen<std::string> texts() {
  const auto pieces = rc::gen::elementOf(std::vector<std::string>{"a", "b", " ", "\n", "\r\n", "\r", "é", "€", "😀",
                                                                  "\xff", "\xf0\x9f", "\xc3", "0123456789"});
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(pieces), [](const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += part;
    return out;
  });
}

// Valid UTF-8, as it comes in JSON.
rc::Gen<std::string> valid_texts() {
  const auto pieces = rc::gen::elementOf(std::vector<std::string>{
      "a", " ", "\n", "\r\n", "\r", "é", "€", "😀", "0123456789", std::string(3000, 'x'), std::string(3000, '\n')});
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(pieces), [](const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += part;
    return out;
  });
}

RC_GTEST_PROP(Lines, APlaceIsAnOffsetAndBack, ()) {
  const std::string text = *texts();
  const Lines lines(text);
  for (const Encoding encoding : {Encoding::utf8, Encoding::utf16}) {
    for (std::uint32_t offset = 0; offset <= text.size(); ++offset) {
      const Point point = lines.point(text, offset, encoding);
      const std::uint32_t back = lines.offset(text, point, encoding);
      RC_ASSERT(back <= offset);
      RC_ASSERT(lines.point(text, back, encoding) == point);
    }
  }
}

RC_GTEST_PROP(Lines, PlacesGrowWithOffsets, ()) {
  const std::string text = *texts();
  const Lines lines(text);
  for (const Encoding encoding : {Encoding::utf8, Encoding::utf16}) {
    for (std::uint32_t offset = 1; offset <= text.size(); ++offset) {
      RC_ASSERT(lines.point(text, offset - 1, encoding) <= lines.point(text, offset, encoding));
    }
  }
}

TEST(Lines, EndAtLfCrLfAndCr) {
  const std::string text = "a\nb\r\nc\rd";
  const Lines lines(text);
  ASSERT_EQ(lines.count(), 4U);
  for (const char c : {'a', 'b', 'c', 'd'}) {
    const auto offset = static_cast<std::uint32_t>(text.find(c));
    EXPECT_EQ(lines.point(text, offset, Encoding::utf16), (Point{static_cast<std::uint32_t>(c - 'a'), 0}));
  }
}

TEST(Lines, CountUtf16UnitsOrBytes) {
  const std::string text = "é😀x";
  const Lines lines(text);
  EXPECT_EQ(lines.point(text, 6, Encoding::utf16), (Point{0, 3}));
  EXPECT_EQ(lines.point(text, 6, Encoding::utf8), (Point{0, 6}));
  EXPECT_EQ(lines.offset(text, {0, 3}, Encoding::utf16), 6U);
  EXPECT_EQ(lines.offset(text, {0, 6}, Encoding::utf8), 6U);
}

TEST(Lines, APlaceInsideACharacterIsItsBegin) {
  const std::string text = "a😀b";
  const Lines lines(text);
  EXPECT_EQ(lines.offset(text, {0, 2}, Encoding::utf16), 1U);
  EXPECT_EQ(lines.offset(text, {0, 3}, Encoding::utf8), 1U);
  EXPECT_EQ(lines.point(text, 3, Encoding::utf16), (Point{0, 1}));
}

TEST(Lines, APlaceBeyondALineIsItsEndAndOneBeyondTheTextTheEnd) {
  const std::string text = "ab\r\ncd";
  const Lines lines(text);
  EXPECT_EQ(lines.offset(text, {0, 99}, Encoding::utf16), 2U);
  EXPECT_EQ(lines.offset(text, {7, 0}, Encoding::utf16), 6U);
  EXPECT_EQ(lines.point(text, 99, Encoding::utf16), (Point{1, 2}));
}

RC_GTEST_PROP(Lines, InALongLineCountAsInAShortOne, (std::uint32_t where)) {
  std::string text = "\n";
  for (int i = 0; i < 3000; ++i) text += i % 3 == 0 ? "é" : i % 3 == 1 ? "😀" : "x";
  text += "\n😀é";
  const Lines lines(text);
  const std::uint32_t offset = where % static_cast<std::uint32_t>(text.size() + 1);
  const Point point = lines.point(text, offset, Encoding::utf16);
  // Counted from the line's begin, one character after the other.
  const std::size_t line = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
  std::uint32_t units = 0;
  for (std::size_t i = line; i < offset; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) units += byte >= 0xf0 ? 2 : 1;
  }
  const bool inside = offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xc0) == 0x80;
  if (!inside) {
    RC_ASSERT(point.character == units);
    RC_ASSERT(lines.offset(text, point, Encoding::utf16) == offset);
  }
}

TEST(Changes, AreAppliedOneAfterTheOther) {
  std::string text = "one\ntwo\n";
  const auto edits = apply_changes(text, {{Range{{1, 0}, {1, 3}}, "2"}, {Range{{1, 1}, {1, 1}}, "!"}}, Encoding::utf16);
  EXPECT_EQ(text, "one\n2!\n");
  ASSERT_EQ(edits.size(), 2U);
  EXPECT_EQ(edits[0].span, (Span{4, 7}));
  EXPECT_EQ(edits[1].span, (Span{5, 5}));
}

TEST(Changes, OfAWholeTextAreWhatDiffers) {
  std::string text = "one two three";
  const auto edits = apply_changes(text, {{std::nullopt, "one 2 three"}}, Encoding::utf16);
  EXPECT_EQ(text, "one 2 three");
  ASSERT_EQ(edits.size(), 1U);
  EXPECT_EQ(edits[0].span, (Span{4, 7}));
  EXPECT_EQ(edits[0].text, "2");
}

TEST(Changes, BeyondTheTextAreCut) {
  std::string text = "a\nb";
  apply_changes(text, {{Range{{0, 9}, {99, 0}}, "c"}}, Encoding::utf8);
  EXPECT_EQ(text, "ac");
}

RC_GTEST_PROP(Changes, SayWhatTheyDid, ()) {
  const std::string text = *valid_texts();
  std::vector<Change> changes;
  const auto count = *rc::gen::inRange(0, 8);
  for (int i = 0; i < count; ++i) {
    Change change{std::nullopt, *valid_texts()};
    if (*rc::gen::inRange(0, 4) != 0) {
      const auto number = rc::gen::inRange<std::uint32_t>(0, 6);
      const Point a{*number, *number}, b{*number, *number};
      change.range = Range{std::min(a, b), std::max(a, b)};
    }
    changes.push_back(change);
  }
  for (const Encoding encoding : {Encoding::utf8, Encoding::utf16}) {
    std::string one = text;
    std::string mirror = text;
    for (const TextEdit& edit : apply_changes(one, changes, encoding)) {
      RC_ASSERT(edit.span.end <= mirror.size());
      mirror.replace(edit.span.begin, edit.span.end - edit.span.begin, edit.text);
    }
    RC_ASSERT(mirror == one);
  }
}

RC_GTEST_PROP(Changes, ManyInOneMessageAreAsManyMessages, ()) {
  std::string together = *valid_texts();
  std::string apart = together;
  std::vector<Change> changes;
  const auto count = *rc::gen::inRange(4, 30);
  for (int i = 0; i < count; ++i) {
    const auto line = rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 6), rc::gen::inRange<std::uint32_t>(0, 9000));
    const Point a{*line, *line}, b{*rc::gen::element(a.line, a.line + 1, *line), *line};
    changes.push_back({Range{std::min(a, b), std::max(a, b)}, *valid_texts()});
  }
  const Encoding encoding = *rc::gen::element(Encoding::utf8, Encoding::utf16);
  const auto edits = apply_changes(together, changes, encoding);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto edit = apply_changes(apart, {changes[i]}, encoding);
    RC_ASSERT(edit[0].span == edits[i].span);
  }
  RC_ASSERT(together == apart);
}

}  // namespace
}  // namespace acl::lsp
