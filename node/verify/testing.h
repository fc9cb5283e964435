// Security keys, providers' keys, and what they sign, for tests: right, or wrong in one thing.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "node/verify/public_key.h"

namespace acl::node::verify::testing {

inline std::string base64(std::string_view bytes, int variant) {
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    variant);
  out.pop_back();
  return out;
}
inline std::string base64url(std::string_view bytes) { return base64(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING); }

inline ByteView view(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
template <class Container>
std::string text(const Container& bytes) {
  return {bytes.begin(), bytes.end()};
}

using EvpKey = std::shared_ptr<EVP_PKEY>;
inline EvpKey owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

inline std::string sign(const EvpKey& key, const EVP_MD* digest, bool pss, std::string_view message) {
  const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* details = nullptr;
  EVP_DigestSignInit(context.get(), &details, digest, nullptr, key.get());
  if (pss) {
    EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST);
  }
  std::size_t size = 0;
  EVP_DigestSign(context.get(), nullptr, &size, view(message).data(), message.size());
  std::string out(size, '\0');
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, view(message).data(),
                 message.size());
  out.resize(size);
  return out;
}

// r and s of a signature in DER, each of 32 bytes.
inline std::pair<std::string, std::string> numbers_of(const std::string& der) {
  const unsigned char* at = view(der).data();
  const std::shared_ptr<ECDSA_SIG> signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())),
                                             ECDSA_SIG_free);
  const auto bytes = [](const BIGNUM* number) {
    std::string out(32, '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), 32);
    return out;
  };
  return {bytes(ECDSA_SIG_get0_r(signature.get())), bytes(ECDSA_SIG_get0_s(signature.get()))};
}

inline std::string number_param(const EvpKey& key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key.get(), name, &number);
  std::string out(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(out.data()));
  BN_free(number);
  return out;
}
inline std::string padded(std::string number) { return std::string(32 - number.size(), '\0') + number; }

// --- SSH -------------------------------------------------------------------------------------------------------------------

inline std::string ssh_string(std::string_view bytes) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift);
  return out.append(bytes);
}
inline std::string mpint(std::string bytes) {
  bytes.erase(0, bytes.find_first_not_of('\0'));
  return ssh_string((bytes[0] & 0x80) != 0 ? std::string(1, '\0') + bytes : bytes);
}

struct SecurityKeyPair {
  std::string type;
  std::string blob;
  std::string application = "ssh:";
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret{};
  EvpKey ec;

  static SecurityKeyPair ed25519() {
    SecurityKeyPair pair;
    pair.type = "sk-ssh-ed25519@openssh.com";
    std::array<unsigned char, 32> key{};
    crypto_sign_keypair(key.data(), pair.secret.data());
    pair.blob = ssh_string(pair.type) + ssh_string(text(key)) + ssh_string(pair.application);
    return pair;
  }
  static SecurityKeyPair ecdsa() {
    SecurityKeyPair pair;
    pair.type = "sk-ecdsa-sha2-nistp256@openssh.com";
    pair.ec = owned(EVP_EC_gen("P-256"));
    const std::string point = "\x04" + padded(number_param(pair.ec, OSSL_PKEY_PARAM_EC_PUB_X)) +
                              padded(number_param(pair.ec, OSSL_PKEY_PARAM_EC_PUB_Y));
    pair.blob = ssh_string(pair.type) + ssh_string("nistp256") + ssh_string(point) + ssh_string(pair.application);
    return pair;
  }
  [[nodiscard]] std::string line() const { return type + " " + base64(blob, sodium_base64_VARIANT_ORIGINAL); }
  [[nodiscard]] std::string raw(std::string_view data) const {
    if (ec) {
      const auto [r, s] = numbers_of(sign(ec, EVP_sha256(), false, data));
      return mpint(r) + mpint(s);
    }
    std::array<unsigned char, crypto_sign_BYTES> out{};
    crypto_sign_detached(out.data(), nullptr, view(data).data(), data.size(), secret.data());
    return text(out);
  }
};

// What is put together for one SSHSIG; a test changes what it is about.
struct SshSignature {
  std::string magic = "SSHSIG";
  char version = 1;
  std::string name_space = "aclnode-check@example.com";
  std::string reserved;
  std::string hash = "sha512";
  char flags = 1;
  std::string type;        // the key's unless given
  std::string inner_rest;  // after the counter
  std::string rest;        // after everything
  std::string blob;        // the key's unless given

  [[nodiscard]] std::string binary(const SecurityKeyPair& key, std::string_view message) const {
    const std::string digest = hash == "sha256" ? text(sha256(view(message))) : text(sha512(view(message)));
    const std::string inner =
        "SSHSIG" + ssh_string(name_space) + ssh_string(reserved) + ssh_string(hash) + ssh_string(digest);
    const std::string tail = std::string(1, flags) + std::string("\0\0\0\x07", 4);
    const std::string data = text(sha256(view(key.application))) + tail + text(sha256(view(inner)));
    const std::string signature =
        ssh_string(type.empty() ? key.type : type) + ssh_string(key.raw(data)) + tail + inner_rest;
    return magic + std::string("\0\0\0", 3) + version + ssh_string(blob.empty() ? key.blob : blob) +
           ssh_string(name_space) + ssh_string(reserved) + ssh_string(hash) + ssh_string(signature) + rest;
  }
  [[nodiscard]] std::string armoured(const SecurityKeyPair& key, std::string_view message) const {
    std::string lines = base64(binary(key, message), sodium_base64_VARIANT_ORIGINAL);
    for (std::size_t at = 70; at < lines.size(); at += 71) lines.insert(at, "\n");
    return "-----BEGIN SSH SIGNATURE-----\n" + lines + "\n-----END SSH SIGNATURE-----\n";
  }
};

// --- JOSE ------------------------------------------------------------------------------------------------------------------

// A provider's key: what signs, and its entry of the key set without the braces.
struct TokenKey {
  EvpKey key;
  std::string entry;

  static TokenKey rsa(unsigned bits = 2048) {
    TokenKey out{owned(EVP_RSA_gen(bits)), {}};
    out.entry = R"("kty":"RSA","n":")" + base64url(number_param(out.key, OSSL_PKEY_PARAM_RSA_N)) + R"(","e":")" +
                base64url(number_param(out.key, OSSL_PKEY_PARAM_RSA_E)) + '"';
    return out;
  }
  static TokenKey p256() {
    TokenKey out{owned(EVP_EC_gen("P-256")), {}};
    out.entry = R"("kty":"EC","crv":"P-256","x":")" +
                base64url(padded(number_param(out.key, OSSL_PKEY_PARAM_EC_PUB_X))) + R"(","y":")" +
                base64url(padded(number_param(out.key, OSSL_PKEY_PARAM_EC_PUB_Y))) + '"';
    return out;
  }
  static TokenKey ed25519() {
    TokenKey out{owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), {}};
    std::string key(32, '\0');
    std::size_t size = key.size();
    EVP_PKEY_get_raw_public_key(out.key.get(), reinterpret_cast<unsigned char*>(key.data()), &size);
    out.entry = R"("kty":"OKP","crv":"Ed25519","x":")" + base64url(key) + '"';
    return out;
  }
  [[nodiscard]] std::string set(std::string_view more = "") const {
    return R"({"keys":[{)" + entry + std::string(more) + "}]}";
  }
  [[nodiscard]] std::string token(std::string_view algorithm, std::string_view header, std::string_view payload) const {
    const std::string text = base64url(header) + '.' + base64url(payload);
    if (algorithm == "ES256") {
      const auto [r, s] = numbers_of(sign(key, EVP_sha256(), false, text));
      return text + '.' + base64url(r + s);
    }
    return text + '.' + base64url(sign(key, algorithm == "EdDSA" ? nullptr : EVP_sha256(), algorithm == "PS256", text));
  }
  [[nodiscard]] std::string token(std::string_view algorithm, std::string_view payload) const {
    return token(algorithm, R"({"alg":")" + std::string(algorithm) + R"("})", payload);
  }
};

}  // namespace acl::node::verify::testing
