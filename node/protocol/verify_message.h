// Messages between aclnode and the process that looks at what a person gave as an answer to `check` (`aclnode-net verify`): one question,
// one answer, and it ends. docs/protocol.md has every byte.
//
// Pure functions. Decoding any bytes gives a message within its bounds or E1361, never reads beyond them and allocates no more than they
// hold. Texts of the answer are for people: shown() before they get near a terminal or a log.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/protocol/message.h"

namespace acl::node::protocol {

inline constexpr std::size_t longest_pasted = 16'384;      // what was pasted
inline constexpr std::size_t longest_signed = 4096;        // what was to be signed
inline constexpr std::size_t longest_security_key = 1024;  // one line of a .pub file
inline constexpr std::size_t most_security_keys = 16;
inline constexpr std::size_t longest_token = 32'768;
inline constexpr std::size_t longest_key_set = 65'536;
// No message of either side is longer.
inline constexpr std::size_t longest_verify_message = longest_token + longest_key_set + 8192;

// A signature by a FIDO2 key, as `ssh-keygen -Y sign` prints it.
struct SignatureToVerify {
  std::string pasted;             // by the person: "-----BEGIN SSH SIGNATURE----- …"
  std::string message;            // the bytes that were to be signed; no zero byte
  std::string name_space;         // "aclnode-check@example.com"
  std::vector<std::string> keys;  // of the user: "sk-ssh-ed25519@openssh.com AAAA…"
};

// An ID token (OpenID Connect Core 1.0 section 2), as the provider's token endpoint gave it.
struct TokenToVerify {
  std::string token;
  std::string key_set;        // JWKS (RFC 7517): the pinned keys
  std::string issuer;         // exactly
  std::string audience;       // the client id
  std::string email;          // of the user, compared without regard to the case of ASCII; unless `sub` says who it is
  std::string sub;            // the inventory's, perhaps empty
  std::string nonce;          // empty: none was asked for
  std::int64_t now_s = 0;     // since 1970
  std::int64_t oldest_s = 0;  // the person has logged in at this time or later
};

using VerifyQuestion = std::variant<SignatureToVerify, TokenToVerify>;

struct Verified {
  std::uint16_t key = 0;         // signature: which of the keys
  std::int64_t auth_time_s = 0;  // token: when the person logged in
};
// In words, at most longest_text bytes.
struct NotVerified {
  std::string words;
};

using VerifyAnswer = std::variant<Verified, NotVerified>;

// E1361 names a value that is too long or holds a zero byte.
Expected<Bytes> encode(const VerifyQuestion& question);
Expected<VerifyQuestion> decode_verify_question(ByteView bytes);
// Words are cut to their bound.
Bytes encode(const VerifyAnswer& answer);
Expected<VerifyAnswer> decode_verify_answer(ByteView bytes);

}  // namespace acl::node::protocol
