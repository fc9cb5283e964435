// Public keys and whether they made a signature: Ed25519 (libsodium), ECDSA on P-256 and RSA (OpenSSL), each with SHA-256 where it hashes.
//
// Pure functions over any bytes; false is the answer to everything that is not a good signature by a good key. RSA keys have 2048 to
// 8192 bits and an odd exponent of 3 to 2^32: others are weak, or there to waste time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace acl::node::verify {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

using Digest = std::array<std::uint8_t, 32>;
Digest sha256(ByteView bytes);
std::array<std::uint8_t, 64> sha512(ByteView bytes);

// Key of 32 bytes, signature of 64 (RFC 8032).
bool verify_ed25519(ByteView key, ByteView message, ByteView signature);

// The uncompressed point: 4 and two coordinates of 32 bytes (SEC 1, 2.3.3). r and s are unsigned, big-endian, at most 32 bytes each.
bool verify_p256(ByteView point, ByteView message, ByteView r, ByteView s);

struct RsaKey {
  Bytes modulus;  // unsigned, big-endian
  Bytes exponent;
};
bool is_good(const RsaKey& key);
enum class RsaPadding : std::uint8_t { pkcs1, pss };  // RFC 8017, 8.2 and 8.1; the salt is as long as the hash
bool verify_rsa(const RsaKey& key, RsaPadding padding, ByteView message, ByteView signature);

}  // namespace acl::node::verify
