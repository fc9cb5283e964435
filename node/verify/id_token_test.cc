#include "node/verify/id_token.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <rapidcheck/gtest.h>

#include "node/verify/jose.h"
#include "node/verify/testing.h"

namespace acl::node::verify {
namespace {

using protocol::TokenToVerify;
using testing::base64url;
using ::testing::HasSubstr;
using testing::TokenKey;

constexpr std::int64_t now = 1'800'000'000;

const TokenKey& rsa() {
  static const TokenKey key = TokenKey::rsa();
  return key;
}
const TokenKey& p256() {
  static const TokenKey key = TokenKey::p256();
  return key;
}
const TokenKey& ed25519() {
  static const TokenKey key = TokenKey::ed25519();
  return key;
}

// What a provider says of Ana, a minute after she has logged in. A test says what is otherwise: "" leaves a claim out.
std::string claims(const std::vector<std::pair<std::string, std::string>>& otherwise = {}) {
  std::vector<std::pair<std::string, std::string>> all = {{"iss", R"("https://login.example.com")"},
                                                          {"sub", R"("4711")"},
                                                          {"aud", R"("aclnode")"},
                                                          {"exp", fmt::to_string(now + 300)},
                                                          {"iat", fmt::to_string(now - 1)},
                                                          {"auth_time", fmt::to_string(now - 60)},
                                                          {"email", R"("Ana@example.com")"},
                                                          {"email_verified", "true"}};
  for (const auto& one : otherwise) {
    const std::string& name = one.first;
    const std::string& value = one.second;
    const auto at = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.first == name; });
    if (at != all.end()) all.erase(at);
    if (!value.empty()) all.emplace_back(name, value);
  }
  std::string out;
  for (const auto& [name, value] : all) out += fmt::format("{}\"{}\":{}", out.empty() ? "" : ",", name, value);
  return "{" + out + "}";
}

TokenToVerify question(std::string token, std::string key_set) {
  TokenToVerify out;
  out.token = std::move(token);
  out.key_set = std::move(key_set);
  out.issuer = "https://login.example.com";
  out.audience = "aclnode";
  out.email = "ana@example.com";
  out.now_s = now;
  out.oldest_s = now - 600;
  return out;
}

std::string outcome(const TokenToVerify& wanted) {
  const auto verified = verify_token(wanted);
  if (verified) return fmt::to_string(*verified);
  EXPECT_TRUE(verified.error().code == Code::E1433 || verified.error().code == Code::E1434);
  return verified.error().message;
}
std::string changed(const std::vector<std::pair<std::string, std::string>>& otherwise) {
  return outcome(question(p256().token("ES256", claims(otherwise)), p256().set()));
}
const std::string good = fmt::to_string(now - 60);

// --- signatures ------------------------------------------------------------------------------------------------------------

TEST(IdToken, OfEachAlgorithmIsVerifiedAndSaysWhenThePersonLoggedIn) {
  EXPECT_EQ(outcome(question(rsa().token("RS256", claims()), rsa().set())), good);
  EXPECT_EQ(outcome(question(rsa().token("PS256", claims()), rsa().set())), good);
  EXPECT_EQ(outcome(question(p256().token("ES256", claims()), p256().set())), good);
  EXPECT_EQ(outcome(question(ed25519().token("EdDSA", claims()), ed25519().set())), good);
}

TEST(IdToken, BySwappedKeysIsRefused) {
  EXPECT_THAT(outcome(question(TokenKey::p256().token("ES256", claims()), p256().set())),
              HasSubstr("none of the pinned"));
  EXPECT_THAT(outcome(question(TokenKey::rsa().token("RS256", claims()), rsa().set())),
              HasSubstr("none of the pinned"));
  EXPECT_THAT(outcome(question(TokenKey::ed25519().token("EdDSA", claims()), ed25519().set())),
              HasSubstr("none of the pinned"));
}

TEST(IdToken, WithoutASignatureIsRefused) {
  for (const char* const none : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string token = base64url(fmt::format(R"({{"alg":"{}"}})", none)) + '.' + base64url(claims()) + '.';
    EXPECT_THAT(outcome(question(token, p256().set())), HasSubstr("is none of RS256, PS256, ES256, EdDSA"));
  }
  EXPECT_FALSE(verify_token(question(base64url(R"({"alg":"ES256"})") + '.' + base64url(claims()) + '.', p256().set())));
}

TEST(IdToken, WithThePublicKeyAsASharedSecretIsRefused) {
  const std::string text = base64url(R"({"alg":"HS256"})") + '.' + base64url(claims());
  const std::string secret = rsa().set();
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), testing::view(text).data(), text.size(),
       mac.data(), &size);
  EXPECT_THAT(outcome(question(text + '.' + base64url(testing::text(mac)), rsa().set())), HasSubstr("\"HS256\""));
}

TEST(IdToken, WithTheAlgorithmOfAnotherTypeOfKeyIsRefused) {
  for (const char* const algorithm : {"RS256", "PS256", "EdDSA"}) {
    const std::string token = p256().token("ES256", fmt::format(R"({{"alg":"{}"}})", algorithm), claims());
    EXPECT_THAT(outcome(question(token, p256().set())), HasSubstr("none of the pinned keys")) << algorithm;
  }
}

TEST(IdToken, WithAnAlgorithmThatTheKeyIsNotForIsRefused) {
  const std::string only_pss = rsa().set(R"(,"alg":"PS256")");
  EXPECT_THAT(outcome(question(rsa().token("RS256", claims()), only_pss)), HasSubstr("none of the pinned keys"));
  EXPECT_EQ(outcome(question(rsa().token("PS256", claims()), only_pss)), good);
}

TEST(IdToken, ByTheKeyThatItNamesAlone) {
  const std::string named = p256().set(R"(,"kid":"a")");
  EXPECT_EQ(outcome(question(p256().token("ES256", R"({"alg":"ES256","kid":"a"})", claims()), named)), good);
  EXPECT_EQ(outcome(question(p256().token("ES256", claims()), named)), good);
  EXPECT_THAT(outcome(question(p256().token("ES256", R"({"alg":"ES256","kid":"b"})", claims()), named)),
              HasSubstr("none of the pinned keys"));
  EXPECT_THAT(outcome(question(p256().token("ES256", R"({"alg":"ES256","kid":7})", claims()), named)),
              HasSubstr("no text"));
}

TEST(IdToken, ThatBringsItsOwnKeyIsRefused) {
  const TokenKey own = TokenKey::p256();
  const std::string header = R"({"alg":"ES256","jwk":{)" + own.entry + "}}";
  EXPECT_THAT(outcome(question(own.token("ES256", header, claims()), p256().set())), HasSubstr("none of the pinned"));
}

TEST(IdToken, WithCriticalExtensionsOrOfAnotherTypeIsRefused) {
  const auto with = [](const char* header) {
    return outcome(question(p256().token("ES256", header, claims()), p256().set()));
  };
  EXPECT_THAT(with(R"({"alg":"ES256","crit":["b64"],"b64":false})"), HasSubstr("critical"));
  EXPECT_THAT(with(R"({"alg":"ES256","typ":"at+jwt"})"), HasSubstr("\"at+jwt\""));
  EXPECT_THAT(with(R"({"alg":"ES256","typ":"logout+jwt"})"), HasSubstr("\"logout+jwt\""));
  EXPECT_EQ(with(R"({"alg":"ES256","typ":"jwt"})"), good);
}

TEST(IdToken, ThatIsChangedAnywhereIsRefused) {
  const std::string token = p256().token("ES256", claims());
  for (std::size_t at = 0; at < token.size(); ++at) {
    std::string changed = token;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_token(question(changed, p256().set()))) << at;
    EXPECT_FALSE(verify_token(question(token.substr(0, at), p256().set()))) << at;
  }
  for (const char* const more : {".", "=", "A", " ", "\n"})
    EXPECT_FALSE(verify_token(question(token + more, p256().set())));
}

// --- claims ----------------------------------------------------------------------------------------------------------------

TEST(IdToken, FromTheWrongIssuerIsRefused) {
  EXPECT_THAT(changed({{"iss", R"("https://login.example.org")"}}), HasSubstr("\"https://login.example.org\""));
  EXPECT_THAT(changed({{"iss", R"("https://login.example.com/")"}}), HasSubstr("from the issuer"));
  EXPECT_THAT(changed({{"iss", ""}}), HasSubstr("from the issuer"));
}

TEST(IdToken, ForTheWrongAudienceIsRefused) {
  EXPECT_THAT(changed({{"aud", R"("other")"}}), HasSubstr("is for \"other\""));
  EXPECT_THAT(changed({{"aud", R"(["other"])"}}), HasSubstr("is for others"));
  EXPECT_THAT(changed({{"aud", "[]"}}), HasSubstr("is for others"));
  EXPECT_THAT(changed({{"aud", ""}}), HasSubstr("for nobody"));
  EXPECT_THAT(changed({{"aud", "7"}}), HasSubstr("is for"));
}

TEST(IdToken, ForSeveralIsForTheOneThatAskedForIt) {
  EXPECT_EQ(changed({{"aud", R"(["aclnode"])"}}), good);
  EXPECT_EQ(changed({{"aud", R"(["other","aclnode"])"}, {"azp", R"("aclnode")"}}), good);
  EXPECT_THAT(changed({{"aud", R"(["other","aclnode"])"}}), HasSubstr("(azp)"));
  EXPECT_THAT(changed({{"aud", R"(["other","aclnode"])"}, {"azp", R"("other")"}}), HasSubstr("another client"));
  EXPECT_THAT(changed({{"azp", R"("other")"}}), HasSubstr("another client"));
}

TEST(IdToken, ThatHasExpiredIsRefused) {
  EXPECT_THAT(changed({{"exp", fmt::to_string(now)}}), HasSubstr("expired 0 s ago"));
  EXPECT_EQ(changed({{"exp", fmt::to_string(now + 1)}}), good);
  EXPECT_THAT(changed({{"exp", ""}}), HasSubstr("when it expires"));
}

TEST(IdToken, ThatIsNotYetValidIsRefused) {
  EXPECT_THAT(changed({{"nbf", fmt::to_string(now + 61)}}), HasSubstr("not valid yet"));
  EXPECT_THAT(changed({{"nbf", R"("soon")"}}), HasSubstr("not valid yet"));
  EXPECT_EQ(changed({{"nbf", fmt::to_string(now + 60)}}), good);
  EXPECT_THAT(changed({{"iat", fmt::to_string(now + 61)}}), HasSubstr("61 s in the future"));
  EXPECT_THAT(changed({{"iat", ""}}), HasSubstr("when it was issued"));
}

TEST(IdToken, WithAnUnverifiedEmailIsRefused) {
  EXPECT_THAT(changed({{"email_verified", "false"}}), HasSubstr("has not verified"));
  EXPECT_THAT(changed({{"email_verified", ""}}), HasSubstr("has not verified"));
  EXPECT_THAT(changed({{"email_verified", R"("true")"}}), HasSubstr("has not verified"));
  EXPECT_THAT(changed({{"email_verified", "1"}}), HasSubstr("has not verified"));
}

TEST(IdToken, AboutAnotherPersonIsRefused) {
  EXPECT_THAT(changed({{"email", R"("eve@example.com")"}}),
              HasSubstr("about \"eve@example.com\", not about \"ana@example.com\""));
  EXPECT_THAT(changed({{"email", ""}}), HasSubstr("about \"\""));
  EXPECT_THAT(changed({{"sub", ""}}), HasSubstr("whom it is about"));
  auto nobody = question(p256().token("ES256", claims({{"email", R"("")"}})), p256().set());
  nobody.email.clear();
  EXPECT_THAT(outcome(nobody), HasSubstr("about \"\""));
}

TEST(IdToken, IsAboutThePinnedSubjectWhateverItsAddress) {
  auto pinned = question(p256().token("ES256", claims({{"email", ""}, {"email_verified", ""}})), p256().set());
  pinned.sub = "4711";
  EXPECT_EQ(outcome(pinned), good);
  auto other = question(p256().token("ES256", claims()), p256().set());
  other.sub = "4712";
  EXPECT_THAT(outcome(other), HasSubstr("subject \"4711\""));
}

TEST(IdToken, WithAnOldAuthTimeIsRefused) {
  EXPECT_THAT(changed({{"auth_time", fmt::to_string(now - 601)}}), HasSubstr("601 s ago, which is 1 s too long"));
  EXPECT_EQ(changed({{"auth_time", fmt::to_string(now - 600)}}), fmt::to_string(now - 600));
}

TEST(IdToken, WithoutAnAuthTimeIsRefused) {
  EXPECT_THAT(changed({{"auth_time", ""}}), HasSubstr("(auth_time)"));
  EXPECT_THAT(changed({{"auth_time", fmt::format("\"{}\"", now)}}), HasSubstr("(auth_time)"));
  EXPECT_THAT(changed({{"auth_time", fmt::to_string(now + 61)}}), HasSubstr("in the future"));
}

TEST(IdToken, WithoutTheNonceThatWasAskedForIsRefused) {
  auto asked = question(p256().token("ES256", claims({{"nonce", R"("a")"}})), p256().set());
  asked.nonce = "a";
  EXPECT_EQ(outcome(asked), good);
  asked.nonce = "b";
  EXPECT_THAT(outcome(asked), HasSubstr("(nonce)"));
}

TEST(IdToken, WithDuplicateMembersIsRefused) {
  std::string twice = claims();
  twice.insert(1, R"("sub":"1",)");
  EXPECT_THAT(outcome(question(p256().token("ES256", twice), p256().set())), HasSubstr("ambiguous"));
  EXPECT_THAT(outcome(question(p256().token("ES256", R"({"alg":"none","alg":"ES256"})", claims()), p256().set())),
              HasSubstr("header"));
}

TEST(IdToken, WithHugeNumbersIsRefused) {
  for (const char* const huge :
       {"1e400", "1e300", "99999999999999999999999999", "-1e300", "18446744073709551615", "253402300800"}) {
    EXPECT_FALSE(verify_token(question(p256().token("ES256", claims({{"exp", huge}})), p256().set()))) << huge;
    EXPECT_FALSE(verify_token(question(p256().token("ES256", claims({{"auth_time", huge}})), p256().set()))) << huge;
  }
  EXPECT_EQ(changed({{"auth_time", fmt::format("{}.75", now - 60)}}), good);
}

TEST(IdToken, OfDeepOrEndlessJsonIsRefused) {
  const std::string deep = std::string(17, '[') + std::string(17, ']');
  std::string many = "[0";
  for (int i = 0; i < 4096; ++i) many += ",0";
  for (const std::string& value : {deep, std::string(8000, '['), many + "]"})
    EXPECT_THAT(changed({{"x", value}}), HasSubstr("ambiguous"));
  for (const char* const payload : {"[]", "7", "null", "", "{", "{}x", "\"\xff\""})
    EXPECT_FALSE(verify_token(question(p256().token("ES256", payload), p256().set()))) << payload;
}

// --- keys ------------------------------------------------------------------------------------------------------------------

TEST(KeySet, KeepsWhatCanSignAndLeavesOutTheRest) {
  const std::string set = R"({"keys":[{"kty":"oct","k":"c2VjcmV0"},{)" + rsa().entry + R"(,"use":"enc"},{)" +
                          p256().entry + R"(,"use":"sig","kid":"a"},{)" + ed25519().entry +
                          R"(,"key_ops":["sign"]},{"kty":"EC","crv":"P-384"}]})";
  const auto keys = read_key_set(set);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1U);
  EXPECT_EQ((*keys)[0].id, "a");
}

TEST(KeySet, WithoutAKeyOrThatIsNoneIsRefused) {
  for (const char* const set : {"", "[]", "{}", R"({"keys":7})", R"({"keys":[]})",
                                R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})", R"({"keys":[],"keys":[]})"}) {
    const auto keys = read_key_set(set);
    ASSERT_FALSE(keys) << set;
    EXPECT_EQ(keys.error().code, Code::E1434);
  }
}

TEST(KeySet, HasNoWeakRsaKeys) {
  EXPECT_FALSE(read_key_set(TokenKey::rsa(1024).set()));
  EXPECT_FALSE(read_key_set(R"({"keys":[{"kty":"RSA","e":"AQ","n":")" +
                            base64url(testing::number_param(rsa().key, OSSL_PKEY_PARAM_RSA_N)) + R"("}]})"));
  EXPECT_FALSE(
      read_key_set(R"({"keys":[{"kty":"RSA","e":"AQAB","n":")" + base64url(std::string(1025, '\xff')) + R"("}]})"));
}

TEST(KeySet, APointThatIsNotOnTheCurveVerifiesNothing) {
  const std::string set = R"({"keys":[{"kty":"EC","crv":"P-256","x":")" + base64url(std::string(32, 'x')) +
                          R"(","y":")" + base64url(std::string(32, 'y')) + R"("}]})";
  EXPECT_FALSE(verify_token(question(p256().token("ES256", claims()), set)));
}

RC_GTEST_PROP(IdToken, NeverOfAnyBytes, (const std::vector<std::uint8_t>& bytes)) {
  const std::string text(bytes.begin(), bytes.end());
  RC_ASSERT(!verify_token(question(text, p256().set())));
  RC_ASSERT(!verify_token(question(p256().token("ES256", text), p256().set())));
  RC_ASSERT(!verify_token(question(p256().token("ES256", text, claims()), p256().set())));
}

}  // namespace
}  // namespace acl::node::verify
