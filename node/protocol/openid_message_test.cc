#include "node/protocol/openid_message.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::node::protocol {
namespace {

TEST(OpenidMessages, ComeOutAsTheyWentIn) {
  const Provider provider{
      "https://login.example.com", "https://a", "https://b", "client", "secret", "openid", "/ca", "login"};
  const auto decoded = decode_to_openid(*encode(ToOpenid{provider}));
  ASSERT_TRUE(decoded);
  const auto& same = std::get<Provider>(*decoded);
  EXPECT_EQ(same.issuer, provider.issuer);
  EXPECT_EQ(same.device_authorization_endpoint, provider.device_authorization_endpoint);
  EXPECT_EQ(same.token_endpoint, provider.token_endpoint);
  EXPECT_EQ(same.client_id, provider.client_id);
  EXPECT_EQ(same.client_secret, provider.client_secret);
  EXPECT_EQ(same.scope, provider.scope);
  EXPECT_EQ(same.ca_file, provider.ca_file);
  EXPECT_EQ(same.prompt, provider.prompt);
  const auto asked = decode_to_openid(*encode(ToOpenid{Authorize{7, 60'000, 300}}));
  ASSERT_TRUE(asked);
  EXPECT_EQ(std::get<Authorize>(*asked).id, 7U);
  EXPECT_EQ(std::get<Authorize>(*asked).left_ms, 60'000U);
  EXPECT_EQ(std::get<Authorize>(*asked).max_age_s, 300U);

  const auto code = decode_from_openid(*encode(FromOpenid{UserCode{7, "https://a", "https://a?b", "ABCD", 600}}));
  ASSERT_TRUE(code);
  EXPECT_EQ(std::get<UserCode>(*code).id, 7U);
  EXPECT_EQ(std::get<UserCode>(*code).verification_uri, "https://a");
  EXPECT_EQ(std::get<UserCode>(*code).verification_uri_complete, "https://a?b");
  EXPECT_EQ(std::get<UserCode>(*code).user_code, "ABCD");
  EXPECT_EQ(std::get<UserCode>(*code).expires_s, 600U);
  const auto token = decode_from_openid(*encode(FromOpenid{IdToken{8, std::string(longest_token, 'a')}}));
  ASSERT_TRUE(token);
  EXPECT_EQ(std::get<IdToken>(*token).token.size(), longest_token);
}

TEST(OpenidMessages, BeyondTheirBoundsAreNotSent) {
  Provider provider;
  provider.issuer.assign(longest_url + 1, 'a');
  EXPECT_EQ(encode(ToOpenid{provider}).error().code, Code::E1361);
  EXPECT_EQ(encode(FromOpenid{IdToken{1, std::string(longest_token + 1, 'a')}}).error().code, Code::E1361);
}

TEST(Authorizations, ATokenOrAFailureEndsItsNumberAndWhatComesLaterIsLate) {
  Authorizations ours;
  const auto id = ours.begin();
  ASSERT_TRUE(id);
  EXPECT_EQ(ours.hear(UserCode{*id, {}, {}, {}, 0}, 0).verdict, Verdict::take);
  EXPECT_EQ(ours.hear(IdToken{*id, {}}, 0).verdict, Verdict::take);
  EXPECT_EQ(ours.open(), 0U);
  EXPECT_EQ(ours.hear(NotAuthorized{*id, {}}, 0).verdict, Verdict::late);
}

TEST(Authorizations, ASecondCodeAndAnAnswerToNothingBreak) {
  Authorizations ours;
  const auto id = ours.begin();
  EXPECT_EQ(ours.hear(UserCode{*id, {}, {}, {}, 0}, 0).verdict, Verdict::take);
  EXPECT_EQ(ours.hear(UserCode{*id, {}, {}, {}, 0}, 0).verdict, Verdict::broken);
  EXPECT_EQ(ours.hear(IdToken{0, {}}, 0).verdict, Verdict::broken);
  EXPECT_EQ(ours.hear(IdToken{*id + 1, {}}, 0).verdict, Verdict::broken);
}

TEST(Authorizations, AreBoundedAndSoIsWhatNobodyWaitsFor) {
  Authorizations ours;
  for (std::size_t i = 0; i < most_authorizations; ++i) EXPECT_TRUE(ours.begin());
  EXPECT_FALSE(ours.begin());
  ours.forget(1);
  EXPECT_TRUE(ours.begin());
  for (unsigned i = 0; i < most_chatter; ++i) EXPECT_EQ(ours.hear(NotAuthorized{1, {}}, 5).verdict, Verdict::late);
  EXPECT_EQ(ours.hear(NotAuthorized{1, {}}, 5).verdict, Verdict::broken);
}

TEST(Asks, BeginWithTheProviderAndHaveNumbersThatGrow) {
  EXPECT_EQ(Asks{}.hear(Authorize{1, 0, 0}).verdict, Verdict::broken);
  Asks asks;
  EXPECT_EQ(asks.hear(Provider{}).verdict, Verdict::take);
  EXPECT_EQ(asks.hear(Authorize{1, 0, 0}).verdict, Verdict::take);
  EXPECT_EQ(asks.hear(Authorize{2, 0, 0}).verdict, Verdict::take);
  EXPECT_EQ(asks.hear(Forget{1}).verdict, Verdict::take);
  EXPECT_EQ(asks.hear(Forget{1}).verdict, Verdict::late);
  EXPECT_EQ(asks.hear(Forget{3}).verdict, Verdict::broken);
  EXPECT_EQ(asks.hear(Authorize{2, 0, 0}).verdict, Verdict::broken);
  EXPECT_EQ(asks.hear(Provider{}).verdict, Verdict::broken);
}

TEST(Asks, AreBounded) {
  Asks asks;
  asks.hear(Provider{});
  for (std::uint64_t id = 1; id <= most_authorizations; ++id)
    EXPECT_EQ(asks.hear(Authorize{id, 0, 0}).verdict, Verdict::take);
  EXPECT_EQ(asks.hear(Authorize{99, 0, 0}).verdict, Verdict::broken);
  asks.answered(1);
  EXPECT_EQ(asks.hear(Authorize{100, 0, 0}).verdict, Verdict::take);
}

RC_GTEST_PROP(OpenidMessages, OfAnyBytesAreReadWithinTheirBoundsOrNotAtAll,
              (std::vector<std::uint8_t> bytes, std::uint8_t kind)) {
  bytes.insert(bytes.begin(), static_cast<std::uint8_t>(110 + kind % 18));
  if (const auto message = decode_to_openid(bytes)) RC_ASSERT(*encode(*message) == bytes);
  if (const auto message = decode_from_openid(bytes)) RC_ASSERT(*encode(*message) == bytes);
}

}  // namespace
}  // namespace acl::node::protocol
