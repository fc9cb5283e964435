#include "node/session/xauth.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "node/session/descendants.h"
#include "node/session/spawn.h"

namespace acl::node::session {
namespace {

// Where it is: as root's path would be of no use to the user, the first is sshd's own.
constexpr const char* programs[] = {"/usr/bin/xauth", "/usr/local/bin/xauth", "/usr/X11R6/bin/xauth"};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

[[noreturn]] void run(const char* program, int input) {
  reset_signals();
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0 ||
      dup2(nowhere, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
    _exit(127);
  execl(program, program, "-q", "-", static_cast<char*>(nullptr));
  _exit(127);
}

}  // namespace

bool is_x11_protocol(const std::string& text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

bool is_x11_cookie(const std::string& text) noexcept {
  return !text.empty() && text.size() % 2 == 0 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

std::string Xauth::start(const std::string& display, const std::string& protocol, const std::string& cookie) {
  if (!is_x11_protocol(protocol) || !is_x11_cookie(cookie))
    return "X11 forwarding needs a protocol and a cookie in hexadecimal digits, which the client did not send";
  const auto* const program =
      std::find_if(std::begin(programs), std::end(programs), [](const char* path) { return access(path, X_OK) == 0; });
  if (program == std::end(programs))
    return "X11 forwarding needs xauth, which is not on this machine (Debian: the package xauth)";
  // What a display of this machine itself would be called: xauth looks up no name for it, and programs find it by it.
  const std::string name = "unix" + display.substr(display.find(':'));
  const std::string input = fmt::format("remove {0}\nadd {0} {1} {2}\n", name, protocol, cookie);
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return fmt::format("cannot make a pipe: {}", std::strerror(errno));
  const Fd reading(ends[0]), writing(ends[1]);
  // A pipe holds 4096 bytes at least (pipe(7)), and this is shorter.
  if (write(writing.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
    return "cannot hand the cookie on";
  pid_ = fork();
  if (pid_ == 0) run(*program, reading.get());
  if (pid_ < 0) return fmt::format("cannot start xauth: {}", std::strerror(errno));
  process_ = open_process(pid_);
  return process_ ? std::string() : finish();
}

std::string Xauth::finish() {
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, 0);
  process_ = Fd();
  pid_ = -1;
  if (ended < 0) return "xauth is gone";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return "xauth failed: its file cannot be written, or is locked";
}

}  // namespace acl::node::session
