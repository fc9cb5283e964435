// The supervisor: takes accepted connections from aclnode and makes one process for each login, outside aclnode's sandbox.
//
// It listens on a socket that only root's processes may use, forks without exec, so that a login costs little, and reaps. It knows nothing
// of what happens in a login, and logins know nothing of it: they go on when it ends. It kills one that aclnode names, as it does not end when
// told; and what one whose process was killed has left in its control group (control_group.h). E1404 where it cannot listen.
#pragma once

#include <optional>
#include <string>

#include "engine/net/diagnostic.h"
#include "node/session/clock.h"
#include "node/session/login.h"

namespace acl::node::session {

// Logins at a time; aclnode has limits of its own, far below.
inline constexpr std::size_t most_logins_at_once = 4096;

struct SupervisorSettings {
  std::string socket;
  // Ends when for so long there was neither a login nor a connection of aclnode; without, it ends by SIGTERM alone.
  std::optional<Milliseconds> linger;
  LoginSettings login;
};

// Returns the exit status, in the supervisor when it ends (at once where another one is listening), and in each login's process.
Expected<int> supervise(const SupervisorSettings& settings);

}  // namespace acl::node::session
