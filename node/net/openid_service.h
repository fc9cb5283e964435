// The work of `aclnode-net openid`: device authorizations on behalf of whoever is at the other end of a socket, each in a thread of its own.
//
// docs/protocol.md is what it speaks. It keeps nothing, and believes nothing about the tokens that it carries.
#pragma once

namespace acl::node::net {

// Until the other side closes the socket: 0; or breaks the protocol: 1. Threads may be left; the process is to end.
int authorize(int socket);

}  // namespace acl::node::net
