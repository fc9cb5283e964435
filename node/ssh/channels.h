// The channels of a connection, after the login: RFC 4254, as far as policy and this program go.
//
//   channels    session, direct-tcpip, direct-streamlocal@openssh.com; many at once
//   offered     forwarded-tcpip, forwarded-streamlocal@openssh.com, auth-agent@openssh.com, x11: to the client, when somebody connects here
//   requests    pty-req, env, shell, exec, subsystem, window-change, signal, break (RFC 4335), eow@openssh.com,
//               auth-agent-req@openssh.com, x11-req
//   globally    tcpip-forward, streamlocal-forward@openssh.com, both cancelled; no-more-sessions@openssh.com; replies to our own keepalive
//
// All else is refused in the ways the RFC has for it; what this login may not forward aclnode-session refuses, in words. Packets and messages in, effects out; descriptors are written to and read from in
// write_input() and read_output(), which the loop calls when they are ready, and which never wait. A client that breaks the protocol is
// disconnected.
//
// Order of a session's end: all output, exit-status or exit-signal, EOF, CLOSE. The client's EOF closes the process's input alone, when all
// before it was written. Its CLOSE ends reading at once and still writes what it had sent, but for a terminal, which it hangs up. It is
// answered at once, too; but when it comes after our EOF, which a process that goes on without output gets sent, then by the process's end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "node/protocol/login_message.h"
#include "node/ssh/channel.h"
#include "node/ssh/effects.h"
#include "node/ssh/forwards.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

// What was read from a process, as a packet of the client's: the head, then the data.
using SendData = std::function<void(ByteView head, ByteView data)>;

class Channels {
 public:
  // `openssh`: the client knows what is OpenSSH's own.
  Channels(const protocol::LoginVerdict& verdict, bool openssh) noexcept
      : may_forward_(verdict.local_forwarding), openssh_(openssh) {}

  // A packet from the client, of the numbers 80 to 100.
  void hear(std::uint8_t type, ByteView payload, Effects& out);

  // From aclnode-session. Descriptors that no channel waits for are closed.
  void opened(const protocol::Opened& message, std::span<Fd> descriptors, Effects& out);
  void refused(const protocol::Refused& message, Effects& out);
  void exited(const protocol::Exited& message, std::int64_t now_ms, Effects& out);
  void listening(const protocol::Listening& message, Effects& out);
  void accepted(const protocol::Accepted& message, std::span<Fd> descriptors, Effects& out);

  // The process can take input.
  void write_input(Channel& channel, Effects& out);
  // The process has output, or the end of it; at most `buffer` of it goes to `send`. Whether there may be more at once.
  bool read_output(Channel& channel, bool errors, std::span<std::uint8_t> buffer, std::int64_t now_ms,
                   const SendData& send);
  // Sends what is due, and forgets channels that are over. `room`: processes are read from at present, where the client's windows allow it.
  // Milliseconds until it wants to be called again, or nothing.
  std::optional<std::int64_t> settle(std::int64_t now_ms, bool room, Effects& out);

  // A line for the person, on every session.
  void tell_all(std::string_view words, Effects& out);

  [[nodiscard]] std::map<std::uint32_t, Channel>& all() noexcept { return channels_; }

  // The process has ended and something still holds its output: so long it may be quiet until it counts as over.
  static constexpr std::int64_t terminal_quiet_ms = 100;
  // All output is over, and the process has not ended: so long until EOF is sent without an exit status.
  static constexpr std::int64_t eof_alone_ms = 200;

 private:
  struct Request;
  void hear_global(ByteView payload, Effects& out);
  void hear_open(ByteView payload, Effects& out);
  void open_session(std::uint32_t peer, std::uint32_t window, std::uint32_t piece, Effects& out);
  void open_forward(std::string_view type, PacketReader& reader, std::uint32_t peer, std::uint32_t window,
                    std::uint32_t piece, Effects& out);
  void hear_window(Channel& channel, PacketReader& reader, Effects& out);
  void hear_data(Channel& channel, PacketReader& reader, bool extended, Effects& out);
  void hear_eof(Channel& channel, Effects& out);
  void hear_close(Channel& channel, Effects& out);
  // What follows the channel's number.
  void hear_request(Channel& channel, ByteView payload, Effects& out);
  [[nodiscard]] bool must_wait(const Channel& channel) const noexcept;
  bool carry_out(Channel& channel, Request& request, Effects& out);
  bool want_process(Channel& channel, Request& request, Effects& out);
  void release_held(Channel& channel, Effects& out);
  Channel& add(std::uint32_t peer, std::uint32_t window, std::uint32_t piece);
  Channel* asked(std::uint32_t number) noexcept;
  [[nodiscard]] std::size_t forwards() const noexcept { return forward_count_; }
  void begin_forward(Channel& channel) noexcept;
  void forget(std::map<std::uint32_t, Channel>::iterator at);
  // forwards.cc
  bool ask_to_listen(bool port, PacketReader& reader, Effects& out);
  bool cancel(bool port, PacketReader& reader, Effects& out);
  std::optional<std::uint32_t> add_listener(Listener listener, protocol::Listen message, Effects& out);
  void answer_global(const protocol::Listening& message, bool wants_port, Effects& out);
  void remark(std::string_view words, Effects& out);
  void tell_remarks(Channel& channel, Effects& out);
  void hear_offered(Channel& channel, std::uint8_t type, PacketReader& reader, Effects& out);
  bool want_agent(Channel& channel, PacketReader& reader, bool wants_reply, Effects& out);
  bool want_display(Channel& channel, PacketReader& reader, bool wants_reply, Effects& out);
  std::optional<std::int64_t> settle_one(Channel& channel, std::int64_t now_ms, bool room, Effects& out);

  bool may_forward_;  // else it is prohibited
  bool openssh_;
  bool no_more_sessions_ = false;
  std::uint32_t next_ = 0;
  std::uint32_t next_asked_ = 0;
  std::size_t forward_count_ = 0;
  std::uint32_t spare_ = spare_windows;
  Forwards forwards_;
  std::map<std::uint32_t, Channel> channels_;
};

}  // namespace acl::node::ssh
