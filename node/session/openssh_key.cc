#include "node/session/openssh_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace acl::node::session {
namespace {

struct Curve {
  const char* type;   // of the key in SSH
  const char* curve;  // in SSH
  const char* group;  // in OpenSSL
};
constexpr std::array<Curve, 3> curves = {{{"ecdsa-sha2-nistp256", "nistp256", "prime256v1"},
                                          {"ecdsa-sha2-nistp384", "nistp384", "secp384r1"},
                                          {"ecdsa-sha2-nistp521", "nistp521", "secp521r1"}}};

// Strings and numbers as SSH has them (RFC 4251 section 5); after the first fault nothing but empty ones.
class SshReader {
 public:
  explicit SshReader(ByteView bytes) noexcept : left_(bytes) {}
  std::uint32_t number() noexcept {
    const ByteView bytes = take(4);
    if (bytes.size() != 4) return 0;
    return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
           static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
  }
  ByteView string() noexcept { return take(number()); }
  std::string text() {
    const ByteView bytes = string();
    return {bytes.begin(), bytes.end()};
  }
  ByteView take(std::size_t size) noexcept {
    if (size > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    const ByteView bytes = left_.first(size);
    left_ = left_.subspan(size);
    return bytes;
  }
  [[nodiscard]] ByteView left() const noexcept { return left_; }
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  ByteView left_;
  bool good_ = true;
};

void put_string(Bytes& out, ByteView bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<std::uint8_t>(size >> shift));
  out.insert(out.end(), bytes.begin(), bytes.end());
}
void put_string(Bytes& out, std::string_view text) {
  put_string(out, ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<Bytes> from_base64(std::string_view text) {
  Bytes out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    if (c == '=') break;
    const auto at = alphabet.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(at);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<std::uint8_t>(bits >> count));
  }
  return out;
}

struct FreeParameters {
  void operator()(OSSL_PARAM* p) const noexcept { OSSL_PARAM_free(p); }
  void operator()(OSSL_PARAM_BLD* p) const noexcept { OSSL_PARAM_BLD_free(p); }
  void operator()(BIGNUM* p) const noexcept { BN_clear_free(p); }
  void operator()(EVP_PKEY_CTX* p) const noexcept { EVP_PKEY_CTX_free(p); }
};

KeyPointer ecdsa_key(const Curve& curve, ByteView point, ByteView secret) {
  const std::unique_ptr<BIGNUM, FreeParameters> number(
      BN_bin2bn(secret.data(), static_cast<int>(secret.size()), nullptr));
  const std::unique_ptr<OSSL_PARAM_BLD, FreeParameters> build(OSSL_PARAM_BLD_new());
  if (!number || !build ||
      OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) != 1) {
    return nullptr;
  }
  const std::unique_ptr<OSSL_PARAM, FreeParameters> parameters(OSSL_PARAM_BLD_to_param(build.get()));
  const std::unique_ptr<EVP_PKEY_CTX, FreeParameters> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) != 1) {
    return nullptr;
  }
  KeyPointer owned(key);
  // A public half that is not the private one's would make clients believe in a key that cannot sign.
  const std::unique_ptr<EVP_PKEY_CTX, FreeParameters> checking(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!checking || EVP_PKEY_pairwise_check(checking.get()) != 1) return nullptr;
  return owned;
}

// The part of the file that would be encrypted: one key.
ParsedKey parse_private_part(ByteView bytes) {
  SshReader reader(bytes);
  if (reader.number() != reader.number()) return {nullptr, "its check numbers differ"};
  const std::string type = reader.text();
  KeyPointer key;
  if (type == "ssh-ed25519") {
    const ByteView open = reader.string();
    const ByteView secret = reader.string();
    // 32 bytes of seed and 32 of the public key.
    if (!reader.good() || open.size() != 32 || secret.size() != 64 ||
        !std::equal(open.begin(), open.end(), secret.begin() + 32)) {
      return {nullptr, "its Ed25519 key is not whole"};
    }
    key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.data(), 32));
    std::array<std::uint8_t, 32> made{};
    std::size_t size = made.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), made.data(), &size) != 1 ||
        !std::equal(open.begin(), open.end(), made.begin())) {
      return {nullptr, "its public key is not the private one's"};
    }
    return {std::move(key), {}};
  }
  const auto* const curve =
      std::find_if(curves.begin(), curves.end(), [&](const Curve& each) { return each.type == type; });
  if (curve == curves.end()) return {nullptr, "its type is neither Ed25519 nor ECDSA"};
  const bool same_curve = reader.text() == curve->curve;
  const ByteView point = reader.string();
  const ByteView secret = reader.string();
  if (!reader.good() || !same_curve || point.empty() || secret.empty()) return {nullptr, "its ECDSA key is not whole"};
  key = ecdsa_key(*curve, point, secret);
  if (!key) return {nullptr, "its ECDSA key is none"};
  return {std::move(key), {}};
}

}  // namespace

ParsedKey parse_openssh_key(std::string_view text) {
  constexpr std::string_view end = "-----END OPENSSH PRIVATE KEY-----";
  const auto from = text.find(openssh_key_begin);
  const auto to = text.find(end);
  if (from == std::string_view::npos || to == std::string_view::npos || to < from + openssh_key_begin.size()) {
    return {nullptr, "its first or last line is missing"};
  }
  auto bytes = from_base64(text.substr(from + openssh_key_begin.size(), to - from - openssh_key_begin.size()));
  if (!bytes) return {nullptr, "it is not base64"};
  constexpr std::string_view magic("openssh-key-v1\0", 15);
  SshReader reader(*bytes);
  const ByteView mark = reader.take(magic.size());
  if (!reader.good() || std::memcmp(mark.data(), magic.data(), magic.size()) != 0) {
    return {nullptr, "it does not begin with openssh-key-v1"};
  }
  const std::string cipher = reader.text();
  const std::string derivation = reader.text();
  reader.string();
  const std::uint32_t count = reader.number();
  reader.string();
  const ByteView secret = reader.string();
  ParsedKey parsed;
  if (!reader.good()) {
    parsed.fault = "it is cut short";
  } else if (cipher != "none" || derivation != "none") {
    parsed.fault = "it is encrypted";
  } else if (count != 1) {
    parsed.fault = "it does not hold one key";
  } else {
    parsed = parse_private_part(secret);
  }
  OPENSSL_cleanse(bytes->data(), bytes->size());
  return parsed;
}

std::optional<HostKey> public_half(EVP_PKEY* key) {
  HostKey half;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
    Bytes open(32);
    std::size_t size = open.size();
    if (EVP_PKEY_get_raw_public_key(key, open.data(), &size) != 1 || size != open.size()) return std::nullopt;
    half.type = "ssh-ed25519";
    put_string(half.blob, half.type);
    put_string(half.blob, open);
    return half;
  }
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return std::nullopt;
  std::array<char, 80> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) != 1) {
    return std::nullopt;
  }
  const auto* const curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& each) {
    return std::string_view(each.group) == std::string_view(group.data(), size);
  });
  if (curve == curves.end()) return std::nullopt;
  // Keys come in with whatever form of the point their file had; SSH wants the uncompressed one (RFC 5656 section 3.1).
  EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
  std::array<std::uint8_t, 133> point{};
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point.data(), point.size(), &size) !=
          1 ||
      point[0] != 4) {
    return std::nullopt;
  }
  half.type = curve->type;
  put_string(half.blob, half.type);
  put_string(half.blob, std::string_view(curve->curve));
  put_string(half.blob, ByteView(point).first(size));
  return half;
}

std::string base64(ByteView bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const std::uint32_t bits = static_cast<std::uint32_t>(bytes[i]) << 16 |
                               (left > 1 ? static_cast<std::uint32_t>(bytes[i + 1]) << 8 : 0U) |
                               (left > 2 ? std::uint32_t{bytes[i + 2]} : 0U);
    out += alphabet[bits >> 18];
    out += alphabet[bits >> 12 & 63];
    out += left > 1 ? alphabet[bits >> 6 & 63] : '=';
    out += left > 2 ? alphabet[bits & 63] : '=';
  }
  return out;
}

}  // namespace acl::node::session
