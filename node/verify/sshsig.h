// Signatures of files by FIDO2 keys as `ssh-keygen -Y sign` prints them.
//
// Pure: what was pasted, what was to be signed, for which namespace, by which keys goes in; which key it was comes out, or E1432 in words. Any
// bytes may be pasted. What must hold, each on its own:
//
//   form        one armoured block and nothing beside it; blanks and line ends may have been lost or added on the way through a terminal
//   SSHSIG      version 1, the namespace, sha256 or sha512, nothing after the signature (OpenSSH PROTOCOL.sshsig)
//   key         one of those that are allowed, byte for byte: sk-ssh-ed25519@openssh.com or sk-ecdsa-sha2-nistp256@openssh.com
//   signature   by that key, over its application, flags and counter (OpenSSH PROTOCOL.u2f), with the flag that somebody touched it
//
// That a text is signed once only is the caller's to see to: it never asks for the same one again.
#pragma once

#include <cstddef>

#include "engine/net/diagnostic.h"
#include "node/protocol/verify_message.h"

namespace acl::node::verify {

Expected<std::size_t> verify_signature(const protocol::SignatureToVerify& question);

}  // namespace acl::node::verify
