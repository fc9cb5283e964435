// The processes that look at answers to `check`, and aclnode's side of them: the real aclnode-net, and programs in its place that lie.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>

#include "node/daemon/openid_process.h"
#include "node/daemon/verifier.h"
#include "node/verify/testing.h"

namespace acl::node::daemon {
namespace {

using protocol::SignatureToVerify;
using protocol::TokenToVerify;
using protocol::Verified;
using ::testing::HasSubstr;
using verify::testing::SecurityKeyPair;
using verify::testing::SshSignature;
using verify::testing::TokenKey;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// nobody, where the tests run as root.
NetProgram real() { return {ACL_NET_PROGRAM, geteuid() == 0 ? "65534:65534" : "", {}}; }
NetProgram hostile(const std::string& mode) { return {ACL_HOSTILE_PROGRAM, mode, {}}; }

// `shift`: how much later it is said to be once nothing comes any more.
Expected<Verified> outcome(const NetProgram& program, const protocol::VerifyQuestion& question,
                           std::int64_t shift = 0) {
  auto verifier = Verifier::start(program, question, now_ms());
  if (!verifier) return tl::unexpected(verifier.error());
  for (;;) {
    pollfd waiting{verifier->fd(), POLLIN, 0};
    const bool quiet = poll(&waiting, 1, shift > 0 ? 100 : 1000) == 0;
    if (auto done = verifier->step(now_ms() + (quiet ? shift : 0))) return *done;
  }
}

std::string refusal(const NetProgram& program, const protocol::VerifyQuestion& question, Code code,
                    std::int64_t shift = 0) {
  const auto verified = outcome(program, question, shift);
  if (verified) return "verified";
  EXPECT_EQ(verified.error().code, code) << verified.error().message;
  return verified.error().message;
}

constexpr std::string_view message = "a text of this login alone";

SignatureToVerify signature_by(const SecurityKeyPair& key) {
  return {SshSignature{}.armoured(key, message),
          std::string(message),
          "aclnode-check@example.com",
          {SecurityKeyPair::ed25519().line(), key.line()}};
}

TokenToVerify token_by(const TokenKey& key, const char* algorithm) {
  TokenToVerify out;
  out.key_set = key.set();
  out.issuer = "https://login.example.com";
  out.audience = "aclnode";
  out.email = "ana@example.com";
  out.now_s = 1'800'000'000;
  out.oldest_s = out.now_s - 600;
  out.token = key.token(
      algorithm, R"({"iss":"https://login.example.com","sub":"1","aud":"aclnode","exp":1800000300,"iat":1799999999,)"
                 R"("auth_time":1799999990,"email":"ana@example.com","email_verified":true})");
  return out;
}

// --- the process that verifies ---------------------------------------------------------------------------------------------

TEST(Verifier, VerifiesSignaturesOfBothKindsInItsJail) {
  EXPECT_EQ(outcome(real(), signature_by(SecurityKeyPair::ed25519()))->key, 1);
  EXPECT_EQ(outcome(real(), signature_by(SecurityKeyPair::ecdsa()))->key, 1);
}

TEST(Verifier, VerifiesTokensOfAllAlgorithmsInItsJail) {
  const TokenKey rsa = TokenKey::rsa();
  for (const char* const algorithm : {"RS256", "PS256"})
    EXPECT_EQ(outcome(real(), token_by(rsa, algorithm))->auth_time_s, 1'799'999'990) << algorithm;
  EXPECT_EQ(outcome(real(), token_by(TokenKey::p256(), "ES256"))->auth_time_s, 1'799'999'990);
  EXPECT_EQ(outcome(real(), token_by(TokenKey::ed25519(), "EdDSA"))->auth_time_s, 1'799'999'990);
}

TEST(Verifier, SaysWhyWithTheCodeOfTheQuestion) {
  SignatureToVerify other = signature_by(SecurityKeyPair::ed25519());
  other.message = "the text of another login";
  EXPECT_THAT(refusal(real(), other, Code::E1432), HasSubstr("not over the text"));
  TokenToVerify late = token_by(TokenKey::p256(), "ES256");
  late.now_s += 1000;
  EXPECT_THAT(refusal(real(), late, Code::E1433), HasSubstr("expired"));
}

TEST(Verifier, TakesWhatIsAsLongAsItMayBe) {
  TokenToVerify longest = token_by(TokenKey::p256(), "ES256");
  longest.token.assign(protocol::longest_token, 'a');
  longest.key_set.resize(protocol::longest_key_set, ' ');
  EXPECT_THAT(refusal(real(), longest, Code::E1433), HasSubstr("compact form"));
  longest.token += 'a';
  EXPECT_THAT(refusal(real(), longest, Code::E1433), HasSubstr("too long"));
}

TEST(Verifier, WithoutAProgramRefusesAll) {
  EXPECT_THAT(refusal({"/nonexistent", "", {}}, signature_by(SecurityKeyPair::ed25519()), Code::E1431),
              HasSubstr("could not be executed"));
}

TEST(Verifier, BelievesNothingButAnAnswer) {
  const SignatureToVerify question = signature_by(SecurityKeyPair::ed25519());
  EXPECT_THAT(refusal(hostile("verify:dies"), question, Code::E1431), HasSubstr("exit status 7"));
  EXPECT_THAT(refusal(hostile("verify:crashes"), question, Code::E1431), HasSubstr("SIGSEGV"));
  EXPECT_THAT(refusal(hostile("verify:garbage"), question, Code::E1431), HasSubstr("not in its form"));
  EXPECT_THAT(refusal(hostile("verify:question"), question, Code::E1431), HasSubstr("not in its form"));
  EXPECT_THAT(refusal(hostile("verify:long"), question, Code::E1431), HasSubstr("too long"));
  EXPECT_THAT(refusal(hostile("verify:key"), question, Code::E1431), HasSubstr("a key that there is not"));
  EXPECT_EQ(refusal(hostile("verify:words"), question, Code::E1432), "\\x1b[2J");
}

TEST(Verifier, EndsAProcessThatDoesNotAnswer) {
  EXPECT_THAT(refusal(hostile("verify:silent"), signature_by(SecurityKeyPair::ed25519()), Code::E1431, 10'000),
              HasSubstr("no answer within"));
}

// --- the process that talks to the provider --------------------------------------------------------------------------------

class Openid {
 public:
  explicit Openid(NetProgram program,
                  net::Backoff backoff = {std::chrono::milliseconds(1), std::chrono::milliseconds(1)}) {
    OpenidSettings settings;
    settings.program = std::move(program);
    settings.provider.issuer = "https://127.0.0.1:1";
    settings.provider.client_id = "aclnode";
    settings.after_death = backoff;
    settings.chance = [] { return 0.0; };
    process = std::move(*OpenidProcess::make(std::move(settings)));
  }
  // The next event, or nothing within a while.
  std::optional<OpenidEvent> next() {
    for (int i = 0; i < 200 && events.empty(); ++i) {
      pollfd waiting{process->fd(), POLLIN, 0};
      poll(&waiting, 1, 50);
      for (OpenidEvent& event : process->step(now_ms())) events.push_back(std::move(event));
    }
    if (events.empty()) return std::nullopt;
    OpenidEvent event = std::move(events.front());
    events.pop_front();
    return event;
  }
  std::string failure(Code code) {
    const auto event = next();
    const auto* failed = event ? std::get_if<OpenidFailed>(&*event) : nullptr;
    if (failed == nullptr) return "it has not failed";
    EXPECT_EQ(failed->diagnostic.code, code);
    return failed->diagnostic.message;
  }

  std::unique_ptr<OpenidProcess> process;
  std::deque<OpenidEvent> events;
};

TEST(OpenidProcess, IsStartedWhenItIsNeeded) {
  Openid openid(hostile("openid:token"));
  EXPECT_TRUE(openid.process->step(now_ms()).empty());
  EXPECT_FALSE(openid.process->process());
  EXPECT_FALSE(openid.process->next_ms());
  openid.process->begin(60'000, 0, now_ms());
  EXPECT_TRUE(openid.process->process());
}

TEST(OpenidProcess, GivesTheCodeAndThenTheToken) {
  Openid openid(hostile("openid:token"));
  const auto number = openid.process->begin(60'000, 0, now_ms());
  const auto code = openid.next();
  ASSERT_TRUE(code && std::holds_alternative<OpenidCode>(*code));
  EXPECT_EQ(std::get<OpenidCode>(*code).number, *number);
  EXPECT_EQ(std::get<OpenidCode>(*code).address, "https://login.example.com/device");
  EXPECT_EQ(std::get<OpenidCode>(*code).code, "WDJB-MJHT");
  const auto token = openid.next();
  ASSERT_TRUE(token && std::holds_alternative<OpenidToken>(*token));
  EXPECT_EQ(std::get<OpenidToken>(*token).number, *number);
  EXPECT_EQ(std::get<OpenidToken>(*token).token, "a.b.c");
}

TEST(OpenidProcess, SaysNothingOfWhatWasCancelled) {
  Openid openid(hostile("openid:token"));
  const auto first = openid.process->begin(60'000, 0, now_ms());
  openid.process->cancel(*first);
  const auto second = openid.process->begin(60'000, 0, now_ms());
  for (int i = 0; i < 2; ++i) {
    const auto event = openid.next();
    ASSERT_TRUE(event);
    EXPECT_EQ(std::visit([](const auto& e) { return e.number; }, *event), *second);
  }
}

TEST(OpenidProcess, TakesNoMoreThanItsMost) {
  Openid openid(hostile("openid:silent"));
  for (std::size_t i = 0; i < protocol::most_authorizations; ++i)
    EXPECT_TRUE(openid.process->begin(60'000, 0, now_ms()));
  EXPECT_FALSE(openid.process->begin(60'000, 0, now_ms()));
}

TEST(OpenidProcess, EndsWhatTakesTooLong) {
  Openid openid(hostile("openid:silent"));
  openid.process->begin(1, 0, now_ms() - 10);
  EXPECT_THAT(openid.failure(Code::E1435), HasSubstr("in time"));
  EXPECT_TRUE(openid.process->begin(60'000, 0, now_ms()));
}

TEST(OpenidProcess, ThatBreaksTheProtocolIsEndedAndFailsWhatWaited) {
  for (const char* const mode : {"openid:garbage", "openid:other", "openid:http", "openid:escape", "openid:complete"}) {
    Openid openid(hostile(mode));
    openid.process->begin(60'000, 0, now_ms());
    EXPECT_THAT(openid.failure(Code::E1436), HasSubstr("it sent")) << mode;
  }
  Openid twice(hostile("openid:twice"));
  twice.process->begin(60'000, 0, now_ms());
  EXPECT_TRUE(std::holds_alternative<OpenidCode>(*twice.next()));
  EXPECT_THAT(twice.failure(Code::E1436), HasSubstr("a second code"));
}

TEST(OpenidProcess, ThatDiesIsStartedAgainAfterAPause) {
  Openid openid(hostile("openid:dies"), {std::chrono::milliseconds(40), std::chrono::milliseconds(40)});
  openid.process->begin(60'000, 0, now_ms());
  EXPECT_THAT(openid.failure(Code::E1436), HasSubstr("exit status 7"));
  openid.process->begin(60'000, 0, now_ms());
  EXPECT_FALSE(openid.process->process());
  EXPECT_THAT(openid.failure(Code::E1436), HasSubstr("exit status 7"));
}

TEST(OpenidProcess, ShowsWordsOfTheOtherSideEscaped) {
  Openid openid(hostile("openid:words"));
  openid.process->begin(60'000, 0, now_ms());
  EXPECT_EQ(openid.failure(Code::E1435), "\\x1b[2Jno");
}

TEST(OpenidProcess, OfARealProgramSaysThatTheProviderIsNotThere) {
  Openid openid(real());
  openid.process->begin(60'000, 0, now_ms());
  EXPECT_THAT(openid.failure(Code::E1435), HasSubstr("cannot reach"));
}

}  // namespace
}  // namespace acl::node::daemon
