// What comes from this machine to the client: listeners, an agent, a display (RFC 4254 sections 6.3 and 7; PROTOCOL of OpenSSH, 2.4 and
// PROTOCOL.agent), and global requests.
#include "node/ssh/forwards.h"

#include <algorithm>
#include <utility>

#include "node/protocol/login_conversation.h"
#include "node/ssh/channel_packets.h"
#include "node/ssh/channels.h"

namespace acl::node::ssh {
namespace {

using protocol::ListenKind;

// For the person, while nobody is there to be told.
constexpr std::size_t longest_remarks = 1024;

bool is_text(std::string_view value, std::size_t most) {
  return value.size() <= most && value.find('\0') == std::string_view::npos;
}

}  // namespace

std::string_view channel_type(const Listener& listener) noexcept {
  switch (listener.what) {
    case ListenKind::port: return "forwarded-tcpip";
    case ListenKind::path: return "forwarded-streamlocal@openssh.com";
    case ListenKind::agent: return "auth-agent@openssh.com";
    case ListenKind::display: break;
  }
  return "x11";
}

Bytes origin_of(const Listener& listener, const protocol::Accepted& accepted) {
  PacketWriter out;
  switch (listener.what) {
    case ListenKind::port: out.string(listener.host).number(listener.port); break;
    case ListenKind::path: return out.string(listener.path).string("").take();
    case ListenKind::agent: return {};
    case ListenKind::display: break;
  }
  return out.string(accepted.source).number(accepted.port).take();
}

// --- global requests -----------------------------------------------------------------------------------------------------------

void Channels::hear_global(ByteView payload, Effects& out) {
  if (forwards_.awaits) {
    forwards_.held_size += payload.size();
    if (forwards_.held_size > most_held) return out.end(Reason::protocol_error, "too many requests at once");
    forwards_.held.emplace_back(payload.begin(), payload.end());
    return;
  }
  PacketReader reader(payload);
  const std::string_view name = reader.string();
  const bool wants_reply = reader.boolean();
  if (!reader.good()) return out.end(Reason::protocol_error, "a global request is not in its form");
  bool done = false;
  if (name == "no-more-sessions@openssh.com") {
    done = no_more_sessions_ = true;
  } else if (name == "tcpip-forward" || name == "streamlocal-forward@openssh.com") {
    forwards_.replies = wants_reply;
    if (ask_to_listen(name == "tcpip-forward", reader, out)) return;
  } else if (name == "cancel-tcpip-forward" || name == "cancel-streamlocal-forward@openssh.com") {
    done = cancel(name == "cancel-tcpip-forward", reader, out);
  }
  if (wants_reply) out.packets.push_back(PacketWriter(done ? msg_request_success : msg_request_failure).take());
}

// Where it is to listen is the client's wish, and always loopback: as sshd with GatewayPorts no.
bool Channels::ask_to_listen(bool port, PacketReader& reader, Effects& out) {
  Listener listener;
  protocol::Listen message;
  if (port) {
    listener.host = reader.string();
    listener.asked_port = reader.number();
    if (!is_text(listener.host, protocol::longest_host) || listener.asked_port > UINT16_MAX) return false;
    message.port = static_cast<std::uint16_t>(listener.asked_port);
  } else {
    listener.what = message.what = ListenKind::path;
    listener.path = reader.string();
    if (!is_text(listener.path, protocol::longest_socket_path)) return false;
    message.path = listener.path;
  }
  if (!reader.done()) return false;
  forwards_.awaits = add_listener(std::move(listener), std::move(message), out);
  return forwards_.awaits.has_value();
}

bool Channels::cancel(bool port, PacketReader& reader, Effects& out) {
  const std::string_view where = reader.string();
  const std::uint32_t number = port ? reader.number() : 0;
  if (!reader.done()) return false;
  auto& all = forwards_.listeners;
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& each) {
    const Listener& listener = each.second;
    if (port) return listener.what == ListenKind::port && listener.host == where && listener.port == number;
    return listener.what == ListenKind::path && listener.path == where;
  });
  if (at == all.end()) return false;
  out.messages.emplace_back(protocol::Unlisten{at->first});
  all.erase(at);
  return true;
}

std::optional<std::uint32_t> Channels::add_listener(Listener listener, protocol::Listen message, Effects& out) {
  if (forwards_.listeners.size() >= protocol::most_listeners) {
    remark("too many listeners", out);
    return std::nullopt;
  }
  message.listener = forwards_.next++;
  const std::uint32_t number = message.listener;
  forwards_.listeners.emplace(number, std::move(listener));
  out.messages.emplace_back(std::move(message));
  return number;
}

// Only a client that is asked to be talkative shows this packet (RFC 4253 section 11.3), so it is told on a session, too.
void Channels::remark(std::string_view words, Effects& out) {
  out.packets.push_back(PacketWriter(msg_debug).boolean(true).string(words).string("").take());
  bool told = false;
  for (auto& [_, channel] : channels_) {
    if (channel.forward || channel.subsystem || channel.state != Channel::State::running || channel.eof_sent) continue;
    tell(channel, words, out);
    told = true;
  }
  if (told || forwards_.remarks.size() + words.size() > longest_remarks) return;
  forwards_.remarks.append(forwards_.remarks.empty() ? "" : "\r\n").append(words);
}

// --- what aclnode-session answers -----------------------------------------------------------------------------------------------

void Channels::listening(const protocol::Listening& message, Effects& out) {
  const auto at = forwards_.listeners.find(message.listener);
  if (at == forwards_.listeners.end()) return;  // given up meanwhile
  Listener& listener = at->second;
  listener.there = message.there;
  listener.port = message.port;
  const bool wants_port = listener.what == ListenKind::port && listener.asked_port == 0;
  if (!message.there) {
    out.messages.emplace_back(protocol::Unlisten{message.listener});
    if (forwards_.agent == message.listener) forwards_.agent.reset();
    forwards_.listeners.erase(at);
  }
  if (forwards_.awaits == message.listener) return answer_global(message, wants_port, out);
  for (auto& [_, channel] : channels_) {
    if (channel.awaits != message.listener) continue;
    channel.awaits.reset();
    if (!message.there) {
      if (channel.display == message.listener) channel.display.reset();
      if (channel.wanted.display == message.listener) channel.wanted.display.reset();
      if (channel.wanted.agent == message.listener) channel.wanted.agent.reset();
      if (!channel.close_sent) channel.remarks.append(channel.remarks.empty() ? "" : "\r\n").append(message.words);
    }
    if (channel.replies && !channel.close_sent) out.packets.push_back(reply(channel, message.there));
    release_held(channel, out);
  }
}

void Channels::answer_global(const protocol::Listening& message, bool wants_port, Effects& out) {
  forwards_.awaits.reset();
  if (!message.there) remark(message.words, out);
  if (forwards_.replies) {
    PacketWriter answer(message.there ? msg_request_success : msg_request_failure);
    if (message.there && wants_port) answer.number(message.port);
    out.packets.push_back(answer.take());
  }
  forwards_.held_size = 0;
  for (const Bytes& payload : std::exchange(forwards_.held, {})) hear_global(payload, out);
  for (auto& [_, channel] : channels_)
    if (!must_wait(channel)) release_held(channel, out);
}

void Channels::accepted(const protocol::Accepted& message, std::span<Fd> descriptors, Effects& out) {
  const auto at = forwards_.listeners.find(message.listener);
  if (descriptors.size() != 1) return out.end(Reason::by_application, "aclnode-session gave no connection");
  if (at == forwards_.listeners.end() || forwards() >= protocol::most_forwards)
    return out.messages.emplace_back(protocol::Taken{}), void();
  Channel& channel = add(0, 0, packet_size);
  begin_forward(channel);
  channel.state = Channel::State::offered;
  channel.kind = protocol::ChannelKind::socket;
  channel.from = std::move(descriptors[0]);
  never_wait(channel.from.get());
  out.packets.push_back(PacketWriter(msg_channel_open)
                            .string(channel_type(at->second))
                            .number(channel.number)
                            .number(channel.window)
                            .number(packet_size)
                            .raw(origin_of(at->second, message))
                            .take());
}

// --- what the client answers --------------------------------------------------------------------------------------------------

void Channels::hear_offered(Channel& channel, std::uint8_t type, PacketReader& reader, Effects& out) {
  out.messages.emplace_back(protocol::Taken{});
  if (type == msg_channel_open_failure) return forget(channels_.find(channel.number));
  channel.peer = reader.number();
  channel.may_send = reader.number();
  const std::uint32_t piece = reader.number();
  if (!reader.good() || piece == 0) return out.end(Reason::protocol_error, "a confirmation is not in its form");
  channel.piece = std::min(piece, packet_size);
  channel.state = Channel::State::running;
}

// --- requests of a session ----------------------------------------------------------------------------------------------------

bool Channels::want_agent(Channel& channel, PacketReader& reader, bool wants_reply, Effects& out) {
  if (!reader.done() || channel.state != Channel::State::idle || channel.wanted.agent) return false;
  if (!forwards_.agent) {
    Listener listener;
    protocol::Listen message;
    listener.what = message.what = ListenKind::agent;
    forwards_.agent = add_listener(std::move(listener), std::move(message), out);
    if (!forwards_.agent) return false;
  }
  channel.wanted.agent = forwards_.agent;
  if (forwards_.listeners.at(*forwards_.agent).there) return true;
  channel.awaits = forwards_.agent;
  channel.replies = wants_reply;
  return true;
}

bool Channels::want_display(Channel& channel, PacketReader& reader, bool wants_reply, Effects& out) {
  Listener listener;
  protocol::Listen message;
  listener.what = message.what = ListenKind::display;
  message.single = reader.boolean();
  message.protocol = reader.string();
  message.cookie = reader.string();
  message.screen = reader.number();
  const bool fits = reader.done() && is_text(message.protocol, protocol::longest_x11_protocol) &&
                    is_text(message.cookie, protocol::longest_x11_cookie) &&
                    message.screen <= protocol::most_x11_screen && channel.state == Channel::State::idle &&
                    !channel.display;
  if (!fits) return false;
  channel.display = add_listener(std::move(listener), std::move(message), out);
  if (!channel.display) return false;
  channel.wanted.display = channel.awaits = channel.display;
  channel.replies = wants_reply;
  return true;
}

void Channels::tell_remarks(Channel& channel, Effects& out) {
  if (channel.subsystem) return;
  for (const std::string& words : {std::exchange(channel.remarks, {}), std::exchange(forwards_.remarks, {})})
    tell(channel, words, out);
}

}  // namespace acl::node::ssh
