// The work of aclnode-net: watches a source and reads from it, on behalf of whoever is at the other end of a socket.
//
// docs/protocol.md is what it speaks. It keeps nothing, decides nothing and believes nothing about what it carries.
#pragma once

namespace acl::node::net {

// Until the other side closes the socket: 0; or breaks the protocol: 1. Threads may be left; the process is to end.
int serve(int socket);

}  // namespace acl::node::net
