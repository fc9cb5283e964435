// Between the descriptors of a channel and the client, and when a channel is over.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "node/ssh/channel_packets.h"
#include "node/ssh/channels.h"

namespace acl::node::ssh {
namespace {

using protocol::ChannelKind;

// The process gets to see the end of its input, or has taken its leave of it.
void end_input(Channel& channel) {
  channel.input_over = true;
  if (channel.kind == ChannelKind::pipes) channel.to = Fd();
  if (channel.kind == ChannelKind::socket && channel.from) shutdown(channel.from.get(), SHUT_WR);
}

void drop_input(Channel& channel, Effects& out) {
  const std::size_t left = channel.input.size();
  channel.input.clear();
  end_input(channel);
  give_back(channel, left, out);
}

// Head of CHANNEL_DATA and of CHANNEL_EXTENDED_DATA (RFC 4254 section 5.2).
Bytes data_head(const Channel& channel, bool errors, std::size_t size) {
  PacketWriter head(errors ? msg_channel_extended_data : msg_channel_data);
  head.number(channel.peer);
  if (errors) head.number(1);
  return head.number(static_cast<std::uint32_t>(size)).take();
}

void end_output(Channel& channel, bool errors) {
  if (errors) {
    channel.errors_over = true;
    channel.errors = Fd();
    return;
  }
  channel.output_over = true;
  if (channel.kind == ChannelKind::socket) return;
  if (channel.kind == ChannelKind::terminal) {
    // Nobody is left who would read what is written to it.
    channel.input_over = true;
    // A process that has only closed its terminal is not to be hung up for that.
    if (!channel.exited) return;
  }
  channel.from = Fd();
}

}  // namespace

void Channels::write_input(Channel& channel, Effects& out) {
  if (channel.state != Channel::State::running || channel.input_over) return;
  std::size_t written = 0;
  while (!channel.input.empty()) {
    const auto waiting = channel.input.front();
    const ssize_t now = write(channel.input_descriptor(), waiting.data(), waiting.size());
    if (now < 0 && errno == EINTR) continue;
    if (now < 0 && errno == EAGAIN) break;
    if (now <= 0) {
      give_back(channel, written, out);
      // The client may stop sending what nobody reads (PROTOCOL of OpenSSH, 2.1).
      if (openssh_ && !channel.forward && !channel.eof_received && !channel.close_received && !channel.close_sent)
        out.packets.push_back(
            PacketWriter(msg_channel_request).number(channel.peer).string("eow@openssh.com").boolean(false).take());
      return drop_input(channel, out);
    }
    written += static_cast<std::size_t>(now);
    channel.input.pop(static_cast<std::size_t>(now));
  }
  give_back(channel, written, out);
  if (channel.input.empty() && channel.eof_received) end_input(channel);
}

bool Channels::read_output(Channel& channel, bool errors, std::span<std::uint8_t> buffer, std::int64_t now_ms,
                           const SendData& send) {
  const int fd = errors ? channel.errors.get() : channel.from.get();
  const std::size_t most = std::min({buffer.size(), std::size_t{channel.may_send}, std::size_t{channel.piece}});
  const ssize_t got = read(fd, buffer.data(), most);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  channel.quiet_since = now_ms;
  // A terminal that nobody has open any more says EIO.
  if (got <= 0) {
    end_output(channel, errors);
    return false;
  }
  channel.may_send -= static_cast<std::uint32_t>(got);
  const auto size = static_cast<std::size_t>(got);
  send(data_head(channel, errors, size), buffer.first(size));
  return size == most && channel.may_send > 0;
}

void Channels::exited(const protocol::Exited& message, std::int64_t now_ms, Effects& out) {
  Channel* const channel = asked(message.channel);
  if (channel == nullptr || channel->state != Channel::State::running || channel->exited) return;
  channel->exited = message;
  channel->quiet_since = now_ms;
  if (!channel->input_over) drop_input(*channel, out);
}

std::optional<std::int64_t> Channels::settle_one(Channel& channel, std::int64_t now_ms, bool room, Effects& out) {
  if (channel.state != Channel::State::running || channel.close_sent) return std::nullopt;
  std::optional<std::int64_t> again;
  // True once `span` has passed in quiet; else it is to be asked again when it has.
  const auto quiet_for = [&](std::int64_t span) {
    const std::int64_t left = channel.quiet_since + span - now_ms;
    if (left > 0) again = left;
    return left <= 0;
  };
  if (channel.forward) {
    if (channel.output_over) send_eof(channel, out);
    if (channel.output_over && channel.input_over) send_close(channel, out);
    return std::nullopt;
  }
  if (channel.exited && !channel.outputs_over() && channel.kind == ChannelKind::terminal) {
    // Quiet is a terminal that could be read and had nothing; while nobody reads, nobody knows.
    const bool reads = room && channel.may_read();
    if (reads && channel.blocked) channel.quiet_since = now_ms;
    channel.blocked = !reads;
    if (reads && quiet_for(terminal_quiet_ms)) end_output(channel, false);
  }
  if (!channel.outputs_over()) return again;
  if (channel.exited) {
    send_end(channel, *channel.exited, out);
    return std::nullopt;
  }
  if (channel.eof_sent) return std::nullopt;
  if (quiet_for(eof_alone_ms)) send_eof(channel, out);
  return again;
}

std::optional<std::int64_t> Channels::settle(std::int64_t now_ms, bool room, Effects& out) {
  std::optional<std::int64_t> next;
  for (auto at = channels_.begin(); at != channels_.end();) {
    Channel& channel = at->second;
    if (const auto again = settle_one(channel, now_ms, room, out); again && (!next || *again < *next)) next = again;
    const bool waits = channel.state == Channel::State::running && !channel.input_over && !channel.input.empty();
    if (!channel.close_received || !channel.close_sent || waits) {
      ++at;
      continue;
    }
    if (channel.asked) out.messages.emplace_back(protocol::Closed{*channel.asked});
    if (channel.display && forwards_.listeners.erase(*channel.display) == 1)
      out.messages.emplace_back(protocol::Unlisten{*channel.display});
    forget(at++);
  }
  return next;
}

}  // namespace acl::node::ssh
