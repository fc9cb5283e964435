// aclnode-ssh, which speaks with the stranger, as the process that stands behind it sees it: a conversation, an exit, and a few words.
//
// It is executed anew, with descriptor 3 the conversation, 4 the connection, no environment; it gives up root by itself before it
// reads a byte. It owns nothing else of this process. What it writes to standard error goes to the log, printable and at most
// most_words bytes in all. E1404 where it cannot be started.
#pragma once

#include <sys/types.h>

#include <string>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "node/protocol/session_message.h"

namespace acl::node::session {

struct SshProcess {
  pid_t pid = -1;  // -1 once it has been waited for
  Fd conversation;
  Fd words;
  std::size_t heard = 0;  // bytes of words

  static constexpr std::size_t most_words = 4096;
};

// `connection` is lent. The process is killed with this one (PR_SET_PDEATHSIG). It asks for that itself once more after it has changed its
// user, which ends it; in between, the end of the conversation is its end.
Expected<SshProcess> start_ssh(const protocol::Begin& begin, int connection);

// What there is to read, to the log; closes `words` at the end or when there were too many.
void log_words(SshProcess& process);

}  // namespace acl::node::session
