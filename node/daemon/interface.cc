#include "node/daemon/interface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace acl::node {

using net::Address;

unsigned interface_index(const std::string& name) noexcept { return ::if_nametoindex(name.c_str()); }

std::vector<Address> interface_addresses(const std::string& name) {
  std::vector<Address> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || name != one->ifa_name) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      const std::uint32_t bits = ntohl(address.sin_addr.s_addr);
      if (bits >> 16 != 0xa9fe) out.push_back(Address::v4(bits));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 address{};
      std::memcpy(&address, one->ifa_addr, sizeof address);
      std::uint64_t half[2] = {0, 0};
      for (std::size_t i = 0; i < 16; ++i) half[i / 8] = half[i / 8] << 8 | address.sin6_addr.s6_addr[i];
      if (half[0] >> 54 != 0xfe80U >> 6) out.push_back(Address::v6(half[0], half[1]));
    }
  }
  ::freeifaddrs(list);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace acl::node
