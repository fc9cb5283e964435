// What aclnode-net gives up is gone: each forbidden thing is tried in a process that has given it up.

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "node/confine/privileges.h"
#include "node/net/confinement.h"

namespace acl::node::net {
namespace {

using confine::User;
using ::testing::HasSubstr;

Expected<void> become(const std::optional<User>& user) { return confine::become(Code::E1362, "aclnode-net", user); }
Expected<User> find_user(std::string_view text) { return confine::find_user(Code::E1362, text); }

constexpr uid_t nobody = 65534;

// The status of a process that has given all up and then does this; 0 from it means that it could.
int confined(const std::function<int()>& act) {
  const pid_t pid = fork();
  if (pid == 0) {
    const auto user = geteuid() == 0 ? std::optional(User{nobody, nobody}) : std::nullopt;
    if (!become(user) || !lock_down() || !filter_system_calls()) _exit(99);
    _exit(act());
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

bool killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }
bool done(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

class Confinement : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef ACL_SANITIZED
    GTEST_SKIP() << "with sanitizers there is no filter of system calls";
#endif
  }
};

TEST_F(Confinement, SystemCallsThatFetchingDoesNotNeedKill) {
  EXPECT_TRUE(killed(confined([] { return execl("/bin/true", "true", nullptr); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); })));
  EXPECT_TRUE(killed(confined([] { return kill(getppid(), 0); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_bpf, 0, nullptr, 0)); })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_io_uring_setup, 1, nullptr)); })));
  EXPECT_TRUE(killed(confined([] { return chmod("/", 0755); })));
  EXPECT_TRUE(killed(confined([] { return unlink("/nothing"); })));
  EXPECT_TRUE(killed(confined([] { return listen(0, 1); })));
}

TEST_F(Confinement, NoProcessCanBeMade) {
  EXPECT_TRUE(killed(confined([] { return fork() < 0 ? 1 : 0; })));
  EXPECT_TRUE(killed(confined([] { return static_cast<int>(syscall(SYS_vfork)); })));
}

TEST_F(Confinement, FilesAreReadAndNeverWritten) {
  EXPECT_TRUE(done(confined([] { return open("/etc/hosts", O_RDONLY | O_CLOEXEC) < 0 ? 1 : 0; })));
  EXPECT_TRUE(killed(confined([] { return open("/dev/null", O_WRONLY); })));
  EXPECT_TRUE(killed(confined([] { return open("/dev/null", O_RDWR); })));
  EXPECT_TRUE(killed(confined([] { return open("/tmp/aclnode-net", O_RDONLY | O_CREAT, 0600); })));
  EXPECT_TRUE(killed(confined([] { return open("/dev/null", O_RDONLY | O_TRUNC); })));
}

TEST_F(Confinement, SocketsAreThoseOfTheInternet) {
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_TRUE(done(confined([family] { return socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? 1 : 0; })));
    EXPECT_TRUE(done(confined([family] { return socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0) < 0 ? 1 : 0; })));
    EXPECT_TRUE(killed(confined([family] { return socket(family, SOCK_RAW, IPPROTO_ICMP); })));
  }
  EXPECT_TRUE(killed(confined([] { return socket(AF_PACKET, SOCK_RAW, 0); })));
  EXPECT_TRUE(killed(confined([] { return socket(AF_NETLINK, SOCK_RAW, 12); })));  // NETLINK_NETFILTER
  EXPECT_TRUE(done(confined([] { return socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EACCES ? 0 : 1; })));
}

TEST_F(Confinement, NothingIsBothWrittenAndRun) {
  EXPECT_TRUE(killed(confined([] {
    return mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
  })));
  EXPECT_TRUE(killed(confined([] {
    void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
  })));
}

TEST_F(Confinement, ThreadsAndTheResolverWork) {
  EXPECT_TRUE(done(confined([] {
    int result = 1;
    std::thread([&] {
      addrinfo* found = nullptr;
      result = getaddrinfo("localhost", "443", nullptr, &found);
    }).join();
    return result;
  })));
}

TEST_F(Confinement, LimitsStand) {
  EXPECT_TRUE(done(confined([] {
    rlimit limit{};
    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0) return 1;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max != 64) return 2;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_max == rlim_t{3} << 29 ? 0 : 3;
  })));
  EXPECT_TRUE(killed(confined([] {
    const rlimit limit{1, 1};
    return setrlimit(RLIMIT_NOFILE, &limit);
  })));
}

// In a process of its own, as what it does cannot be undone.
std::string fault_of(const std::function<Expected<void>()>& act) {
  int ends[2] = {-1, -1};
  if (pipe(ends) != 0) std::abort();
  const pid_t pid = fork();
  if (pid == 0) {
    const auto result = act();
    const std::string text = result ? "" : result.error().message;
    (void)!write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  std::string text(1000, '\0');
  const ssize_t got = read(ends[0], text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  return text;
}

TEST(Privileges, RootMustBecomeSomebody) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_THAT(fault_of([] { return become(std::nullopt); }), HasSubstr("started as root"));
  EXPECT_EQ(fault_of([] { return become(User{nobody, nobody}); }), "");
  EXPECT_EQ(fault_of([]() -> Expected<void> {
              if (auto first = become(User{nobody, nobody}); !first) return first;
              return become(User{nobody, nobody});
            }),
            "");
}

TEST(Privileges, OthersCannotBecomeAnybodyElse) {
  EXPECT_THAT(fault_of([]() -> Expected<void> {
                if (geteuid() == 0) {
                  if (auto first = become(User{nobody, nobody}); !first) return first;
                }
                return become(User{nobody - 1, nobody});
              }),
              HasSubstr("cannot become user"));
}

TEST(Privileges, UsersAreNamesOrTwoNumbersAndNeverRoot) {
  const auto numbers = find_user("65534:1000");
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->uid, 65534U);
  EXPECT_EQ(numbers->gid, 1000U);
  EXPECT_TRUE(find_user("nobody"));
  for (const char* text : {"root", "0:0", "0:5", "5:0", "5:", ":5", "5:5x", "-1:5", "4294967295:5", "4294967296:5",
                           "no-such-user-at-all", "", "5"}) {
    const auto user = find_user(text);
    ASSERT_FALSE(user) << text;
    EXPECT_EQ(user.error().code, Code::E1362);
  }
}

}  // namespace
}  // namespace acl::node::net
