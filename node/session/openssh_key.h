// Private keys in OpenSSH's own format, unencrypted (openssh/PROTOCOL.key), and the public blobs of SSH.
//
// In: the text of a file, from root and yet checked as any stranger's. Out: an OpenSSL key, or nothing and why in words. Pure but for
// OpenSSL's allocations; reads nothing beyond the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/session/host_keys.h"

namespace acl::node::session {

inline constexpr std::string_view openssh_key_begin = "-----BEGIN OPENSSH PRIVATE KEY-----";

struct ParsedKey {
  KeyPointer key;
  std::string fault;  // in words, where there is no key
};
ParsedKey parse_openssh_key(std::string_view text);

// Type and public blob of an Ed25519 or NIST curve key; nothing for others. The HostKey has no private key.
std::optional<HostKey> public_half(EVP_PKEY* key);

std::string base64(ByteView bytes);

}  // namespace acl::node::session
