// Where libssh 0.10.6 calls back into aclnode-ssh by functions that the linker has wrapped (--wrap): transport.cc is told. For
// transport.cc alone.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <cstdint>

#include "node/ssh/wire.h"

namespace acl::node::ssh {

// What libssh's functions do for the one transport of this process. Null pointers: the seams do nothing, and nothing is signed.
struct Seams {
  // Encrypted bytes for the client.
  void (*write)(void* transport, ByteView bytes) = nullptr;
  // The hash to sign, and the key: the blob of the signature, or nothing.
  Bytes (*sign)(void* transport, ssh_key key, ByteView hash) = nullptr;
  // A key exchange has begun, or is over as far as sending goes.
  void (*rekeying)(void* transport, bool on) = nullptr;
  // Where libssh wants bytes that come from the client; it says so anew when it has the client's identification.
  void (*callbacks)(void* transport, ssh_socket_callbacks callbacks) = nullptr;
  void* transport = nullptr;
  // The payload that goes out next in the place of libssh's own (send_payload).
  const ByteView* payload = nullptr;
};
Seams& seams() noexcept;

// The payload as a packet of its own, whatever its number; SSH_OK, or SSH_ERROR.
int send_payload(ssh_session session, ByteView head, ByteView tail);

// The payload of an INFO_REQUEST, likewise; libssh then lets its answer in, which it refuses otherwise.
int send_question(ssh_session session, ByteView payload);

}  // namespace acl::node::ssh
