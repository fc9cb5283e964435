// aclnode-ssh at work: one connection of one client, from its first byte to its last, between the client's socket and aclnode-session.
//
// Both descriptors are lent. Returns when either is closed, the client breaks the protocol, or aclnode-session says that the login is
// over; then what there is to say has been said, and everything that was opened is closed. 0, or 1 where aclnode-session broke the protocol.
// Memory has a bound: per channel its window, and a few hundred KiB of packets for the client; a client that does not read is no longer
// read from.
#pragma once

namespace acl::node::ssh {

int serve(int conversation, int connection);

}  // namespace acl::node::ssh
