#include "node/session/ssh_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "node/session/log.h"
#include "node/session/spawn.h"

namespace acl::node::session {
namespace {

constexpr int conversation_descriptor = 3, connection_descriptor = 4;

[[noreturn]] void become_ssh(const protocol::Begin& begin, int conversation, int connection, int words) {
  reset_signals();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  // First all out of the way of 0 to 4.
  const std::array<int, 5> from = {fcntl(nowhere, F_DUPFD_CLOEXEC, 10), fcntl(nowhere, F_DUPFD_CLOEXEC, 10),
                                   fcntl(words, F_DUPFD_CLOEXEC, 10), fcntl(conversation, F_DUPFD_CLOEXEC, 10),
                                   fcntl(connection, F_DUPFD_CLOEXEC, 10)};
  for (int to = 0; to <= connection_descriptor; ++to) {
    const int fd = from[static_cast<std::size_t>(to)];
    if (fd < 0 || dup2(fd, to) < 0) _exit(126);
  }
  static_assert(conversation_descriptor == 3 && connection_descriptor == 4, "the order of `from`");
  if (close_range(connection_descriptor + 1, ~0U, 0) != 0 || chdir("/") != 0) _exit(126);
  std::string name = "aclnode-ssh";
  std::string user = begin.ssh_user;
  const std::array<char*, 3> arguments = {name.data(), user.empty() ? nullptr : user.data(), nullptr};
  char* const no_environment[] = {nullptr};
  execve(begin.ssh_program.c_str(), arguments.data(), no_environment);
  _exit(127);
}

}  // namespace

Expected<SshProcess> start_ssh(const protocol::Begin& begin, int connection) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(Code::E1404, fmt::format("cannot make a socket pair: {}", std::strerror(errno)));
  }
  SshProcess process;
  process.conversation = Fd(ends[0]);
  const Fd theirs(ends[1]);
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(Code::E1404, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  process.words = Fd(ends[0]);
  const Fd writing(ends[1]);
  process.pid = fork();
  if (process.pid == 0) become_ssh(begin, theirs.get(), connection, writing.get());
  if (process.pid < 0) return fail(Code::E1404, fmt::format("cannot make a process: {}", std::strerror(errno)));
  return process;
}

void log_words(SshProcess& process) {
  std::array<char, 1024> buffer;
  const ssize_t got = read(process.words.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0) {
    process.heard += static_cast<std::size_t>(got);
    std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    if (text.back() == '\n') text.remove_suffix(1);
    log_line(fmt::format("aclnode-ssh says: {}", protocol::shown(text)));
  }
  if (got <= 0 || process.heard >= SshProcess::most_words) process.words = Fd();
}

}  // namespace acl::node::session
