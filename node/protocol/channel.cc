#include "node/protocol/channel.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

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

Sent send_message(int fd, ByteView message, std::span<const int> descriptors, Wait wait) noexcept {
  if (descriptors.empty()) return send_message(fd, message, wait);
  if (descriptors.size() > most_descriptors) return Sent::closed;
  iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  msghdr whole{};
  whole.msg_iov = &part;
  whole.msg_iovlen = 1;
  whole.msg_control = control.data();
  whole.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* const head = CMSG_FIRSTHDR(&whole);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(head), descriptors.data(), descriptors.size_bytes());
  const int flags = MSG_NOSIGNAL | (wait == Wait::no ? MSG_DONTWAIT : 0);
  for (;;) {
    if (sendmsg(fd, &whole, flags) >= 0) return Sent::sent;
    if (errno == EINTR) continue;
    return wait == Wait::no && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) ? Sent::full
                                                                                             : Sent::closed;
  }
}

ReceivedWith receive_with_descriptors(int fd, std::span<std::uint8_t> buffer) noexcept {
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  msghdr whole{};
  whole.msg_iov = &part;
  whole.msg_iovlen = 1;
  whole.msg_control = control.data();
  whole.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = recvmsg(fd, &whole, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
  } while (got < 0 && errno == EINTR);
  ReceivedWith received;
  bool too_many = false;
  if (got < 0) {
    const bool later = errno == EAGAIN || errno == EWOULDBLOCK;
    received.state = later ? Received::State::nothing : Received::State::closed;
    return received;
  }
  for (cmsghdr* head = CMSG_FIRSTHDR(&whole); head != nullptr; head = CMSG_NXTHDR(&whole, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int taken = -1;
      std::memcpy(&taken, CMSG_DATA(head) + i * sizeof(int), sizeof taken);
      Fd owned(taken);
      if (received.count == most_descriptors) too_many = true;  // the buffer for them is rounded up
      if (!too_many) received.descriptors[received.count++] = std::move(owned);
    }
  }
  if (got == 0) {
    received.state = Received::State::closed;
    return received;
  }
  const auto size = static_cast<std::size_t>(got);
  const bool whole_one = size <= buffer.size() && (whole.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && !too_many;
  received.state = whole_one ? Received::State::message : Received::State::too_long;
  if (whole_one) {
    received.message = buffer.first(size);
  } else {
    received.descriptors = {};
    received.count = 0;
  }
  return received;
}

}  // namespace acl::node::protocol
