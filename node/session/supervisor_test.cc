// The supervisor in a process of its own, as aclnode speaks with it. Its logins end at once, as their connections are none.
#include "node/session/supervisor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/net/file.h"
#include "node/protocol/channel.h"
#include "node/protocol/session_message.h"
#include "node/session/control_group.h"

namespace acl::node::session {
namespace {

class Supervisors : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: the supervisor takes connections of nobody else";
    std::string folder = ::testing::TempDir() + "supervisor-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override {
    if (supervisor_ > 0) {
      kill(supervisor_, SIGKILL);
      waitpid(supervisor_, nullptr, 0);
    }
    for (const char* name : {"/s", "/s.lock"}) unlink((folder_ + name).c_str());
    rmdir(folder_.c_str());
  }

  // `before`: what its process does first, which was not forked by the supervisor then.
  template <class Before>
  void start(Before before) {
    supervisor_ = fork();
    if (supervisor_ == 0) {
      before();
      SupervisorSettings settings;
      settings.socket = folder_ + "/s";
      _exit(supervise(settings).value_or(3));
    }
    for (int i = 0; i < 1000 && !connection_; ++i) {
      connection_ = connected();
      if (!connection_) usleep(10'000);
    }
    ASSERT_TRUE(connection_) << "it does not listen";
  }

  [[nodiscard]] Fd connected() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ + "/s";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? std::move(fd) : Fd();
  }

  // This end of the conversation of a login.
  Fd begin(std::uint64_t number) {
    protocol::Begin begin;
    begin.number = number;
    begin.source = {{100, 64, 0, 2}, 1000};
    begin.own = {{100, 64, 0, 1}, 22};
    begin.grace_s = 60;
    const auto bytes = protocol::encode(protocol::ToSession(begin));
    int ends[2] = {-1, -1};
    if (!bytes || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return {};
    Fd ours(ends[0]);
    const Fd its(ends[1]);
    const int both[] = {its.get(), its.get()};
    return protocol::send_message(connection_.get(), *bytes, both, protocol::Wait::yes) == protocol::Sent::sent
               ? std::move(ours)
               : Fd();
  }

  // What the login says, until its conversation ends: "" if nothing.
  static std::string said(const Fd& conversation) {
    std::array<std::uint8_t, 4096> buffer{};
    const ssize_t got = recv(conversation.get(), buffer.data(), buffer.size(), 0);
    const auto message =
        protocol::decode_from_session({buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
    const auto* const over = message ? std::get_if<protocol::SessionOver>(&*message) : nullptr;
    return over != nullptr ? over->words : "";
  }

  std::string folder_;
  pid_t supervisor_ = -1;
  Fd connection_;
};

TEST_F(Supervisors, MakeALoginOfEachBegin) {
  start([] {});
  for (const std::uint64_t number : {7U, 8U}) EXPECT_NE(said(begin(number)), "");
}

TEST_F(Supervisors, RefuseANumberThatTheyStillHave) {
  start([] {});
  ASSERT_EQ(ptrace(PTRACE_SEIZE, supervisor_, nullptr, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL), 0);
  const Fd first = begin(7);
  // The login begins stopped, and stays so.
  int status = 0;
  ASSERT_EQ(waitpid(supervisor_, &status, 0), supervisor_);
  ASSERT_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_FORK << 8);
  unsigned long login = 0;
  ASSERT_EQ(ptrace(PTRACE_GETEVENTMSG, supervisor_, nullptr, &login), 0);
  ASSERT_EQ(waitpid(static_cast<pid_t>(login), &status, __WALL), static_cast<pid_t>(login));
  ASSERT_EQ(ptrace(PTRACE_DETACH, supervisor_, nullptr, nullptr), 0);
  const Fd second = begin(7);
  EXPECT_EQ(said(second), "");
  const Fd third = begin(8);
  EXPECT_NE(said(third), "");
  // It was not ended for that.
  ASSERT_EQ(ptrace(PTRACE_DETACH, static_cast<pid_t>(login), nullptr, nullptr), 0);
  EXPECT_NE(said(first), "");
}

// A child that it has from before, and that looks like a login.
TEST_F(Supervisors, KillTheGroupsOfTheirOwnLoginsAlone) {
  struct Numbers {
    pid_t stranger, beside;
  } numbers{};
  int ready[2], end[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(end), 0);
  start([&] {
    if (fork() != 0) {
      close(end[1]);
      return;
    }
    const LoginGroup group = LoginGroup::enter();
    numbers = {getpid(), fork()};
    if (numbers.beside != 0) static_cast<void>(!write(ready[1], &numbers, sizeof numbers));
    for (;;) pause();
  });
  const Fd said_by_it(ready[0]), beside_ends(end[0]);
  close(ready[1]);
  close(end[1]);
  ASSERT_EQ(read(ready[0], &numbers, sizeof numbers), static_cast<ssize_t>(sizeof numbers));
  const auto group = read_file("/proc/" + std::to_string(numbers.beside) + "/cgroup", 4096);
  const bool grouped = group && group->find("/aclnode-login-") != std::string::npos;
  kill(numbers.stranger, SIGKILL);
  for (int i = 0; i < 1000 && kill(numbers.stranger, 0) == 0; ++i) usleep(10'000);
  EXPECT_NE(kill(numbers.stranger, 0), 0) << "it has not been waited for";
  pollfd ending{end[0], POLLIN, 0};
  EXPECT_EQ(poll(&ending, 1, 100), 0) << "what was beside it was killed";
  kill(numbers.beside, SIGKILL);
  EXPECT_EQ(poll(&ending, 1, -1), 1);
  for (int i = 0; i < 1000 && kill(numbers.beside, 0) == 0; ++i) usleep(10'000);
  remove_empty_groups();
  if (!grouped) GTEST_SKIP() << "needs a cgroup2 that can be written";
}

}  // namespace
}  // namespace acl::node::session
