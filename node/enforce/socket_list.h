// The kernel's list of sockets → flows under way, for the moment the filter is switched on (docs/packet-semantics.md section 8).
//
// read_sockets() asks sock_diag(7) for TCP and UDP, IPv4 and IPv6; parse_sockets() is its parser, from any bytes; flows_under_way() is
// the rule, a pure function. E1327: the kernel has no such list, or gives it to nobody without rights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "node/enforce/flow_upkeep.h"

namespace acl::node {

struct Socket {
  std::uint8_t protocol = 0;  // ACL_PROTOCOL_TCP, ACL_PROTOCOL_UDP
  bool connected = false;     // else it takes what comes: TCP listening, UDP bound only
  net::Address local;         // IPv4-mapped ones as IPv4
  net::Address remote;        // of a connected one
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;

  friend bool operator==(const Socket&, const Socket&) = default;
};

// One datagram of a dump for `protocol`, appended. True: the dump is over.
Expected<bool> parse_sockets(std::span<const std::uint8_t> datagram, std::uint8_t protocol, std::uint32_t sequence,
                             std::vector<Socket>& into);
// All of this network namespace. Blocks for as long as the kernel takes to write the list: some 0.3 µs a socket.
Expected<std::vector<Socket>> read_sockets();

// Ends a TCP connection of this network namespace, whoever has it: both its ends get an error at once (SOCK_DESTROY in sock_diag(7)'s
// <linux/sock_diag.h>; CONFIG_INET_DIAG_DESTROY). `ifindex`: of the device that it is bound to, 0: none. False: there is no such connection, or
// the kernel cannot. Needs CAP_NET_ADMIN.
bool destroy_connection(const Socket& connection, unsigned ifindex) noexcept;

// Ports the kernel gives to sockets that name none (net.ipv4.ip_local_port_range, for IPv6, too), both ends included.
struct PortRange {
  std::uint16_t first = 32768;
  std::uint16_t last = 60999;
};
Expected<PortRange> read_local_ports();

// `own`: this node's addresses. Flows between two of them are none.
Seeds flows_under_way(std::span<const Socket> sockets, std::span<const net::Address> own, PortRange local_ports);

}  // namespace acl::node
