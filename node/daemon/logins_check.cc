// Logins that wait for a check of the person: how one begins, what is heard, how it ends.
//
// Its `may` stays open meanwhile; it counts in the limits of those that wait, no longer in those of connections that have not logged in. After the
// check everything is decided anew, WireGuard and the table included; a new table decides at once, also while the person is still asked.
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "node/daemon/logins.h"

namespace acl::node {

void Logins::begin_check(std::uint64_t key, Login& login) {
  if (!login.check_counted) {
    if (!check_limits_.begin(login.origin))
      return refuse_check(login, "E1422: too many logins wait for a check at once");
    login.check_counted = true;
  }
  // One wait for all checks of a connection.
  const std::int64_t now = clocks_.steady_ms();
  if (!login.check_until_ms) {
    const std::int64_t wait = std::int64_t{settings_.check.wait_s} * 1000;
    login.check_until_ms = now + wait;
    login.deadline_ms += wait;
  }
  if (now >= *login.check_until_ms) return refuse_check(login, "E1421: nothing is left of the time for a check");
  CheckWanted wanted;
  wanted.login = key;
  wanted.node = source_.facts().own_key;
  wanted.connection = login.number;
  wanted.account = login.asked.user;
  wanted.until_ms = *login.check_until_ms;
  wanted.asked = *login.answer.check;
  if (const auto begun = source_.checks->prompts().begin(std::move(wanted)); !begun)
    return refuse_check(login, fmt::format("{}: {}", code_name(begun.error().code), begun.error().message));
  login.checking = true;
  login.check_began = source_.checks->now();
  if (std::exchange(login.counted, false)) limits_.end(login.origin);
  record_check(login, "asked", "");
}

// The reason begins with its code, which the person is not told.
void Logins::refuse_check(Login& login, std::string reason) {
  const std::string_view words = std::string_view(reason).substr(reason.find(": ") + 2);
  login.answer.needs_check = false;
  login.answer.tell = fmt::format("access denied: {}", words).substr(0, protocol::longest_text);
  login.answer.reason = std::move(reason);
}

void Logins::stop_check(std::uint64_t key, Login& login) {
  if (!std::exchange(login.checking, false)) return;
  source_.checks->prompts().end(key);
}

void Logins::hear_answer(std::uint64_t key, Login& login, const protocol::SessionAnswer& answer) {
  if (!login.checking) return;
  login.is_asked = false;
  // Another connection of the same person may have been checked meanwhile.
  if (!decide(login.asked).accept) return source_.checks->prompts().answer(key, answer.text);
  stop_check(key, login);
  login.ticket = 0;
}

void Logins::step_checks() {
  for (const CheckEvent& event : source_.checks->prompts().step()) {
    if (const auto* seen = std::get_if<CheckSeen>(&event)) {
      source_.checks->remember(seen->subject, seen->passed);
      decide_waiting(&seen->subject);
    } else if (const auto* show = std::get_if<CheckShow>(&event)) {
      take_check(*show);
    } else {
      take_check(std::get<CheckEnd>(event));
    }
  }
}

void Logins::take_check(const CheckShow& show) {
  const auto at = logins_.find(show.login);
  if (at == logins_.end() || !at->second.checking) return;
  Login& login = at->second;
  protocol::SessionChallenge challenge{show.wait_s, show.challenge};
  challenge.challenge.request = login.may->request;
  login.states.challenged(show.challenge.asks);
  login.is_asked = show.challenge.asks;
  if (!say(login, challenge)) ::shutdown(login.conversation.get(), SHUT_RDWR);
}

void Logins::take_check(const CheckEnd& end) {
  const auto at = logins_.find(end.login);
  if (at == logins_.end() || !at->second.checking) return;
  Login& login = at->second;
  login.checking = false;
  if (end.passed) {
    record_check(login, "passed", end.passed->by);
    login.asked.checked = {login.answer.check->subject, *end.passed, login.check_began};
    login.ticket = 0;  // decided anew
    return;
  }
  record_check(login, "failed", end.reason);
  const bool has_code = end.reason.size() > 5 && end.reason[0] == 'E' && end.reason[5] == ':';
  refuse_check(login, has_code ? end.reason : fmt::format("{}: {}", code_name(Code::E1421), end.reason));
  answer(login);
  login.may.reset();
}

// Of those who wait: all, or one person at one source. Whose answer is another one by now has it at once; but for a yes to somebody who is asked at a
// terminal, which waits for what he enters (hear_answer).
void Logins::decide_waiting(const CheckSubject* subject) {
  for (auto& [key, login] : logins_) {
    if (!login.checking || (subject != nullptr && login.answer.check->subject != *subject)) continue;
    LoginAnswer fresh = decide(login.asked);
    // Another period, key or number of the person is another question: what is asked now ends, and begins anew within the time that is left.
    if ((fresh.needs_check && fresh.check == login.answer.check) || (fresh.accept && login.is_asked)) continue;
    stop_check(key, login);
    login.ticket = 0;
  }
}

}  // namespace acl::node
