// What the system records of logins, where sshd records it: utmp and wtmp for each terminal (who(1), last(1)), lastlog (lastlog(8)), and the
// audit system. A record that cannot be written changes nothing: the daemon's own record of the login is not here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "engine/net/address.h"
#include "engine/net/fd.h"
#include "node/session/account.h"

namespace acl::node::session {

// `tty`: "/dev/pts/3". Both write in a process of their own, a child of this one that need not be waited for: whoever may read these files
// can lock them, and so keep their writer for 20 s (glibc's patience). What comes out ends when the beginning is recorded, for the end
// to come after.
Fd record_terminal(const Account& account, const std::string& tty, pid_t pid, const net::Address& source) noexcept;
void record_terminal_end(const std::string& tty, pid_t pid, Fd begun) noexcept;

// "Last login: Thu Nov 26 22:40:17 2026 from 100.64.0.1\n", or nothing where there was none; then this one is the last.
std::string exchange_last_login(const Account& account, const std::string& tty, const net::Address& source);

// USER_LOGIN.
void audit_login(const std::string& user, const net::Address& source, bool success) noexcept;

}  // namespace acl::node::session
