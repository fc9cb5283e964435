#include "node/session/daemon_link.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "node/protocol/channel.h"
#include "node/session/log.h"

namespace acl::node::session {
namespace {

using protocol::Received;

// Connected to a process of root, or none.
Fd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != 0) return {};
  return fd;
}

DaemonLink::Heard ended(std::string words) { return {DaemonLink::Heard::What::end, {}, {}, std::move(words), {}}; }

}  // namespace

DaemonLink::DaemonLink(Fd conversation, std::string resume_socket, Milliseconds patience) noexcept
    : conversation_(std::move(conversation)), resume_socket_(std::move(resume_socket)), patience_(patience) {}

std::optional<Milliseconds> DaemonLink::wait(Milliseconds now) const noexcept {
  if (!lost_since_) return std::nullopt;
  const Milliseconds end = *lost_since_ + patience_;
  return std::max<Milliseconds>(0, (resuming_ ? end : std::min(end, next_attempt_)) - now);
}

void DaemonLink::send(const protocol::FromSession& message) noexcept {
  if (!conversation_) return;
  const auto bytes = protocol::encode(message);
  if (bytes) protocol::send_message(conversation_.get(), *bytes, protocol::Wait::no);
}

DaemonLink::Heard DaemonLink::step(Milliseconds now, std::optional<std::uint32_t> asked) {
  if (conversation_) {
    Heard heard = hear(now, asked);
    if (heard.what != Heard::What::nothing) return heard;
  }
  if (!lost_since_) return {};
  if (now - *lost_since_ >= patience_) {
    return ended(fmt::format("aclnode has not answered for {} s; this login ends", patience_ / 1000));
  }
  if (!conversation_ && now >= next_attempt_) attempt(now);
  return {};
}

DaemonLink::Heard DaemonLink::hear(Milliseconds now, std::optional<std::uint32_t> asked) {
  buffer_.resize(protocol::longest_session_message);
  const Received received = protocol::receive_message(conversation_.get(), buffer_);
  Heard heard;
  if (received.state == Received::State::closed) {
    heard = lost(now);
  } else if (received.state == Received::State::message) {
    const auto message = protocol::decode_to_session(received.message);
    heard = message ? take(*message, asked) : ended(message.error().message);
  } else if (received.state == Received::State::too_long) {
    heard = ended("a message of aclnode is too long");
  }
  // Not kept: a login waits for hours, and there are many.
  std::vector<std::uint8_t>().swap(buffer_);
  return heard;
}

DaemonLink::Heard DaemonLink::take(const protocol::ToSession& message, std::optional<std::uint32_t> asked) {
  if (const auto* end = std::get_if<protocol::EndSession>(&message)) return ended(end->words);
  if (const auto* decision = std::get_if<protocol::Decision>(&message); decision != nullptr) {
    if (asked && decision->request == *asked)
      return {Heard::What::decision, *decision, std::exchange(record_, std::nullopt), {}, {}};
  }
  if (const auto* record = std::get_if<protocol::Record>(&message); record != nullptr && asked && !record_) {
    record_ = *record;
    return {};
  }
  if (const auto* challenge = std::get_if<protocol::SessionChallenge>(&message); challenge != nullptr) {
    if (asked && challenge->challenge.request == *asked) return {Heard::What::challenge, {}, {}, {}, *challenge};
  }
  if (std::holds_alternative<protocol::GoOn>(message) && std::exchange(resuming_, false)) {
    lost_since_.reset();
    return {};
  }
  log_diagnostic(make_diagnostic(Code::E1403, "aclnode said what is not legal now"));
  return ended("aclnode and aclnode-session do not understand each other");
}

DaemonLink::Heard DaemonLink::lost(Milliseconds now) {
  conversation_ = Fd();
  resuming_ = false;
  if (!resume_) return ended("aclnode ended before the login was complete");
  if (!lost_since_) lost_since_ = now;
  next_attempt_ = now + between_attempts_ms;
  return {};
}

void DaemonLink::attempt(Milliseconds now) {
  next_attempt_ = now + between_attempts_ms;
  conversation_ = connect_to(resume_socket_);
  if (!conversation_) return;
  resuming_ = true;
  send(*resume_);
}

}  // namespace acl::node::session
