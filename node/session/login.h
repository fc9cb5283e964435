// One login, from the accepted connection to its end: the state machine between aclnode, aclnode-ssh, PAM and the user's processes.
//
// In: what aclnode said of the connection (Begin), the connection, the conversation with aclnode. It runs in a process of its own, as
// root, and returns when all is over; what it has done to the process (session, groups, limits, umask, scope, login uid) stays, so the
// caller has nothing left to do but to end. A hostile aclnode-ssh gets no more than SshStates lets through: a few questions,
// signatures of hashes, and after the login what its user could do anyway.
//
//   fresh ─ login ─▶ asked ─ decision ─▶ refused (stays fresh)   ┌─ the conversation with aclnode-ssh ends: SIGHUP
//                                     └▶ PAM ─▶ live ─ channels ─┤
//                                                                └─ aclnode or the machine ends it: End, SIGHUP, 300 ms, SIGKILL to all
#pragma once

#include <optional>
#include <string>

#include "engine/net/fd.h"
#include "node/protocol/session_message.h"
#include "node/session/clock.h"

namespace acl::node::session {

// The name (PR_SET_NAME) of a process whose login has ended by itself: its supervisor, should it be killed now, leaves what it leaves behind.
inline constexpr const char* leaving = "aclnode-leaving";

struct LoginSettings {
  Milliseconds patience = 60'000;  // without aclnode
  std::string time_zone;           // TZ for the user
};

// Exit status: 0 when the login came to an end of whatever kind, 1 when it could not be begun.
int run_login(const protocol::Begin& begin, Fd connection, Fd conversation, const LoginSettings& settings);

}  // namespace acl::node::session
