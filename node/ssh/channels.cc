// Opening, data, windows and closing. Requests are in channel_requests.cc, descriptors in channel_flow.cc.
#include "node/ssh/channels.h"

#include <algorithm>
#include <utility>

#include "node/protocol/login_conversation.h"
#include "node/ssh/channel_packets.h"

namespace acl::node::ssh {
namespace {

// RFC 4254 section 5.1.
enum class OpenFailure : std::uint32_t { prohibited = 1, connect_failed = 2, unknown_type = 3, resource_shortage = 4 };

// As ssh(1) itself exits when it fails.
constexpr std::uint32_t refused_status = 255;

Bytes open_failure(std::uint32_t peer, OpenFailure why, std::string_view words) {
  return PacketWriter(msg_channel_open_failure)
      .number(peer)
      .number(static_cast<std::uint32_t>(why))
      .string(words)
      .string("")
      .take();
}

Bytes open_confirmation(const Channel& channel) {
  return PacketWriter(msg_channel_open_confirmation)
      .number(channel.peer)
      .number(channel.number)
      .number(channel.window)
      .number(packet_size)
      .take();
}

}  // namespace

void Channels::hear(std::uint8_t type, ByteView payload, Effects& out) {
  switch (type) {
    case msg_global_request: return hear_global(payload, out);
    case msg_request_success:
    case msg_request_failure: return;  // to our keepalive
    case msg_channel_open: return hear_open(payload, out);
    default: break;
  }
  PacketReader reader(payload);
  const auto at = channels_.find(reader.number());
  // Of a forward that is not confirmed yet the client does not know our number.
  const bool there = reader.good() && at != channels_.end();
  const bool offered = there && at->second.state == Channel::State::offered;
  if (offered && (type == msg_channel_open_confirmation || type == msg_channel_open_failure))
    return hear_offered(at->second, type, reader, out);
  const bool open = there && !offered && !at->second.close_received &&
                    !(at->second.forward && at->second.state == Channel::State::opening);
  if (!open) return out.end(Reason::protocol_error, "a packet for a channel that is not open");
  Channel& channel = at->second;
  switch (type) {
    case msg_channel_window_adjust: return hear_window(channel, reader, out);
    case msg_channel_data: return hear_data(channel, reader, false, out);
    case msg_channel_extended_data: return hear_data(channel, reader, true, out);
    case msg_channel_eof: return hear_eof(channel, out);
    case msg_channel_close: return hear_close(channel, out);
    case msg_channel_request: return hear_request(channel, payload.subspan(4), out);
    case msg_channel_success:
    case msg_channel_failure: return;  // nothing of ours wants a reply
    default: return out.end(Reason::protocol_error, "a packet that only a server sends, or nobody");
  }
}

void Channels::hear_open(ByteView payload, Effects& out) {
  PacketReader reader(payload);
  const std::string_view type = reader.string();
  const std::uint32_t peer = reader.number();
  const std::uint32_t window = reader.number();
  const std::uint32_t piece = reader.number();
  if (!reader.good() || piece == 0)
    return out.end(Reason::protocol_error, "a request for a channel is not in its form");
  const bool forward = type == "direct-tcpip" || type == "direct-streamlocal@openssh.com";
  if (forward ? forwards() >= protocol::most_forwards : channels_.size() - forwards() >= protocol::most_sessions)
    return out.packets.push_back(open_failure(peer, OpenFailure::resource_shortage, "too many channels"));
  if (type == "session") return open_session(peer, window, piece, out);
  if (forward) return open_forward(type, reader, peer, window, piece, out);
  out.packets.push_back(open_failure(peer, OpenFailure::unknown_type, "there are no such channels here"));
}

Channel& Channels::add(std::uint32_t peer, std::uint32_t window, std::uint32_t piece) {
  const std::uint32_t number = next_++;
  Channel& channel = channels_[number];
  channel.number = number;
  channel.peer = peer;
  channel.may_send = window;
  channel.piece = std::min(piece, packet_size);
  return channel;
}

void Channels::open_session(std::uint32_t peer, std::uint32_t window, std::uint32_t piece, Effects& out) {
  if (no_more_sessions_) return out.end(Reason::protocol_error, "a session after the client wanted no more of them");
  out.packets.push_back(open_confirmation(add(peer, window, piece)));
}

void Channels::begin_forward(Channel& channel) noexcept {
  channel.forward = true;
  channel.window = channel.may_receive = forward_window;
  channel.spare = &spare_;
  channel.input = ByteQueue(forward_window / 4);
  ++forward_count_;
}

void Channels::forget(std::map<std::uint32_t, Channel>::iterator at) {
  if (at->second.forward) {
    --forward_count_;
    spare_ += at->second.window - forward_window;
  }
  channels_.erase(at);
}

void Channels::open_forward(std::string_view type, PacketReader& reader, std::uint32_t peer, std::uint32_t window,
                            std::uint32_t piece, Effects& out) {
  const bool path = type != "direct-tcpip";
  const std::string_view where = reader.string();
  const std::uint32_t port = path ? 0 : reader.number();
  reader.string();  // where the client says the connection comes from; of a path it says nothing
  reader.number();
  if (!reader.good()) return out.end(Reason::protocol_error, "a request for a channel is not in its form");
  const std::size_t longest = path ? protocol::longest_socket_path : protocol::longest_host;
  if ((!path && (port == 0 || port > UINT16_MAX)) || where.size() > longest || where.find('\0') != where.npos)
    return out.packets.push_back(
        open_failure(peer, OpenFailure::connect_failed, "there is no such host, port or socket"));
  Channel& channel = add(peer, window, piece);
  begin_forward(channel);
  channel.state = Channel::State::opening;
  channel.asked = next_asked_++;
  if (path)
    out.messages.emplace_back(protocol::ConnectPath{*channel.asked, std::string(where)});
  else
    out.messages.emplace_back(protocol::Connect{*channel.asked, std::string(where), static_cast<std::uint16_t>(port)});
}

void Channels::hear_window(Channel& channel, PacketReader& reader, Effects& out) {
  const std::uint32_t more = reader.number();
  if (!reader.good() || more > UINT32_MAX - channel.may_send)
    return out.end(Reason::protocol_error, "a window beyond its bound");
  channel.may_send += more;
}

void Channels::hear_data(Channel& channel, PacketReader& reader, bool extended, Effects& out) {
  if (extended) reader.number();
  const ByteView data = reader.bytes();
  if (!reader.good() || data.size() > channel.may_receive)
    return out.end(Reason::protocol_error, "data beyond the window, or not in its form");
  channel.may_receive -= static_cast<std::uint32_t>(data.size());
  // A session takes no second stream, and what nobody reads is still counted.
  if (extended || channel.input_over || channel.eof_received || channel.state == Channel::State::over)
    return give_back(channel, data.size(), out);
  channel.input.append(data);
  if (channel.state == Channel::State::running) write_input(channel, out);
}

void Channels::hear_eof(Channel& channel, Effects& out) {
  channel.eof_received = true;
  if (channel.state == Channel::State::running) write_input(channel, out);
}

void Channels::hear_close(Channel& channel, Effects& out) {
  channel.close_received = true;
  // After our EOF a client has nothing to wait for but how the process ends, and that it is still told: OpenSSH's, when sessions share a
  // connection, closes at the EOF.
  const bool owes_status = !channel.forward && channel.state == Channel::State::running && channel.eof_sent;
  if (!owes_status) send_close(channel, out);
  // From here on nothing that the process says has a place to go to.
  channel.output_over = channel.errors_over = true;
  if (channel.kind != protocol::ChannelKind::socket) channel.from = Fd();
  channel.errors = Fd();
  if (channel.kind != protocol::ChannelKind::terminal) return;
  // A terminal hangs up (the kernel does, as nobody has its other end any more); what it has not taken would keep it open for as long as
  // nobody reads.
  channel.input.clear();
  channel.input_over = true;
}

Channel* Channels::asked(std::uint32_t number) noexcept {
  for (auto& [_, channel] : channels_)
    if (channel.asked == number) return &channel;
  return nullptr;
}

void Channels::opened(const protocol::Opened& message, std::span<Fd> descriptors, Effects& out) {
  Channel* const channel = asked(message.channel);
  if (channel == nullptr || channel->state != Channel::State::opening || channel->close_received) return;
  const std::size_t wanted = message.kind == protocol::ChannelKind::pipes ? 3 : 1;
  const bool fits = channel->forward == (message.kind == protocol::ChannelKind::socket);
  if (descriptors.size() != wanted || !fits)
    return out.end(Reason::by_application, "aclnode-session gave other descriptors than a channel has");
  channel->state = Channel::State::running;
  channel->kind = message.kind;
  if (message.kind == protocol::ChannelKind::pipes) {
    channel->to = std::move(descriptors[0]);
    channel->from = std::move(descriptors[1]);
    channel->errors = std::move(descriptors[2]);
    channel->errors_over = false;
  } else {
    channel->from = std::move(descriptors[0]);
  }
  for (const int fd : {channel->to.get(), channel->from.get(), channel->errors.get()}) never_wait(fd);
  if (channel->forward)
    out.packets.push_back(open_confirmation(*channel));
  else if (channel->replies)
    out.packets.push_back(reply(*channel, true));
  if (!channel->forward) tell_remarks(*channel, out);
  release_held(*channel, out);
  write_input(*channel, out);
}

void Channels::refused(const protocol::Refused& message, Effects& out) {
  Channel* const channel = asked(message.channel);
  if (channel == nullptr || channel->state != Channel::State::opening || channel->close_received) return;
  channel->state = Channel::State::over;
  if (channel->forward) {
    const auto why = may_forward_ ? OpenFailure::connect_failed : OpenFailure::prohibited;
    out.packets.push_back(open_failure(channel->peer, why, message.words));
    // The client never had it.
    channel->close_sent = channel->close_received = true;
    return;
  }
  give_back(*channel, channel->input.size(), out);
  channel->input.clear();
  // A client that is told of a failure shows nothing of what comes before it. So a person's command has begun, says why it does not go on,
  // and has failed; a program that asked for a subsystem is told that there is none.
  if (channel->subsystem) {
    if (channel->replies) out.packets.push_back(reply(*channel, false));
    return release_held(*channel, out);
  }
  if (channel->replies) out.packets.push_back(reply(*channel, true));
  release_held(*channel, out);
  tell(*channel, message.words, out);
  protocol::Exited failed;
  failed.status = refused_status;
  send_end(*channel, failed, out);
}

void Channels::tell_all(std::string_view words, Effects& out) {
  for (auto& [_, channel] : channels_)
    if (!channel.forward && channel.state == Channel::State::running && !channel.eof_sent && !channel.close_sent)
      tell(channel, words, out);
}

}  // namespace acl::node::ssh
