// Against a program of our own behind a socket, and against wireguard-go in a network namespace of its own (root, /dev/net/tun and
// wireguard-go; says so and skips elsewhere).
#include "node/wireguard/device_poll.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "node/wireguard/random_peers.h"

extern "C" char** environ;  // NOLINT(readability-identifier-naming): POSIX

namespace acl::node {
namespace {

using std::chrono::milliseconds;
using Step = DevicePoll::Step;
using testing::hex;
using testing::key_of;
using testing::print_uapi;

constexpr milliseconds patience{10'000};
const std::string secret = hex(key_of(7));

net::Prefix prefix(std::string_view text) { return net::Prefix::parse(text).prefix; }

sockaddr_un at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// Answers each connection with `answer`, then closes it.
class Program {
 public:
  Program() : path_(::testing::TempDir() + "acl-wg-" + std::to_string(::getpid()) + ".sock") {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = at(path_);
    ::unlink(path_.c_str());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << path_;
    EXPECT_EQ(::listen(listener_, 4), 0);
    thread_ = std::thread([this] { serve(); });
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  void answer(std::string text) { answer_ = std::move(text); }  // between two questions

 private:
  void serve() {
    for (int peer = 0; (peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(peer)) {
      std::array<char, 64> question{};
      if (::recv(peer, question.data(), question.size(), 0) <= 0) continue;
      EXPECT_STREQ(question.data(), "get=1\n\n");
      const std::string text = answer_;
      // In two pieces, so that there is something to wait for.
      const std::size_t half = text.size() / 2;
      ::send(peer, text.data(), half, MSG_NOSIGNAL);
      std::this_thread::yield();
      ::send(peer, text.data() + half, text.size() - half, MSG_NOSIGNAL);
    }
  }

  std::string path_;
  std::string answer_;
  int listener_ = -1;
  std::thread thread_;
};

Code code_of(const Expected<Step>& step) { return step ? Code{} : step.error().code; }

TEST(DevicePoll, TellsAChangeOnceAndThenThatNothingChanged) {
  Program program;
  DevicePoll poll("lo", program.path());
  program.answer(print_uapi(secret, {{key_of(1), {prefix("10.0.0.2"), prefix("10.0.0.1")}}}));
  auto step = poll.ask(patience);
  ASSERT_TRUE(step) << step.error().message;
  EXPECT_EQ(*step, Step::changed);
  EXPECT_EQ(poll.device().ifindex, ::if_nametoindex("lo"));
  EXPECT_EQ(poll.device().peers, 1U);
  ASSERT_EQ(poll.device().allowed.size(), 2U);
  EXPECT_EQ(poll.device().allowed[0].prefix, prefix("10.0.0.1"));
  EXPECT_EQ(*poll.ask(patience), Step::unchanged);
  EXPECT_EQ(*poll.ask(patience), Step::unchanged);
}

TEST(DevicePoll, TheOrderOfPeersDoesNotCountTheirKeysDo) {
  Program program;
  DevicePoll poll("lo", program.path());
  program.answer(print_uapi(secret, {{key_of(1), {prefix("10.0.0.1")}}, {key_of(2), {prefix("10.0.0.2")}}}));
  EXPECT_EQ(*poll.ask(patience), Step::changed);
  program.answer(print_uapi(secret, {{key_of(2), {prefix("10.0.0.2")}}, {key_of(1), {prefix("10.0.0.1")}}}));
  EXPECT_EQ(*poll.ask(patience), Step::unchanged);
  program.answer(print_uapi(secret, {{key_of(2), {prefix("10.0.0.1")}}, {key_of(1), {prefix("10.0.0.2")}}}));
  EXPECT_EQ(*poll.ask(patience), Step::changed);
  EXPECT_EQ(poll.device().allowed[0], (AllowedIp{prefix("10.0.0.1"), key_of(2)}));
  program.answer(print_uapi(hex(key_of(8)), {{key_of(2), {prefix("10.0.0.1")}}, {key_of(1), {prefix("10.0.0.2")}}}));
  EXPECT_EQ(*poll.ask(patience), Step::changed);
}

TEST(DevicePoll, AnErrorBindsNothingAndTheNextAnswerIsAChange) {
  Program program;
  DevicePoll poll("lo", program.path());
  const std::string good = print_uapi(secret, {{key_of(1), {prefix("10.0.0.1")}}});
  program.answer(good);
  EXPECT_EQ(*poll.ask(patience), Step::changed);
  for (const std::string& bad : {std::string("errno=-1\n\n"), good.substr(0, good.size() - 1), std::string("?")}) {
    program.answer(bad);
    EXPECT_EQ(code_of(poll.ask(patience)), Code::E1322);
    EXPECT_EQ(poll.device(), Device{});
    program.answer(good);
    EXPECT_EQ(*poll.ask(patience), Step::changed);
  }
}

TEST(DevicePoll, APrefixOfTwoPeersIsNobodys) {
  Program program;
  DevicePoll poll("lo", program.path());
  program.answer(print_uapi(secret, {{key_of(1), {prefix("10.0.0.1")}}, {key_of(2), {prefix("10.0.0.1")}}}));
  const auto step = poll.ask(patience);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().message, "\"lo\" changed while it was read: 10.0.0.1/32 appears twice");
}

TEST(DevicePoll, AnInterfaceWithoutKeyIsAnError) {
  Program program;
  DevicePoll poll("lo", program.path());
  program.answer(print_uapi({}, {}));
  EXPECT_EQ(code_of(poll.ask(patience)), Code::E1323);
}

TEST(DevicePoll, AnInterfaceWithoutWireGuardStateIsAnError) {
  DevicePoll poll("lo", "");
  const auto step = poll.ask(patience);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Code::E1321);
  EXPECT_EQ(step.error().message,
            "\"lo\" has no WireGuard state: the kernel has no WireGuard interface of that name, and "
            "\"/var/run/wireguard/lo.sock\": No such file or directory");
}

TEST(DevicePoll, AnInterfaceThatIsNotThereIsAnError) {
  for (const char* name : {"acl-not-there", "", "a/b", "a-name-that-is-too-long"}) {
    DevicePoll poll(name, "");
    EXPECT_EQ(code_of(poll.ask(patience)), Code::E1321) << name;
  }
}

TEST(DevicePoll, AProgramThatHangsIsGivenUp) {
  const std::string path = ::testing::TempDir() + "acl-wg-hang-" + std::to_string(::getpid()) + ".sock";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = at(path);
  ::unlink(path.c_str());
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  DevicePoll poll("lo", path);
  const auto started = poll.start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(*started, Step::waiting);
  EXPECT_GE(poll.fd(), 0);
  EXPECT_EQ(*poll.step(), Step::waiting);
  EXPECT_EQ(poll.give_up().code, Code::E1322);
  EXPECT_EQ(poll.fd(), -1);
  EXPECT_EQ(code_of(poll.ask(milliseconds(10))), Code::E1322);
  ::close(listener);
  ::unlink(path.c_str());
}

TEST(DevicePoll, OnlyRootAndThisUserMaySayWhoseAddressesAreWhose) {
  if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: becoming another user needs root";
  const std::string path = "/tmp/acl-wg-nobody-" + std::to_string(::getpid()) + ".sock";
  const pid_t child = ::fork();
  if (child == 0) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = at(path);
    const bool ready = ::setresuid(65534, 65534, 65534) == 0 &&
                       ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::listen(listener, 4) == 0;
    if (ready) ::pause();
    ::_exit(1);
  }
  ASSERT_GT(child, 0);
  DevicePoll poll("lo", path);
  auto step = poll.start();
  for (int i = 0; i < 500 && !step && step.error().code == Code::E1321; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    step = poll.start();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::unlink(path.c_str());
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().message, "\"" + path + "\" is answered by a process of user 65534");
}

// wireguard-go in a network namespace of this process's own.
class WireGuardGo : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: a network namespace needs root";
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "NOT TESTED: no network namespace: " << std::strerror(errno);
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "NOT TESTED: no /dev/net/tun";
    name_ = "aclwg" + std::to_string(::getpid());
    std::string program = "wireguard-go";
    std::string foreground = "-f";
    std::array<char*, 4> arguments = {program.data(), foreground.data(), name_.data(), nullptr};
    ::setenv("LOG_LEVEL", "error", 1);
    ::setenv("WG_PROCESS_FOREGROUND", "1", 1);
    if (::posix_spawnp(&pid_, program.c_str(), nullptr, nullptr, arguments.data(), environ) != 0) {
      pid_ = -1;
      GTEST_SKIP() << "NOT TESTED: wireguard-go is not installed";
    }
    for (int i = 0; i < 500 && !configure("set=1\nprivate_key=" + secret + "\n\n"); ++i) {
      std::this_thread::sleep_for(milliseconds(20));
    }
  }
  void TearDown() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] bool configure(const std::string& set) const {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = at("/var/run/wireguard/" + name_ + ".sock");
    bool accepted = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    for (std::size_t sent = 0; accepted && sent < set.size();) {
      const ssize_t now = ::send(socket, set.data() + sent, set.size() - sent, MSG_NOSIGNAL);
      accepted = now > 0;
      sent += static_cast<std::size_t>(now);
    }
    std::array<char, 64> answer{};
    accepted = accepted && ::recv(socket, answer.data(), answer.size() - 1, 0) > 0;
    ::close(socket);
    return accepted && std::string_view(answer.data()) == "errno=0\n\n";
  }

  // Of a process, in milliseconds of its processor time; it counts hundredths of a second.
  [[nodiscard]] double cpu_ms() const {
    std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) * 1000.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  std::string name_;
  pid_t pid_ = -1;
};

using DevicePollOfWireGuardGo = WireGuardGo;

std::string set_peer(const Key& key, const std::string& prefixes) {
  return "set=1\npublic_key=" + hex(key) + "\nreplace_allowed_ips=true\n" + prefixes + "\n";
}

TEST_F(DevicePollOfWireGuardGo, FollowsWhatIsConfigured) {
  DevicePoll poll(name_, "");
  auto step = poll.ask(patience);
  ASSERT_TRUE(step) << step.error().message;
  EXPECT_EQ(*step, Step::changed);
  EXPECT_EQ(poll.device().ifindex, ::if_nametoindex(name_.c_str()));
  EXPECT_EQ(poll.device().public_key, *parse_uapi("private_key=" + secret + "\nerrno=0\n\n")->own);
  EXPECT_TRUE(poll.device().allowed.empty());

  ASSERT_TRUE(configure(set_peer(key_of(1), "allowed_ip=10.77.0.2/32\nallowed_ip=fd77::/64\n")));
  ASSERT_TRUE(configure(set_peer(key_of(2), "allowed_ip=10.77.0.3/32\n")));
  EXPECT_EQ(*poll.ask(patience), Step::changed);
  EXPECT_EQ(poll.device().allowed,
            (std::vector<AllowedIp>{
                {prefix("10.77.0.2"), key_of(1)}, {prefix("10.77.0.3"), key_of(2)}, {prefix("fd77::/64"), key_of(1)}}));
  EXPECT_EQ(*poll.ask(patience), Step::unchanged);

  // The address goes to another key.
  ASSERT_TRUE(configure(set_peer(key_of(2), "allowed_ip=10.77.0.2/32\n")));
  EXPECT_EQ(*poll.ask(patience), Step::changed);
  EXPECT_EQ(poll.device().allowed[0], (AllowedIp{prefix("10.77.0.2"), key_of(2)}));

  const auto once = read_device(name_, "", patience);
  ASSERT_TRUE(once) << once.error().message;
  EXPECT_EQ(*once, poll.device());

  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  EXPECT_EQ(code_of(poll.ask(patience)), Code::E1321);
}

// Measures, and asserts only that it reads what was configured.
using WireGuardGoLong = WireGuardGo;

TEST_F(WireGuardGoLong, FiveThousandPeersCostLittleToAskAgain) {
  constexpr int peers = 5'000;
  std::string set = "set=1\n";
  for (int i = 0; i < peers; ++i) {
    Key key{};
    for (std::uint32_t at = 0, mixed = static_cast<std::uint32_t>(i) + 1; at < key.size(); ++at) {
      mixed = mixed * 1664525 + 1013904223;
      key[at] = static_cast<std::uint8_t>(mixed >> 24);
    }
    set += "public_key=" + hex(key) + "\n";
    set += "allowed_ip=10." + std::to_string(77 + i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
           std::to_string(i % 256) + "/32\nallowed_ip=fd77::" + std::to_string(i) + "/128\n";
  }
  ASSERT_TRUE(configure(set + "\n"));
  DevicePoll poll(name_, "");
  const auto own_ms = [] {
    timespec spent{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) * 1e3 + static_cast<double>(spent.tv_nsec) / 1e6;
  };
  const double before_first = own_ms();
  ASSERT_EQ(*poll.ask(patience), Step::changed);
  const double first = own_ms() - before_first;
  EXPECT_EQ(poll.device().peers, static_cast<std::size_t>(peers));
  EXPECT_EQ(poll.device().allowed.size(), static_cast<std::size_t>(2 * peers));
  constexpr int polls = 100;
  const double own = own_ms();
  const double theirs = cpu_ms();
  const auto wall = std::chrono::steady_clock::now();
  for (int i = 0; i < polls; ++i) ASSERT_EQ(*poll.ask(patience), Step::unchanged);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - wall;
  std::printf(
      "5,000 peers, 10,000 allowed-ips: first %.2f ms; each further %.2f ms of our processor time, %.2f ms of "
      "wireguard-go's, %.2f ms in all\n",
      first, (own_ms() - own) / polls, (cpu_ms() - theirs) / polls, took.count() / polls);
}

}  // namespace
}  // namespace acl::node
