#include "node/session/opening.h"

#include <fmt/format.h>
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/net/file.h"

namespace acl::node::session {
namespace {

constexpr std::size_t largest_file = 1U << 20;
constexpr std::size_t longest_notices = std::size_t{64} * 1024;
constexpr mode_t usual_umask = 022;

std::string text_of_file(const char* path) {
  auto text = read_file(path, largest_file);
  return text ? std::move(*text) : std::string();
}

// Modules start programs and wait for them; these are to find signals as usual.
class UsualSignals {
 public:
  UsualSignals() noexcept {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, &before_);
  }
  UsualSignals(const UsualSignals&) = delete;
  UsualSignals& operator=(const UsualSignals&) = delete;
  ~UsualSignals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Expected<OpenedAccount> open_account(const Account& account, const std::string& service, const net::Address& source) {
  if (auto usable = check_shell(account); !usable) return tl::unexpected(usable.error());
  // Before PAM, whose modules may add to them.
  if (initgroups(account.name.c_str(), account.gid) != 0) {
    return fail(Code::E1406, fmt::format("cannot take the groups of \"{}\": {}", account.name, std::strerror(errno)));
  }
  umask(usual_umask);
  OpenedAccount opened;
  opened.path = path_of(text_of_file("/etc/login.defs"), account.uid == 0);
  if (service.empty()) {
    if (auto usable = check_without_pam(account); !usable) return tl::unexpected(usable.error());
    opened.environment = parse_environment_file(text_of_file("/etc/environment"));
    opened.notices = text_of_file("/run/motd.dynamic") + text_of_file("/etc/motd");
    opened.notices.resize(std::min(opened.notices.size(), longest_notices));
    return opened;
  }
  const UsualSignals while_modules_run;
  auto pam = PamSession::open(service, account, source.text());
  if (!pam) return tl::unexpected(pam.error());
  opened.pam = std::move(*pam);
  opened.notices = opened.pam.texts();
  return opened;
}

}  // namespace acl::node::session
