// The packets of a channel that several files of this folder send.
#pragma once

#include <string_view>

#include "node/ssh/channel.h"
#include "node/ssh/effects.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

// CHANNEL_SUCCESS or CHANNEL_FAILURE.
Bytes reply(const Channel& channel, bool success);
// CLOSE, once.
void send_close(Channel& channel, Effects& out);
// A line on the person's standard error, where the client's window has room for it.
void tell(Channel& channel, std::string_view words, Effects& out);
// So many bytes that came were dealt with: the client may send as many again. Told in large steps (WINDOW_ADJUST).
void give_back(Channel& channel, std::size_t count, Effects& out);

// Reading and writing say EAGAIN instead of waiting. -1 is none.
void never_wait(int fd) noexcept;

}  // namespace acl::node::ssh
