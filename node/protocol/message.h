// Messages between aclnode and aclnode-net: values on one side, bytes on the other. docs/protocol.md has every byte.
//
// Pure functions. Both sides may send anything: decoding any bytes gives a message within its bounds or E1361, never reads
// beyond them and allocates no more than they hold. What a piece holds is not copied: it lies in the bytes that were decoded, and
// lives as long as they do. Whether a message is legal at that moment is conversation.h's matter, moving bytes channel.h's.
//
// Text of the other side is for people: shown() before it gets near a terminal or a log.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::node::protocol {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline constexpr std::size_t longest_path = 4096;  // source, blobs, files, password
inline constexpr std::size_t longest_user = 256;
inline constexpr std::size_t longest_name = 128;
inline constexpr std::size_t longest_text = 512;
inline constexpr std::size_t longest_piece = 65536;
// No message of either side is longer: a piece with its number, or what opens a source.
inline constexpr std::size_t longest_message = longest_piece + 64;

// Where releases come from, once. Text without zero bytes.
struct Open {
  std::string source;  // a URL of docs/stores.md
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::string user;
  std::string password;  // itself: its file belongs to root, and aclnode-net need not read it
  std::string blobs;
  std::uint32_t interval_ms = 30'000;
};

// An object of the source. Numbers only grow.
struct Get {
  std::uint64_t id = 0;
  std::uint64_t limit = 0;    // bytes; an object of more is not wanted
  std::uint32_t left_ms = 0;  // until nobody waits for it any more
  std::string name;
};

// Nobody waits for it any more.
struct Cancel {
  std::uint64_t id = 0;
};

using ToNet = std::variant<Open, Get, Cancel>;

// `latest` may have changed.
struct Changed {};

// The next bytes of an object.
struct Piece {
  std::uint64_t id = 0;
  ByteView bytes;  // 1 to longest_piece
};

// That was all of it.
struct Complete {
  std::uint64_t id = 0;
};

// The source has no such object.
struct Absent {
  std::uint64_t id = 0;
};

// It could not be fetched.
struct Failed {
  std::uint64_t id = 0;
  std::string text;
};

// What keeps the source from telling of changes.
struct Trouble {
  std::string text;
};

// Nothing does, any more.
struct Well {};

using FromNet = std::variant<Changed, Piece, Complete, Absent, Failed, Trouble, Well>;

// E1361 names a value that is too long or holds a zero byte.
Expected<Bytes> encode(const ToNet& message);
Expected<ToNet> decode_to_net(ByteView bytes);

// Text is cut to its bound. A piece must be within its own.
Bytes encode(const FromNet& message);
Expected<FromNet> decode_from_net(ByteView bytes);

// Printable ASCII as it is, every other byte and the backslash as \xNN.
std::string shown(std::string_view text);

}  // namespace acl::node::protocol
