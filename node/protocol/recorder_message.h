// Messages between aclnode-session, which is root, and the recorder of one of its logins (aclnode-session record), which is nobody.
// docs/protocol.md has every byte.
//
// Pure functions. The recorder handles what users and strangers say: decoding any bytes gives a message within its bounds or E1361.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "engine/net/diagnostic.h"
#include "node/protocol/message.h"

namespace acl::node::protocol {

inline constexpr std::size_t longest_recorder_message = 1024;

// --- to the recorder ---

// A channel's output from now on. With descriptors: the file, to be written on at its end; of a terminal its master and one end of a stream,
// whose other one aclnode-ssh has; of pipes the reading ends of output and errors, then the writing ends of two pipes to aclnode-ssh.
struct RecordChannel {
  std::uint32_t channel = 0;
  bool terminal = false;
  bool enforce = false;         // what cannot be written is not passed on
  std::uint64_t written = 0;    // bytes that the file has
  std::uint64_t keep_free = 0;  // bytes of its file system that stay free
};
// The terminal gets this size, and the recording says so.
struct RecordResize {
  std::uint32_t channel = 0;
  std::uint16_t columns = 0, rows = 0, width = 0, height = 0;
};
// The channel's process has ended: say when all that it has said was passed on.
struct RecordDrain {
  std::uint32_t channel = 0;
};

using ToRecorder = std::variant<RecordChannel, RecordResize, RecordDrain>;

// --- from the recorder ---

// First, and once: it has given up what it does not need.
struct RecorderReady {};
// What the channel says is no longer written.
struct RecordLost {
  std::uint32_t channel = 0;
  std::string words;
};
// The answer to RecordDrain.
struct RecordDrained {
  std::uint32_t channel = 0;
};

using FromRecorder = std::variant<RecorderReady, RecordLost, RecordDrained>;

Expected<Bytes> encode(const ToRecorder& message);
Expected<ToRecorder> decode_to_recorder(ByteView bytes);
Expected<Bytes> encode(const FromRecorder& message);
Expected<FromRecorder> decode_from_recorder(ByteView bytes);

}  // namespace acl::node::protocol
