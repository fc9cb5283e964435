// The packets of a channel that several files of this folder send.
#pragma once

#include <string_view>

#include "node/ssh/channel.h"
#include "node/ssh/effects.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

// CHANNEL_SUCCESS or CHANNEL_FAILURE.
Bytes reply(const Channel& channel, bool success);
// EOF, CLOSE: each once, and no EOF after CLOSE.
void send_eof(Channel& channel, Effects& out);
void send_close(Channel& channel, Effects& out);
// How the process ended (RFC 4254 section 6.10), EOF, CLOSE.
void send_end(Channel& channel, const protocol::Exited& exited, Effects& out);
// A line on the person's standard error, where the client's window has room for it.
void tell(Channel& channel, std::string_view words, Effects& out);
// So many bytes that came were dealt with: the client may send as many again. Told in large steps (WINDOW_ADJUST).
void give_back(Channel& channel, std::size_t count, Effects& out);

// Reading and writing say EAGAIN instead of waiting. -1 is none.
void never_wait(int fd) noexcept;

}  // namespace acl::node::ssh
