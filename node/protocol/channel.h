// One end of the socket between aclnode and aclnode-net: SOCK_SEQPACKET of AF_UNIX, which keeps messages apart (unix(7)).
//
// A descriptor that the other side sends along is never taken in: the kernel drops it, as nothing asks for it. An empty message
// is taken for the end, which is what it looks like.
#pragma once

#include <cstdint>
#include <span>

#include "node/protocol/message.h"

namespace acl::node::protocol {

enum class Wait : std::uint8_t { no, yes };
enum class Sent : std::uint8_t {
  sent,
  full,    // with Wait::no: the other side does not read; try again when the socket can be written
  closed,  // the other side is gone
};

Sent send_message(int fd, ByteView message, Wait wait) noexcept;

struct Received {
  enum class State : std::uint8_t { message, nothing, closed, too_long };
  State state = State::nothing;
  ByteView message;  // in the buffer
};

// Never waits. The buffer holds longest_message bytes; a longer message is too_long, and lost.
Received receive_message(int fd, std::span<std::uint8_t> buffer) noexcept;

}  // namespace acl::node::protocol
