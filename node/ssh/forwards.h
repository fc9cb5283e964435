// Listeners that a client has asked for, and global requests, whose replies come in the order of the requests (RFC 4254 section 4).
//
// Values; Channels keeps them. Bounded by most_listeners, and by what is held of requests that wait for a listener before them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "node/protocol/login_message.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

// Requests that wait, in all: of a channel, and of the connection.
inline constexpr std::size_t most_held = std::size_t{64} << 10;

struct Listener {
  protocol::ListenKind what = protocol::ListenKind::port;
  std::string host;  // as the client wrote it, and wants to read it again
  std::uint32_t asked_port = 0;
  std::uint32_t port = 0;  // as bound
  std::string path;
  bool there = false;
};

struct Forwards {
  std::map<std::uint32_t, Listener> listeners;
  std::uint32_t next = 0;
  std::optional<std::uint32_t> agent;  // there, or asked for: one for all sessions

  std::optional<std::uint32_t> awaits;  // the listener of a global request
  bool replies = false;                 // which wants a reply
  std::deque<Bytes> held;               // global requests after it
  std::size_t held_size = 0;

  std::string remarks;  // why something was refused, while there is no session to tell it on
};

// The request of a client to take what somebody has connected to: what follows the packet's type and the numbers of the channel.
std::string_view channel_type(const Listener& listener) noexcept;
Bytes origin_of(const Listener& listener, const protocol::Accepted& accepted);

}  // namespace acl::node::ssh
