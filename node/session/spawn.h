// A process as the user: its session, terminal, groups, identity, folder, and the program it becomes.
//
// In: what to run and the three descriptors, which are lent. Out: the process, leader of a session and a group of its own. No
// other descriptor, blocked signal, ignored signal or right of root goes along. Supplementary groups, limits, umask, login
// uid and scope are those of the calling process, which PAM has set. What goes wrong in the new process it writes to its standard
// error and exits: 126 where it could not become the user, 127 where the program could not be run.
#pragma once

#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/session/account.h"

namespace acl::node::session {

struct UserProgram {
  std::string path;
  std::vector<std::string> arguments;  // from argv[0]
  std::vector<std::string> environment;
  int input = -1, output = -1, error = -1;
  bool terminal = false;  // they are one, to be the controlling one
  std::string greeting;   // written to output first, unless there is a ~/.hushlogin
};

// E1404 where there can be no more processes.
Expected<pid_t> spawn_as(const Account& account, const UserProgram& program);

// What the user's shell is to be called as: alone as a login shell ("-bash"), or with -c and the command.
UserProgram login_shell(const Account& account);
UserProgram shell_command(const Account& account, const std::string& command);
// Without a shell: words between blanks.
UserProgram plain_command(const std::string& command);
// shells(5) has it: who may log in may also run programs.
bool is_listed_shell(const std::string& shell);

// This program again as the user, with `socket` as descriptor 3 and that environment alone: `aclnode-session VERB`.
Expected<pid_t> spawn_self_as(const Account& account, const char* verb, int socket,
                              const std::vector<std::string>& environment = {});

// The account's number, in a process that has just been forked; false: it is not. What it still has of this process's memory is not to be
// read by that account: the kernel decides anew at a change of user (fs.suid_dumpable in proc(5)), so it is told again.
bool become_user(const Account& account) noexcept;

// Between fork and exec: no signal blocked, ignored or caught.
void reset_signals() noexcept;

}  // namespace acl::node::session
