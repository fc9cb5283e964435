// Channel: one channel of a connection (RFC 4254 section 5), its two windows, what waits for its process, and its descriptors.
//
// Bounds: what waits for the process is at most its window, as a client that sends more than its window is disconnected; nothing waits
// for the client, as no more is read from the process than can be sent. Descriptors are owned.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "engine/net/fd.h"
#include "node/protocol/login_message.h"
#include "node/ssh/byte_queue.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

// Of a session; and what that of a forward may grow to, which begins small, as there may be many that carry nothing.
inline constexpr std::uint32_t window_size = std::uint32_t{2} << 20;
inline constexpr std::uint32_t forward_window = std::uint32_t{64} << 10;
// By which all windows of forwards together may grow.
inline constexpr std::uint32_t spare_windows = std::uint32_t{64} << 20;
inline constexpr std::uint32_t packet_size = std::uint32_t{32} << 10;  // RFC 4253 section 6.1 asks for as much

struct Channel {
  enum class State : std::uint8_t {
    idle,     // a session without a process yet
    opening,  // aclnode-session was asked for its descriptors
    offered,  // somebody has connected to a listener, and the client is asked whether it takes that
    running,
    over,  // was refused, or cannot be any more
  };

  std::uint32_t number = 0;            // ours
  std::uint32_t peer = 0;              // the client's
  std::optional<std::uint32_t> asked;  // aclnode-session's, from when it was asked on
  bool forward = false;                // of a connection, no session
  State state = State::idle;

  // The client's window: what may still be sent to it, and in what pieces.
  std::uint32_t may_send = 0;
  std::uint32_t piece = 0;
  // Ours: its size; what it may still send; and what was taken in of that and is not yet given back.
  std::uint32_t window = window_size;
  std::uint32_t may_receive = window_size;
  std::uint32_t consumed = 0;
  std::uint32_t* spare = nullptr;  // what it may grow by, with all others; none: it does not

  protocol::OpenChannel wanted;  // collects terminal and environment before the process
  std::size_t environment_size = 0;
  bool replies = false;                  // the request for the process, or for a listener, wants a reply
  std::optional<std::uint32_t> awaits;   // a listener that was asked for it; requests are held until it is there
  std::optional<std::uint32_t> display;  // its own listener, asked for or there
  std::string remarks;                   // told when there is a process
  bool subsystem = false;                // the process is one
  std::deque<Bytes> held;                // requests while opening
  std::size_t held_size = 0;

  // A terminal or a socket is one descriptor, `from`, for both directions.
  protocol::ChannelKind kind = protocol::ChannelKind::pipes;
  Fd to, from, errors;
  ByteQueue input;
  bool input_over = false;  // nothing more is written to the process
  bool output_over = false, errors_over = true;
  bool eof_received = false, close_received = false;
  bool eof_sent = false, close_sent = false;
  bool told = false;  // aclnode-session knows that it is closed, or of no such channel
  std::optional<protocol::Exited> exited;
  std::int64_t quiet_since = 0;  // ms: since when it only waits (settle)
  bool blocked = false;          // since the process's end nothing can be read, for the client's sake

  [[nodiscard]] int input_descriptor() const noexcept {
    return kind == protocol::ChannelKind::pipes ? to.get() : from.get();
  }
  [[nodiscard]] bool outputs_over() const noexcept { return output_over && errors_over; }
  // Something may be read from the process and sent.
  [[nodiscard]] bool may_read() const noexcept {
    return state == State::running && !close_sent && !close_received && may_send > 0;
  }
};

}  // namespace acl::node::ssh
