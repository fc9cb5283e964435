#include "node/protocol/verify_message.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::node::protocol {
namespace {

TEST(VerifyMessages, ComeOutAsTheyWentIn) {
  const SignatureToVerify signature{
      "-----BEGIN", "text", "aclnode-check@example.com", {"sk-ssh-ed25519@openssh.com AAAA", "b"}};
  const auto decoded = decode_verify_question(*encode(VerifyQuestion{signature}));
  ASSERT_TRUE(decoded);
  const auto& same = std::get<SignatureToVerify>(*decoded);
  EXPECT_EQ(same.pasted, signature.pasted);
  EXPECT_EQ(same.message, signature.message);
  EXPECT_EQ(same.name_space, signature.name_space);
  EXPECT_EQ(same.keys, signature.keys);

  const TokenToVerify token{"a.b.c", "{}", "https://login.example.com", "client", "ana@example.com", "4711", "n",
                            1,       -2};
  const auto again = decode_verify_question(*encode(VerifyQuestion{token}));
  ASSERT_TRUE(again);
  const auto& read = std::get<TokenToVerify>(*again);
  EXPECT_EQ(read.token, token.token);
  EXPECT_EQ(read.key_set, token.key_set);
  EXPECT_EQ(read.issuer, token.issuer);
  EXPECT_EQ(read.audience, token.audience);
  EXPECT_EQ(read.email, token.email);
  EXPECT_EQ(read.sub, token.sub);
  EXPECT_EQ(read.nonce, token.nonce);
  EXPECT_EQ(read.now_s, 1);
  EXPECT_EQ(read.oldest_s, -2);

  const auto verified = decode_verify_answer(encode(VerifyAnswer{Verified{3, 1'800'000'000'000}}));
  ASSERT_TRUE(verified);
  EXPECT_EQ(std::get<Verified>(*verified).key, 3);
  EXPECT_EQ(std::get<Verified>(*verified).auth_time_s, 1'800'000'000'000);
}

TEST(VerifyMessages, OfTheGreatestLengthFitIntoTheBuffer) {
  TokenToVerify token{};
  token.token.assign(longest_token, 'a');
  token.key_set.assign(longest_key_set, 'a');
  for (std::string* const each : {&token.issuer, &token.audience, &token.email, &token.sub, &token.nonce})
    each->assign(longest_text, 'a');
  const auto largest = encode(VerifyQuestion{token});
  ASSERT_TRUE(largest);
  EXPECT_LE(largest->size(), longest_verify_message);
  SignatureToVerify signature{
      std::string(longest_pasted, 'a'), std::string(longest_signed, 'a'), std::string(longest_user, 'a'), {}};
  signature.keys.assign(most_security_keys, std::string(longest_security_key, 'a'));
  EXPECT_LE(encode(VerifyQuestion{signature})->size(), longest_verify_message);
  token.token += 'a';
  EXPECT_EQ(encode(VerifyQuestion{token}).error().code, Code::E1361);
  signature.keys.emplace_back("one more");
  EXPECT_EQ(encode(VerifyQuestion{signature}).error().code, Code::E1361);
}

TEST(VerifyMessages, CutTheirWordsAndHoldNoZeroByte) {
  const auto cut =
      decode_verify_answer(encode(VerifyAnswer{NotVerified{std::string("a\0b", 3) + std::string(600, 'c')}}));
  ASSERT_TRUE(cut);
  EXPECT_EQ(std::get<NotVerified>(*cut).words, "a?b" + std::string(longest_text - 3, 'c'));
}

TEST(VerifyMessages, OfTheOtherDirectionAreMalformed) {
  EXPECT_FALSE(decode_verify_answer(*encode(VerifyQuestion{SignatureToVerify{}})));
  EXPECT_FALSE(decode_verify_question(encode(VerifyAnswer{Verified{}})));
  EXPECT_FALSE(decode_verify_question({}));
}

RC_GTEST_PROP(VerifyMessages, OfAnyBytesAreReadWithinTheirBoundsOrNotAtAll,
              (std::vector<std::uint8_t> bytes, std::uint8_t kind)) {
  bytes.insert(bytes.begin(), static_cast<std::uint8_t>(96 + kind % 12));
  if (const auto question = decode_verify_question(bytes)) RC_ASSERT(*encode(*question) == bytes);
  if (const auto answer = decode_verify_answer(bytes)) RC_ASSERT(encode(*answer) == bytes);
}

}  // namespace
}  // namespace acl::node::protocol
