#include "node/session/connect.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <variant>
#include <vector>

#include "node/protocol/channel.h"

namespace acl::node::session {
namespace {

constexpr int own_socket = 3;
// Of a look-up and all attempts to connect; a client waits no longer either.
constexpr unsigned longest_attempt_s = 120;
constexpr std::size_t longest_request = 1024;

struct FreeList {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};

TakenConnection connect_to(const protocol::Connect& wanted) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int result = getaddrinfo(wanted.host.c_str(), std::to_string(wanted.port).c_str(), &hints, &found);
  if (result != 0) return {Fd(), gai_strerror(result)};
  const std::unique_ptr<addrinfo, FreeList> list(found);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Fd fd(socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd && connect(fd.get(), each->ai_addr, each->ai_addrlen) == 0) return {std::move(fd), {}};
    error = errno;
  }
  return {Fd(), std::strerror(error)};
}

bool is_tcp(int fd) {
  int type = 0, domain = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  size = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
  return type == SOCK_STREAM && (domain == AF_INET || domain == AF_INET6);
}

}  // namespace

int serve_connect() {
  alarm(longest_attempt_s);
  std::vector<std::uint8_t> buffer(longest_request);
  pollfd waiting{own_socket, POLLIN, 0};
  if (poll(&waiting, 1, -1) < 0) return 1;
  const auto received = protocol::receive_message(own_socket, buffer);
  if (received.state != protocol::Received::State::message) return 1;
  const auto message = protocol::decode_from_ssh(received.message);
  const auto* const wanted = message ? std::get_if<protocol::Connect>(&*message) : nullptr;
  if (wanted == nullptr) return 1;
  const TakenConnection made = connect_to(*wanted);
  const protocol::ToSsh answer = made.socket
                                     ? protocol::ToSsh(protocol::Opened{wanted->channel, protocol::ChannelKind::socket})
                                     : protocol::ToSsh(protocol::Refused{wanted->channel, made.words});
  const auto bytes = protocol::encode(answer);
  if (!bytes) return 1;
  const int descriptor = made.socket.get();
  const std::span<const int> along = made.socket ? std::span<const int>(&descriptor, 1) : std::span<const int>();
  return protocol::send_message(own_socket, *bytes, along, protocol::Wait::yes) == protocol::Sent::sent ? 0 : 1;
}

std::optional<TakenConnection> take_connection(int helper, std::uint32_t channel) {
  std::vector<std::uint8_t> buffer(longest_request);
  auto received = protocol::receive_with_descriptors(helper, buffer);
  if (received.state == protocol::Received::State::nothing) return std::nullopt;
  TakenConnection taken{Fd(), "the connection could not be made"};
  if (received.state != protocol::Received::State::message) return taken;
  const auto message = protocol::decode_to_ssh(received.message);
  if (message) {
    if (const auto* refused = std::get_if<protocol::Refused>(&*message)) return TakenConnection{Fd(), refused->words};
    const auto* const opened = std::get_if<protocol::Opened>(&*message);
    if (opened != nullptr && opened->channel == channel && received.count == 1 &&
        is_tcp(received.descriptors[0].get())) {
      return TakenConnection{std::move(received.descriptors[0]), {}};
    }
  }
  return taken;
}

}  // namespace acl::node::session
