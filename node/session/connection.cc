#include "node/session/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace acl::node::session {
namespace {

std::uint64_t big_endian(const std::uint8_t* bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
  return value;
}

net::Address from_v6(const std::uint8_t* bytes) {
  const std::uint64_t high = big_endian(bytes, 8), low = big_endian(bytes + 8, 8);
  if (high == 0 && low >> 32 == 0xffff) return net::Address::v4(static_cast<std::uint32_t>(low));
  return net::Address::v6(high, low);
}

struct End {
  net::Address address;
  std::uint16_t port = 0;
  friend bool operator==(const End&, const End&) = default;
};

std::optional<End> end_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in at{};
    std::memcpy(&at, &storage, sizeof at);
    return End{net::Address::v4(ntohl(at.sin_addr.s_addr)), ntohs(at.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 at{};
  std::memcpy(&at, &storage, sizeof at);
  return End{from_v6(at.sin6_addr.s6_addr), ntohs(at.sin6_port)};
}

using Ask = int (*)(int, sockaddr*, socklen_t*);
std::optional<End> ask(Ask call, int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  return end_of(storage);
}

bool is_loopback(const net::Address& address) {
  return address.is_v4() ? address.low() >> 24 == 127 : address == net::Address::v6(0, 1);
}

// Nothing if they cannot be read.
std::optional<bool> is_of_this_host(const net::Address& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return std::nullopt;
  bool found = false;
  for (const ifaddrs* each = list; each != nullptr && !found; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    sockaddr_storage storage{};
    const int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    std::memcpy(&storage, each->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    const auto end = end_of(storage);
    found = end && end->address == address;
  }
  freeifaddrs(list);
  return found;
}

bool is_stream(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

}  // namespace

net::Address address_of(const protocol::Endpoint& endpoint) {
  if (endpoint.address.size() == 16) return from_v6(endpoint.address.data());
  return net::Address::v4(static_cast<std::uint32_t>(
      big_endian(endpoint.address.data(), std::min<std::size_t>(endpoint.address.size(), 4))));
}

std::string text_of(const protocol::Endpoint& endpoint) {
  return fmt::format("{} {}", address_of(endpoint).text(), endpoint.port);
}

std::string fault_of_connection(int fd, const protocol::Begin& begin) {
  if (!is_stream(fd)) return "it is no stream";
  const auto own = ask(getsockname, fd);
  const auto source = ask(getpeername, fd);
  if (!own || !source) return "it is not connected by IPv4 or IPv6";
  if (*own != End{address_of(begin.own), begin.own.port}) return "it does not end where aclnode says";
  if (*source != End{address_of(begin.source), begin.source.port}) return "it does not come from where aclnode says";
  if (is_loopback(source->address) || source->address == own->address) return "it comes from this host";
  const auto local = is_of_this_host(source->address);
  if (!local) return fmt::format("this host's addresses cannot be read: {}", std::strerror(errno));
  return *local ? "it comes from this host" : "";
}

}  // namespace acl::node::session
