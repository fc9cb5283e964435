#include "engine/store/http_head.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <initializer_list>

namespace acl::store {
namespace {

std::optional<HttpHead> head_of(std::initializer_list<std::string_view> lines) {
  HttpHead head;
  for (const std::string_view line : lines) {
    if (!read_head_line(head, line)) return std::nullopt;
  }
  return head;
}

TEST(HttpHeads, NamesAreReadInAnyLetterCase) {
  const auto head = head_of({"HTTP/1.1 200 OK\r\n", "eTaG: \"abc\"\r\n", "CONTENT-LENGTH: 12\r\n", "\r\n"});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->etag, "\"abc\"");
  EXPECT_EQ(head->length, 12U);
  EXPECT_FALSE(head->encoded);
}

TEST(HttpHeads, AnInterimReplyIsForgotten) {
  const auto head = head_of({"HTTP/1.1 103 Early Hints", "ETag: \"early\"", "", "HTTP/1.1 404 Not Found", ""});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 404);
  EXPECT_EQ(head->etag, "");
}

// The tag comes back in a header of ours, so a server must not be able to write more than a tag there.
TEST(HttpHeads, OnlyAProperEntityTagIsKept) {
  EXPECT_EQ(head_of({"ETag: W/\"5f-1\""})->etag, "W/\"5f-1\"");
  for (const char* line :
       {"ETag: abc", "ETag: \"a\"b\"", "ETag: \"a b\"", "ETag: \"a\rX: y\"", "ETag: \"", "ETag:", "ETag: w/\"a\""}) {
    EXPECT_EQ(head_of({line})->etag, "") << line;
  }
  EXPECT_EQ(head_of({"ETag: \"" + std::string(300, 'a') + "\""})->etag, "");
}

TEST(HttpHeads, AnEncodingThatWasNotAskedForIsSeen) {
  EXPECT_TRUE(head_of({"Content-Encoding: gzip"})->encoded);
  EXPECT_TRUE(head_of({"content-encoding: br", "Content-Encoding: identity"})->encoded);
  EXPECT_FALSE(head_of({"Content-Encoding: identity"})->encoded);
}

TEST(HttpHeads, LengthsThatAreNoneOrDisagreeEndTheReply) {
  EXPECT_FALSE(head_of({"Content-Length: -1"}));
  EXPECT_FALSE(head_of({"Content-Length: 1x"}));
  EXPECT_FALSE(head_of({"Content-Length: 99999999999999999999"}));
  EXPECT_FALSE(head_of({"Content-Length: 5", "Content-Length: 6"}));
  EXPECT_TRUE(head_of({"Content-Length: 5", "Content-Length: 5"}));
}

TEST(HttpHeads, AStatusLineThatIsNoneEndsTheReply) {
  for (const char* line : {"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 abc", "HTTP/1.1 099 x"}) {
    EXPECT_FALSE(head_of({line})) << line;
  }
  EXPECT_EQ(head_of({"HTTP/2 200"})->status, 200);
}

TEST(HttpHeads, AHeadWithoutEndIsEnded) {
  HttpHead head;
  std::size_t lines = 0;
  while (read_head_line(head, "X-Padding: 0123456789012345678901234567890123456789"))
    ASSERT_LT(++lines, http_head_limit);
  EXPECT_GT(head.size, http_head_limit);
}

RC_GTEST_PROP(HttpHeads, AnyLineGivesATagThatIsSafeToSendBack, (const std::string& text)) {
  HttpHead head;
  if (!read_head_line(head, "ETag: " + text)) return;
  for (const char c : head.etag) RC_ASSERT(c > 0x20 && c < 0x7f);
}

}  // namespace
}  // namespace acl::store
