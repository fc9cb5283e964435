// The work of `aclnode-net verify`: one question, one answer.
#pragma once

namespace acl::node::net {

// 0: answered; 1: what came is no question; also if nothing came.
int verify_once(int socket);

}  // namespace acl::node::net
