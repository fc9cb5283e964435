#include "node/steer/listeners.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace acl::node {
namespace {

constexpr int backlog = 512;

bool set(int fd, int level, int option) {
  const int on = 1;
  return ::setsockopt(fd, level, option, &on, sizeof on) == 0;
}

// Bound to the address first: of IPv6 an address must be one of the device that the socket is bound to already. SO_REUSEADDR, which
// connections inherit, for an sshd of the system: it could not bind port 22 while a login lives that has it (a bind conflicts with
// every socket of the port unless both have the option and neither listens).
Fd listener_at(const sockaddr* address, socklen_t size, const std::string& interface, bool transparent) {
  const int family = address->sa_family;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {};
  const bool v6 = family == AF_INET6;
  const bool ready = (!v6 || set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) &&
                     (!transparent || (v6 ? set(fd.get(), IPPROTO_IPV6, IPV6_TRANSPARENT)
                                          : set(fd.get(), IPPROTO_IP, IP_TRANSPARENT))) &&
                     ::bind(fd.get(), address, size) == 0 &&
                     ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                                  static_cast<socklen_t>(interface.size() + 1)) == 0 &&
                     set(fd.get(), SOL_SOCKET, SO_REUSEADDR) && set(fd.get(), SOL_SOCKET, SO_KEEPALIVE) &&
                     set(fd.get(), IPPROTO_TCP, TCP_NODELAY) && ::listen(fd.get(), backlog) == 0;
  return ready ? std::move(fd) : Fd();
}

std::optional<SocketPlace> place_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return SocketPlace{net::Address::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  std::uint64_t half[2] = {0, 0};
  for (std::size_t i = 0; i < 16; ++i) half[i / 8] = half[i / 8] << 8 | v6.sin6_addr.s6_addr[i];
  return SocketPlace{net::Address::v6(half[0], half[1]), ntohs(v6.sin6_port)};
}

template <class Ask>
std::optional<SocketPlace> place_by(Ask ask, int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  return place_of(storage);
}

}  // namespace

Expected<void> open_missing(Listeners& listeners, const std::string& interface, bool transparent) {
  if (!listeners.v4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listeners.v4 = listener_at(reinterpret_cast<const sockaddr*>(&v4), sizeof v4, interface, transparent);
    if (!listeners.v4)
      return fail(Code::E1401, fmt::format("cannot listen for logins on \"{}\": {}", interface, std::strerror(errno)));
    if (const auto at = place_by(::getsockname, listeners.v4.get())) listeners.port_v4 = at->port;
  }
  if (!listeners.v6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    listeners.v6 = listener_at(reinterpret_cast<const sockaddr*>(&v6), sizeof v6, interface, transparent);
    if (const auto at = listeners.v6 ? place_by(::getsockname, listeners.v6.get()) : std::nullopt)
      listeners.port_v6 = at->port;
  }
  return {};
}

AcceptedConnection accept_connection(int listener) {
  AcceptedConnection out;
  Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return out;
  const auto source = place_by(::getpeername, fd.get()), own = place_by(::getsockname, fd.get());
  errno = 0;
  if (source && own) out = {std::move(fd), *source, *own};
  return out;
}

}  // namespace acl::node
