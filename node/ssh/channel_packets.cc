#include "node/ssh/channel_packets.h"

#include <fcntl.h>

#include <algorithm>
#include <string>

namespace acl::node::ssh {

Bytes reply(const Channel& channel, bool success) {
  return PacketWriter(success ? msg_channel_success : msg_channel_failure).number(channel.peer).take();
}

void send_close(Channel& channel, Effects& out) {
  if (channel.close_sent) return;
  channel.close_sent = true;
  out.packets.push_back(PacketWriter(msg_channel_close).number(channel.peer).take());
}

void send_eof(Channel& channel, Effects& out) {
  if (channel.eof_sent || channel.close_sent) return;
  channel.eof_sent = true;
  out.packets.push_back(PacketWriter(msg_channel_eof).number(channel.peer).take());
}

void send_end(Channel& channel, const protocol::Exited& exited, Effects& out) {
  PacketWriter request(msg_channel_request);
  request.number(channel.peer);
  if (exited.signalled)
    request.string("exit-signal").boolean(false).string(exited.signal).boolean(exited.core).string("").string("");
  else
    request.string("exit-status").boolean(false).number(exited.status);
  out.packets.push_back(request.take());
  send_eof(channel, out);
  send_close(channel, out);
}

void tell(Channel& channel, std::string_view words, Effects& out) {
  if (words.empty()) return;
  // \r: the person's terminal may be in raw mode.
  const std::string line = "\r\n" + std::string(words) + "\r\n";
  if (line.size() > channel.may_send || line.size() > channel.piece) return;
  channel.may_send -= static_cast<std::uint32_t>(line.size());
  constexpr std::uint32_t standard_error = 1;  // RFC 4254 section 5.2
  out.packets.push_back(
      PacketWriter(msg_channel_extended_data).number(channel.peer).number(standard_error).string(line).take());
}

void give_back(Channel& channel, std::size_t count, Effects& out) {
  channel.consumed += static_cast<std::uint32_t>(count);
  if (channel.consumed < std::min(3 * packet_size, channel.window / 2) || channel.close_sent ||
      channel.close_received || channel.eof_received)
    return;
  // What is taken as it comes is a stream, and gets the window of one.
  const bool grows = channel.spare != nullptr && channel.input.empty() && channel.window < window_size &&
                     channel.window <= *channel.spare;
  const std::uint32_t more = grows ? channel.window : 0;
  if (grows) *channel.spare -= more;
  channel.window += more;
  const std::uint32_t given = channel.consumed + more;
  out.packets.push_back(PacketWriter(msg_channel_window_adjust).number(channel.peer).number(given).take());
  channel.may_receive += given;
  channel.consumed = 0;
}

void never_wait(int fd) noexcept {
  if (fd < 0) return;
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

}  // namespace acl::node::ssh
