#include "node/session/asciicast.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string_view>
#include <vector>

namespace acl::node::session {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::string text_of(const std::vector<std::string>& pieces) {
  CastText encoder;
  std::string all;
  for (const std::string& piece : pieces) {
    std::string out(piece.size() * CastText::widest + CastText::more, '\0');
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(piece.data());
    char* const end = encoder.put({bytes, piece.size()}, out.data());
    EXPECT_LE(static_cast<std::size_t>(end - out.data()), out.size());
    all.append(out.data(), end);
  }
  std::array<char, CastText::more> last{};
  all.append(last.data(), encoder.finish(last.data()));
  return all;
}

// As slow as can be, and in another way: the inside of a JSON string, and from there the text.
std::string plain_of(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    constexpr std::string_view names = "\"\\bfnrt", values = "\"\\\b\f\n\r\t";
    const std::size_t at = names.find(text[++i]);
    if (at != std::string_view::npos) {
      out += values[at];
      continue;
    }
    EXPECT_EQ(text.substr(i, 3), "u00");
    out += static_cast<char>(std::stoi(text.substr(i + 1, 4), nullptr, 16));
    i += 4;
  }
  return out;
}

TEST(CastText, OfPlainTextIsItself) {
  EXPECT_EQ(text_of({"hello, world: 0123456789 ~ \x7f"}), "hello, world: 0123456789 ~ \x7f");
  EXPECT_EQ(text_of({""}), "");
}

TEST(CastText, EscapesWhatJsonHasNoOtherWayFor) {
  EXPECT_EQ(text_of({"a\"b\\c\n\r\t\b\f\x1b[0m"}), "a\\\"b\\\\c\\n\\r\\t\\b\\f\\u001b[0m");
  EXPECT_EQ(text_of({std::string("\0", 1)}), "\\u0000");
}

TEST(CastText, KeepsASequenceUntilTheRestOfItComes) {
  EXPECT_EQ(text_of({"\xc3", "\xa4\xe2", "\x82", "\xac\xf0\x9f", "\x98\x80!"}), "ä€😀!");
}

// As the Unicode standard's table 3-8 has it, and Python's decoder, by which terminals in Python show it.
TEST(CastText, ReplacesEachMaximalPartThatIsNoUtf8) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(text_of({"\xff"}), r);
  EXPECT_EQ(text_of({"a\x80z"}), "a" + r + "z");
  EXPECT_EQ(text_of({"\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64"}), r + r + r + "b" + r + "c" + r + r + "d");
  EXPECT_EQ(text_of({"\xed\xa0\x80"}), r + r + r);  // a surrogate
  EXPECT_EQ(text_of({"\xc0\xaf\xe0\x80\xbf"}), r + r + r + r + r);
  EXPECT_EQ(text_of({"\xf4\x90\x80\x80"}), r + r + r + r);  // beyond U+10FFFF
  EXPECT_EQ(text_of({"\xe2\x82", "x"}), r + "x");
  EXPECT_EQ(text_of({"\xe2\x82"}), r);  // and nothing more comes
}

// Where it is cut changes nothing, and it is one line.
RC_GTEST_PROP(CastText, IsTheSameHoweverItIsCut, ()) {
  const auto whole =
      *rc::gen::container<std::string>(rc::gen::weightedOneOf<char>({{4, rc::gen::arbitrary<char>()},
                                                                     {2, rc::gen::inRange<char>(' ', '~')},
                                                                     {1, rc::gen::element('\xe2', '\x82', '\xac')}}));
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < whole.size();) {
    const auto size = *rc::gen::inRange<std::size_t>(1, 12);
    pieces.push_back(whole.substr(at, size));
    at += size;
  }
  const std::string text = text_of({whole});
  RC_ASSERT(text_of(pieces) == text);
  for (const char c : text) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20);
}

RC_GTEST_PROP(CastText, OfAsciiComesBack, ()) {
  const auto whole = *rc::gen::container<std::string>(rc::gen::inRange<char>('\0', '\x7f'));
  RC_ASSERT(plain_of(text_of({whole})) == whole);
}

TEST(CastEvents, AreLinesOfTimeCodeAndText) {
  std::array<char, longest_event_head + 8> out{};
  char* end = end_event(begin_event(12'003'456, 'o', out.data()));
  EXPECT_EQ(std::string(out.data(), end), "[12.003456, \"o\", \"\"]\n");
  end = begin_event(INT64_MAX, 'r', out.data());
  EXPECT_LE(end - out.data(), static_cast<std::ptrdiff_t>(longest_event_head));
  end = begin_event(-5, 'r', out.data());
  EXPECT_EQ(std::string(out.data(), end), "[0.000000, \"r\", \"");
}

TEST(CastHeader, SaysWhatTheRecordingIsOf) {
  CastHeader header;
  header.columns = 100;
  header.rows = 30;
  header.started = 1'795'000'000;
  header.title = "ann";
  header.command = "echo \"a\"\n";
  header.shell = "/bin/sh";
  header.term = "xterm";
  header.connection = "7";
  header.account = "ann";
  header.source = "100.64.0.1 5000";
  header.kind = "exec";
  EXPECT_EQ(
      cast_header(header),
      "{\"version\": 2, \"width\": 100, \"height\": 30, \"timestamp\": 1795000000, \"title\": \"ann\", \"command\": "
      "\"echo \\\"a\\\"\\n\", \"env\": {\"SHELL\": \"/bin/sh\", \"TERM\": \"xterm\"}, \"aclnode\": {\"connection\": "
      "\"7\", \"channel\": 0, \"account\": \"ann\", \"source\": \"100.64.0.1 5000\", \"kind\": \"exec\"}}\n");
}

}  // namespace
}  // namespace acl::node::session
