#include "node/net/device_reply.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/protocol/openid_message.h"

namespace acl::node::net {
namespace {

using ::testing::HasSubstr;
using State = TokenReply::State;

constexpr std::string_view issuer = "https://login.example.com";

std::string discovery(std::string_view device, std::string_view token = "https://login.example.com/token") {
  return fmt::format(R"({{"issuer":"{}","device_authorization_endpoint":"{}","token_endpoint":"{}"}})", issuer, device,
                     token);
}

TEST(Discovery, GivesBothEndpointsOfTheIssuer) {
  const auto endpoints = read_discovery(200, discovery("https://login.example.com/device"), issuer);
  ASSERT_TRUE(endpoints);
  EXPECT_EQ(endpoints->device_authorization, "https://login.example.com/device");
  EXPECT_EQ(endpoints->token, "https://login.example.com/token");
}

TEST(Discovery, OfAnotherIssuerOrWithoutDeviceAuthorizationIsRefused) {
  const std::string good = discovery("https://login.example.com/device");
  EXPECT_THAT(read_discovery(200, good, "https://login.example.com/").error().message, HasSubstr("calls itself"));
  EXPECT_THAT(read_discovery(404, good, issuer).error().message, HasSubstr("status 404"));
  EXPECT_THAT(read_discovery(200, discovery(""), issuer).error().message, HasSubstr("no device authorization"));
  EXPECT_THAT(read_discovery(200, "<html>", issuer).error().message, HasSubstr("does not describe itself"));
}

TEST(Discovery, NamesNoEndpointsWithoutTls) {
  EXPECT_FALSE(read_discovery(200, discovery("http://login.example.com/device"), issuer));
  EXPECT_FALSE(read_discovery(200, discovery("https://login.example.com/device", "file:///etc/passwd"), issuer));
  EXPECT_FALSE(read_discovery(200, discovery("https://login.example.com/device", ""), issuer));
}

std::string authorization(std::string_view uri, std::string_view code, std::string_view more = "") {
  return fmt::format(R"({{"device_code":"d","user_code":"{}","verification_uri":"{}","expires_in":600{}}})", code, uri,
                     more);
}

TEST(DeviceAuthorization, SaysWhereToGoAndWhatToEnter) {
  const auto read = read_device_authorization(
      200, authorization(
               "https://login.example.com/device", "WDJB-MJHT",
               R"(,"verification_uri_complete":"https://login.example.com/device?user_code=WDJB-MJHT","interval":7)"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->verification_uri, "https://login.example.com/device");
  EXPECT_EQ(read->verification_uri_complete, "https://login.example.com/device?user_code=WDJB-MJHT");
  EXPECT_EQ(read->user_code, "WDJB-MJHT");
  EXPECT_EQ(read->device_code, "d");
  EXPECT_EQ(read->expires_s, 600U);
  EXPECT_EQ(read->interval_s, 7U);
}

TEST(DeviceAuthorization, WaitsFiveSecondsUnlessItIsToldOtherwiseAndNeverLessThanOne) {
  const auto interval = [](std::string_view more) {
    return read_device_authorization(200, authorization("https://a.example/d", "A", more))->interval_s;
  };
  EXPECT_EQ(interval(""), 5U);
  for (const char* const odd : {R"(,"interval":0)", R"(,"interval":-1)", R"(,"interval":"1")"})
    EXPECT_EQ(interval(odd), 5U);
  EXPECT_EQ(interval(R"(,"interval":1e300)"), 60U);
}

TEST(DeviceAuthorization, ShowsNothingThatATerminalOrABrowserCouldTakeForMore) {
  for (const char* const uri : {"http://a.example/d", "javascript:alert(1)", "https://", "https://a b",
                                R"(https://a\u001b[2J)", R"(https://a\"b)", R"(https://a\u202eb)", ""})
    EXPECT_FALSE(read_device_authorization(200, authorization(uri, "A"))) << uri;
  for (const char* const code : {"", R"(A\u001b[2J)", R"(A\nB)", R"(A\u00e9)"})
    EXPECT_FALSE(read_device_authorization(200, authorization("https://a.example/d", code))) << code;
  EXPECT_FALSE(read_device_authorization(200, authorization("https://a.example/d", std::string(65, 'A'))));
  const auto without = read_device_authorization(
      200, authorization("https://a.example/d", "A", R"(,"verification_uri_complete":"http://a.example/d")"));
  ASSERT_TRUE(without);
  EXPECT_EQ(without->verification_uri_complete, "");
}

TEST(DeviceAuthorization, ThatIsRefusedSaysWhy) {
  const auto refused =
      read_device_authorization(401, R"({"error":"invalid_client","error_description":"no such client"})");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("invalid_client: no such client"));
  EXPECT_THAT(read_device_authorization(500, "oops").error().message, HasSubstr("status 500"));
  EXPECT_FALSE(
      read_device_authorization(200, R"({"device_code":"d","user_code":"A","verification_uri":"https://a.example"})"));
}

TEST(TokenReply, IsATokenOrGoesOnOrHasFailed) {
  const auto state = [](int status, std::string_view body) { return read_token_reply(status, body).state; };
  EXPECT_EQ(state(200, R"({"access_token":"x","id_token":"a.b.c"})"), State::token);
  EXPECT_EQ(read_token_reply(200, R"({"id_token":"a.b.c"})").text, "a.b.c");
  EXPECT_EQ(state(400, R"({"error":"authorization_pending"})"), State::pending);
  EXPECT_EQ(state(400, R"({"error":"slow_down"})"), State::slow_down);
  EXPECT_EQ(state(400, R"({"error":"access_denied"})"), State::failed);
  EXPECT_EQ(state(400, R"({"error":"expired_token"})"), State::failed);
  EXPECT_EQ(state(200, R"({"access_token":"x"})"), State::failed);
  EXPECT_EQ(state(200, R"({"error":"authorization_pending"})"), State::failed);
  EXPECT_EQ(state(503, "<html>"), State::failed);
  EXPECT_EQ(state(200, R"({"id_token":")" + std::string(protocol::longest_token + 1, 'a') + R"("})"), State::failed);
}

TEST(FormEncoding, LeavesNothingThatSeparates) {
  EXPECT_EQ(form_encoded("a-b_c.d*e"), "a-b_c.d*e");
  EXPECT_EQ(form_encoded("a b&c=d+e%/:"), "a+b%26c%3Dd%2Be%25%2F%3A");
  EXPECT_EQ(form_encoded("\xc3\xa9"), "%C3%A9");
}

RC_GTEST_PROP(DeviceReplies, OfAnyBytesAreWithinTheirBounds, (const std::vector<std::uint8_t>& bytes)) {
  const std::string body(bytes.begin(), bytes.end());
  RC_ASSERT(!read_discovery(200, body, issuer));
  RC_ASSERT(!read_device_authorization(200, body));
  RC_ASSERT(read_token_reply(200, body).state == State::failed);
}

}  // namespace
}  // namespace acl::node::net
