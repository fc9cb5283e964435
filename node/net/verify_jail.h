// What the process that looks at one signature or token (`aclnode-net verify`) may do: compute, and answer on the socket that it has.
//
//   files       none: no call that takes a path, and no number for another descriptor
//   sockets     none but descriptor 3
//   processes   none; no signal to another
//   memory      128 MiB; nothing that is run is mapped
//   time        3 s of the processor, 4 s in all: then it is killed, and aclnode hears no answer
//
// Everything else kills it (SIGSYS). An empty root, which aclnode-ssh has besides, would take a capability that aclnode's unit has not.
#pragma once

#include "engine/net/diagnostic.h"

namespace acl::node::net {

// Limits, no new privileges, no dump, and from here on the time runs; E1362.
Expected<void> lock_down_for_verifying();
// The list of system calls; E1362.
Expected<void> filter_verifying();

}  // namespace acl::node::net
