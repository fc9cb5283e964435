// aclnode-session: the part of a login that is root's. Started by its unit or by aclnode; by hand only to make host keys.
//
//   aclnode-session supervise SOCKET [--linger SECONDS] [--patience SECONDS]
//   aclnode-session make-host-keys FOLDER
//   aclnode-session forward                      started for a user, with their socket as descriptor 3
//   aclnode-session record USER|UID:GID          started for a login that is recorded, likewise
//
// --linger: end after so long without logins and without aclnode. --patience: how long a login goes on without aclnode (60).
// Exit: 0 done, 1 a login could not be begun, 2 wrong usage, 3 could not listen, read or write.
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "node/session/forwarder.h"
#include "node/session/host_keys.h"
#include "node/session/log.h"
#include "node/session/recorder_process.h"
#include "node/session/supervisor.h"

namespace acl::node::session {
namespace {

constexpr int wrong_usage = 2, failed = 3;
constexpr Milliseconds longest_seconds = 86'400;

int usage() {
  std::fputs(
      "usage: aclnode-session supervise SOCKET [--linger SECONDS] [--patience SECONDS]\n"
      "       aclnode-session make-host-keys FOLDER\n",
      stderr);
  return wrong_usage;
}

std::optional<Milliseconds> seconds_of(std::string_view text) {
  Milliseconds value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > longest_seconds) {
    return std::nullopt;
  }
  return value * 1000;
}

int fails(const Diagnostic& diagnostic) {
  log_diagnostic(diagnostic);
  return failed;
}

// Whoever starts it without a unit may leave it without these, and what is opened next would be taken for them.
bool have_standard_descriptors() {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return false;
  }
  return true;
}

int supervise_verb(const std::vector<std::string_view>& arguments) {
  SupervisorSettings settings;
  if (arguments.empty() || arguments.size() % 2 != 1) return usage();
  settings.socket = arguments[0];
  for (std::size_t i = 1; i < arguments.size(); i += 2) {
    const auto value = seconds_of(arguments[i + 1]);
    if (!value || (arguments[i] != "--linger" && arguments[i] != "--patience")) return usage();
    if (arguments[i] == "--linger") settings.linger = *value;
    if (arguments[i] == "--patience") settings.login.patience = *value;
  }
  if (const char* const zone = std::getenv("TZ"); zone != nullptr) settings.login.time_zone = zone;
  // Each login's process has a heap of its own, of pages that were not its supervisor's.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 128 * 1024);
  umask(077);
  if (chdir("/") != 0 || !have_standard_descriptors()) return failed;
  // The log may be a pipe whose reader is gone.
  std::signal(SIGPIPE, SIG_IGN);
  const auto status = supervise(settings);
  return status ? *status : fails(status.error());
}

int make_host_keys_verb(const std::string& folder) {
  umask(077);
  const auto made = make_host_keys(folder);
  if (!made) return fails(made.error());
  for (const std::string& each : *made) std::printf("made %s\n", each.c_str());
  return 0;
}

}  // namespace
}  // namespace acl::node::session

int main(int count, char** arguments) {
  using namespace acl::node::session;  // NOLINT(google-build-using-namespace): a program of one file
  const std::vector<std::string_view> all(arguments + 1, arguments + (count > 0 ? count : 1));
  if (all.empty()) return usage();
  const std::vector<std::string_view> rest(all.begin() + 1, all.end());
  if (all[0] == "supervise") return supervise_verb(rest);
  if (all[0] == "make-host-keys" && rest.size() == 1) return make_host_keys_verb(std::string(rest[0]));
  if (all[0] == "forward" && rest.empty()) return serve_forwarding();
  if (all[0] == "record" && rest.size() == 1) return serve_recorder(std::string(rest[0]));
  return usage();
}
