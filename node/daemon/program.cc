#include "node/daemon/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace acl::node {
namespace {

// Between fork and exec: calls that are safe after a fork only.
[[noreturn]] void become(char* const* arguments) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0 || dup2(nowhere, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0 || chdir("/") != 0 ||
      close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    _exit(126);
  char* const no_environment[] = {nullptr};
  execve(arguments[0], arguments, no_environment);
  _exit(127);
}

std::vector<char*> argument_list(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> words_of(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

tl::unexpected<Diagnostic> cannot(const std::string& path, const char* why) {
  return fail(Code::E1404, fmt::format("cannot start \"{}\": {}", path, why),
              "is it installed? [ssh] names the programs");
}

}  // namespace

Expected<StartedProgram> start_program(const std::string& path, const std::vector<std::string>& arguments) {
  if (::access(path.c_str(), X_OK) != 0) return cannot(path, std::strerror(errno));
  std::vector<std::string> words = words_of(path, arguments);
  const std::vector<char*> list = argument_list(words);
  const pid_t pid = fork();
  if (pid == 0) become(list.data());
  if (pid < 0) return cannot(path, std::strerror(errno));
  StartedProgram started{pid, Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)))};
  if (!started.watch) return cannot(path, std::strerror(errno));
  return started;
}

Expected<void> start_detached(const std::string& path, const std::vector<std::string>& arguments) {
  if (::access(path.c_str(), X_OK) != 0) return cannot(path, std::strerror(errno));
  std::vector<std::string> words = words_of(path, arguments);
  const std::vector<char*> list = argument_list(words);
  const pid_t between = fork();
  if (between == 0) {
    setsid();
    const pid_t pid = fork();
    if (pid == 0) become(list.data());
    _exit(pid < 0 ? 1 : 0);
  }
  int status = 0;
  if (between < 0 || waitpid(between, &status, 0) != between || status != 0) return cannot(path, std::strerror(errno));
  return {};
}

bool program_ended(const StartedProgram& program, int& status) {
  int raw = 0;
  if (waitpid(program.pid, &raw, WNOHANG) == 0) return false;
  status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
  return true;
}

}  // namespace acl::node
