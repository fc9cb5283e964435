// Messages about forwarding, of the conversation of login_message.h. docs/protocol.md has every byte.
//
// The same go between aclnode-session and its process of the user that connects and listens (node/session/forwarder.h), which is no more to be
// believed than aclnode-ssh: decoding and bounds are as there.
//
// Listeners are numbered by aclnode-ssh, as channels are; a number is used once in a connection.
#pragma once

#include <cstdint>
#include <string>

namespace acl::node::protocol {

// sun_path of unix(7), with its zero.
inline constexpr std::size_t longest_socket_path = 107;
inline constexpr std::size_t longest_x11_protocol = 64;
inline constexpr std::size_t longest_x11_cookie = 512;  // in hexadecimal digits
// Displays are numbered from 10 on, as sshd does; their ports from 6000.
inline constexpr std::uint32_t most_x11_screen = 1023;

// --- from aclnode-session to aclnode-ssh ---

// The answer to Listen.
struct Listening {
  static constexpr std::uint8_t message_kind = 40;
  std::uint32_t listener = 0;
  bool there = false;
  std::uint16_t port = 0;  // of a TCP listener, as bound
  // Why it is not there. Of the user's process where it is: the path of an agent's socket, the name of a display; not for aclnode-ssh.
  std::string words;
};
// Somebody has connected: with one descriptor. No more than most_untaken at a time.
struct Accepted {
  static constexpr std::uint8_t message_kind = 41;
  std::uint32_t listener = 0;
  std::string source;  // an address, or empty
  std::uint16_t port = 0;
};

// --- from aclnode-ssh to aclnode-session ---

enum class ListenKind : std::uint8_t {
  port = 1,     // tcpip-forward (RFC 4254 section 7.1): of loopback, always; 0: any
  path = 2,     // streamlocal-forward@openssh.com
  agent = 3,    // auth-agent-req@openssh.com
  display = 4,  // x11-req (RFC 4254 section 6.3.1)
};
struct Listen {
  static constexpr std::uint8_t message_kind = 56;
  std::uint32_t listener = 0;
  ListenKind what = ListenKind::port;
  std::uint16_t port = 0;
  std::string path;
  // Of a display.
  bool single = false;  // the first connection is the last
  std::string protocol;
  std::string cookie;
  std::uint32_t screen = 0;
};
struct Unlisten {
  static constexpr std::uint8_t message_kind = 57;
  std::uint32_t listener = 0;
};
// direct-streamlocal@openssh.com.
struct ConnectPath {
  static constexpr std::uint8_t message_kind = 58;
  std::uint32_t channel = 0;
  std::string path;
};
// The client has taken or refused one Accepted, or it is gone: there may be another one.
struct Taken {
  static constexpr std::uint8_t message_kind = 59;
};

}  // namespace acl::node::protocol
