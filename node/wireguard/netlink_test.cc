// The kernel's protocol, from messages made here by <linux/wireguard.h>, and the exchange over a socket pair whose other end plays
// the kernel. The running kernel need not have WireGuard.
#include "node/wireguard/netlink.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>
#include <thread>

#include "node/wireguard/random_peers.h"

namespace acl::node {
namespace {

using std::chrono::milliseconds;
using testing::key_of;
using testing::Message;
using testing::Peer;
using testing::print_netlink;

constexpr std::uint16_t family = 27;

struct Read {
  Reading reading;
  std::uint32_t ifindex = 0;
  std::optional<DeviceAnswer> last;
  std::string error;
};

Read read_all(const std::vector<Bytes>& datagrams, std::uint32_t sequence) {
  Read read;
  for (const Bytes& datagram : datagrams) {
    const auto answer = parse_device_answer(datagram, sequence, read.reading, read.ifindex);
    if (!answer) {
      read.error = answer.error().message;
      return read;
    }
    read.last = *answer;
  }
  return read;
}

std::vector<Peer> two_peers() {
  return {{key_of(1), {net::Prefix::parse("10.0.0.1").prefix, net::Prefix::parse("fd00::/64").prefix}},
          {key_of(2), {net::Prefix::parse("0.0.0.0/0").prefix}}};
}

TEST(Netlink, ADumpOfSeveralMessagesIsOneReading) {
  for (const std::size_t per_message : {1U, 2U, 100U}) {
    const Read read = read_all(print_netlink(family, 5, 17, key_of(9), two_peers(), per_message), 5);
    EXPECT_EQ(read.error, "");
    Reading expected = testing::reading_of(two_peers());
    expected.own = key_of(9);
    EXPECT_EQ(read.reading, expected) << per_message;
    EXPECT_EQ(read.ifindex, 17U);
    EXPECT_TRUE(read.last->whole);
    EXPECT_FALSE(read.last->changed);
    EXPECT_EQ(read.last->refusal.error, 0);
  }
}

TEST(Netlink, MessagesOfAnotherQuestionAreNotRead) {
  const Read read = read_all(print_netlink(family, 5, 17, key_of(9), two_peers(), 100), 6);
  EXPECT_EQ(read.reading, Reading{});
  EXPECT_FALSE(read.last->whole);
}

TEST(Netlink, AnInterruptedDumpIsToldApart) {
  const auto datagrams = print_netlink(family, 5, 17, key_of(9), two_peers(), 100, 0, NLM_F_MULTI | NLM_F_DUMP_INTR);
  Reading reading;
  std::uint32_t ifindex = 0;
  EXPECT_TRUE(parse_device_answer(datagrams[0], 5, reading, ifindex)->changed);
}

TEST(Netlink, ARefusalIsAnErrno) {
  const Read read = read_all(print_netlink(family, 5, 17, key_of(9), {}, 1, -EOPNOTSUPP), 5);
  EXPECT_EQ(read.last->refusal.error, EOPNOTSUPP);
}

TEST(Netlink, WhatIsCutOrImpossibleIsRefused) {
  const Bytes whole = print_netlink(family, 5, 17, key_of(9), two_peers(), 100)[0];
  for (std::size_t size = 1; size < whole.size(); ++size) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    if (size >= 4) {
      const auto length = static_cast<std::uint32_t>(size);
      std::memcpy(cut.data(), &length, sizeof length);
    }
    // Cut between two of the interface's attributes it is whole again, with less in it.
    const Read read = read_all({cut}, 5);
    EXPECT_TRUE(!read.error.empty() || read.reading.allowed.size() < 3U) << size;
  }
  Message bad(family, NLM_F_MULTI, 5);
  bad.generic(WG_CMD_GET_DEVICE).begin(WGDEVICE_A_PEERS).begin(0).attribute(WGPEER_A_PUBLIC_KEY, key_of(1));
  bad.begin(WGPEER_A_ALLOWEDIPS).begin(0);
  bad.attribute(WGALLOWEDIP_A_FAMILY, std::uint16_t{AF_INET}).attribute(WGALLOWEDIP_A_CIDR_MASK, std::uint8_t{33});
  bad.attribute(WGALLOWEDIP_A_IPADDR, std::uint32_t{0}).end().end().end().end();
  EXPECT_EQ(read_all({bad.bytes()}, 5).error,
            "the kernel's answer about WireGuard: an allowed-ip of family 2, 4 bytes, length 33");
}

RC_GTEST_PROP(Netlink, WhatIsPrintedIsReadBack, ()) {
  const std::vector<Peer> peers = testing::random_peers();
  const auto per_message = *rc::gen::inRange<std::size_t>(1, 12);
  const Read read = read_all(print_netlink(family, 5, 17, key_of(9), peers, per_message), 5);
  Reading expected = testing::reading_of(peers);
  expected.own = key_of(9);
  RC_ASSERT(read.error.empty());
  RC_ASSERT(read.reading.allowed == expected.allowed);
  RC_ASSERT(read.reading.peers == expected.peers);
}

// The other end of a socket pair, in a thread: for each request, the datagrams that `answer` makes of it.
class Kernel {
 public:
  using Answer = std::function<std::vector<Bytes>(const Bytes& request)>;
  explicit Kernel(Answer answer) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_.data()), 0);
    thread_ = std::thread([this, answer = std::move(answer)] {
      Bytes request(4096);
      for (ssize_t got = 0; (got = ::recv(ends_[1], request.data(), request.size(), 0)) > 0;) {
        const Bytes bytes(request.begin(), request.begin() + got);
        for (const Bytes& datagram : answer(bytes)) ::send(ends_[1], datagram.data(), datagram.size(), MSG_NOSIGNAL);
      }
    });
  }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    ::shutdown(ends_[0], SHUT_RDWR);
    thread_.join();
    for (const int end : ends_) ::close(end);
  }
  [[nodiscard]] int socket() const { return ends_[0]; }

 private:
  std::array<int, 2> ends_{};
  std::thread thread_;
};

nlmsghdr head_of(const Bytes& request) {
  nlmsghdr head{};
  std::memcpy(&head, request.data(), sizeof head);
  return head;
}

Bytes family_answer(std::uint32_t sequence) {
  return Message(GENL_ID_CTRL, 0, sequence).generic(CTRL_CMD_NEWFAMILY).attribute(CTRL_ATTR_FAMILY_ID, family).bytes();
}

Bytes refusal(std::uint32_t sequence, std::int32_t error) {
  return Message(NLMSG_ERROR, 0, sequence).put(error).put(nlmsghdr{}).bytes();
}

TEST(NetlinkExchange, FindsTheFamilyThenReadsTheInterface) {
  std::vector<Bytes> requests;
  Kernel kernel([&](const Bytes& request) -> std::vector<Bytes> {
    requests.push_back(request);
    const nlmsghdr head = head_of(request);
    if (head.nlmsg_type == GENL_ID_CTRL) return {family_answer(head.nlmsg_seq)};
    return print_netlink(family, head.nlmsg_seq, 17, key_of(9), two_peers(), 1);
  });
  Reading reading;
  const auto read = read_kernel_device(kernel.socket(), "wg0", reading, milliseconds(5000));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->there);
  EXPECT_EQ(read->ifindex, 17U);
  EXPECT_EQ(reading.own, key_of(9));
  EXPECT_EQ(reading.allowed.size(), 3U);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(head_of(requests[1]).nlmsg_type, family);
  EXPECT_EQ(head_of(requests[1]).nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
  const std::string_view name(reinterpret_cast<const char*>(requests[1].data()) + 24, 4);
  EXPECT_EQ(name, std::string_view("wg0\0", 4));
}

TEST(NetlinkExchange, AKernelWithoutWireGuardOrWithoutTheInterfaceHasNone) {
  Kernel without(
      [](const Bytes& request) -> std::vector<Bytes> { return {refusal(head_of(request).nlmsg_seq, -ENOENT)}; });
  Reading reading;
  auto read = read_kernel_device(without.socket(), "wg0", reading, milliseconds(5000));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->there);

  Kernel other([](const Bytes& request) -> std::vector<Bytes> {
    const nlmsghdr head = head_of(request);
    if (head.nlmsg_type == GENL_ID_CTRL) return {family_answer(head.nlmsg_seq)};
    return {refusal(head.nlmsg_seq, -EOPNOTSUPP)};
  });
  read = read_kernel_device(other.socket(), "eth0", reading, milliseconds(5000));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->there);
}

TEST(NetlinkExchange, LackOfRightsIsNoAbsence) {
  Kernel kernel([](const Bytes& request) -> std::vector<Bytes> {
    const nlmsghdr head = head_of(request);
    if (head.nlmsg_type == GENL_ID_CTRL) return {family_answer(head.nlmsg_seq)};
    return {refusal(head.nlmsg_seq, -EPERM)};
  });
  Reading reading;
  const auto read = read_kernel_device(kernel.socket(), "wg0", reading, milliseconds(5000));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().help, "reading it needs CAP_NET_ADMIN");
}

TEST(NetlinkExchange, WhatChangedMeanwhileIsReadAgain) {
  int dumps = 0;
  Kernel kernel([&](const Bytes& request) -> std::vector<Bytes> {
    const nlmsghdr head = head_of(request);
    if (head.nlmsg_type == GENL_ID_CTRL) return {family_answer(head.nlmsg_seq)};
    const bool torn = ++dumps == 1;
    return print_netlink(family, head.nlmsg_seq, 17, key_of(9), two_peers(), torn ? 1 : 2, 0,
                         static_cast<std::uint16_t>(NLM_F_MULTI | (torn ? NLM_F_DUMP_INTR : 0)));
  });
  Reading reading;
  const auto read = read_kernel_device(kernel.socket(), "wg0", reading, milliseconds(5000));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(dumps, 2);
  EXPECT_EQ(reading.allowed.size(), 3U);
}

TEST(NetlinkExchange, NoAnswerIsAnErrorAndNotAWaitWithoutEnd) {
  Kernel kernel([](const Bytes&) -> std::vector<Bytes> { return {}; });
  Reading reading;
  const auto read = read_kernel_device(kernel.socket(), "wg0", reading, milliseconds(20));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::E1322);
}

TEST(NetlinkExchange, TheRunningKernelUnderstandsTheQuestion) {
  const auto socket = open_generic_netlink();
  if (!socket) GTEST_SKIP() << "NOT TESTED: " << socket.error().message;
  Reading reading;
  const auto read = read_kernel_device(*socket, "lo", reading, milliseconds(5000));
  ::close(*socket);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->there);
}

}  // namespace
}  // namespace acl::node
