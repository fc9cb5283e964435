// An account of this machine, looked up by whoever asks the daemon, which asks no name service.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace acl::node {

struct LocalAccount {
  uid_t uid = 0;
  std::string shell;  // never empty
};

std::optional<LocalAccount> find_local_account(const std::string& name);

}  // namespace acl::node
