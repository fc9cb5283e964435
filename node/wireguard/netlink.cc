#include "node/wireguard/netlink.h"

#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "node/wireguard/shown.h"

namespace acl::node {
namespace {

using View = std::span<const std::uint8_t>;

tl::unexpected<Diagnostic> refuse(std::string_view what) {
  return fail(Code::E1322, fmt::format("the kernel's answer about WireGuard: {}", what),
              "this program and the kernel do not understand each other; report both versions");
}

template <class T>
T load(View bytes, std::size_t offset = 0) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

constexpr std::size_t aligned(std::size_t size) noexcept { return (size + 3) & ~std::size_t{3}; }

// Calls visit(type, payload) for each attribute, until it says something. Attributes are aligned to four bytes; the last may
// lack its padding.
template <class Visit>
Expected<void> each_attribute(View bytes, Visit visit) {
  while (!bytes.empty()) {
    if (bytes.size() < sizeof(nlattr)) return refuse("an attribute is cut off");
    const auto head = load<nlattr>(bytes);
    if (head.nla_len < sizeof head || head.nla_len > bytes.size()) return refuse("an attribute of impossible length");
    const int type = head.nla_type & NLA_TYPE_MASK;
    if (auto visited = visit(type, bytes.subspan(sizeof head, head.nla_len - sizeof head)); !visited) return visited;
    bytes = bytes.subspan(std::min(aligned(head.nla_len), bytes.size()));
  }
  return {};
}

// Calls visit(header, payload) for each message of a datagram.
template <class Visit>
Expected<void> each_message(View bytes, Visit visit) {
  while (!bytes.empty()) {
    if (bytes.size() < sizeof(nlmsghdr)) return refuse("a message is cut off");
    const auto head = load<nlmsghdr>(bytes);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > bytes.size()) return refuse("a message of impossible length");
    if (auto visited = visit(head, bytes.subspan(sizeof head, head.nlmsg_len - sizeof head)); !visited) return visited;
    bytes = bytes.subspan(std::min(aligned(head.nlmsg_len), bytes.size()));
  }
  return {};
}

template <class T>
Expected<T> number(View payload, std::string_view what) {
  if (payload.size() != sizeof(T)) return refuse(fmt::format("{} of {} bytes", what, payload.size()));
  return load<T>(payload);
}

Expected<Key> key(View payload) {
  Key out{};
  if (payload.size() != out.size()) return refuse(fmt::format("a key of {} bytes", payload.size()));
  std::copy(payload.begin(), payload.end(), out.begin());
  return out;
}

// NLMSG_ERROR and NLMSG_DONE begin with an int: 0 or a negative errno.
Expected<Refusal> outcome(View payload) {
  if (payload.size() < sizeof(std::int32_t)) return refuse("an outcome is cut off");
  const auto code = load<std::int32_t>(payload);
  if (code > 0 || code < -4095) return refuse(fmt::format("outcome {}", code));
  return Refusal{-code};
}

net::Address address_v6(View bytes) noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < 8; ++i) high = high << 8 | bytes[i];
  for (std::size_t i = 8; i < 16; ++i) low = low << 8 | bytes[i];
  return net::Address::v6(high, low);
}

Expected<net::Prefix> parse_allowed_ip(View entry) {
  std::optional<std::uint16_t> family;
  std::optional<std::uint8_t> length;
  View address;
  const auto read = each_attribute(entry, [&](int type, View payload) -> Expected<void> {
    if (type == WGALLOWEDIP_A_FAMILY) {
      const auto value = number<std::uint16_t>(payload, "a family");
      if (!value) return tl::unexpected(value.error());
      family = *value;
    } else if (type == WGALLOWEDIP_A_CIDR_MASK) {
      const auto value = number<std::uint8_t>(payload, "a prefix length");
      if (!value) return tl::unexpected(value.error());
      length = *value;
    } else if (type == WGALLOWEDIP_A_IPADDR) {
      address = payload;
    }
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  if (!family || !length) return refuse("an allowed-ip without family or length");
  if (*family == AF_INET && address.size() == 4 && *length <= 32) {
    const std::uint32_t bits =
        std::uint32_t{address[0]} << 24 | std::uint32_t{address[1]} << 16 | std::uint32_t{address[2]} << 8 | address[3];
    return net::Prefix(net::Address::v4(bits), *length);
  }
  if (*family == AF_INET6 && address.size() == 16 && *length <= 128) return net::Prefix(address_v6(address), *length);
  return refuse(
      fmt::format("an allowed-ip of family {}, {} bytes, length {}", *family, address.size(), unsigned{*length}));
}

Expected<void> parse_peer(View peer, Reading& into) {
  std::optional<Key> public_key;
  View allowed;
  auto read = each_attribute(peer, [&](int type, View payload) -> Expected<void> {
    if (type == WGPEER_A_PUBLIC_KEY) {
      const auto value = key(payload);
      if (!value) return tl::unexpected(value.error());
      public_key = *value;
    } else if (type == WGPEER_A_ALLOWEDIPS) {
      allowed = payload;
    }
    return {};
  });
  if (!read) return read;
  if (!public_key) return refuse("a peer without public key");
  // The same peer again only goes on; its allowed-ips name their key, so nothing needs to be joined.
  const bool goes_on = !into.allowed.empty() && into.allowed.back().peer == *public_key;
  if (!goes_on && ++into.peers > most_peers) return refuse(fmt::format("more than {} peers", most_peers));
  return each_attribute(allowed, [&](int, View entry) -> Expected<void> {
    const auto prefix = parse_allowed_ip(entry);
    if (!prefix) return tl::unexpected(prefix.error());
    if (into.allowed.size() == most_allowed_ips)
      return refuse(fmt::format("more than {} allowed-ips", most_allowed_ips));
    into.allowed.push_back({*prefix, *public_key});
    return {};
  });
}

Expected<void> parse_device_message(View payload, Reading& into, std::uint32_t& ifindex) {
  if (payload.size() < sizeof(genlmsghdr)) return refuse("a message is cut off");
  const auto head = load<genlmsghdr>(payload);
  if (head.cmd != WG_CMD_GET_DEVICE) return refuse(fmt::format("command {}", unsigned{head.cmd}));
  return each_attribute(payload.subspan(sizeof head), [&](int type, View value) -> Expected<void> {
    if (type == WGDEVICE_A_IFINDEX) {
      const auto index = number<std::uint32_t>(value, "an interface index");
      if (!index) return tl::unexpected(index.error());
      ifindex = *index;
    } else if (type == WGDEVICE_A_PUBLIC_KEY) {
      const auto own = key(value);
      if (!own) return tl::unexpected(own.error());
      into.own = *own;
    } else if (type == WGDEVICE_A_PEERS) {
      return each_attribute(value, [&](int, View peer) { return parse_peer(peer, into); });
    }
    return {};
  });
}

void append(Bytes& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  out.insert(out.end(), bytes, bytes + size);
  out.resize(aligned(out.size()));
}

Bytes request(std::uint16_t type, std::uint16_t flags, std::uint8_t command, std::uint8_t version,
              std::uint16_t attribute, std::string_view text, std::uint32_t sequence) {
  nlmsghdr head{};
  const std::size_t attribute_size = sizeof(nlattr) + text.size() + 1;
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + sizeof(genlmsghdr) + aligned(attribute_size));
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  head.nlmsg_seq = sequence;
  const genlmsghdr generic{command, version, 0};
  const nlattr name{static_cast<std::uint16_t>(attribute_size), attribute};
  Bytes out;
  append(out, &head, sizeof head);
  append(out, &generic, sizeof generic);
  append(out, &name, sizeof name);
  std::string terminated(text);
  append(out, terminated.c_str(), terminated.size() + 1);
  return out;
}

using Clock = std::chrono::steady_clock;

// One datagram into the buffer.
Expected<View> receive(int socket, std::span<std::uint8_t> buffer, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{socket, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready == 0) return refuse("none in time");
    if (ready < 0 && errno != EINTR) return refuse(std::strerror(errno));
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return refuse(std::strerror(errno));
    if (got == 0) return refuse("the socket is closed");
    if (static_cast<std::size_t>(got) > buffer.size()) return refuse(fmt::format("a datagram of {} bytes", got));
    return View(buffer.data(), static_cast<std::size_t>(got));
  }
}

Expected<void> send_request(int socket, const Bytes& bytes) {
  if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size())) return {};
  return refuse(std::strerror(errno));
}

tl::unexpected<Diagnostic> refused_by_kernel(int error) {
  return fail(Code::E1322, fmt::format("the kernel does not say what WireGuard holds: {}", std::strerror(error)),
              error == EPERM ? "reading it needs CAP_NET_ADMIN" : "");
}

bool is_absence(int error) { return error == ENOENT || error == ENODEV || error == EOPNOTSUPP; }

// Secrets were in it.
struct WipedBuffer {
  Bytes bytes = Bytes(std::size_t{64} * 1024);
  ~WipedBuffer() { sodium_memzero(bytes.data(), bytes.size()); }
};

Expected<std::uint16_t> ask_family(int socket, std::uint32_t sequence, WipedBuffer& buffer,
                                   Clock::time_point deadline) {
  if (auto sent = send_request(socket, family_request(sequence)); !sent) return tl::unexpected(sent.error());
  std::uint16_t family = 0;
  // The answer, then its acknowledgement.
  for (;;) {
    const auto datagram = receive(socket, buffer.bytes, deadline);
    if (!datagram) return tl::unexpected(datagram.error());
    const auto answer = parse_family_answer(*datagram, sequence);
    if (!answer) return tl::unexpected(answer.error());
    if (is_absence(answer->refusal.error)) return std::uint16_t{0};
    if (answer->refusal.error != 0) return refused_by_kernel(answer->refusal.error);
    if (answer->family != 0) family = answer->family;
    if (family != 0) return family;
  }
}

}  // namespace

Bytes family_request(std::uint32_t sequence) {
  return request(GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, 1, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME, sequence);
}

Bytes device_request(std::uint16_t family, std::string_view interface, std::uint32_t sequence) {
  return request(family, NLM_F_DUMP, WG_CMD_GET_DEVICE, WG_GENL_VERSION, WGDEVICE_A_IFNAME, interface, sequence);
}

Expected<FamilyAnswer> parse_family_answer(View datagram, std::uint32_t sequence) {
  FamilyAnswer answer;
  const auto read = each_message(datagram, [&](const nlmsghdr& head, View payload) -> Expected<void> {
    if (head.nlmsg_seq != sequence) return {};  // of an exchange that was given up
    if (head.nlmsg_type == NLMSG_ERROR) {
      const auto refusal = outcome(payload);
      if (!refusal) return tl::unexpected(refusal.error());
      answer.refusal = *refusal;
      return {};
    }
    if (head.nlmsg_type != GENL_ID_CTRL || payload.size() < sizeof(genlmsghdr)) return refuse("no family");
    return each_attribute(payload.subspan(sizeof(genlmsghdr)), [&](int type, View value) -> Expected<void> {
      if (type != CTRL_ATTR_FAMILY_ID) return {};
      const auto family = number<std::uint16_t>(value, "a family");
      if (!family) return tl::unexpected(family.error());
      if (*family < NLMSG_MIN_TYPE) return refuse(fmt::format("family {}", *family));
      answer.family = *family;
      return {};
    });
  });
  if (!read) return tl::unexpected(read.error());
  return answer;
}

Expected<DeviceAnswer> parse_device_answer(View datagram, std::uint32_t sequence, Reading& into,
                                           std::uint32_t& ifindex) {
  DeviceAnswer answer;
  const auto read = each_message(datagram, [&](const nlmsghdr& head, View payload) -> Expected<void> {
    if (head.nlmsg_seq != sequence) return {};
    if ((head.nlmsg_flags & NLM_F_DUMP_INTR) != 0) answer.changed = true;
    if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE) {
      const auto refusal = outcome(payload);
      if (!refusal) return tl::unexpected(refusal.error());
      answer.refusal = *refusal;
      answer.whole = true;
      return {};
    }
    if (head.nlmsg_type < NLMSG_MIN_TYPE) return {};
    if (answer.whole) return refuse("more behind its end");
    return parse_device_message(payload, into, ifindex);
  });
  if (!read) return tl::unexpected(read.error());
  return answer;
}

Expected<KernelReading> read_kernel_device(int socket, std::string_view interface, Reading& into,
                                           std::chrono::milliseconds patience) {
  static std::uint32_t sequence = 0;
  const Clock::time_point deadline = Clock::now() + patience;
  WipedBuffer buffer;
  const auto family = ask_family(socket, ++sequence, buffer, deadline);
  if (!family) return tl::unexpected(family.error());
  if (*family == 0) return KernelReading{};
  constexpr int tries = 4;
  for (int i = 0; i < tries; ++i) {
    KernelReading reading{true, 0};
    into.clear();
    if (auto sent = send_request(socket, device_request(*family, interface, ++sequence)); !sent) {
      return tl::unexpected(sent.error());
    }
    DeviceAnswer answer;
    for (bool changed = false; !answer.whole; changed = answer.changed) {
      const auto datagram = receive(socket, buffer.bytes, deadline);
      if (!datagram) return tl::unexpected(datagram.error());
      const auto parsed = parse_device_answer(*datagram, sequence, into, reading.ifindex);
      if (!parsed) return tl::unexpected(parsed.error());
      answer = *parsed;
      answer.changed = answer.changed || changed;
    }
    if (is_absence(answer.refusal.error)) return KernelReading{};
    if (answer.refusal.error != 0) return refused_by_kernel(answer.refusal.error);
    if (!answer.changed) return reading;
  }
  return refuse(fmt::format("\"{}\" changed {} times while it was read", shown(interface), tries));
}

Expected<int> open_generic_netlink() {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
  // Connected to port 0, the kernel: what any process sends is not received (netlink(7)).
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (socket >= 0 && ::connect(socket, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) == 0) return socket;
  const int error = errno;
  if (socket >= 0) ::close(socket);
  return fail(Code::E1322, fmt::format("no netlink socket: {}", std::strerror(error)),
              "the node reads WireGuard's state through AF_NETLINK; allow that address family");
}

}  // namespace acl::node
