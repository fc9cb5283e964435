// For tests and fuzz targets: answers of WireGuard, printed: as a program prints them (uapi.h), and as the kernel sends them (netlink.h).
#pragma once

#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "node/wireguard/device.h"

namespace acl::node::testing {

inline std::string hex(const Key& key) {
  std::string text;
  for (const std::uint8_t byte : key) text += fmt::format("{:02x}", byte);
  return text;
}

// The entries as runs of one peer each, as both protocols list them.
struct Peer {
  Key key{};
  std::vector<net::Prefix> allowed;
};

inline Reading reading_of(const std::vector<Peer>& peers) {
  Reading reading;
  for (const Peer& peer : peers) {
    ++reading.peers;
    for (const net::Prefix& prefix : peer.allowed) reading.allowed.push_back({prefix, peer.key});
  }
  return reading;
}

// `secret`: empty or the 64 digits of a private key.
inline std::string print_uapi(std::string_view secret, const std::vector<Peer>& peers) {
  std::string text;
  if (!secret.empty()) text += fmt::format("private_key={}\n", secret);
  text += "listen_port=51820\n";
  for (const Peer& peer : peers) {
    text += fmt::format(
        "public_key={}\npreshared_key={:064}\nprotocol_version=1\nendpoint=192.0.2.7:51820\n"
        "last_handshake_time_sec=1\nlast_handshake_time_nsec=2\ntx_bytes=3\nrx_bytes=4\npersistent_keepalive_interval="
        "0\n",
        hex(peer.key), 0);
    for (const net::Prefix& prefix : peer.allowed) text += fmt::format("allowed_ip={}\n", prefix.text_with_length());
  }
  return text + "errno=0\n\n";
}

// Builds netlink messages: begin() and end() nest attributes.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence) {
    nlmsghdr head{};
    head.nlmsg_type = type;
    head.nlmsg_flags = flags;
    head.nlmsg_seq = sequence;
    put(head);
  }

  template <class T>
  Message& put(const T& value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  Message& generic(std::uint8_t command) { return put(genlmsghdr{command, 1, 0}); }
  template <class T>
  Message& attribute(std::uint16_t type, const T& value) {
    put(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + sizeof value), type});
    return put(value).pad();
  }
  Message& begin(std::uint16_t type) {
    open_.push_back(bytes_.size());
    return put(nlattr{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)});
  }
  Message& end() {
    const auto length = static_cast<std::uint16_t>(bytes_.size() - open_.back());
    std::memcpy(bytes_.data() + open_.back(), &length, sizeof length);
    open_.pop_back();
    return *this;
  }
  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> out = bytes_;
    const auto length = static_cast<std::uint32_t>(out.size());
    std::memcpy(out.data(), &length, sizeof length);
    return out;
  }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

 private:
  Message& pad() {
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    return *this;
  }

  std::vector<std::uint8_t> bytes_;
  std::vector<std::size_t> open_;
};

inline void put_allowed_ip(Message& message, const net::Prefix& prefix) {
  const net::Address first = prefix.first();
  message.begin(0);
  message.attribute(WGALLOWEDIP_A_CIDR_MASK, static_cast<std::uint8_t>(prefix.length()));
  message.attribute(WGALLOWEDIP_A_FAMILY, static_cast<std::uint16_t>(first.is_v4() ? AF_INET : AF_INET6));
  if (first.is_v4()) {
    std::array<std::uint8_t, 4> address;
    for (unsigned i = 0; i < 4; ++i) address[i] = static_cast<std::uint8_t>(first.low() >> (24 - 8 * i));
    message.attribute(WGALLOWEDIP_A_IPADDR, address);
  } else {
    std::array<std::uint8_t, 16> address;
    for (unsigned i = 0; i < 8; ++i) {
      address[i] = static_cast<std::uint8_t>(first.high() >> (56 - 8 * i));
      address[8 + i] = static_cast<std::uint8_t>(first.low() >> (56 - 8 * i));
    }
    message.attribute(WGALLOWEDIP_A_IPADDR, address);
  }
  message.end();
}

// A dump as the kernel sends it: `per_message` allowed-ips at most in each, then the end with `error` (0 or a negative errno).
inline std::vector<std::vector<std::uint8_t>> print_netlink(std::uint16_t family, std::uint32_t sequence,
                                                            std::uint32_t ifindex, const Key& own,
                                                            const std::vector<Peer>& peers, std::size_t per_message,
                                                            std::int32_t error = 0, std::uint16_t flags = NLM_F_MULTI) {
  std::vector<std::vector<std::uint8_t>> datagrams;
  const auto open = [&](bool first) {
    Message message(family, flags, sequence);
    message.generic(WG_CMD_GET_DEVICE);
    if (first) {
      message.attribute(WGDEVICE_A_LISTEN_PORT, std::uint16_t{51820}).attribute(WGDEVICE_A_IFINDEX, ifindex);
      message.attribute(WGDEVICE_A_PRIVATE_KEY, Key{}).attribute(WGDEVICE_A_PUBLIC_KEY, own);
    }
    message.begin(WGDEVICE_A_PEERS);
    return message;
  };
  Message message = open(true);
  std::size_t held = 0;
  for (const Peer& peer : peers) {
    std::size_t next = 0;
    for (bool first = true; first || next < peer.allowed.size(); first = false) {
      if (held >= per_message) {
        datagrams.push_back(message.end().bytes());
        message = open(false);
        held = 0;
      }
      message.begin(0).attribute(WGPEER_A_PUBLIC_KEY, peer.key);
      if (first) message.attribute(WGPEER_A_PRESHARED_KEY, Key{}).attribute(WGPEER_A_RX_BYTES, std::uint64_t{7});
      message.begin(WGPEER_A_ALLOWEDIPS);
      for (; next < peer.allowed.size() && held < per_message; ++next, ++held)
        put_allowed_ip(message, peer.allowed[next]);
      message.end().end();
    }
  }
  datagrams.push_back(message.end().bytes());
  datagrams.push_back(Message(NLMSG_DONE, NLM_F_MULTI, sequence).put(error).bytes());
  return datagrams;
}

}  // namespace acl::node::testing
