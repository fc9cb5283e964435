// The filter of system calls, which confinement.h describes.
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "node/net/confinement.h"

#include "node/confine/privileges.h"
#include "node/confine/system_calls.h"

namespace acl::node::net {
namespace {

using confine::equal;
using confine::masked;
using confine::SystemCalls;

// Room for the largest part and its pieces four times over; threads of this user, several of whose processes may run; files are never
// written.
constexpr confine::Limit limits[] = {
#ifndef ACL_SANITIZED
    {RLIMIT_AS, rlim_t{3} << 29, "address space"},
    {RLIMIT_FSIZE, 0, "the size of files"},
#endif
    {RLIMIT_NOFILE, 64, "open files"},
    {RLIMIT_NPROC, 256, "processes"},
    {RLIMIT_CORE, 0, "core dumps"},
    {RLIMIT_MEMLOCK, 0, "locked memory"},
    {RLIMIT_MSGQUEUE, 0, "message queues"},
};

// Whatever their arguments.
constexpr int plain[] = {
    // Reading files, and which there are.
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(statx),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(fadvise64),
    // Sockets that are open; writing goes to them alone, as no file is open for writing.
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    // Waiting.
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(pipe),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    // Time and chance.
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getrandom),
    // Memory; what may be run is below.
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    // Threads and signals of this process.
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    // Who and where one is.
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getcpu),
};

void allow_sockets(SystemCalls& filter) {
  // Flags of the type (SOCK_CLOEXEC, SOCK_NONBLOCK) are above its lowest four bits.
  constexpr scmp_datum_t type = 0xf;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int kind : {SOCK_STREAM, SOCK_DGRAM}) {
      filter.allow(SCMP_SYS(socket),
                   {equal(0, static_cast<scmp_datum_t>(family)), masked(1, type, static_cast<scmp_datum_t>(kind))});
    }
  }
  filter.allow(SCMP_SYS(socket), {equal(0, AF_NETLINK), equal(2, NETLINK_ROUTE)});
  filter.refuse(SCMP_SYS(socket), EACCES, {equal(0, AF_UNIX)});
  // libcurl wakes its threads through a pair.
  filter.allow(SCMP_SYS(socketpair), {equal(0, AF_UNIX)});
  filter.allow(SCMP_SYS(ioctl), {masked(1, 0xffffffff, FIONREAD)});
  filter.allow(SCMP_SYS(ioctl), {masked(1, 0xffffffff, FIONBIO)});
}

}  // namespace

Expected<void> lock_down() { return confine::lock_down(Code::E1362, limits); }

Expected<void> filter_system_calls() {
  SystemCalls filter;
  for (const int call : plain) filter.allow(call);
  allow_sockets(filter);
  constexpr scmp_datum_t changes_files = O_ACCMODE | O_CREAT | O_TRUNC;
  filter.allow(SCMP_SYS(openat), {masked(2, changes_files, O_RDONLY)});
  filter.allow(SCMP_SYS(open), {masked(1, changes_files, O_RDONLY)});
  filter.allow(SCMP_SYS(clone), {masked(0, CLONE_THREAD, CLONE_THREAD)});
  filter.refuse(SCMP_SYS(clone3), ENOSYS);
  filter.allow(SCMP_SYS(mmap), {masked(2, PROT_EXEC, 0)});
  filter.allow(SCMP_SYS(mmap), {masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)});
  filter.allow(SCMP_SYS(mprotect), {masked(2, PROT_EXEC, 0)});
  // libcap asks, on behalf of libraries of nsswitch.conf, which capabilities there are.
  filter.allow(SCMP_SYS(prctl), {equal(0, PR_CAPBSET_READ)});
  filter.allow(SCMP_SYS(prlimit64), {equal(2, 0)});
  return filter.load(Code::E1362);
}

}  // namespace acl::node::net
