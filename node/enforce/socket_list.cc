#include "node/enforce/socket_list.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "engine/net/file.h"

namespace acl::node {
namespace {

using View = std::span<const std::uint8_t>;

tl::unexpected<Diagnostic> refuse(std::string_view what) {
  return fail(Code::E1327, fmt::format("the kernel's list of sockets: {}", what),
              "flows that this side has under way are cut once when the filter is switched on");
}

// The kernel's numbers of states; of UDP, connected sockets are "established", others "closed".
constexpr std::uint32_t bit(int state) { return 1U << state; }
constexpr std::uint32_t tcp_connected = bit(TCP_ESTABLISHED) | bit(TCP_SYN_SENT) | bit(TCP_FIN_WAIT1) |
                                        bit(TCP_FIN_WAIT2) | bit(TCP_CLOSE_WAIT) | bit(TCP_LAST_ACK) | bit(TCP_CLOSING);

net::Address address_of(int family, const std::uint32_t (&words)[4]) {
  if (family == AF_INET) return net::Address::v4(ntohl(words[0]));
  const auto wide = [&](int i) { return std::uint64_t{ntohl(words[i])} << 32 | ntohl(words[i + 1]); };
  const std::uint64_t high = wide(0);
  const std::uint64_t low = wide(2);
  if (high == 0 && low >> 32 == 0xffff) return net::Address::v4(static_cast<std::uint32_t>(low));
  return net::Address::v6(high, low);
}

void put_address(const net::Address& address, std::uint32_t (&words)[4]) {
  if (address.is_v4()) {
    words[0] = htonl(static_cast<std::uint32_t>(address.low()));
    return;
  }
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint64_t half = i < 2 ? address.high() : address.low();
    words[i] = htonl(static_cast<std::uint32_t>(i % 2 == 0 ? half >> 32 : half));
  }
}

class NetlinkSocket {
 public:
  NetlinkSocket() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {}
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;
  ~NetlinkSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

Expected<void> dump(int socket, int family, std::uint8_t protocol, std::uint32_t sequence, std::vector<Socket>& into) {
  struct {
    nlmsghdr head;
    inet_diag_req_v2 question;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.head.nlmsg_seq = sequence;
  request.question.sdiag_family = static_cast<std::uint8_t>(family);
  request.question.sdiag_protocol = protocol;
  request.question.idiag_states =
      protocol == ACL_PROTOCOL_TCP ? tcp_connected | bit(TCP_LISTEN) : bit(TCP_ESTABLISHED) | bit(TCP_CLOSE);
  if (::send(socket, &request, sizeof request, 0) != sizeof request) return refuse(std::strerror(errno));
  std::vector<std::uint8_t> buffer(std::size_t{64} * 1024);
  for (;;) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(std::strerror(errno));
    if (static_cast<std::size_t>(got) > buffer.size()) return refuse(fmt::format("a datagram of {} bytes", got));
    const auto whole = parse_sockets({buffer.data(), static_cast<std::size_t>(got)}, protocol, sequence, into);
    if (!whole) return tl::unexpected(whole.error());
    if (*whole) return {};
  }
}

struct OneSocket {
  nlmsghdr head;
  inet_diag_req_v2 question;
};
// What the answer begins with, if it is one of that type. The kernel has answered before send() returns.
template <class T>
std::optional<T> ask_once(int netlink, const OneSocket& request, std::uint16_t type) noexcept {
  if (netlink < 0 || ::send(netlink, &request, sizeof request, 0) != sizeof request) return std::nullopt;
  std::array<std::uint8_t, 4096> answer{};
  nlmsghdr head{};
  T value{};
  const ssize_t got = ::recv(netlink, answer.data(), answer.size(), MSG_DONTWAIT);
  if (got < static_cast<ssize_t>(sizeof head + sizeof value)) return std::nullopt;
  std::memcpy(&head, answer.data(), sizeof head);
  std::memcpy(&value, answer.data() + sizeof head, sizeof value);
  return head.nlmsg_type == type ? std::optional(value) : std::nullopt;
}

acl_flow_key key_of(const Socket& socket) {
  acl_flow_key key{};
  key.local = packet_address(socket.local);
  key.remote = packet_address(socket.remote);
  key.local_port = socket.local_port;
  key.remote_port = socket.remote_port;
  key.protocol = socket.protocol;
  key.kind = ACL_KEY_TUPLE;
  return key;
}

bool is_special(const net::Address& address) {
  const acl_address bits = packet_address(address);
  return (address.is_v4() ? acl_special_v4(&bits) : acl_special_v6(&bits)) != 0;
}

}  // namespace

Expected<bool> parse_sockets(View datagram, std::uint8_t protocol, std::uint32_t sequence, std::vector<Socket>& into) {
  while (!datagram.empty()) {
    nlmsghdr head{};
    if (datagram.size() < sizeof head) return refuse("a message is cut off");
    std::memcpy(&head, datagram.data(), sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) {
      return refuse("a message of impossible length");
    }
    const View payload = datagram.subspan(sizeof head, head.nlmsg_len - sizeof head);
    datagram = datagram.subspan(std::min<std::size_t>((head.nlmsg_len + 3UL) & ~3UL, datagram.size()));
    if (head.nlmsg_seq != sequence) continue;
    if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) {
      std::int32_t outcome = 0;
      if (payload.size() < sizeof outcome) return refuse("an outcome is cut off");
      std::memcpy(&outcome, payload.data(), sizeof outcome);
      if (outcome != 0) return refuse(outcome < 0 && outcome > -4096 ? std::strerror(-outcome) : "an odd outcome");
      return true;
    }
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY) continue;
    inet_diag_msg message{};
    if (payload.size() < sizeof message) return refuse("a socket is cut off");
    std::memcpy(&message, payload.data(), sizeof message);
    if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) continue;
    const std::uint32_t state = message.idiag_state < 32 ? bit(message.idiag_state) : 0;
    const std::uint32_t connected = protocol == ACL_PROTOCOL_TCP ? tcp_connected : bit(TCP_ESTABLISHED);
    const std::uint32_t waiting = protocol == ACL_PROTOCOL_TCP ? bit(TCP_LISTEN) : bit(TCP_CLOSE);
    if ((state & (connected | waiting)) == 0) continue;
    Socket socket;
    socket.protocol = protocol;
    socket.connected = (state & connected) != 0;
    socket.local = address_of(message.idiag_family, message.id.idiag_src);
    socket.remote = address_of(message.idiag_family, message.id.idiag_dst);
    socket.local_port = ntohs(message.id.idiag_sport);
    socket.remote_port = ntohs(message.id.idiag_dport);
    into.push_back(socket);
  }
  return false;
}

Expected<std::vector<Socket>> read_sockets() {
  const NetlinkSocket netlink;
  if (netlink.fd() < 0) return refuse(std::strerror(errno));
  std::vector<Socket> sockets;
  std::uint32_t sequence = 0;
  for (const std::uint8_t protocol : {ACL_PROTOCOL_TCP, ACL_PROTOCOL_UDP}) {
    for (const int family : {AF_INET, AF_INET6}) {
      if (auto read = dump(netlink.fd(), family, protocol, ++sequence, sockets); !read) {
        return tl::unexpected(read.error());
      }
    }
  }
  return sockets;
}

bool destroy_connection(const Socket& connection, unsigned ifindex) noexcept {
  OneSocket request{};
  request.head.nlmsg_len = sizeof request;
  request.question.sdiag_family = connection.local.is_v4() ? AF_INET : AF_INET6;
  request.question.sdiag_protocol = ACL_PROTOCOL_TCP;
  request.question.idiag_states = ~0U;
  inet_diag_sockid& id = request.question.id;
  id.idiag_sport = htons(connection.local_port);
  id.idiag_dport = htons(connection.remote_port);
  put_address(connection.local, id.idiag_src);
  put_address(connection.remote, id.idiag_dst);
  id.idiag_if = ifindex;
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const NetlinkSocket netlink;
  // The kernel looks it up like a packet, and finds who listens where there is no such connection (inet_diag_find_one_icsk()): so
  // it is looked at first, and then named by its cookie.
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST;
  const auto found = ask_once<inet_diag_msg>(netlink.fd(), request, SOCK_DIAG_BY_FAMILY);
  if (!found || found->idiag_state >= 32 || (bit(found->idiag_state) & tcp_connected) == 0 ||
      found->id.idiag_dport != id.idiag_dport) {
    return false;
  }
  std::copy(std::begin(found->id.idiag_cookie), std::end(found->id.idiag_cookie), id.idiag_cookie);
  request.head.nlmsg_type = SOCK_DESTROY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  const auto outcome = ask_once<std::int32_t>(netlink.fd(), request, NLMSG_ERROR);
  return outcome && *outcome == 0;
}

Expected<PortRange> read_local_ports() {
  const std::string path = "/proc/sys/net/ipv4/ip_local_port_range";
  const auto text = read_file(path, 64);
  if (!text) return tl::unexpected(text.error());
  PortRange range;
  const char* const end = text->data() + text->size();
  const auto first = std::from_chars(text->data(), end, range.first);
  const char* const gap = std::find_if(first.ptr, end, [](char c) { return c != ' ' && c != '\t'; });
  const auto last = std::from_chars(gap, end, range.last);
  if (first.ec != std::errc() || last.ec != std::errc() || range.first > range.last) {
    return refuse(fmt::format("\"{}\" is not two ports", path));
  }
  return range;
}

Seeds flows_under_way(std::span<const Socket> sockets, std::span<const net::Address> own, PortRange local_ports) {
  const auto is_own = [&](const net::Address& address) {
    return std::find(own.begin(), own.end(), address) != own.end();
  };
  std::set<std::pair<std::uint8_t, std::uint16_t>> served;
  for (const Socket& socket : sockets) {
    if (!socket.connected) served.emplace(socket.protocol, socket.local_port);
  }
  Seeds seeds;
  for (const Socket& socket : sockets) {
    if (!socket.connected || !is_own(socket.local) || is_own(socket.remote) || is_special(socket.remote)) continue;
    const bool ours = !served.contains({socket.protocol, socket.local_port}) &&
                      socket.local_port >= local_ports.first && socket.local_port <= local_ports.last;
    if (ours) {
      seeds.records.push_back(key_of(socket));
    } else if (socket.protocol == ACL_PROTOCOL_UDP) {
      seeds.marks.push_back(key_of(socket));
    }
  }
  return seeds;
}

}  // namespace acl::node
