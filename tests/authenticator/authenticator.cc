// A FIDO2 authenticator without a device, as a library for OpenSSH (PROTOCOL.u2f, "SSH_SK_PROVIDER"; sk-api.h, version 0x000a0000): for tests
// alone, as it keeps the secret key in the key handle, and nobody has to touch anything.
//
//   SSH_SK_PROVIDER=…/authenticator.so ssh-keygen -t ed25519-sk -N '' -f key          or ecdsa-sk; -O no-touch-required
//   SSH_SK_PROVIDER=…/authenticator.so ssh-keygen -Y sign -n NAMESPACE -f key FILE
//
// A key made with no-touch-required is never touched: its signatures lack the flag. What is returned belongs to the caller, who frees it by free(3).
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace {

constexpr std::uint32_t version = 0x000a0000;
constexpr std::uint32_t ecdsa = 0, ed25519 = 1;
constexpr int general_error = -1, unsupported = -2;
constexpr std::uint8_t touched = 0x01;
constexpr std::size_t secret_size = 32;

struct EnrollResponse {
  std::uint8_t flags;
  std::uint8_t* public_key;
  std::size_t public_key_size;
  std::uint8_t* key_handle;
  std::size_t key_handle_size;
  std::uint8_t* signature;
  std::size_t signature_size;
  std::uint8_t* attestation_certificate;
  std::size_t attestation_certificate_size;
  std::uint8_t* authenticator_data;
  std::size_t authenticator_data_size;
};

struct SignResponse {
  std::uint8_t flags;
  std::uint32_t counter;
  std::uint8_t* r;
  std::size_t r_size;
  std::uint8_t* s;
  std::size_t s_size;
};

template <class T>
T* zeroed() {
  return static_cast<T*>(std::calloc(1, sizeof(T)));
}

void give(const std::string& bytes, std::uint8_t*& out, std::size_t& size) {
  out = static_cast<std::uint8_t*>(std::malloc(bytes.size()));
  if (out == nullptr) std::abort();
  std::memcpy(out, bytes.data(), bytes.size());
  size = bytes.size();
}

using EcKey = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

std::string number_of(const EcKey& key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key.get(), name, &number) != 1) std::abort();
  std::string out(secret_size, '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), secret_size);
  BN_free(number);
  return out;
}

// The handle of an ECDSA key is its secret number and its point.
EcKey ec_key(const std::string& secret, const std::string& point) {
  const std::unique_ptr<OSSL_PARAM_BLD, void (*)(OSSL_PARAM_BLD*)> builder(OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(secret.data()), secret_size, nullptr), BN_free);
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get());
  const std::unique_ptr<OSSL_PARAM, void (*)(OSSL_PARAM*)> parameters(OSSL_PARAM_BLD_to_param(builder.get()),
                                                                      OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) != 1) key = nullptr;
  return {key, EVP_PKEY_free};
}

bool sign_ecdsa(const std::string& handle, const std::string& data, SignResponse& out) {
  const EcKey key = ec_key(handle.substr(0, secret_size), handle.substr(secret_size));
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::array<unsigned char, 128> der{};
  std::size_t size = der.size();
  if (!key || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), der.data(), &size, reinterpret_cast<const unsigned char*>(data.data()),
                     data.size()) != 1)
    return false;
  const unsigned char* at = der.data();
  const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)),
                                                                   ECDSA_SIG_free);
  const auto bytes = [](const BIGNUM* number) {
    std::string text(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(text.data()));
    return text;
  };
  give(bytes(ECDSA_SIG_get0_r(signature.get())), out.r, out.r_size);
  give(bytes(ECDSA_SIG_get0_s(signature.get())), out.s, out.s_size);
  return true;
}

std::string hash(const void* bytes, std::size_t size) {
  std::string out(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(out.data()), static_cast<const unsigned char*>(bytes), size);
  return out;
}

void sign_ed25519(const std::string& handle, const std::string& data, SignResponse& out) {
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> key{};
  crypto_sign_seed_keypair(key.data(), secret.data(), reinterpret_cast<const unsigned char*>(handle.data()));
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                       reinterpret_cast<const unsigned char*>(data.data()), data.size(), secret.data());
  give(signature, out.r, out.r_size);
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) std::uint32_t sk_api_version() { return version; }

__attribute__((visibility("default"))) int sk_enroll(std::uint32_t algorithm, const std::uint8_t*, std::size_t,
                                                     const char*, std::uint8_t flags, const char*, void**,
                                                     EnrollResponse** response) {
  if (sodium_init() < 0) return general_error;
  if (algorithm != ecdsa && algorithm != ed25519) return unsupported;
  std::string handle(secret_size, '\0'), key;
  if (algorithm == ed25519) {
    randombytes_buf(handle.data(), handle.size());
    std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
    key.resize(crypto_sign_PUBLICKEYBYTES);
    crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(key.data()), secret.data(),
                             reinterpret_cast<const unsigned char*>(handle.data()));
  } else {
    const EcKey pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
    if (!pair) return general_error;
    key = "\x04" + number_of(pair, OSSL_PKEY_PARAM_EC_PUB_X) + number_of(pair, OSSL_PKEY_PARAM_EC_PUB_Y);
    handle = number_of(pair, OSSL_PKEY_PARAM_PRIV_KEY) + key;
  }
  auto* const out = zeroed<EnrollResponse>();
  if (out == nullptr) return general_error;
  out->flags = flags;
  give(key, out->public_key, out->public_key_size);
  give(handle, out->key_handle, out->key_handle_size);
  give(std::string(1, '\0'), out->signature, out->signature_size);
  *response = out;
  return 0;
}

__attribute__((visibility("default"))) int sk_sign(std::uint32_t algorithm, const std::uint8_t* data, std::size_t size,
                                                   const char* application, const std::uint8_t* handle,
                                                   std::size_t handle_size, std::uint8_t flags, const char*, void**,
                                                   SignResponse** response) {
  if (sodium_init() < 0 || handle_size < secret_size) return general_error;
  auto* const out = zeroed<SignResponse>();
  if (out == nullptr) return general_error;
  out->flags = flags & touched;
  out->counter = 7;
  const std::string whole = hash(application, std::strlen(application)) +
                            std::string(1, static_cast<char>(out->flags)) + std::string("\0\0\0\x07", 4) +
                            hash(data, size);
  const std::string own(reinterpret_cast<const char*>(handle), handle_size);
  if (algorithm == ed25519) {
    sign_ed25519(own, whole, *out);
  } else if (algorithm != ecdsa || !sign_ecdsa(own, whole, *out)) {
    std::free(out);
    return algorithm == ecdsa ? general_error : unsupported;
  }
  *response = out;
  return 0;
}

__attribute__((visibility("default"))) int sk_load_resident_keys(const char*, void**, void***, std::size_t* count) {
  *count = 0;
  return 0;
}

}  // extern "C"
