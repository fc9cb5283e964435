// Pseudoterminals of logins: RFC 4254 section 6.2, modes section 8, IUTF8 RFC 8160.
//
// The modes are a stranger's bytes: any are taken, reading ends at the first opcode that is not known to have a four-byte argument (160
// and above) or at the end. What is not understood changes nothing.
#pragma once

#include <termios.h>

#include <string>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "node/protocol/login_message.h"
#include "node/session/account.h"

namespace acl::node::session {

struct OpenedTerminal {
  Fd master;  // for aclnode-ssh
  Fd slave;   // for the process
  std::string name;
};

// Pure.
void apply_modes(protocol::ByteView modes, termios& settings) noexcept;

// Size and modes as wanted; the slave is the user's, group tty, mode 0620, as wall(1) and write(1) expect it. E1404.
Expected<OpenedTerminal> open_terminal(const protocol::Terminal& wanted, const Account& account);

}  // namespace acl::node::session
