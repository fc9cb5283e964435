#include "node/session/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <selinux/get_context_list.h>
#include <selinux/selinux.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "engine/net/fd.h"

namespace acl::node::session {
namespace {

constexpr int cannot_become = 126, cannot_execute = 127;
constexpr int first_other = 3;

void say(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

[[noreturn]] void give_up(std::string_view what, int status) noexcept {
  const int error = errno;
  say(STDERR_FILENO, fmt::format("aclnode-session: {}: {}\n", what, std::strerror(error)));
  _exit(status);
}

// As 0, 1 and 2, wherever they were before: first out of the way of those.
bool take_descriptors(std::array<int, 3> lent) noexcept {
  for (int& fd : lent) {
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    if (fd < 0) return false;
  }
  for (int i = 0; i < 3; ++i) {
    if (dup2(lent[static_cast<std::size_t>(i)], i) < 0) return false;
  }
  return true;
}

// Group, user, and no way back. Supplementary groups are here already.
void become(const Account& account) {
  if (setresgid(account.gid, account.gid, account.gid) != 0 || !become_user(account)) {
    give_up(fmt::format("cannot become \"{}\"", account.name), cannot_become);
  }
  if (account.uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) _exit(cannot_become);
}

// What the next exec runs in, where the system labels its processes; a system that enforces labels runs nothing without one.
void set_context(const Account& account) {
  if (is_selinux_enabled() <= 0) return;
  char* user = nullptr;
  char* level = nullptr;
  char* context = nullptr;
  const bool set = getseuserbyname(account.name.c_str(), &user, &level) == 0 &&
                   get_default_context_with_level(user, level, nullptr, &context) == 0 && setexeccon(context) == 0;
  if (!set && security_getenforce() != 0) give_up("cannot set the SELinux context", cannot_become);
}

void enter_home(const Account& account) {
  if (chdir(account.home.c_str()) == 0) return;
  const int error = errno;
  say(STDERR_FILENO, fmt::format("Could not chdir to home directory {}: {}\n", account.home, std::strerror(error)));
  if (chdir("/") != 0) give_up("cannot enter /", 1);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void run(const Account& account, const UserProgram& program) {
  reset_signals();
  if (!take_descriptors({program.input, program.output, program.error})) _exit(cannot_become);
  if (setsid() < 0 || close_range(first_other, ~0U, 0) != 0) _exit(cannot_become);
  if (program.terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) give_up("cannot take the terminal", cannot_become);
  set_context(account);
  become(account);
  enter_home(account);
  if (!program.greeting.empty() && access((account.home + "/.hushlogin").c_str(), F_OK) != 0) {
    say(STDOUT_FILENO, program.greeting);
  }
  execve(program.path.c_str(), pointers(program.arguments).data(), pointers(program.environment).data());
  give_up(program.path, cannot_execute);
}

[[noreturn]] void run_self(const Account& account, const char* verb, int socket,
                           const std::vector<std::string>& environment) {
  reset_signals();
  const Fd nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  const int kept = fcntl(socket, F_DUPFD_CLOEXEC, 10);
  if (kept < 0 || !nowhere || !take_descriptors({nowhere.get(), nowhere.get(), nowhere.get()}) || setsid() < 0 ||
      dup2(kept, first_other) < 0 || close_range(first_other + 1, ~0U, 0) != 0 || chdir("/") != 0) {
    _exit(cannot_become);
  }
  set_context(account);
  become(account);
  std::string name = "aclnode-session";
  std::string what = verb;
  const std::array<char*, 3> arguments = {name.data(), what.data(), nullptr};
  // Not by its name: after an upgrade that is another program.
  execve("/proc/self/exe", arguments.data(), pointers(environment).data());
  _exit(cannot_execute);
}

Expected<pid_t> started(pid_t pid) {
  if (pid < 0) return fail(Code::E1404, fmt::format("cannot make a process: {}", std::strerror(errno)));
  return pid;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

bool become_user(const Account& account) noexcept {
  return setresuid(account.uid, account.uid, account.uid) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
}

void reset_signals() noexcept {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

UserProgram login_shell(const Account& account) {
  UserProgram program;
  program.path = account.shell;
  program.arguments = {"-" + last_part(account.shell)};
  return program;
}

UserProgram shell_command(const Account& account, const std::string& command) {
  UserProgram program;
  program.path = account.shell;
  program.arguments = {last_part(account.shell), "-c", command};
  return program;
}

UserProgram plain_command(const std::string& command) {
  UserProgram program;
  for (std::size_t at = 0; at < command.size();) {
    const std::size_t end = std::min(command.find(' ', at), command.size());
    if (end > at) program.arguments.push_back(command.substr(at, end - at));
    at = end + 1;
  }
  if (!program.arguments.empty()) program.path = program.arguments.front();
  return program;
}

bool is_listed_shell(const std::string& shell) {
  bool listed = false;
  setusershell();
  for (const char* each = getusershell(); each != nullptr && !listed; each = getusershell()) listed = shell == each;
  endusershell();
  return listed;
}

Expected<pid_t> spawn_as(const Account& account, const UserProgram& program) {
  const pid_t pid = fork();
  if (pid == 0) run(account, program);
  return started(pid);
}

Expected<pid_t> spawn_self_as(const Account& account, const char* verb, int socket,
                              const std::vector<std::string>& environment) {
  const pid_t pid = fork();
  if (pid == 0) run_self(account, verb, socket, environment);
  return started(pid);
}

}  // namespace acl::node::session
