// Host keys without their secrets: what aclnode-ssh shows of them to libssh, and how signatures that aclnode-session makes become
// libssh's.
//
// libssh takes nothing but a private key for a host key. It gets one whose public half is true and whose private half is a constant
// that fits no key: it never signs (transport.cc has the seam). Ed25519 (RFC 8709) and ECDSA on the NIST curves (RFC 5656).
#pragma once

#include <libssh/libssh.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/net/diagnostic.h"
#include "node/protocol/login_message.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

struct FreeKey {
  void operator()(ssh_key key) const noexcept { ssh_key_free(key); }
};
using Key = std::unique_ptr<ssh_key_struct, FreeKey>;

// E1402 where the type is none of those, or the blob is not of that type.
Expected<Key> stand_in(const protocol::Welcome::HostKey& key);

// RFC 8709 section 6, RFC 5656 section 3.1.2: the blob of a signature, of what OpenSSL gives (Ed25519: 64 bytes; ECDSA: DER). Nothing where
// the bytes are no signature of that type.
std::optional<Bytes> signature_blob(const std::string& type, ByteView made);

}  // namespace acl::node::ssh
