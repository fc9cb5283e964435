// Messages between aclnode, which decides, and aclnode-session, which logs in. docs/protocol.md has every byte.
//
// Both are root's, but aclnode lives in a tight sandbox and aclnode-session speaks with aclnode-ssh: decoding any bytes gives a message
// within its bounds or E1361. Whether a message is legal at that moment is session_conversation.h's matter.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/protocol/login_message.h"
#include "node/protocol/message.h"

namespace acl::node::protocol {

inline constexpr std::size_t most_patterns = 256;
inline constexpr std::size_t longest_pattern = 256;
inline constexpr std::size_t longest_person = 320;  // login of a person: an e-mail address
inline constexpr std::size_t longest_session_message = std::size_t{128} * 1024;

// An address: 4 bytes are IPv4, 16 are IPv6.
struct Endpoint {
  Bytes address;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// --- from aclnode to aclnode-session ---

// To the supervisor, with two descriptors: the accepted connection, and the session's end of its conversation with aclnode.
struct Begin {
  std::uint64_t number = 0;  // of the connection, in this run of aclnode
  Endpoint source, own;
  std::uint32_t grace_s = 0;  // until the login must be complete
  std::uint32_t keepalive_s = 0, keepalive_count = 0;
  std::uint64_t rekey_bytes = 0;
  bool formality = true;
  std::string ssh_program, ssh_user;  // aclnode-ssh, and whom it runs as: a name, or UID:GID
  std::string key_folder;             // ssh_host_ed25519_key, ssh_host_ecdsa_key
  std::string pam_service;            // empty: PAM is not asked
  std::string sftp_server;
  std::string resume_socket;  // where aclnode listens for sessions that outlived their conversation
};

// Bits of Decision.narrowed.
enum Narrowed : std::uint8_t { narrowed_agent = 1, narrowed_local = 2, narrowed_remote = 4, narrowed_x11 = 8 };

// The answer to May.
struct Decision {
  std::uint32_t request = 0;
  bool accept = false;
  bool agent_forwarding = false;
  bool local_forwarding = false;
  bool remote_forwarding = false;
  bool x11_forwarding = false;
  std::uint8_t narrowed = 0;          // what of these policy gives and this machine's settings take away (Narrowed)
  std::string tell;                   // a line for the person
  std::vector<std::string> patterns;  // of variables that the client may set
  std::string checked;                // accepted by a check of this person; else empty
};
// The login is no longer allowed, or aclnode is to be gone for good.
struct EndSession {
  std::string words;
};
// The answer to Resume: go on.
struct GoOn {};

// To the supervisor: a login that was told to end has not said that it does. With a pidfd (pidfd_open(2)) of its process, where aclnode has one:
// it may be of another supervisor before this one.
struct KillLogin {
  std::uint64_t number = 0;  // of its Begin
};

// The answer to May is not known yet: the person is asked first, for so long. What goes to aclnode-ssh (login_message.h), and the time that the
// login has beyond its grace from now on.
struct SessionChallenge {
  std::uint32_t wait_s = 0;
  Challenge challenge;  // its request is May's
};

// Before the decision that accepts: the sessions of this login are recorded (node/session/recorder.h).
struct Record {
  static constexpr std::uint8_t message_kind = 72;
  bool enforce = false;         // what cannot be recorded is refused, or ends
  std::string folder;           // root's alone; made if it is not there
  std::string user;             // whom the recorder runs as: a name, or UID:GID
  std::uint64_t keep_free = 0;  // bytes of the folder's file system that stay free
};

using ToSession = std::variant<Begin, Decision, EndSession, GoOn, KillLogin, SessionChallenge, Record>;

// --- from aclnode-session to aclnode ---

// May the source of this connection become `user` here?
struct May {
  std::uint32_t request = 0;
  std::string user;     // as the client wrote it
  bool exists = false;  // there is such an account
  bool is_root = false;
  Method method = Method::none;
};
// The account is open and the session begins: `user` was accepted.
struct LoggedIn {
  std::string user;
};
// First on a conversation that aclnode-session opened: a login that aclnode had accepted before it ended.
struct Resume {
  std::uint64_t number = 0;
  Endpoint source, own;
  std::string user;
  bool is_root = false;
  std::uint64_t since = 0;  // seconds since 1970
  // What its Decision gave it.
  bool agent_forwarding = false, local_forwarding = false, remote_forwarding = false, x11_forwarding = false;
  std::string checked;
  bool recorded = false;  // there was a Record, and what it asks for is kept
};
// The last message.
struct SessionOver {
  std::string words;
};

// What the person answered to the last challenge that asks; the request is May's.
struct SessionAnswer {
  std::uint32_t request = 0;
  std::string text;
};

// For the records: a session of the login is being written to that file; or cannot be, or can no longer.
struct Recording {
  static constexpr std::uint8_t message_kind = 85;
  std::string file;
};
struct NotRecorded {
  static constexpr std::uint8_t message_kind = 86;
  std::string words;
};

using FromSession = std::variant<May, LoggedIn, Resume, SessionOver, SessionAnswer, Recording, NotRecorded>;

// E1361 names the value that is too long or holds a zero byte.
Expected<Bytes> encode(const ToSession& message);
Expected<ToSession> decode_to_session(ByteView bytes);
Expected<Bytes> encode(const FromSession& message);
Expected<FromSession> decode_from_session(ByteView bytes);

}  // namespace acl::node::protocol
