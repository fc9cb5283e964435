#include "node/daemon/interface.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include "engine/net/fd.h"

namespace acl::node {

using net::Address;

namespace {

template <class T>
std::optional<T> read_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  T value{};
  if (bytes.size() < at || bytes.size() - at < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Of an answer to RTM_GETLINK.
template <class Cannot>
Expected<unsigned> master_of(std::span<const std::uint8_t> answer, Cannot cannot) {
  const auto head = read_at<nlmsghdr>(answer, 0);
  if (!head || head->nlmsg_len > answer.size()) return cannot(EBADMSG);
  if (head->nlmsg_type == NLMSG_ERROR) {
    const auto error = read_at<std::int32_t>(answer, sizeof *head);
    return cannot(error && *error < 0 ? -*error : EBADMSG);
  }
  if (head->nlmsg_type != RTM_NEWLINK) return cannot(EBADMSG);
  answer = answer.first(head->nlmsg_len);
  for (std::size_t at = sizeof(nlmsghdr) + sizeof(ifinfomsg); at < answer.size();) {
    const auto attribute = read_at<rtattr>(answer, at);
    if (!attribute || attribute->rta_len < sizeof *attribute) return cannot(EBADMSG);
    if (attribute->rta_type == IFLA_MASTER) {
      const auto master = read_at<std::uint32_t>(answer, at + sizeof *attribute);
      return master ? Expected<unsigned>(*master) : cannot(EBADMSG);
    }
    at += (attribute->rta_len + 3UL) & ~3UL;
  }
  return 0U;
}

}  // namespace

unsigned interface_index(const std::string& name) noexcept { return ::if_nametoindex(name.c_str()); }

Expected<unsigned> interface_master(unsigned ifindex) {
  const auto cannot = [&](int error) {
    return fail(Code::E1401,
                fmt::format("cannot ask what interface {} is enslaved to: {}", ifindex, std::strerror(error)));
  };
  struct {
    nlmsghdr head;
    ifinfomsg link;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = RTM_GETLINK;
  request.head.nlmsg_flags = NLM_F_REQUEST;
  request.link.ifi_index = static_cast<int>(ifindex);
  const Fd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!netlink || ::send(netlink.get(), &request, sizeof request, 0) != sizeof request) return cannot(errno);
  std::array<std::uint8_t, 32768> buffer{};
  const ssize_t got = ::recv(netlink.get(), buffer.data(), buffer.size(), MSG_TRUNC);
  if (got < 0) return cannot(errno);
  if (static_cast<std::size_t>(got) > buffer.size()) return cannot(EMSGSIZE);
  return master_of(std::span<const std::uint8_t>(buffer).first(static_cast<std::size_t>(got)), cannot);
}

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
