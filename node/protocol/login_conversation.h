// Which message of aclnode-ssh and of aclnode-session is legal when: the states of docs/protocol.md, kept by the side that must not
// believe the other. Pure; memory is bounded by most_channels and most_listeners. What is broken ends the conversation, and the process with it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "node/protocol/conversation.h"
#include "node/protocol/login_message.h"
#include "node/protocol/session_message.h"

namespace acl::node::protocol {

inline constexpr unsigned most_logins = 20;         // asked for by one connection, accepted or not
inline constexpr unsigned most_check_answers = 5;   // of one connection
inline constexpr unsigned most_signs_before = 4;    // before the login: one key exchange, and what a client makes of it
inline constexpr std::size_t most_sessions = 64;    // at a time: each has a process
inline constexpr std::size_t most_forwards = 1024;  // at a time: connections that this side makes, and that it accepts
inline constexpr std::size_t most_channels = most_sessions + most_forwards;
inline constexpr std::size_t most_listeners = 64;      // at a time
inline constexpr std::size_t most_untaken = 64;        // accepted, and not yet taken by the client
inline constexpr std::uint64_t most_signs = 1U << 20;  // at 1 GiB between rekeys, a pebibyte

// Answers to challenges, as both sides below judge them.
class ChallengeState {
 public:
  // `asked`: the request whose verdict is awaited, if one is.
  Judged hear(std::uint32_t request, std::optional<std::uint32_t> asked);
  void challenged(bool asks) noexcept { wanted_ = asks; }
  void over() noexcept { wanted_ = false; }

 private:
  bool wanted_ = false;
  unsigned answers_ = 0;
};

// aclnode-session's side of aclnode-ssh.
class SshStates {
 public:
  // `sign`: each has a greater request number than the one before. `login`: one at a time, none after one was accepted. Everything but
  // `sign`, `login` and `over`: only after that. A channel's number grows; `signal`, `resize` and `closed` name one that was opened. So does that of a
  // listener, and `unlisten` names one; a process may be given listeners that are there. `taken`: no more often than handed().
  Judged hear(const FromSsh& message);
  // The answer to the login that is asked for.
  void answered(bool accept);
  // An accepted connection goes to aclnode-ssh.
  void handed() noexcept { ++untaken_; }
  // A challenge to it. One that asks has one answer, and most_check_answers are all there are.
  void challenged(bool asks);
  [[nodiscard]] bool accepted() const noexcept { return accepted_; }

 private:
  Judged hear_login(const Login& login);
  Judged hear_sign(const Sign& sign);
  Judged hear_channel(const FromSsh& message);
  Judged hear_forwarding(const FromSsh& message);
  Judged open(std::uint32_t channel, bool forward);

  bool asked_ = false, accepted_ = false, over_ = false;
  ChallengeState challenge_;
  unsigned logins_ = 0;
  std::uint64_t signs_ = 0;
  std::uint32_t last_request_ = 0, login_request_ = 0;
  std::uint32_t next_channel_ = 0;
  std::map<std::uint32_t, bool> channels_;  // whether it is a forward
  std::size_t forwards_ = 0;
  std::uint32_t next_listener_ = 0;
  std::set<std::uint32_t> listeners_;
  std::size_t untaken_ = 0;
};

// aclnode's side of aclnode-session.
class SessionStates {
 public:
  enum class Start : std::uint8_t { fresh, resumed };  // resumed: the first message is `resume`
  explicit SessionStates(Start start) noexcept : resuming_(start == Start::resumed) {}
  // `may`: one at a time, at most most_logins, none after one was accepted. `logged-in`: once, after that, for the account that was.
  // `recording`, `not-recorded`: after that.
  Judged hear(const FromSession& message);
  void answered(bool accept);
  void challenged(bool asks);
  [[nodiscard]] bool logged_in() const noexcept { return logged_in_; }

 private:
  bool resuming_ = false;
  bool asked_ = false, accepted_ = false, logged_in_ = false, over_ = false;
  ChallengeState challenge_;
  unsigned asks_ = 0;
  std::uint32_t last_request_ = 0;
  std::string user_;  // asked for last
};

}  // namespace acl::node::protocol
