// One end of the socket between two of the node's programs: SOCK_SEQPACKET of AF_UNIX, which keeps messages apart (unix(7)).
//
// Where no descriptor is awaited, one that the other side sends along is never taken in: the kernel drops it, as nothing asks for
// it. An empty message is taken for the end, which is what it looks like.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/net/fd.h"
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

// --- messages with descriptors (SCM_RIGHTS), between programs where that is awaited ---

// An even number: the space for an odd one has room for one more (CMSG_SPACE of cmsg(3)).
inline constexpr std::size_t most_descriptors = 6;

// The descriptors are lent; the other side gets its own.
Sent send_message(int fd, ByteView message, std::span<const int> descriptors, Wait wait) noexcept;

// As above, and owns what came along (close-on-exec). More than most_descriptors: too_long, and all are closed.
struct ReceivedWith {
  Received::State state = Received::State::nothing;
  ByteView message;
  std::array<Fd, most_descriptors> descriptors;
  std::size_t count = 0;
};
ReceivedWith receive_with_descriptors(int fd, std::span<std::uint8_t> buffer) noexcept;

}  // namespace acl::node::protocol
