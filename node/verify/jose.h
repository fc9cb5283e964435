// JSON Web Signatures of ID tokens, and the pinned keys: RFC 7515, RFC 7517, RFC 7518, RFC 8037, by the rules of RFC 8725.
//
// Pure functions over any bytes. The key decides which algorithms it may be used with, never the token: RS256 and PS256 with RSA, ES256 with P-256,
// EdDSA with Ed25519, and only the one that the key's `alg` names, if it has one. `none` and everything with a shared secret do not exist here. Keys that
// a token brings along (jwk, jku, x5c) are not looked at; `crit` is refused, as nothing critical is known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/verify/public_key.h"

namespace acl::node::verify {

inline constexpr std::size_t most_keys = 32;

struct P256Key {
  Bytes point;  // 4, x, y
};
struct Ed25519Key {
  Bytes key;
};

struct PinnedKey {
  std::string id;         // kid, perhaps empty
  std::string algorithm;  // alg, perhaps empty
  std::variant<RsaKey, P256Key, Ed25519Key> key;
};

// Those of a JSON Web Key Set that can sign an ID token; others in it (for encryption, of other kinds) are left out. E1434: it is no key set,
// has more than most_keys, or none is left.
Expected<std::vector<PinnedKey>> read_key_set(std::string_view text);

// The payload of a token in compact form, once one of the keys has made its signature. E1433.
Expected<std::string> verify_token_signature(std::string_view token, const std::vector<PinnedKey>& keys);

}  // namespace acl::node::verify
