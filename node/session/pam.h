// PAM: account and session of one login (pam_start(3) and what follows). Authentication is WireGuard's and policy's, so the stack of
// "auth" is never run; pam_setcred is, as sshd does after a public key.
//
// In: service, account, source. Out: an open session, which owns the handle and closes it at its end; texts that modules want shown.
// Prompts are answered with an error, as nobody is there to answer. Modules run in this process, may take any time and may crash: only
// the process of one login calls this, under a deadline that kills it. Refusals are E1406, whose message is one line for the person.
#pragma once

#include <security/pam_appl.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/session/account.h"

namespace acl::node::session {

class PamSession {
 public:
  // `service`: a name in /etc/pam.d, or /DIR/NAME for the file NAME in DIR. `source`: PAM_RHOST.
  static Expected<PamSession> open(const std::string& service, const Account& account, const std::string& source);
  // Nothing is asked, nothing is closed: where PAM is not to be asked.
  PamSession() noexcept;
  PamSession(PamSession&&) noexcept;
  PamSession& operator=(PamSession&& other) noexcept;
  PamSession(const PamSession&) = delete;
  PamSession& operator=(const PamSession&) = delete;
  ~PamSession();

  // "NAME=value".
  [[nodiscard]] std::vector<std::string> environment() const;
  // Empty: not set.
  [[nodiscard]] std::string variable(const char* name) const;
  // What modules want shown, such as the message of the day; whole lines.
  [[nodiscard]] const std::string& texts() const;

 private:
  struct State;
  explicit PamSession(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

// One line: control characters and line ends as blanks, cut to what a message may hold.
std::string one_line(std::string text);

}  // namespace acl::node::session
