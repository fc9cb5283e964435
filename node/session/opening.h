// Opening an account for a login that policy accepts: shell, groups, umask, PAM or what stands in for it.
//
// Changes this process: its groups are the user's from then on, and whatever PAM's modules do to it (limits, login uid, scope, umask) is
// what the user's processes inherit. May take any time and may end the process. Refusals are E1406: one line for the person.
#pragma once

#include "engine/net/address.h"
#include "node/session/account.h"
#include "node/session/environment.h"
#include "node/session/pam.h"

namespace acl::node::session {

struct OpenedAccount {
  PamSession pam;
  Variables environment;  // of /etc/environment, where PAM is not asked
  std::string path;       // PATH
  std::string notices;    // for interactive shells
};

// `service`: as PamSession::open has it; empty: PAM is not asked.
Expected<OpenedAccount> open_account(const Account& account, const std::string& service, const net::Address& source);

}  // namespace acl::node::session
