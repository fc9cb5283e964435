// `aclnode-session forward`: the process of a login, as the user, that connects and listens for its client. What applies to the user's own
// connections applies to these: credentials, the packet filter, ports below 1024, the rights of files.
//
// Messages of login_message.h and forward_message.h, on descriptor 3. In: `connect`, `connect-path`, `listen`, `unlisten`, `taken`; out: one
// answer to each of the first three, and an `accepted` with its descriptor for each connection, at most most_untaken ahead of `taken`; what is
// more waits in the kernel, which turns away beyond the backlog. Connections are handed over and not touched again.
//
// It ends when the other side does, with what it made in the file system, and is killed with aclnode-session's process of the login.
#pragma once

namespace acl::node::session {

// Its exit status.
int serve_forwarding();

}  // namespace acl::node::session
