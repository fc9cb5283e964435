// What a client asks of a session (RFC 4254 section 6): its terminal and environment, its process, and what happens to that.
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "node/ssh/channel_packets.h"
#include "node/ssh/channels.h"

namespace acl::node::ssh {
namespace {

// "TERM", "RTMIN": the longest there are have a few letters more.
constexpr std::size_t longest_signal = 16;

bool is_text(std::string_view value, std::size_t most) {
  return value.size() <= most && value.find('\0') == std::string_view::npos;
}

bool take_terminal(Channel& channel, PacketReader& reader) {
  const std::string_view name = reader.string();
  protocol::Terminal& terminal = channel.wanted.terminal;
  terminal.columns = reader.number();
  terminal.rows = reader.number();
  terminal.width = reader.number();
  terminal.height = reader.number();
  const ByteView modes = reader.bytes();
  const bool fits = reader.done() && is_text(name, protocol::longest_terminal) &&
                    modes.size() <= protocol::longest_modes && channel.state == Channel::State::idle &&
                    !channel.wanted.has_terminal;
  if (!fits) return false;
  terminal.name = name;
  terminal.modes.assign(modes.begin(), modes.end());
  channel.wanted.has_terminal = true;
  return true;
}

// Whether policy lets it be set is aclnode-session's matter.
bool take_variable(Channel& channel, PacketReader& reader) {
  const std::string_view name = reader.string();
  const std::string_view value = reader.string();
  const std::size_t size = channel.environment_size + name.size() + value.size();
  if (!reader.done() || name.empty() || !is_text(name, protocol::longest_variable_name) ||
      !is_text(value, protocol::longest_variable) || channel.state != Channel::State::idle ||
      channel.wanted.environment.size() >= protocol::most_variables || size > protocol::longest_environment)
    return false;
  channel.environment_size = size;
  channel.wanted.environment.emplace_back(name, value);
  return true;
}

bool has_terminal(const Channel& channel) {
  return channel.kind == protocol::ChannelKind::terminal && channel.from && !channel.forward;
}

// The kernel tells the terminal's foreground (SIGWINCH). Where the login is recorded this is no terminal but a stream to it (ENOTTY), and
// aclnode-session has it done.
bool change_window(const Channel& channel, PacketReader& reader, Effects& out) {
  protocol::Resize wanted;
  for (std::uint32_t* const each : {&wanted.columns, &wanted.rows, &wanted.width, &wanted.height})
    *each = reader.number();
  if (!reader.done() || !has_terminal(channel)) return false;
  const auto short_of = [](std::uint32_t value) {
    return static_cast<unsigned short>(std::min<std::uint32_t>(value, UINT16_MAX));
  };
  const winsize size{short_of(wanted.rows), short_of(wanted.columns), short_of(wanted.width), short_of(wanted.height)};
  if (ioctl(channel.from.get(), TIOCSWINSZ, &size) == 0) return true;
  wanted.channel = *channel.asked;
  if (errno == ENOTTY) out.messages.emplace_back(wanted);
  return errno == ENOTTY;
}

}  // namespace

struct Channels::Request {
  std::string_view name;
  bool wants_reply = false;
  PacketReader rest;
};

// For its process, or for a listener; and before it has a process, for those that the client has asked for before: a command that is to use a
// port finds it there.
bool Channels::must_wait(const Channel& channel) const noexcept {
  return channel.state == Channel::State::opening || channel.awaits ||
         (channel.state == Channel::State::idle && forwards_.awaits);
}

void Channels::hear_request(Channel& channel, ByteView payload, Effects& out) {
  if (must_wait(channel)) {
    // Its reply comes after that.
    channel.held_size += payload.size();
    if (channel.held_size > most_held) return out.end(Reason::protocol_error, "too many requests at once");
    channel.held.emplace_back(payload.begin(), payload.end());
    return;
  }
  Request request{{}, false, PacketReader(payload)};
  request.name = request.rest.string();
  request.wants_reply = request.rest.boolean();
  if (!request.rest.good()) return out.end(Reason::protocol_error, "a request of a channel is not in its form");
  const bool done = !channel.forward && carry_out(channel, request, out);
  // Of what asks for a process or a listener the reply comes later.
  if (channel.state == Channel::State::opening || channel.awaits || channel.close_sent || !request.wants_reply) return;
  out.packets.push_back(reply(channel, done));
}

bool Channels::carry_out(Channel& channel, Request& request, Effects& out) {
  const std::string_view name = request.name;
  if (name == "shell" || name == "exec" || name == "subsystem") return want_process(channel, request, out);
  if (name == "pty-req") return take_terminal(channel, request.rest);
  if (name == "env") return take_variable(channel, request.rest);
  if (name == "auth-agent-req@openssh.com") return want_agent(channel, request.rest, request.wants_reply, out);
  if (name == "x11-req") return want_display(channel, request.rest, request.wants_reply, out);
  if (name == "window-change") return change_window(channel, request.rest, out);
  // A pseudoterminal of Linux knows no break (pty(7)); tcsendbreak(3) on one does nothing, successfully.
  if (name == "break") return has_terminal(channel);
  if (name == "signal") {
    const std::string_view signal = request.rest.string();
    if (!request.rest.done() || channel.state != Channel::State::running || signal.empty() ||
        !is_text(signal, longest_signal) || channel.exited)
      return false;
    out.messages.emplace_back(protocol::Signal{*channel.asked, std::string(signal)});
    return true;
  }
  if (name == "eow@openssh.com") {  // nobody reads at the client's end any more (PROTOCOL of OpenSSH, 2.1)
    channel.output_over = true;
    if (channel.kind == protocol::ChannelKind::pipes) channel.from = Fd();
    return true;
  }
  return false;  // keepalive@openssh.com, and what nobody knows
}

bool Channels::want_process(Channel& channel, Request& request, Effects& out) {
  protocol::OpenKind kind = protocol::OpenKind::shell;
  std::string_view command;
  if (request.name != "shell") {
    kind = request.name == "exec" ? protocol::OpenKind::exec : protocol::OpenKind::subsystem;
    command = request.rest.string();
  }
  if (!request.rest.done() || channel.state != Channel::State::idle || channel.close_sent) return false;
  if (!is_text(command, protocol::longest_command)) {
    tell(channel, "the command is too long, or holds a zero byte", out);
    return false;
  }
  protocol::OpenChannel message = std::exchange(channel.wanted, {});
  channel.asked = next_asked_++;
  message.channel = *channel.asked;
  message.kind = kind;
  message.command = command;
  channel.state = Channel::State::opening;
  channel.replies = request.wants_reply;
  channel.subsystem = kind == protocol::OpenKind::subsystem;
  out.messages.emplace_back(std::move(message));
  return true;
}

void Channels::release_held(Channel& channel, Effects& out) {
  channel.held_size = 0;
  for (const Bytes& payload : std::exchange(channel.held, {})) hear_request(channel, payload, out);
}

}  // namespace acl::node::ssh
