// The local account of a login, as the name service knows it, and what keeps it from being opened where PAM is not asked.
//
// A name in, an account out, or nothing. Look-ups may ask the network (NSS) and take as long as it does: the login's deadline stands.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "engine/net/diagnostic.h"

namespace acl::node::session {

struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;   // never empty: "/" where the name service says nothing
  std::string shell;  // never empty: "/bin/sh" likewise (passwd(5))
};

// Nothing: there is no such account, the name has bytes that no account has (control characters, blank, colon, slash), or the name
// service gives the account another name than the one that policy judged.
std::optional<Account> find_account(const std::string& name);

// The shell is a file that the user may execute, in an E1406 where it is not.
Expected<void> check_shell(const Account& account);

// Where PAM is not asked: /etc/nologin, and an account that shadow(5) says is expired or locked ("!" before the
// password, as passwd -l puts it, and sshd(8) without PAM refuses it).
Expected<void> check_without_pam(const Account& account);

// Whether an account can have this name at all.
bool is_name_of_account(const std::string& name) noexcept;

}  // namespace acl::node::session
