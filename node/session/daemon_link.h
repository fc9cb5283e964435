// aclnode, as one login sees it: a conversation that may end and be taken up again.
//
// A login that has begun outlives a restart of aclnode: when the conversation ends, the login asks at Begin.resume_socket every half
// second whether it may go on, and when nobody has answered for `patience`, it is over. One that has not begun ends with the conversation.
// Nothing here waits; times go in, so that tests need no patience. What aclnode says out of turn ends the login: E1403.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/fd.h"
#include "node/protocol/session_message.h"
#include "node/session/clock.h"

namespace acl::node::session {

inline constexpr Milliseconds between_attempts_ms = 500;

class DaemonLink {
 public:
  DaemonLink(Fd conversation, std::string resume_socket, Milliseconds patience) noexcept;

  // To be polled for reading; -1 while there is none.
  [[nodiscard]] int fd() const noexcept { return conversation_.get(); }
  // Until something is to be done without a message; nothing while all is well.
  [[nodiscard]] std::optional<Milliseconds> wait(Milliseconds now) const noexcept;

  // Lost messages are no fault of the login: what aclnode must know it learns from `resume`.
  void send(const protocol::FromSession& message) noexcept;

  // The login has begun: from now on this is what is said to a new aclnode.
  void begun(protocol::Resume resume) { resume_ = std::move(resume); }
  // Something of it was missed, from now on.
  void not_recorded() noexcept {
    if (resume_) resume_->recorded = false;
  }

  struct Heard {
    enum class What : std::uint8_t { nothing, decision, challenge, end } what = What::nothing;
    protocol::Decision decision;
    std::optional<protocol::Record> record;  // with it
    std::string words;                       // end
    protocol::SessionChallenge challenge;
  };
  // When fd() can be read, and when the time of wait() is over. `asked`: the request whose answer is awaited.
  Heard step(Milliseconds now, std::optional<std::uint32_t> asked);

 private:
  Heard hear(Milliseconds now, std::optional<std::uint32_t> asked);
  Heard take(const protocol::ToSession& message, std::optional<std::uint32_t> asked);
  Heard lost(Milliseconds now);
  void attempt(Milliseconds now);

  Fd conversation_;
  std::string resume_socket_;
  Milliseconds patience_;
  std::optional<protocol::Resume> resume_;
  bool resuming_ = false;                   // asked, and not yet answered
  std::optional<protocol::Record> record_;  // for the next decision
  std::optional<Milliseconds> lost_since_;
  Milliseconds next_attempt_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace acl::node::session
