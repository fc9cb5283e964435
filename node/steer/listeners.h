// Listeners: the sockets that steered connections are accepted from, one of each family.
//
// Bound to a loopback address and a port that the kernel chooses, and to the WireGuard interface besides, by which nothing can come for a
// loopback address: so nobody reaches them but by steering (bound to a device: socket(7), SO_BINDTODEVICE). What is accepted has the
// addresses that the client used, and keep-alives. Non-blocking. Without IPv6 on the host there is none of IPv6.
//
// Owns both. E1401 if the one of IPv4 cannot be had.
#pragma once

#include <cstdint>
#include <string>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"

namespace acl::node {

struct Listeners {
  Fd v4, v6;
  std::uint16_t port_v4 = 0, port_v6 = 0;
};

// Opens those that are not there. `transparent`: what nftables' tproxy asks for (IP_TRANSPARENT, ip(7)).
Expected<void> open_missing(Listeners& listeners, const std::string& interface, bool transparent);

// An address with a port, of a socket.
struct SocketPlace {
  net::Address address;
  std::uint16_t port = 0;
};
struct AcceptedConnection {
  Fd fd;
  SocketPlace source, own;
};
// One connection that waits; an fd of -1 if there is none, or if it was gone before it could be looked at (then errno is 0).
AcceptedConnection accept_connection(int listener);

}  // namespace acl::node
