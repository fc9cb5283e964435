#include "node/ssh/confinement.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "node/confine/privileges.h"
#include "node/confine/system_calls.h"

namespace acl::node::ssh {
namespace {

using confine::equal;
using confine::masked;
using confine::SystemCalls;

// All windows (channel.h): 128 MiB of sessions, 64 of forwards and 64 by which these grow, twice over, and what else there is. Descriptors:
// three of each session, one of each forward. No process, file or lock is ever made.
constexpr confine::Limit limits[] = {
#ifndef ACL_SANITIZED
    {RLIMIT_AS, rlim_t{640} << 20, "address space"},
#endif
    {RLIMIT_FSIZE, 0, "the size of files"},
    {RLIMIT_NOFILE, 1536, "open files"},
    {RLIMIT_NPROC, 0, "processes"},
    {RLIMIT_CORE, 0, "core dumps"},
    {RLIMIT_MEMLOCK, 0, "locked memory"},
    {RLIMIT_MSGQUEUE, 0, "message queues"},
};

// Whatever their arguments.
constexpr int plain[] = {
    // Descriptors that it has, or is given along with a message.
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    // Memory.
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    // Time and chance.
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    // Itself.
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

}  // namespace

Expected<void> lock_down() { return confine::lock_down(Code::E1405, limits); }

Expected<void> filter_system_calls() {
  SystemCalls filter;
  for (const int call : plain) filter.allow(call);
  filter.allow(SCMP_SYS(ioctl), {masked(1, 0xffffffff, TIOCSWINSZ)});
  filter.allow(SCMP_SYS(fcntl), {equal(1, F_GETFL)});
  filter.allow(SCMP_SYS(fcntl), {equal(1, F_SETFL)});
  for (const int option : {TCP_NODELAY, TCP_NOTSENT_LOWAT, TCP_QUICKACK})
    filter.allow(SCMP_SYS(setsockopt), {equal(1, IPPROTO_TCP), equal(2, static_cast<scmp_datum_t>(option))});
  filter.allow(SCMP_SYS(mmap), {masked(2, PROT_EXEC, 0)});
  filter.allow(SCMP_SYS(mprotect), {masked(2, PROT_EXEC, 0)});
  return filter.load(Code::E1405);
}

}  // namespace acl::node::ssh
