#include "node/verify/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <memory>

namespace acl::node::verify {
namespace {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* value) const noexcept {
    free(value);
  }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

constexpr int least_rsa_bits = 2048;
constexpr int most_rsa_bits = 8192;

Number number_of(ByteView bytes) { return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)); }

Key make_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  return Key(key);
}

Key p256_key(ByteView point) {
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return nullptr;
  Key key = make_key("EC", builder.get());
  const KeyContext check(key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr) : nullptr);
  return check && EVP_PKEY_public_check(check.get()) == 1 ? std::move(key) : nullptr;
}

Key rsa_key(const RsaKey& parts) {
  const Number modulus = number_of(parts.modulus);
  const Number exponent = number_of(parts.exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!modulus || !exponent || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return nullptr;
  return make_key("RSA", builder.get());
}

// What OpenSSL says of a failure is nobody's concern, and would pile up.
bool quietly(bool result) {
  ERR_clear_error();
  return result;
}

bool verify_digest(EVP_PKEY* key, bool pss, ByteView message, ByteView signature) {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* details = nullptr;
  if (key == nullptr || !context || EVP_DigestVerifyInit(context.get(), &details, EVP_sha256(), nullptr, key) != 1)
    return false;
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) != 1))
    return false;
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

}  // namespace

Digest sha256(ByteView bytes) {
  Digest out{};
  crypto_hash_sha256(out.data(), bytes.data(), bytes.size());
  return out;
}

std::array<std::uint8_t, 64> sha512(ByteView bytes) {
  std::array<std::uint8_t, 64> out{};
  crypto_hash_sha512(out.data(), bytes.data(), bytes.size());
  return out;
}

bool verify_ed25519(ByteView key, ByteView message, ByteView signature) {
  return key.size() == crypto_sign_PUBLICKEYBYTES && signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) == 0;
}

bool verify_p256(ByteView point, ByteView message, ByteView r, ByteView s) {
  if (point.size() != 65 || point[0] != 4 || r.size() > 32 || s.size() > 32) return false;
  const EcSignature signature(ECDSA_SIG_new());
  Number first = number_of(r);
  Number second = number_of(s);
  if (!signature || !first || !second || ECDSA_SIG_set0(signature.get(), first.get(), second.get()) != 1) return false;
  static_cast<void>(first.release());
  static_cast<void>(second.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return quietly(false);
  const Bytes copy(der, der + size);
  OPENSSL_free(der);
  const Key key = p256_key(point);
  return quietly(verify_digest(key.get(), false, message, copy));
}

bool is_good(const RsaKey& key) {
  if (key.modulus.size() > most_rsa_bits / 8 || key.exponent.size() > 5) return false;
  const Number modulus = number_of(key.modulus);
  const Number exponent = number_of(key.exponent);
  if (!modulus || !exponent) return false;
  const int bits = BN_num_bits(modulus.get());
  return bits >= least_rsa_bits && bits <= most_rsa_bits && BN_is_odd(modulus.get()) == 1 &&
         BN_is_odd(exponent.get()) == 1 && BN_is_one(exponent.get()) == 0 && BN_num_bits(exponent.get()) <= 33;
}

bool verify_rsa(const RsaKey& parts, RsaPadding padding, ByteView message, ByteView signature) {
  if (!is_good(parts)) return false;
  const Key key = rsa_key(parts);
  return quietly(verify_digest(key.get(), padding == RsaPadding::pss, message, signature));
}

}  // namespace acl::node::verify
