#include "node/daemon/net_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace acl::node::daemon {
namespace {

constexpr int socket_descriptor = 3;
constexpr int goodbye_ms = 200;

// Killed, and not gone when they should have been.
std::vector<pid_t>& left_behind() {
  static std::vector<pid_t> pids;
  return pids;
}
void reap_left_behind() {
  std::erase_if(left_behind(), [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
}

bool ends_within(int pidfd, int milliseconds) {
  pollfd waiting{pidfd, POLLIN, 0};
  return pidfd >= 0 && poll(&waiting, 1, milliseconds) > 0;
}

// Between fork and exec: calls that are safe after a fork only.
[[noreturn]] void become_program(const char* path, char* const* arguments, int socket) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  // First out of the way of 0 to 3.
  const int kept = fcntl(socket, F_DUPFD_CLOEXEC, 10);
  if (nowhere < 0 || kept < 0 || dup2(nowhere, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0 ||
      dup2(kept, socket_descriptor) < 0 || close_range(socket_descriptor + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    _exit(126);
  }
  char* const no_environment[] = {nullptr};
  execve(path, arguments, no_environment);
  _exit(127);
}

std::string words_of(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    const char* const name = sigabbrev_np(number);
    return fmt::format("killed by signal {} (SIG{})", number, name != nullptr ? name : "?");
  }
  const int code = WEXITSTATUS(status);
  if (code == 127) return "it could not be executed";
  return fmt::format("exit status {}", code);
}

}  // namespace

Expected<NetProcess> NetProcess::start(const NetProgram& program) {
  reap_left_behind();
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(Code::E1364, fmt::format("cannot make a socket pair: {}", std::strerror(errno)));
  }
  std::string path = program.path;
  std::string mode = program.mode;
  std::string user = program.user;
  std::vector<char*> arguments = {path.data()};
  for (std::string* argument : {&mode, &user})
    if (!argument->empty()) arguments.push_back(argument->data());
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) become_program(path.c_str(), arguments.data(), ends[1]);
  const int error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return fail(Code::E1364, fmt::format("cannot make a process: {}", std::strerror(error)));
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  NetProcess process(pid, pidfd, ends[0]);
  if (pidfd < 0) return fail(Code::E1364, fmt::format("cannot watch a process: {}", std::strerror(errno)));
  return process;
}

NetProcess::NetProcess(NetProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      socket_(std::exchange(other.socket_, -1)) {}

NetProcess& NetProcess::operator=(NetProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(socket_, other.socket_);
  return *this;
}

void NetProcess::close_descriptors() noexcept {
  if (socket_ >= 0) close(std::exchange(socket_, -1));
  if (pidfd_ >= 0) close(std::exchange(pidfd_, -1));
}

NetProcess::~NetProcess() {
  if (socket_ >= 0) close(std::exchange(socket_, -1));
  if (pid_ > 0) {
    if (!ends_within(pidfd_, goodbye_ms)) {
      ::kill(pid_, SIGKILL);
      ends_within(pidfd_, goodbye_ms);
    }
    left_behind().push_back(pid_);
  }
  reap_left_behind();
  close_descriptors();
}

void NetProcess::kill() noexcept {
  if (socket_ >= 0) close(std::exchange(socket_, -1));
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

std::optional<std::string> NetProcess::ended() {
  if (pid_ <= 0) return std::nullopt;
  int status = 0;
  const pid_t got = waitpid(pid_, &status, WNOHANG);
  if (got == 0) return std::nullopt;
  pid_ = -1;
  close_descriptors();
  return got > 0 ? words_of(status) : "it is gone";
}

}  // namespace acl::node::daemon
