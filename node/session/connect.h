// Connections that a client asks for (direct-tcpip, RFC 4254 section 7.2): the names are resolved and the connection is made by a process
// of the user, never by root, so that what applies to the user's own connections applies to these.
//
// Two halves with a socket pair between them: the helper, `aclnode-session connect`, gets a `connect` and answers `opened` with the
// descriptor, or `refused` (messages of login_message.h); take_connection() reads that and believes nothing: the helper is the user's
// process, who can put any words and any descriptor in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/net/fd.h"
#include "node/protocol/login_message.h"

namespace acl::node::session {

// The helper, with its socket as descriptor 3. Its exit status.
int serve_connect();

struct TakenConnection {
  Fd socket;          // a connected or connecting TCP socket; none:
  std::string words;  // why not
};
// The helper's answer, or what its end has cut off; nothing: neither has come.
std::optional<TakenConnection> take_connection(int helper, std::uint32_t channel);

}  // namespace acl::node::session
