#include "node/steer/local_addresses.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace acl::node {

using net::Address;

Expected<std::vector<Address>> host_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0)
    return fail(Code::E1401, fmt::format("cannot list this host's addresses: {}", std::strerror(errno)));
  std::vector<Address> out;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      out.push_back(Address::v4(ntohl(address.sin_addr.s_addr)));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      std::uint64_t half[2] = {0, 0};
      for (std::size_t i = 0; i < 16; ++i) half[i / 8] = half[i / 8] << 8 | address.sin6_addr.s6_addr[i];
      out.push_back(Address::v6(half[0], half[1]));
    }
  }
  ::freeifaddrs(list);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool is_loopback(const Address& address) noexcept {
  return address.is_v4() ? address.low() >> 24 == 127 : address.high() == 0 && address.low() == 1;
}

bool is_of_host(const Address& address, const std::vector<Address>& host) noexcept {
  return is_loopback(address) || std::binary_search(host.begin(), host.end(), address);
}

}  // namespace acl::node
