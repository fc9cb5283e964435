// The resources and the system calls of aclnode-ssh: moving bytes between descriptors that it has or is given, waiting, memory, time. Nothing opens, makes,
// connects, runs, signals or traces anything; every such call kills the process (SIGSYS). What is narrowed by its arguments:
//
//   ioctl            TIOCSWINSZ, the size of a terminal
//   fcntl            F_GETFL and F_SETFL, so that descriptors do not wait
//   setsockopt       TCP_NODELAY and TCP_QUICKACK
//   mmap, mprotect   nothing that is run
#pragma once

#include "engine/net/diagnostic.h"

namespace acl::node::ssh {

// Limits, no new privileges, no dump; E1405.
Expected<void> lock_down();

// The list above. Before any thread is started; E1405.
Expected<void> filter_system_calls();

}  // namespace acl::node::ssh
