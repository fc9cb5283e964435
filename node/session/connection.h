// The connection of a login, looked at once more: aclnode has judged its addresses, and this process does not take its word for it,
// as whoever gets here from the host itself would be a stranger with an identity that is the host's own.
#pragma once

#include <string>

#include "engine/net/address.h"
#include "node/protocol/session_message.h"

namespace acl::node::session {

// IPv4 in an IPv6 socket (::ffff:…) counts as IPv4. An endpoint that was decoded always has an address.
net::Address address_of(const protocol::Endpoint& endpoint);
// "100.64.0.1 50000", as in SSH_CONNECTION.
std::string text_of(const protocol::Endpoint& endpoint);

// What is wrong with it, or empty: no TCP connection, its ends are not those of `begin`, its source is one of this host's addresses or
// loopback, or these cannot be read.
std::string fault_of_connection(int fd, const protocol::Begin& begin);

}  // namespace acl::node::session
