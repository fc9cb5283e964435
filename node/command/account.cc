#include "node/command/account.h"

#include <pwd.h>

#include <vector>

namespace acl::node {

std::optional<LocalAccount> find_local_account(const std::string& name) {
  std::vector<char> buffer(65536);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return LocalAccount{entry.pw_uid, entry.pw_shell == nullptr || *entry.pw_shell == '\0' ? "/bin/sh" : entry.pw_shell};
}

}  // namespace acl::node
