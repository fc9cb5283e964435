// What aclnode-ssh gives up is gone: each forbidden thing is tried in a process that has given it up.
#include "node/ssh/confinement.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>

#include "node/confine/privileges.h"

namespace acl::node::ssh {
namespace {

using confine::User;
constexpr Code code = Code::E1405;

int status_of(const std::function<int()>& act) {
  const pid_t pid = fork();
  if (pid == 0) _exit(act());
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

// The status of a process that has given all up and then does this; 0 from it means that it could.
int confined(const std::function<int()>& act) {
  return status_of([&] {
    const auto user = geteuid() == 0 ? std::optional(User{65534, 65534}) : std::nullopt;
    if (!confine::become(code, "aclnode-ssh", user) || !lock_down() || !filter_system_calls()) return 99;
    return act();
  });
}

bool killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }
bool done(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

class SshConfinement : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef ACL_SANITIZED
    GTEST_SKIP() << "with sanitizers there is no filter of system calls";
#endif
  }
};

TEST_F(SshConfinement, NothingIsOpenedMadeConnectedOrRun) {
  EXPECT_TRUE(killed(confined([] { return open("/etc/hosts", O_RDONLY); })));
  EXPECT_TRUE(killed(confined([] { return open("/", O_RDONLY | O_DIRECTORY); })));
  EXPECT_TRUE(killed(confined([] { return mkdir("/x", 0700); })));
  EXPECT_TRUE(killed(confined([] { return access("/etc/passwd", R_OK); })));
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK})
    EXPECT_TRUE(killed(confined([family] { return socket(family, SOCK_STREAM, 0); })));
  EXPECT_TRUE(killed(confined([] {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    return connect(0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  })));
  EXPECT_TRUE(killed(confined([] { return bind(0, nullptr, 0); })));
  EXPECT_TRUE(killed(confined([] { return listen(0, 1); })));
  EXPECT_TRUE(killed(confined([] { return execl("/bin/true", "true", nullptr); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_io_uring_setup, 1, nullptr)); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_bpf, 0, nullptr, 0)); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_keyctl, 0, 0)); })));
}

TEST_F(SshConfinement, NoProcessIsMadeSignalledOrTraced) {
  EXPECT_TRUE(killed(confined([] { return fork() < 0 ? 1 : 0; })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_vfork)); })));
  EXPECT_TRUE(killed(confined([] { return kill(getppid(), 0); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_tgkill, 1, 1, SIGTERM)); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_pidfd_open, 1, 0)); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr)); })));
  EXPECT_TRUE(
      killed(confined([] { return static_cast<int>(syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0)); })));
}

TEST_F(SshConfinement, NothingNewIsRun) {
  EXPECT_TRUE(killed(confined([] {
    return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 1 : 0;
  })));
  EXPECT_TRUE(killed(confined([] {
    void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
  })));
}

TEST_F(SshConfinement, OfTerminalsOnlyTheSizeCanBeSet) {
  EXPECT_TRUE(killed(confined([] { return ioctl(0, TIOCSTI, "x"); })));
  EXPECT_TRUE(killed(confined([] { return ioctl(0, TIOCSCTTY, 0); })));
  EXPECT_TRUE(killed(confined([] { return ioctl(0, TIOCGPTPEER, 0); })));
  EXPECT_TRUE(done(confined([] {
    winsize size{};
    return ioctl(-1, TIOCSWINSZ, &size) != 0 && errno == EBADF ? 0 : 1;
  })));
}

TEST_F(SshConfinement, DescriptorsCannotBeDoubledOrWatched) {
  EXPECT_TRUE(killed(confined([] { return fcntl(0, F_DUPFD, 10); })));
  EXPECT_TRUE(killed(confined([] { return fcntl(0, F_SETOWN, getpid()); })));
  EXPECT_TRUE(killed(confined([] { return dup(0); })));
}

TEST_F(SshConfinement, LimitsStand) {
  const auto limits = [] {
    rlimit limit{};
    for (const int resource : {RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_CORE, RLIMIT_MEMLOCK})
      if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0 || limit.rlim_max != 0) return 1;
    return 0;
  };
  EXPECT_TRUE(done(status_of([&] { return lock_down() ? limits() : 99; })));
}

// Whatever it later runs, there is nothing there.
TEST(SshFileSystem, IsEmptyAndNothingCanBeMadeInIt) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_TRUE(done(status_of([] {
    if (!confine::leave_file_system(code)) return 1;
    if (open("/etc/passwd", O_RDONLY) >= 0 || errno != ENOENT) return 2;
    if (open("/x", O_WRONLY | O_CREAT, 0600) >= 0 || errno != ENOENT) return 3;
    if (mkdir("/x", 0700) == 0) return 4;
    return open("../../etc/passwd", O_RDONLY) >= 0 ? 5 : 0;
  })));
}

}  // namespace
}  // namespace acl::node::ssh
