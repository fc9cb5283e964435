#include "node/enforce/socket_list.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace acl::node {
namespace {

using net::Address;

Address address(std::string_view text) { return *Address::parse(text); }

const std::vector<Address> own = {address("10.77.0.1"), address("fd77::1")};
constexpr PortRange ports{32768, 60999};

Socket listening(std::uint8_t protocol, std::uint16_t port, std::string_view at = "0.0.0.0") {
  Socket socket;
  socket.protocol = protocol;
  socket.local = address(at);
  socket.local_port = port;
  return socket;
}

Socket connected(std::uint8_t protocol, std::string_view local, std::uint16_t local_port, std::string_view remote,
                 std::uint16_t remote_port) {
  Socket socket = listening(protocol, local_port, local);
  socket.connected = true;
  socket.remote = address(remote);
  socket.remote_port = remote_port;
  return socket;
}

Seeds seeds_of(const std::vector<Socket>& sockets) { return flows_under_way(sockets, own, ports); }

TEST(FlowsUnderWay, AConnectionFromAPortTheKernelGaveOutWasStartedByThisSide) {
  const Seeds seeds = seeds_of({connected(ACL_PROTOCOL_TCP, "10.77.0.1", 40000, "10.77.0.2", 22)});
  ASSERT_EQ(seeds.records.size(), 1U);
  const acl_flow_key& key = seeds.records[0];
  EXPECT_EQ(key.local.low, ACL_V4_LOW | 0x0a4d0001U);
  EXPECT_EQ(key.remote.low, ACL_V4_LOW | 0x0a4d0002U);
  EXPECT_EQ(key.local_port, 40000);
  EXPECT_EQ(key.remote_port, 22);
  EXPECT_EQ(key.protocol, ACL_PROTOCOL_TCP);
  EXPECT_EQ(key.kind, ACL_KEY_TUPLE);
  EXPECT_TRUE(seeds.marks.empty());
}

TEST(FlowsUnderWay, AConnectionAtAListeningPortWasStartedByTheOtherSide) {
  for (const char* at : {"0.0.0.0", "::", "10.77.0.1", "127.0.0.1"}) {
    EXPECT_TRUE(seeds_of({connected(ACL_PROTOCOL_TCP, "10.77.0.1", 40000, "10.77.0.2", 5000),
                          listening(ACL_PROTOCOL_TCP, 40000, at)})
                    .records.empty())
        << at;
  }
  // A UDP port is another port.
  EXPECT_EQ(
      seeds_of({connected(ACL_PROTOCOL_TCP, "10.77.0.1", 40000, "10.77.0.2", 5000), listening(ACL_PROTOCOL_UDP, 40000)})
          .records.size(),
      1U);
}

// sshd restarts: nobody listens at 22, its sessions live on.
TEST(FlowsUnderWay, AConnectionAtAPortTheKernelDoesNotGiveOutCountsAsTheOtherSides) {
  EXPECT_TRUE(seeds_of({connected(ACL_PROTOCOL_TCP, "10.77.0.1", 22, "10.77.0.2", 40000)}).records.empty());
  EXPECT_TRUE(seeds_of({connected(ACL_PROTOCOL_TCP, "10.77.0.1", 32767, "10.77.0.2", 22)}).records.empty());
  EXPECT_TRUE(seeds_of({connected(ACL_PROTOCOL_TCP, "10.77.0.1", 61000, "10.77.0.2", 22)}).records.empty());
  EXPECT_EQ(seeds_of({connected(ACL_PROTOCOL_TCP, "10.77.0.1", 60999, "10.77.0.2", 22)}).records.size(), 1U);
}

TEST(FlowsUnderWay, AConnectedUdpSocketStartedUnlessItsPortIsServed) {
  const Socket socket = connected(ACL_PROTOCOL_UDP, "fd77::1", 40000, "fd77::2", 53);
  EXPECT_EQ(seeds_of({socket}).records.size(), 1U);
  const Seeds served = seeds_of({socket, listening(ACL_PROTOCOL_UDP, 40000, "::")});
  EXPECT_TRUE(served.records.empty());
  // The other side's, and UDP has no SYN to tell: a mark keeps this side's next datagram from looking like a beginning.
  ASSERT_EQ(served.marks.size(), 1U);
  EXPECT_EQ(served.marks[0].remote_port, 53);
}

TEST(FlowsUnderWay, OnlyFlowsBetweenThisNodeAndOthersCount) {
  EXPECT_TRUE(seeds_of({connected(ACL_PROTOCOL_TCP, "192.0.2.1", 40000, "10.77.0.2", 22),
                        connected(ACL_PROTOCOL_TCP, "10.77.0.1", 40000, "10.77.0.1", 22),
                        connected(ACL_PROTOCOL_TCP, "10.77.0.1", 40000, "127.0.0.1", 22)})
                  .records.empty());
}

std::vector<std::uint8_t> socket_message(const inet_diag_msg& message, std::uint32_t sequence = 1,
                                         std::uint16_t type = SOCK_DIAG_BY_FAMILY) {
  nlmsghdr head{};
  head.nlmsg_len = sizeof head + sizeof message;
  head.nlmsg_type = type;
  head.nlmsg_seq = sequence;
  std::vector<std::uint8_t> bytes(head.nlmsg_len);
  std::memcpy(bytes.data(), &head, sizeof head);
  std::memcpy(bytes.data() + sizeof head, &message, sizeof message);
  return bytes;
}

TEST(SocketList, IPv4MappedAddressesAreIPv4) {
  inet_diag_msg message{};
  message.idiag_family = AF_INET6;
  message.idiag_state = TCP_ESTABLISHED;
  message.id.idiag_sport = htons(40000);
  message.id.idiag_dport = htons(22);
  ::inet_pton(AF_INET6, "::ffff:10.77.0.1", message.id.idiag_src);
  ::inet_pton(AF_INET6, "::ffff:10.77.0.2", message.id.idiag_dst);
  std::vector<Socket> sockets;
  const auto whole = parse_sockets(socket_message(message), ACL_PROTOCOL_TCP, 1, sockets);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_FALSE(*whole);
  EXPECT_EQ(sockets, (std::vector<Socket>{connected(ACL_PROTOCOL_TCP, "10.77.0.1", 40000, "10.77.0.2", 22)}));
}

TEST(SocketList, WhatIsCutOffIsRefused) {
  const auto whole = socket_message(inet_diag_msg{});
  std::vector<Socket> sockets;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_sockets({whole.data(), size}, ACL_PROTOCOL_TCP, 1, sockets)) << size;
  }
  nlmsghdr done{};
  done.nlmsg_len = sizeof done + 4;
  done.nlmsg_type = NLMSG_DONE;
  done.nlmsg_seq = 1;
  std::vector<std::uint8_t> bytes(done.nlmsg_len);
  std::memcpy(bytes.data(), &done, sizeof done);
  EXPECT_TRUE(*parse_sockets(bytes, ACL_PROTOCOL_TCP, 1, sockets));
  const std::int32_t error = -ENOENT;
  std::memcpy(bytes.data() + sizeof done, &error, sizeof error);
  const auto refused = parse_sockets(bytes, ACL_PROTOCOL_TCP, 1, sockets);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::E1327);
}

// Real sockets in a network namespace of this process's own. Both ends are in it; only 10.77.0.1 and fd77::1 are "this node".
class SocketListInNamespace : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "NOT TESTED: a network namespace needs root";
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "NOT TESTED: no network namespace: " << std::strerror(errno);
    ASSERT_EQ(std::system("ip link set lo up && ip addr add 10.77.0.1/32 dev lo && ip addr add 10.77.0.2/32 dev lo && "
                          "ip addr add fd77::1/128 dev lo nodad && ip addr add fd77::2/128 dev lo nodad"),
              0);
    // The kernel puts the routes of new IPv6 addresses in later, by itself.
    for (int i = 0; i < 1000; ++i) {
      if (std::system("test $(ip -6 route show table local | grep -cE '^local fd77::[12] ') = 2") == 0) return;
      ::usleep(10'000);
    }
    FAIL() << "no routes to fd77::1 and fd77::2";
  }
  void TearDown() override {
    for (const int fd : fds_) ::close(fd);
  }

  static std::pair<sockaddr_storage, socklen_t> at(std::string_view text, std::uint16_t port) {
    sockaddr_storage storage{};
    const bool v6 = text.find(':') != std::string_view::npos;
    if (v6) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(port);
      ::inet_pton(AF_INET6, std::string(text).c_str(), &address.sin6_addr);
      std::memcpy(&storage, &address, sizeof address);
      return {storage, sizeof address};
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, std::string(text).c_str(), &address.sin_addr);
    std::memcpy(&storage, &address, sizeof address);
    return {storage, sizeof address};
  }
  int bound(int type, std::string_view text, std::uint16_t port) {
    const auto [address, size] = at(text, port);
    const int fd = ::socket(address.ss_family, type | SOCK_CLOEXEC, 0);
    fds_.push_back(fd);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0) << text << ": " << std::strerror(errno);
    return fd;
  }
  void server(std::string_view text, std::uint16_t port) { EXPECT_EQ(::listen(bound(SOCK_STREAM, text, port), 4), 0); }
  // The local port of the connected socket.
  std::uint16_t client(int type, std::string_view from, std::uint16_t local_port, std::string_view to,
                       std::uint16_t port) {
    const int fd = bound(type, from, local_port);
    const auto [address, size] = at(to, port);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), size), 0)
        << to << ": " << std::strerror(errno);
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length), 0);
    return ntohs(reinterpret_cast<const sockaddr_in*>(&local)->sin_port);  // at the same place for IPv6
  }

  std::vector<int> fds_;
};

TEST_F(SocketListInNamespace, TellsWhatThisSideStartedFromWhatTheOtherDid) {
  server("10.77.0.2", 22);
  server("10.77.0.1", 80);
  server("fd77::2", 22);
  const std::uint16_t v4 = client(SOCK_STREAM, "10.77.0.1", 0, "10.77.0.2", 22);
  const std::uint16_t v6 = client(SOCK_STREAM, "fd77::1", 0, "fd77::2", 22);
  client(SOCK_STREAM, "10.77.0.2", 0, "10.77.0.1", 80);  // the other side's
  bound(SOCK_DGRAM, "10.77.0.2", 53);
  const std::uint16_t udp = client(SOCK_DGRAM, "10.77.0.1", 0, "10.77.0.2", 53);
  bound(SOCK_DGRAM, "10.77.0.1", 4433);
  client(SOCK_DGRAM, "10.77.0.1", 4433, "10.77.0.2", 5000);  // a server's socket for one client

  const auto sockets = read_sockets();
  ASSERT_TRUE(sockets) << sockets.error().message;
  const auto range = read_local_ports();
  ASSERT_TRUE(range) << range.error().message;
  const Seeds seeds = flows_under_way(*sockets, own, *range);
  std::vector<std::pair<int, int>> records;
  for (const acl_flow_key& key : seeds.records) records.emplace_back(key.local_port, key.remote_port);
  std::sort(records.begin(), records.end());
  std::vector<std::pair<int, int>> expected = {{v4, 22}, {v6, 22}, {udp, 53}};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(records, expected);
  ASSERT_EQ(seeds.marks.size(), 1U);
  EXPECT_EQ(seeds.marks[0].local_port, 4433);
  EXPECT_EQ(seeds.marks[0].remote_port, 5000);
}

TEST_F(SocketListInNamespace, AConnectionIsEndedAtBothEndsAndNoOther) {
  for (const auto& [from, to] : {std::pair{"10.77.0.1", "10.77.0.2"}, {"fd77::1", "fd77::2"}}) {
    server(to, 22);
    const std::uint16_t port = client(SOCK_STREAM, from, 0, to, 22), other = client(SOCK_STREAM, from, 0, to, 22);
    const int other_fd = fds_[fds_.size() - 1], fd = fds_[fds_.size() - 2];
    const auto error_of = [](int socket) {
      int error = 0;
      socklen_t size = sizeof error;
      return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : -1;
    };
    ASSERT_NE(port, other);
    // As the server's, which nobody has accepted: whose it is does not matter.
    EXPECT_TRUE(destroy_connection(connected(ACL_PROTOCOL_TCP, to, 22, from, port), 0)) << to;
    EXPECT_EQ(error_of(fd), ECONNRESET) << to;
    EXPECT_FALSE(destroy_connection(connected(ACL_PROTOCOL_TCP, to, 22, from, port), 0)) << "it is gone";
    // Nor is who listens there taken for it.
    client(SOCK_STREAM, from, 0, to, 22);
    EXPECT_EQ(error_of(other_fd), 0) << to;
  }
}

}  // namespace
}  // namespace acl::node
