// Messages between aclnode-session, which is root, and aclnode-ssh, which speaks SSH with a stranger. docs/protocol.md has every byte.
//
// Pure functions. aclnode-ssh may have been taken over by whoever is at the other end of its connection: decoding any bytes gives a
// message within its bounds or E1361, never reads beyond them and allocates no more than they hold. Whether a message is
// legal at that moment is login_conversation.h's matter, moving bytes and descriptors channel.h's.
//
// Channels are numbered by aclnode-ssh; a number is used once in a connection. Text is without zero bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/protocol/forward_message.h"
#include "node/protocol/message.h"

namespace acl::node::protocol {

inline constexpr std::size_t longest_account = 256;  // LOGIN_NAME_MAX
inline constexpr std::size_t longest_command = std::size_t{96} * 1024;
inline constexpr std::size_t longest_variable_name = 256;
inline constexpr std::size_t longest_variable = 4096;
inline constexpr std::size_t most_variables = 128;
inline constexpr std::size_t longest_environment = std::size_t{24} * 1024;  // names and values together
inline constexpr std::size_t longest_terminal = 128;                        // TERM
inline constexpr std::size_t longest_modes = 1024;
inline constexpr std::size_t longest_host = 255;
inline constexpr std::size_t longest_key_blob = 4096;
inline constexpr std::size_t longest_signature = 1024;
inline constexpr std::size_t most_host_keys = 4;
// What is signed: the exchange hash, the longest of SHA-512 (RFC 4253 section 8).
inline constexpr std::size_t longest_to_sign = 64;
// Of a check: what the person is told, and what comes back. A pasted signature has a few hundred bytes.
inline constexpr std::size_t longest_instruction = 2048;
inline constexpr std::size_t longest_prompt = 256;
inline constexpr std::size_t longest_check_answer = std::size_t{16} * 1024;
// No message of this conversation is longer.
inline constexpr std::size_t longest_login_message = std::size_t{128} * 1024;

// --- from aclnode-session to aclnode-ssh ---

// First, and once.
struct Welcome {
  // "ssh-ed25519" and the public blob (RFC 4253 section 6.6), in order of preference. The private keys stay in aclnode-session.
  struct HostKey {
    std::string type;
    Bytes blob;
  };
  std::vector<HostKey> host_keys;
  std::uint32_t keepalive_s = 0;      // ask an idle client whether it is there; 0: never
  std::uint32_t keepalive_count = 3;  // unanswered, after which it is not
  std::uint64_t rekey_bytes = 0;      // this side asks for new keys after so many; 0: leave it to the client
  bool formality = true;              // whom policy accepts may also offer any key or password
};

// The answer to Sign: as OpenSSL gives it (Ed25519: 64 bytes; ECDSA: DER).
struct Signature {
  std::uint32_t request = 0;
  Bytes bytes;  // empty: it was refused
};

// The answer to Login.
struct LoginVerdict {
  std::uint32_t request = 0;
  bool accept = false;
  bool agent_forwarding = false;
  bool local_forwarding = false;
  bool remote_forwarding = false;
  std::string tell;  // a line for the person, as banner; may be empty
};

enum class ChannelKind : std::uint8_t {
  terminal = 1,  // one descriptor: the master of a pseudoterminal, or, where the login is recorded, a stream to it
  pipes = 2,     // three: to standard input, from standard output, from standard error
  socket = 3,    // one: a connected stream
};
// The answer to Open, Connect, ConnectPath: with as many descriptors as its kind has.
struct Opened {
  std::uint32_t channel = 0;
  ChannelKind kind = ChannelKind::pipes;
};
struct Refused {
  std::uint32_t channel = 0;
  std::string words;
};
// The process of a channel has ended; its output may still be on its way through the descriptors.
struct Exited {
  std::uint32_t channel = 0;
  bool signalled = false;
  std::uint32_t status = 0;  // exit status
  std::string signal;        // "TERM": without SIG (RFC 4254 section 6.10)
  bool core = false;
};
// The login is over: tell the person on every channel, and disconnect.
struct End {
  std::string words;
};

// The login that is asked for waits for a check: its verdict comes later. May come again, when an answer was not enough.
struct Challenge {
  std::uint32_t request = 0;
  std::string text;         // for the person, at once; lines end with \n; may be empty
  bool asks = false;        // for an answer, by keyboard-interactive (RFC 4256), with these two
  std::string instruction;  // lines, as text
  std::string prompt;
};

using ToSsh = std::variant<Welcome, Signature, LoginVerdict, Opened, Refused, Exited, End, Challenge,  //
                           Listening, Accepted>;

// --- from aclnode-ssh to aclnode-session ---

struct Sign {
  std::uint32_t request = 0;
  std::uint8_t key = 0;  // its place in Welcome
  Bytes data;
};

enum class Method : std::uint8_t { none = 1, publickey = 2, password = 3, keyboard_interactive = 4 };
struct Login {
  std::uint32_t request = 0;
  std::string user;
  Method method = Method::none;
};

enum class OpenKind : std::uint8_t { shell = 1, exec = 2, subsystem = 3 };
struct Terminal {
  std::string name;  // TERM
  std::uint32_t columns = 0, rows = 0, width = 0, height = 0;
  Bytes modes;  // as the client encoded them (RFC 4254 section 8)
};
struct OpenChannel {
  std::uint32_t channel = 0;
  OpenKind kind = OpenKind::shell;
  bool has_terminal = false;
  Terminal terminal;
  std::optional<std::uint32_t> agent, display;  // listeners, whose names it is to know
  std::vector<std::pair<std::string, std::string>> environment;
  std::string command;  // of exec; of subsystem its name
};
// "TERM": to the foreground of the channel's terminal, else to its process group.
struct Signal {
  std::uint32_t channel = 0;
  std::string name;
};
// The client has closed the channel.
struct Closed {
  std::uint32_t channel = 0;
};
// direct-tcpip (RFC 4254 section 7.2).
struct Connect {
  std::uint32_t channel = 0;
  std::string host;
  std::uint16_t port = 0;
};
// The connection is over, in words for the record.
struct Over {
  std::string words;
};

// To the last challenge that asks; the request is the login's.
struct ChallengeAnswer {
  std::uint32_t request = 0;
  std::string text;
};

// The window of a channel's terminal, of which aclnode-ssh has a socket and not the master: the login is recorded.
struct Resize {
  static constexpr std::uint8_t message_kind = 60;
  std::uint32_t channel = 0;
  std::uint32_t columns = 0, rows = 0, width = 0, height = 0;
};

using FromSsh = std::variant<Sign, Login, OpenChannel, Signal, Closed, Connect, Over, ChallengeAnswer,  //
                             Listen, Unlisten, ConnectPath, Taken, Resize>;

// E1361 names the value that is too long or holds a zero byte.
Expected<Bytes> encode(const ToSsh& message);
Expected<ToSsh> decode_to_ssh(ByteView bytes);
Expected<Bytes> encode(const FromSsh& message);
Expected<FromSsh> decode_from_ssh(ByteView bytes);

}  // namespace acl::node::protocol
