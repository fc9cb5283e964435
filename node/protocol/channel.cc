#include "node/protocol/channel.h"

#include <sys/socket.h>

#include <cerrno>

namespace acl::node::protocol {

Sent send_message(int fd, ByteView message, Wait wait) noexcept {
  const int flags = MSG_NOSIGNAL | (wait == Wait::no ? MSG_DONTWAIT : 0);
  for (;;) {
    if (send(fd, message.data(), message.size(), flags) >= 0) return Sent::sent;
    if (errno == EINTR) continue;
    return wait == Wait::no && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) ? Sent::full
                                                                                             : Sent::closed;
  }
}

Received receive_message(int fd, std::span<std::uint8_t> buffer) noexcept {
  for (;;) {
    // With MSG_TRUNC the length is the message's own, also where the buffer is shorter.
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const bool later = errno == EAGAIN || errno == EWOULDBLOCK;
      return {later ? Received::State::nothing : Received::State::closed, {}};
    }
    if (got == 0) return {Received::State::closed, {}};
    const auto size = static_cast<std::size_t>(got);
    if (size > buffer.size()) return {Received::State::too_long, {}};
    return {Received::State::message, buffer.first(size)};
  }
}

}  // namespace acl::node::protocol
