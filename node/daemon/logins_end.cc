// How logins end: told to, cut off, killed; and how all of them do, where no more are taken.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "node/daemon/logins.h"
#include "node/enforce/socket_list.h"

namespace acl::node {
namespace {

constexpr std::int64_t end_patience_ms = 10'000;
// How often it is told of a session that was to end and is still there.
constexpr std::int64_t stays_again_ms = 600'000;

}  // namespace

void Logins::end(Login& login, const std::string& words) {
  if (login.ending.has_begun()) return;
  login.ending.begin(clocks_.steady_ms());
  login.deadline_ms = clocks_.steady_ms() + end_patience_ms;
  if (!say(login, protocol::EndSession{words})) ::shutdown(login.conversation.get(), SHUT_RDWR);
}

void Logins::close(Place place, const std::string& words) {
  Login& login = place->second;
  if (login.counted) limits_.end(login.origin);
  if (login.checking) record_check(login, "given up", words);
  stop_check(place->first, login);
  if (login.check_counted) check_limits_.end(login.origin);
  if (login.ending.has_begun() && login.client) cut(login);
  if (login.live) record_session(login, "session-end", words);
  logins_.erase(place);
}

// Whoever else has the connection, nothing goes by it any more. One that is not ours is ended with what waits in it. False: it could not be.
bool Logins::cut(Login& login) const {
  if (login.client) {
    if (::shutdown(login.client.get(), SHUT_RDWR) != 0 && errno != ENOTCONN) return false;
    login.client = Fd();
    return true;
  }
  return !login.resumed || destroy_connection({ACL_PROTOCOL_TCP, true, login.own.address, login.source.address,
                                               login.own.port, login.source.port},
                                              ifindex_);
}

// Killed by the supervisor: what a login has started is outside of what this process may touch.
void Logins::look_at_end(Login& login) {
  const std::int64_t now = clocks_.steady_ms();
  if (login.ending.wants_cut(now) && login.ending.tried_cut(now, cut(login)) && login.live)
    record_session(login, "session-stays", "its connection is gone, or cannot be cut off");
  if (!login.live || !login.ending.wants_kill(now)) return;
  const auto bytes = protocol::encode(protocol::ToSession(protocol::KillLogin{login.number}));
  const int process = login.process.get();
  login.ending.tried_kill(now, bytes && supervisor_.hand_over(*bytes, {&process, process >= 0 ? 1U : 0U}));
}

void Logins::look_at_deadlines() {
  const std::int64_t now = clocks_.steady_ms();
  for (auto at = logins_.begin(); at != logins_.end();) {
    const auto here = at++;
    Login& login = here->second;
    if (login.live && !login.ending.has_begun()) continue;
    look_at_end(login);
    if (now < login.deadline_ms) continue;
    if (login.live) {
      // Its user may have stopped it. It is there until its conversation ends, and no record says otherwise.
      record_session(login, "session-stays", "it did not end by itself");
      login.deadline_ms = now + stays_again_ms;
      continue;
    }
    if (login.connection) {
      refuse(login.source.address, fmt::format("E1404: {}", supervisor_.why()));
      close(here, "it was not served");
      continue;
    }
    const bool ending = login.ending.has_begun();
    if (!ending && !login.resumed) static_cast<void>(say(login, protocol::EndSession{"too slow"}));
    close(here, ending ? "it did not end by itself" : "it was too slow");
  }
}

void Logins::drain(const std::string& words) {
  draining_ = true;
  serves_ = false;
  for (int& fd : listeners_) {
    if (fd >= 0) static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr));
    fd = -1;
  }
  if (sessions_) ::unlink(settings_.resume_socket.c_str());
  sessions_ = Fd();
  waiting_ = {};
  for (auto at = logins_.begin(); at != logins_.end();) {
    const auto here = at++;
    if (here->second.connection) {
      close(here, words);
    } else {
      end(here->second, words);
    }
  }
}

bool Logins::is_drained() const {
  const std::int64_t now = clocks_.steady_ms();
  const auto is_done = [now](const auto& one) { return one.second.live && one.second.ending.is_all_done(now); };
  return draining_ && std::all_of(logins_.begin(), logins_.end(), is_done);
}

Expected<void> Logins::open_again() {
  auto listening = listen_for_sessions();
  if (listening) draining_ = false;
  return listening;
}

}  // namespace acl::node
