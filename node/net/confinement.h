// The resources and the system calls of aclnode-net: those that fetching takes. What libcurl, OpenSSL and the resolver of glibc 2.36 need is allowed;
// everything else kills the process (SIGSYS). What is narrowed by its arguments:
//
//   openat           for reading; nothing is created, truncated or written
//   socket           IPv4 and IPv6 streams and datagrams, and NETLINK_ROUTE (getaddrinfo looks which families there are). AF_UNIX is
//                    EACCES: names are found in /etc/hosts and by DNS, not through nscd or systemd-resolved's socket (its
//                    DNS on 127.0.0.53 works), and nothing else on this host that listens on a path can be spoken to
//   clone            threads alone; clone3, whose flags a filter cannot see, is ENOSYS, and glibc then uses clone
//   mmap, mprotect   nothing that is both written and run; no run after written (libraries of nsswitch.conf can be loaded)
//   ioctl            FIONREAD and FIONBIO
//   prctl            to ask which capabilities there are
//   prlimit64        to ask, not to set
//
// CA, certificate and key files are read as aclnode-net's user, at each connection (OpenSSL reads them by path): they must be readable
// by it. The password comes in the first message, so its file need not be.
#pragma once

#include "engine/net/diagnostic.h"

namespace acl::node::net {

// Limits, no new privileges, no dump; E1362.
Expected<void> lock_down();

// The list above. Before any thread is started; E1362.
Expected<void> filter_system_calls();

}  // namespace acl::node::net
