#include "compiler/emit/display.h"

#include <gtest/gtest.h>

#include "compiler/hujson/utf8.h"

namespace acl::emit {
namespace {

TEST(Printable, TextStaysAsItIs) {
  EXPECT_EQ(printable("src=tag not found: \"tag:é-日本\" \\ 100%"), "src=tag not found: \"tag:é-日本\" \\ 100%");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, NothingReachesTheTerminalThatItWouldObey) {
  EXPECT_EQ(printable("\x1b[2J\x1b]0;owned\x07"), "\\x1b[2J\\x1b]0;owned\\x07");
  EXPECT_EQ(printable("a\nb\rc\td\x7f"), "a\\nb\\rc\\td\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\u009b31m"), "\\u009b31m");  // CSI as one code point, which some terminals obey
}

TEST(Printable, NothingReordersOrHidesText) {
  EXPECT_EQ(printable("\u202e\u2066\u200f\u061c"), "\\u202e\\u2066\\u200f\\u061c");
  EXPECT_EQ(printable("\u200b\u00a0\ufeff\U000e0041"), "\\u200b\\u00a0\\ufeff\\U000e0041");
}

TEST(Printable, BytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xff"
                      "a\x80"),
            "\\xffa\\x80");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                    // cut short
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
}

TEST(DisplayWidth, CountsTerminalColumns) {
  EXPECT_EQ(display_width(U'a'), 1U);
  EXPECT_EQ(display_width(U'é'), 1U);
  EXPECT_EQ(display_width(U'日'), 2U);
  EXPECT_EQ(display_width(U'한'), 2U);
  EXPECT_EQ(display_width(U'Ａ'), 2U);
  EXPECT_EQ(display_width(U'😀'), 2U);
  EXPECT_EQ(display_width(U'→'), 1U);
  EXPECT_EQ(display_width(0x0301), 0U);  // combining acute accent
  EXPECT_EQ(display_width(0xfe0f), 0U);  // variation selector
}

// The excerpt and below it the underline, as text.h prints them.
std::string shown(std::string_view line, std::string_view piece) {
  const std::size_t begin = line.find(piece);
  const Excerpt e = excerpt(line, begin, begin + piece.size());
  return e.text + "\n" + std::string(e.underline_begin, ' ') + std::string(e.underline_size, '~') + "\n";
}

TEST(Excerpt, UnderlinesTheRange) {
  EXPECT_EQ(shown(R"("src": ["tag:servr"])", R"("tag:servr")"), R"("src": ["tag:servr"])"
                                                                "\n"
                                                                "        ~~~~~~~~~~~\n");
}

TEST(Excerpt, TabsAreFourSpaces) {
  EXPECT_EQ(shown("\t\t\"a\":\t1", "1"),
            "        \"a\":    1\n"
            "                ~\n");
  EXPECT_EQ(shown("a\tb", "\t"),
            "a    b\n"
            " ~~~~\n");
}

TEST(Excerpt, UnderlineFollowsTheDisplayedWidth) {
  EXPECT_EQ(shown("é: 1", "1"), "é: 1\n   ~\n");
  EXPECT_EQ(shown("日本: 1", "1"), "日本: 1\n      ~\n");
  EXPECT_EQ(shown("日本: 1", "日本"), "日本: 1\n~~~~\n");
  EXPECT_EQ(shown("e\u0301: 1", "1"), "e\u0301: 1\n   ~\n");
}

TEST(Excerpt, WhatIsShownEscapedIsAsWideAsItsEscape) {
  EXPECT_EQ(shown("\x1b[31m x", "x"), "\\x1b[31m x\n         ~\n");
  EXPECT_EQ(shown("\xff\u202e 1", "\u202e"), "\\xff\\u202e 1\n    ~~~~~~\n");
}

TEST(Excerpt, EmptyRangesAndRangesBeyondTheLineGetOneColumn) {
  const Excerpt inside = excerpt("abc", 1, 1);
  EXPECT_EQ(inside.underline_begin, 1U);
  EXPECT_EQ(inside.underline_size, 1U);
  const Excerpt beyond = excerpt("abc", 40, 50);
  EXPECT_EQ(beyond.underline_begin, 3U);
  EXPECT_EQ(beyond.underline_size, 1U);
  const Excerpt nothing = excerpt("", 0, 0);
  EXPECT_EQ(nothing.text, "");
  EXPECT_EQ(nothing.underline_begin, 0U);
  const Excerpt backwards = excerpt("abc", 2, 1);
  EXPECT_EQ(backwards.underline_begin, 2U);
  EXPECT_EQ(backwards.underline_size, 1U);
}

TEST(Excerpt, ALineThatFitsIsShownWhole) {
  const std::string line(excerpt_width, 'x');
  EXPECT_EQ(excerpt(line, 100, 101).text, line);
}

TEST(Excerpt, ALongLineIsCutToThePartAroundTheRange) {
  const std::string line = std::string(20000, 'a') + "HERE" + std::string(26000, 'b');
  const Excerpt middle = excerpt(line, 20000, 20004);
  EXPECT_EQ(middle.text, "…" + std::string(40, 'a') + "HERE" + std::string(76, 'b') + "…");
  EXPECT_EQ(middle.underline_begin, 41U);
  EXPECT_EQ(middle.underline_size, 4U);

  const Excerpt start = excerpt(line, 0, 1);
  EXPECT_EQ(start.text, std::string(120, 'a') + "…");
  EXPECT_EQ(start.underline_begin, 0U);

  const Excerpt end = excerpt(line, line.size(), line.size());
  EXPECT_EQ(end.text, "…" + std::string(120, 'b'));
  EXPECT_EQ(end.underline_begin, 121U);

  const Excerpt all = excerpt(line, 0, line.size());
  EXPECT_EQ(all.underline_size, 120U);  // to the end of what is shown
}

// Whatever the bytes and the range, an excerpt is valid UTF-8 of bounded width and its underline is below it.
TEST(Excerpt, AnyBytesAnyRange) {
  std::string line;
  std::uint32_t state = 1;
  for (int i = 0; i < 3000; ++i) {
    state = state * 1664525 + 1013904223;
    const std::string_view pieces[] = {"日", "\u0301", "\xff", "\x1b", "\t", "x", "\xe6\x97", "😀"};
    line += pieces[state >> 29];
  }
  for (std::size_t begin = 0; begin <= line.size() + 3; begin += 7) {
    for (const std::size_t size : {0U, 1U, 2U, 5U, 500U}) {
      const Excerpt e = excerpt(line, begin, begin + size);
      ASSERT_TRUE(hujson::is_valid_utf8(e.text));
      ASSERT_GE(e.underline_size, 1U);
      ASSERT_LE(e.underline_begin + e.underline_size, excerpt_width + 2);
      ASSERT_EQ(e.text.find('\x1b'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace acl::emit
