// Public keys and signatures in minisign's file formats (https://jedisct1.github.io/minisign/), so that anyone can check a
// release with a tool that we did not write. Secret keys: secret_key.h.
//
// Ed25519 (RFC 8032) through libsodium. Only prehashed signatures ("ED": over the BLAKE2b-512 of the message) are read and
// made; the legacy "Ed" ones over the message itself are refused, as `minisign -H` does.
//
//   public key                                 signature
//     untrusted comment: …                       untrusted comment: …
//     base64("Ed" id[8] key[32])                 base64("ED" id[8] signature[64])
//                                                trusted comment: …
//                                                base64(signature[64] of (signature || trusted comment))
//
// The parsers take any bytes: E1005 (public key), E1007 (signature) with the name of the file and the line. Comments are at
// most 512 bytes without control characters but the tab; nothing is read from the untrusted one.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"

namespace acl::release {

// A key's number: random, chosen when the key is made. It finds a key and proves nothing.
struct KeyId {
  std::array<std::uint8_t, 8> bytes{};

  // As minisign prints it, the number in little-endian order: "E7620F1842B4E81F".
  [[nodiscard]] std::string text() const;
  static std::optional<KeyId> parse(std::string_view text) noexcept;

  friend constexpr bool operator==(const KeyId&, const KeyId&) noexcept = default;
  // The order of the texts.
  friend constexpr std::strong_ordering operator<=>(const KeyId& a, const KeyId& b) noexcept {
    for (std::size_t i = a.bytes.size(); i-- > 0;) {
      if (a.bytes[i] != b.bytes[i]) return a.bytes[i] <=> b.bytes[i];
    }
    return std::strong_ordering::equal;
  }
};

struct PublicKey {
  KeyId id;
  std::array<std::uint8_t, 32> key{};

  friend constexpr bool operator==(const PublicKey&, const PublicKey&) noexcept = default;
};

// The second line of a public key's file, as `minisign -P` takes it: 56 characters.
std::optional<PublicKey> parse_public_key_line(std::string_view line) noexcept;
std::string print_public_key_line(const PublicKey& key);

// A public key's file; its last line end may be missing. `name` is the file's, for the message.
Expected<PublicKey> parse_public_key(std::string_view text, std::string_view name);
std::string print_public_key(const PublicKey& key);

// The largest signature file: two comments of 512 bytes and the rest.
inline constexpr std::size_t signature_limit = 2048;

struct Signature {
  KeyId id;
  std::array<std::uint8_t, 64> signature{};
  std::string trusted_comment;
  std::array<std::uint8_t, 64> comment_signature{};
};

Expected<Signature> parse_signature(std::string_view text, std::string_view name);
std::string print_signature(const Signature& signature);

// Whether `key` made both signatures: that of the message and that of the trusted comment. False for a signature with another
// key's number.
bool verify(const Signature& signature, const PublicKey& key, ByteView message);

// For secret_key.cc: signs with libsodium's 64 bytes of secret. The comment is made fit for a file: see SecretKey::sign.
Signature make_signature(const PublicKey& key, const std::uint8_t* secret, ByteView message,
                         std::string_view trusted_comment);

}  // namespace acl::release
