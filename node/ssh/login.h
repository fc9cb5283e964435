// Who wants to log in, and what the client is told: RFC 4252, as far as a server goes that knows its clients by their address.
//
// Pure: packets and verdicts in, effects out. aclnode-session is asked once for the one user name that a connection may name, at the first
// request that a yes would let in, as its answer opens PAM's session; until it answers, further requests wait (most_waiting). `none` succeeds where it accepts. Where `formality` is on, so do any key, any
// password and keyboard-interactive, for clients that insist on offering one: nothing of them is looked at. Where it refuses, its
// line is shown once as banner, and no method is named at which a client would ask a person for a password.
//
// A check comes between: aclnode-session sends a challenge instead of the verdict. Its text is shown at once, as banner. One that asks is put to
// the person by keyboard-interactive (RFC 4256), the only method that is named then; any other request fails, and `none`, with which clients begin, is
// what makes them go on to it. Each answer goes to aclnode-session, which says yes, no, or asks again.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "node/protocol/login_message.h"
#include "node/ssh/effects.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

class Login {
 public:
  explicit Login(bool formality) noexcept : formality_(formality) {}

  // SERVICE_REQUEST (RFC 4253 section 10).
  void hear_service(ByteView payload, Effects& out);
  // USERAUTH_REQUEST.
  void hear_request(ByteView payload, Effects& out);
  // aclnode-session's answer to the one question (its number is the caller's matter).
  void answered(const protocol::LoginVerdict& verdict, Effects& out);
  // Its answer is not known yet.
  void challenged(const protocol::Challenge& challenge, Effects& out);
  // USERAUTH_INFO_RESPONSE.
  void hear_info_response(ByteView payload, Effects& out);

  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] const std::optional<protocol::LoginVerdict>& verdict() const noexcept { return verdict_; }

  static constexpr std::size_t most_waiting = 8;
  static constexpr unsigned most_refused = 20;

 private:
  struct Request;
  // With the verdict, or without where it makes no difference.
  void judge(const Request& request, Effects& out);
  void judge_waiting(Effects& out);
  void refuse(Effects& out);
  void refuse_but_interactive(Effects& out);
  // The client has begun keyboard-interactive: its request is the first of waiting_ until it is judged.
  void prompt(Effects& out);

  enum class Asking : std::uint8_t { no, offered, prompted, answered };

  bool formality_;
  bool done_ = false;
  bool service_ = false;  // was asked for
  unsigned refused_ = 0;
  std::optional<std::string> user_;
  std::optional<protocol::LoginVerdict> verdict_;
  Asking asking_ = Asking::no;
  protocol::Challenge challenge_;  // the last that asks
  std::deque<Bytes> waiting_;
};

}  // namespace acl::node::ssh
