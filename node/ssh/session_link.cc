#include "node/ssh/session_link.h"

#include <poll.h>

#include <utility>

namespace acl::node::ssh {
namespace {

using protocol::Sent;

void wait_for(int socket, short events) {
  pollfd one{socket, events, 0};
  poll(&one, 1, -1);
}

}  // namespace

// Not touched, and so no memory, before a long message comes.
SessionLink::SessionLink(int socket) : socket_(socket), buffer_(new std::uint8_t[protocol::longest_login_message]) {}

void SessionLink::send(protocol::FromSsh message) {
  if (closed()) return;
  if (auto* login = std::get_if<protocol::Login>(&message)) login->request = login_ = ++last_request_;
  if (auto* answer = std::get_if<protocol::ChallengeAnswer>(&message)) answer->request = login_;
  auto bytes = protocol::encode(message);
  if (!bytes) {
    broken_ = true;
    return;
  }
  kept_.push_back(std::move(*bytes));
  flush();
}

void SessionLink::flush() {
  while (!closed() && !kept_.empty()) {
    const Sent sent = protocol::send_message(socket_, kept_.front(), protocol::Wait::no);
    if (sent == Sent::full) return;
    if (sent == Sent::closed) closed_ = true;
    kept_.pop_front();
  }
}

std::optional<SessionLink::Incoming> SessionLink::take() {
  if (closed()) return std::nullopt;
  using State = protocol::Received::State;
  auto received = protocol::receive_with_descriptors(socket_, {buffer_.get(), protocol::longest_login_message});
  if (received.state == State::nothing) return std::nullopt;
  if (received.state != State::message) {
    closed_ = received.state == State::closed;
    broken_ = !closed_;
    return std::nullopt;
  }
  auto message = protocol::decode_to_ssh(received.message);
  if (!message) {
    broken_ = true;
    return std::nullopt;
  }
  return Incoming{std::move(*message), std::move(received.descriptors), received.count};
}

std::optional<SessionLink::Incoming> SessionLink::receive() {
  if (heard_.empty()) return take();
  Incoming first = std::move(heard_.front());
  heard_.pop_front();
  return first;
}

std::optional<SessionLink::Incoming> SessionLink::wait() {
  while (!closed()) {
    if (auto incoming = receive()) return incoming;
    if (!closed()) wait_for(socket_, POLLIN);
  }
  return std::nullopt;
}

std::optional<protocol::Bytes> SessionLink::sign(std::size_t key, protocol::ByteView data) {
  protocol::Sign question;
  question.request = ++last_request_;
  question.key = static_cast<std::uint8_t>(key);
  question.data.assign(data.begin(), data.end());
  const std::uint32_t request = question.request;
  send(std::move(question));
  while (!closed()) {
    if (auto incoming = take()) {
      auto* const signature = std::get_if<protocol::Signature>(&incoming->message);
      if (signature != nullptr && signature->request == request) return std::move(signature->bytes);
      heard_.push_back(std::move(*incoming));
    } else if (!closed()) {
      wait_for(socket_, static_cast<short>(has_kept() ? POLLIN | POLLOUT : POLLIN));
      flush();
    }
  }
  return std::nullopt;
}

}  // namespace acl::node::ssh
