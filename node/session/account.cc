#include "node/session/account.h"

#include <fmt/format.h>
#include <pwd.h>
#include <shadow.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "engine/net/file.h"

namespace acl::node::session {
namespace {

constexpr std::size_t largest_entry = 1U << 20;
constexpr const char* nologin = "/etc/nologin";
constexpr std::size_t longest_notice = 4096;

}  // namespace

bool is_name_of_account(const std::string& name) noexcept {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f || c == ':' || c == '/';
  });
}

std::optional<Account> find_account(const std::string& name) {
  if (!is_name_of_account(name)) return std::nullopt;
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  int error = 0;
  while ((error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < largest_entry) {
    buffer.resize(buffer.size() * 2);
  }
  if (error != 0 || found == nullptr || name != found->pw_name) return std::nullopt;
  Account account{name, found->pw_uid, found->pw_gid, "/", "/bin/sh"};
  // To setresuid(2) it means "as it is".
  if (account.uid == static_cast<uid_t>(-1) || account.gid == static_cast<gid_t>(-1)) return std::nullopt;
  if (found->pw_dir != nullptr && found->pw_dir[0] != '\0') account.home = found->pw_dir;
  if (found->pw_shell != nullptr && found->pw_shell[0] != '\0') account.shell = found->pw_shell;
  return account;
}

Expected<void> check_shell(const Account& account) {
  struct stat found {};
  if (stat(account.shell.c_str(), &found) != 0) {
    return fail(Code::E1406, fmt::format("the shell \"{}\" of account \"{}\" cannot be used: {}", account.shell,
                                         account.name, std::strerror(errno)));
  }
  if (!S_ISREG(found.st_mode) || (found.st_mode & 0111) == 0) {
    return fail(Code::E1406,
                fmt::format("the shell \"{}\" of account \"{}\" is no program", account.shell, account.name));
  }
  return {};
}

Expected<void> check_without_pam(const Account& account) {
  if (account.uid != 0 && access(nologin, F_OK) == 0) {
    const auto notice = read_file(nologin, longest_notice);
    return fail(Code::E1406, notice && !notice->empty() ? *notice : std::string("logins are closed (/etc/nologin)"));
  }
  const spwd* const shadow = getspnam(account.name.c_str());
  const std::time_t today = std::time(nullptr) / 86400;
  if (shadow != nullptr && shadow->sp_expire >= 0 && today >= shadow->sp_expire) {
    return fail(Code::E1406, fmt::format("the account \"{}\" has expired", account.name));
  }
  if (shadow != nullptr && shadow->sp_pwdp != nullptr && shadow->sp_pwdp[0] == '!') {
    return fail(Code::E1406, fmt::format("the account \"{}\" is locked", account.name));
  }
  return {};
}

}  // namespace acl::node::session
