// What an OpenID provider, or who says he is it, gives as a token. The first byte says what the rest is: the token itself; its claims, or its
// header, signed by a pinned key; or the key set, with a token signed by a key that may be in it.
//
// Nothing crashes or overreads. A token is verified only where the key signed it, and then the time of the login is within its bounds.
#include <sodium.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "node/verify/id_token.h"

namespace {

constexpr std::int64_t now = 1'800'000'000;
constexpr const char* claims =
    R"({"iss":"https://i","sub":"1","aud":"c","exp":1800000300,"iat":1799999999,"auth_time":1799999990,"email":"a@b","email_verified":true})";

std::string base64url(const std::string& bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.pop_back();
  return out;
}

struct Key {
  std::array<unsigned char, 32> seed{}, key{};
  std::array<unsigned char, 64> secret{};
  Key() { crypto_sign_seed_keypair(key.data(), secret.data(), seed.data()); }
  [[nodiscard]] std::string token(const std::string& header, const std::string& payload) const {
    const std::string text = base64url(header) + '.' + base64url(payload);
    std::string signature(crypto_sign_BYTES, '\0');
    crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                         reinterpret_cast<const unsigned char*>(text.data()), text.size(), secret.data());
    return text + '.' + base64url(signature);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Key key;
  static const std::string key_set = R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":")" +
                                     base64url(std::string(key.key.begin(), key.key.end())) + R"("}]})";
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const unsigned kind = data[0] % 4;
  acl::node::protocol::TokenToVerify question{rest, key_set, "https://i", "c", "a@b", {}, {}, now, now - 600};
  if (kind == 1) question.token = key.token(R"({"alg":"EdDSA"})", rest);
  if (kind == 2) question.token = key.token(rest, claims);
  if (kind == 3) {
    question.key_set = rest;
    question.token = key.token(R"({"alg":"EdDSA"})", claims);
  }
  const auto at = acl::node::verify::verify_token(question);
  if (at && (kind == 0 || *at < now - 600 || *at > now + acl::node::verify::most_skew_s)) {
    std::fputs("id_token_fuzz: a token that must not be verified\n", stderr);
    std::abort();
  }
  return 0;
}
