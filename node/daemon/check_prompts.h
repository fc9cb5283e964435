// CheckPrompts: the logins that wait for a person, and what each of them waits for.
//
// A login comes in with what its rule asks (CheckAsked); what goes out are events: what to show it, that it has passed, that it has not. Two ways:
//
//   fido2   a text that is made for this connection alone (check_text.h) is to be signed by one of the person's security keys. Each text is for one
//           answer: after one that does not count there is another.
//   openid  the person logs in at the provider. Connections of one source and person that come close together, by rules of the same
//           period, share one such prompt; one whose rule takes no check that is remembered has its own.
//
// Where both are there, either does; that the person has logged in counts once Enter is pressed, as the client waits for its terminal.
// What was given is looked at by a process in a jail (verifier.h), few at a time. Whoever owns the process that talks to the provider can
// let nobody pass: the token is signed by a key that is pinned here.
//
// Nothing waits: poll fd() until next_ms(), then step(). Every login that came in gets an end within wait_s, unless the caller ends it;
// memory is bounded by how many the caller lets in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "engine/net/fd.h"
#include "node/daemon/check_text.h"
#include "node/daemon/clocks.h"
#include "node/daemon/config_check.h"
#include "node/daemon/login_decision.h"
#include "node/daemon/openid_process.h"
#include "node/daemon/verifier.h"

namespace acl::node {

struct CheckWanted {
  std::uint64_t login = 0;  // the caller's number of it
  Key node{};               // this one
  std::uint64_t connection = 0;
  std::string account;
  CheckAsked asked;
  std::optional<std::int64_t> until_ms;  // on the steady clock, where that is before wait_s are over
};

struct CheckShow {
  std::uint64_t login = 0;
  std::uint32_t wait_s = 0;  // what is left
  protocol::Challenge challenge;
};
struct CheckEnd {
  std::uint64_t login = 0;
  std::optional<CheckPassed> passed;  // else:
  std::string reason;                 // for the record
};
// A person was checked: to be remembered, after the ends of those whose check it was.
struct CheckSeen {
  CheckSubject subject;
  CheckPassed passed;
};
// How old a login at the provider may be when it is asked for, in seconds, by a rule of this period: the provider is told so, and what it says is
// compared. acl_ssh_always: only one from after that, which the provider is told as the least there is.
struct LoginAge {
  std::uint32_t told_s = 0;
  release::Time taken_s = 0;
};
LoginAge login_age(std::uint32_t period_s, std::uint32_t max_auth_age_s);

using CheckEvent = std::variant<CheckSeen, CheckShow, CheckEnd>;

class CheckPrompts {
 public:
  struct Settings {
    CheckSettings check;
    std::string name_space;
    daemon::NetProgram program;

    friend bool operator==(const Settings& a, const Settings& b) {
      return a.check == b.check && a.name_space == b.name_space && a.program.path == b.program.path &&
             a.program.user == b.program.user;
    }
  };

  // `wall`: the time that never runs back. Both outlive it.
  CheckPrompts(const Clocks& clocks, std::function<release::Time()> wall);
  CheckPrompts(const CheckPrompts&) = delete;
  CheckPrompts& operator=(const CheckPrompts&) = delete;

  // E1434, E1436: what keeps OpenID from being used; then only security keys are. A way that is no longer there ends for those who wait, and who has
  // none left ends.
  Expected<void> set(Settings settings);

  // From here on until its CheckEnd, or end(). E1425: there is no way to check this person; E1422: too many at once, in all or of
  // this person at this source.
  Expected<void> begin(CheckWanted wanted);
  void answer(std::uint64_t login, std::string text);
  void end(std::uint64_t login);

  [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
  [[nodiscard]] std::optional<std::int64_t> next_ms() const;
  std::vector<CheckEvent> step();

 private:
  struct Waiting {
    CheckWanted wanted;
    std::int64_t until_ms = 0;
    std::string to_sign;                  // empty: not by a security key
    std::optional<std::uint64_t> prompt;  // of OpenID
    bool shown = false;                   // once
    unsigned answers = 0;
    std::optional<std::string> given;  // to be looked at
    std::optional<daemon::Verifier> verifier;
    std::optional<CheckPassed> passed;  // by OpenID, and the person is at the prompt
    std::string failed;                 // OpenID has, in these words
  };
  struct Prompt {
    CheckSubject subject;
    std::string sub;
    std::uint32_t period_s = 0;  // of the rules of all that share it
    release::Time began = 0;
    std::int64_t until_ms = 0;
    std::optional<daemon::OpenidCode> code;
    std::optional<std::string> token;  // to be looked at
    std::optional<daemon::Verifier> verifier;
    std::set<std::uint64_t> logins;
  };

  void make_text(Waiting& waiting) const;
  std::optional<std::uint64_t> join_prompt(const CheckWanted& wanted);
  void leave_prompt(std::uint64_t login, std::uint64_t prompt);
  void show(Waiting& waiting, std::string reason);
  void finish(std::uint64_t login, std::optional<CheckPassed> passed, std::string reason);
  void hear_openid();
  void drop_security_keys();
  void came_to_nothing(std::uint64_t prompt, const std::string& words);
  void start_verifiers();
  void refuse_answer(std::uint64_t login);
  void hear_verifiers();
  void judge_signature(std::uint64_t login, const Expected<protocol::Verified>& outcome);
  void judge_token(std::uint64_t prompt, const Expected<protocol::Verified>& outcome);
  void look_at_deadlines();
  std::optional<daemon::Verifier> start(const protocol::VerifyQuestion& question, std::string& fault);

  const Clocks& clocks_;
  std::function<release::Time()> wall_;
  Settings settings_;
  std::string key_set_;
  std::unique_ptr<daemon::OpenidProcess> openid_;
  Fd epoll_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::map<std::uint64_t, Prompt> prompts_;
  std::vector<CheckEvent> events_;
};

}  // namespace acl::node
