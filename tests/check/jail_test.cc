// What the process that verifies has given up is gone: each forbidden thing is tried in a process that has given it up.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "node/confine/privileges.h"
#include "node/net/verify_jail.h"

namespace acl::node::net {
namespace {

// The status of a process that has given all up and then does this; 0 from it means that it could.
int jailed(const std::function<int()>& act) {
  const pid_t pid = fork();
  if (pid == 0) {
    constexpr Code code = Code::E1362;
    const auto user = geteuid() == 0 ? std::optional(confine::User{65534, 65534}) : std::nullopt;
    if (!confine::become(code, "aclnode-net", user) || !lock_down_for_verifying() || !filter_verifying()) _exit(99);
    _exit(act());
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

bool killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }

class VerifyJail : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef ACL_SANITIZED
    GTEST_SKIP() << "with sanitizers there is no filter of system calls";
#endif
  }
};

TEST_F(VerifyJail, OpensNoFile) {
  EXPECT_TRUE(killed(jailed([] { return open("/etc/passwd", O_RDONLY); })));
  EXPECT_TRUE(killed(jailed([] { return open(".", O_RDONLY | O_DIRECTORY); })));
  EXPECT_TRUE(killed(jailed([] { return access("/", F_OK); })));
  EXPECT_TRUE(killed(jailed([] { return static_cast<int>(syscall(SYS_memfd_create, "x", 0)); })));
}

TEST_F(VerifyJail, MakesNoSocketAndConnectsNone) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK})
    EXPECT_TRUE(killed(jailed([family] { return socket(family, SOCK_STREAM, 0); }))) << family;
  EXPECT_TRUE(killed(jailed([] { return connect(0, nullptr, 0); })));
  EXPECT_TRUE(killed(jailed([] {
    int ends[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  })));
}

TEST_F(VerifyJail, MakesNoProcessAndNoThread) {
  EXPECT_TRUE(killed(jailed([] { return fork() < 0 ? 1 : 0; })));
  EXPECT_TRUE(killed(jailed([] { return execl("/bin/true", "true", nullptr); })));
  EXPECT_TRUE(killed(jailed([] {
    pthread_t thread{};
    return pthread_create(
        &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
  })));
}

TEST_F(VerifyJail, TouchesNoOther) {
  EXPECT_TRUE(killed(jailed([] { return kill(getppid(), 0); })));
  EXPECT_TRUE(
      killed(jailed([] { return static_cast<int>(syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0)); })));
}

TEST_F(VerifyJail, RunsNothingThatItHasWritten) {
  EXPECT_TRUE(killed(jailed([] {
    return mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 1 : 0;
  })));
  EXPECT_TRUE(killed(jailed([] {
    void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
  })));
}

TEST_F(VerifyJail, TakesNoMoreMemoryThanItMay) {
  const int status = jailed([] {
    return mmap(nullptr, std::size_t{256} << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED
               ? 0
               : 1;
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Waits on nothing that comes: the time in all ends it. It cannot take the alarm back.
TEST_F(VerifyJail, EndsByItself) {
  const int status = jailed([] { return static_cast<int>(syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0)); });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
  EXPECT_TRUE(killed(jailed([] { return static_cast<int>(alarm(0)); })));
}

}  // namespace
}  // namespace acl::node::net
