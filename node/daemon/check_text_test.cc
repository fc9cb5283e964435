#include "node/daemon/check_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "node/protocol/session_message.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CheckBinding some_binding() {
  CheckBinding binding;
  binding.node[0] = 1;
  binding.source[0] = 2;
  binding.account = "root";
  binding.connection = 7;
  binding.nonce.fill(0xab);
  return binding;
}

TEST(TextToSign, HoldsAllThatItIsBoundTo) {
  EXPECT_EQ(text_to_sign(some_binding()),
            "aclnode-check-1 node=AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
            "source=AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= user=root connection=7 "
            "nonce=abababababababababababababababababababababababababababababababab");
}

TEST(TextToSign, IsAnotherOneForEachOfThem) {
  const std::string text = text_to_sign(some_binding());
  for (int i = 0; i < 5; ++i) {
    CheckBinding other = some_binding();
    if (i == 0) other.node[31] = 1;
    if (i == 1) other.source[31] = 1;
    if (i == 2) other.account = "root ";
    if (i == 3) other.connection = 8;
    if (i == 4) other.nonce[31] = 0;
    EXPECT_NE(text_to_sign(other), text) << i;
  }
}

// It stands between apostrophes, and what a person pastes into a shell nobody else is to choose.
RC_GTEST_PROP(TextToSign, HasNothingThatAShellUnderstands, (const std::string& account, const std::string& tailnet)) {
  CheckBinding binding = some_binding();
  binding.account = account;
  for (const char c : text_to_sign(binding)) RC_ASSERT(c >= ' ' && c < 0x7f && c != '\'');
  for (const char c : check_name_space(tailnet))
    RC_ASSERT(std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@%").find(c) !=
              std::string_view::npos);
}

RC_GTEST_PROP(TextToSign, OfTwoAccountsIsNeverTheSame, (const std::string& a, const std::string& b)) {
  CheckBinding one = some_binding(), other = some_binding();
  one.account = a;
  other.account = b;
  RC_ASSERT((text_to_sign(one) == text_to_sign(other)) == (a == b));
}

CheckShown by_both() {
  CheckShown shown;
  shown.person = "ann@example.com";
  shown.account = "root";
  shown.wait_s = 120;
  shown.address = "https://id.example.com/device";
  shown.complete_address = "https://id.example.com/device?code=AB-CD";
  shown.code = "AB-CD";
  shown.to_sign = text_to_sign(some_binding());
  shown.name_space = check_name_space("example.com");
  return shown;
}

TEST(Challenges, ByTheProviderAskForNothingAndShowAddressAndCode) {
  CheckShown shown = by_both();
  shown.to_sign.clear();
  const protocol::Challenge challenge = challenge_of(shown, true);
  EXPECT_FALSE(challenge.asks);
  EXPECT_THAT(challenge.text, HasSubstr("Open https://id.example.com/device and enter the code AB-CD"));
  EXPECT_THAT(challenge.text, HasSubstr("?code=AB-CD"));
  EXPECT_THAT(challenge.text, HasSubstr("within 120 s"));
}

TEST(Challenges, ByASecurityKeyShowOneLineForAShellAndAskForWhatItPrints) {
  CheckShown shown = by_both();
  shown.address.clear();
  const protocol::Challenge challenge = challenge_of(shown, true);
  EXPECT_TRUE(challenge.asks);
  EXPECT_THAT(challenge.instruction,
              HasSubstr("\nprintf %s '" + shown.to_sign + "' | ssh-keygen -Y sign -n aclnode-check@example.com -f "));
  EXPECT_THAT(challenge.instruction, HasSubstr("_sk | xargs\n"));
  EXPECT_THAT(challenge.instruction, Not(HasSubstr("\\"))) << "OpenSSH shows it twice";
  EXPECT_EQ(challenge.prompt, "Signature: ");
  EXPECT_THAT(challenge.text, HasSubstr("A client that cannot ask you cannot log in now"));
  EXPECT_LT(challenge.instruction.size(), 1000U) << "OpenSSH shows no more";
}

TEST(Challenges, ByBothShowTheAddressAtOnceAndTakeEitherAnswer) {
  const protocol::Challenge challenge = challenge_of(by_both(), true);
  EXPECT_TRUE(challenge.asks);
  EXPECT_THAT(challenge.text, HasSubstr("enter the code AB-CD"));
  EXPECT_THAT(challenge.instruction, HasSubstr("or press Enter once you have logged in"));
  EXPECT_EQ(challenge.prompt, "Signature, or Enter: ");
}

TEST(Challenges, ThatComeAgainSayWhy) {
  CheckShown shown = by_both();
  shown.reason = "made by another key";
  const protocol::Challenge challenge = challenge_of(shown, false);
  EXPECT_EQ(challenge.text, "");
  EXPECT_THAT(challenge.instruction, ::testing::StartsWith("made by another key\n"));
}

RC_GTEST_PROP(Challenges, AreWithinTheirBoundsAndPlain, (const std::string& account, const std::string& person)) {
  CheckShown shown = by_both();
  shown.account = account.substr(0, protocol::longest_account);
  shown.person = person.substr(0, protocol::longest_person);
  shown.address += std::string(900, 'a');
  shown.complete_address += std::string(900, 'a');
  const protocol::Challenge challenge = challenge_of(shown, true);
  RC_ASSERT(protocol::encode(protocol::ToSession(protocol::SessionChallenge{1, challenge})).has_value());
  for (const std::string* text : {&challenge.text, &challenge.instruction, &challenge.prompt})
    for (const char c : *text) RC_ASSERT(c == '\n' || (c >= ' ' && c < 0x7f));
}

}  // namespace
}  // namespace acl::node
