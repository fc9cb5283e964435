#include "node/net/verify_jail.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/confine/privileges.h"
#include "node/confine/system_calls.h"

namespace acl::node::net {
namespace {

constexpr unsigned seconds_in_all = 4;

constexpr confine::Limit limits[] = {
#ifndef ACL_SANITIZED
    {RLIMIT_AS, rlim_t{128} << 20, "address space"},
#endif
    {RLIMIT_CPU, 3, "time of the processor"},
    {RLIMIT_FSIZE, 0, "the size of files"},
    // Those that it has stay; poll(2) takes as many as this.
    {RLIMIT_NOFILE, 1, "open files"},
    {RLIMIT_NPROC, 0, "processes"},
    {RLIMIT_CORE, 0, "core dumps"},
    {RLIMIT_MEMLOCK, 0, "locked memory"},
    {RLIMIT_MSGQUEUE, 0, "message queues"},
};

// Whatever their arguments.
constexpr int plain[] = {
    SCMP_SYS(recvfrom),      SCMP_SYS(sendto),          SCMP_SYS(poll),   SCMP_SYS(ppoll),
    SCMP_SYS(brk),           SCMP_SYS(munmap),          SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),       SCMP_SYS(futex),  SCMP_SYS(getpid),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall), SCMP_SYS(exit),   SCMP_SYS(exit_group),
};

}  // namespace

Expected<void> lock_down_for_verifying() {
  alarm(seconds_in_all);
  return confine::lock_down(Code::E1362, limits);
}

Expected<void> filter_verifying() {
  confine::SystemCalls filter;
  for (const int call : plain) filter.allow(call);
  filter.allow(SCMP_SYS(mmap), {confine::masked(2, PROT_EXEC, 0)});
  filter.allow(SCMP_SYS(mprotect), {confine::masked(2, PROT_EXEC, 0)});
  return filter.load(Code::E1362);
}

}  // namespace acl::node::net
