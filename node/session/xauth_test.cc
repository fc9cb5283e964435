#include "node/session/xauth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::node::session {
namespace {

using ::testing::HasSubstr;

TEST(Xauth, IsGivenNothingThatCouldBeACommandOfIts) {
  for (const char* good : {"MIT-MAGIC-COOKIE-1", "XDM-AUTHORIZATION-1"}) EXPECT_TRUE(is_x11_protocol(good));
  for (const char* bad : {"", "a b", "x\nsource /etc/shadow", "a\"b", "a#b", "a;b"})
    EXPECT_FALSE(is_x11_protocol(bad)) << bad;
  EXPECT_TRUE(is_x11_cookie("00aAfF"));
  for (const char* bad : {"", "0", "0g", "00\nq", "00 ", "\"00\""}) EXPECT_FALSE(is_x11_cookie(bad)) << bad;
  Xauth xauth;
  EXPECT_THAT(xauth.start("localhost:10.0", "MIT-MAGIC-COOKIE-1", "00\nexit"), HasSubstr("hexadecimal"));
  EXPECT_EQ(xauth.process(), -1);
}

}  // namespace
}  // namespace acl::node::session
