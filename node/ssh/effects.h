// What the layers above the transport answer to a packet: packets for the client, messages for aclnode-session, and whether the login
// has succeeded or the connection is to end. Values; whoever runs the connection carries them out, in this order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/protocol/login_message.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

// Of DISCONNECT (RFC 4253 section 11.1).
enum class Reason : std::uint32_t {
  protocol_error = 2,
  service_not_available = 7,
  by_application = 11,
  too_many_failures = 14,
};

struct Effects {
  std::vector<Bytes> packets;
  Bytes question;        // USERAUTH_INFO_REQUEST, after the packets; empty: none
  bool success = false;  // USERAUTH_SUCCESS, after the packets
  std::vector<protocol::FromSsh> messages;
  bool over = false;  // DISCONNECT, with these words
  Reason reason = Reason::protocol_error;
  std::string words;

  void end(Reason why, std::string what) {
    if (over) return;
    over = true;
    reason = why;
    words = std::move(what);
  }
};

}  // namespace acl::node::ssh
