#include "node/daemon/logins.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/release/text.h"
#include "node/steer/local_addresses.h"

namespace acl::node {

using protocol::FromSession;
using protocol::SessionStates;

namespace {

// Tags of epoll; keys of logins begin after them.
constexpr std::uint64_t tag_v4 = 0, tag_v6 = 1, tag_sessions = 2, tag_checks = 3, first_key = 16;
constexpr int accepts_a_step = 64;
constexpr std::size_t most_logins = 65'536;
// How long an accepted connection waits for the supervisor, and how often that is tried.
constexpr std::int64_t supervisor_patience_ms = 5000, hand_over_every_ms = 20;
// WireGuard answers or is given up within three seconds (enforcer.cc).
constexpr std::int64_t may_patience_ms = 5000;
constexpr std::int64_t silence_patience_ms = 10'000;
constexpr std::int64_t resume_patience_ms = 10'000;
// aclnode-session ends at the grace by itself.
constexpr std::int64_t grace_slack_ms = 5000;
constexpr std::int64_t pause_ms = 200;
constexpr std::int64_t tell_refusals_every_ms = 10'000;

protocol::Endpoint endpoint(const SocketPlace& place) {
  protocol::Endpoint out;
  out.port = place.port;
  const auto put = [&](std::uint64_t bits, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.address.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
  };
  if (place.address.is_v4()) {
    put(place.address.low(), 4);
  } else {
    put(place.address.high(), 8);
    put(place.address.low(), 8);
  }
  return out;
}

SocketPlace place_of(const protocol::Endpoint& endpoint) {
  std::uint64_t half[2] = {0, 0};
  const std::size_t size = endpoint.address.size();
  for (std::size_t i = 0; i < size; ++i) half[i / 8] = half[i / 8] << 8 | endpoint.address[i];
  return {size == 4 ? net::Address::v4(static_cast<std::uint32_t>(half[0])) : net::Address::v6(half[0], half[1]),
          endpoint.port};
}

bool is_own(const Facts& facts, const net::Address& address) {
  const auto& own = facts.own_addresses;
  return std::find(own.begin(), own.end(), address) != own.end() ||
         (facts.table != nullptr && facts.table->header().find(address) != nullptr);
}

// So that numbers of one run are not those of another: their records stand side by side, and a supervisor that outlives this process knows its
// logins by them.
std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
  }
  return number;
}

std::string for_the_end(std::string_view tell) {
  constexpr std::string_view head = "access denied: ";
  if (tell.substr(0, head.size()) == head) tell.remove_prefix(head.size());
  return fmt::format("this login is no longer allowed: {}", tell).substr(0, protocol::longest_text);
}

}  // namespace

// --- opening ------------------------------------------------------------------------------------------------------------------

Expected<std::unique_ptr<Logins>> Logins::open(LoginSettings settings, LoginSource source, const Clocks& clocks,
                                               Decisions& decisions) {
  std::unique_ptr<Logins> made(new Logins(std::move(settings), std::move(source), clocks, decisions));
  if (auto ok = made->listen_for_sessions(); !ok) return tl::unexpected(ok.error());
  if (!made->watch(made->source_.checks->prompts().fd(), tag_checks))
    return fail(Code::E1404, "checks cannot be watched");
  return made;
}

Logins::Logins(LoginSettings settings, LoginSource source, const Clocks& clocks, Decisions& decisions)
    : settings_(std::move(settings)),
      source_(std::move(source)),
      clocks_(clocks),
      decisions_(decisions),
      supervisor_({settings_.ssh.session_program, settings_.ssh.session_socket, settings_.start_supervisor}, clocks),
      limits_(settings_.ssh.max_starting, settings_.ssh.max_starting_per_source),
      check_limits_(settings_.check.max_waiting, settings_.check.max_waiting_per_source),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      next_key_(first_key),
      number_base_(random_number()),
      told_refusal_ms_(clocks.steady_ms() - tell_refusals_every_ms),
      buffer_(protocol::longest_session_message) {}

Logins::~Logins() {
  for (auto& [key, login] : logins_) stop_check(key, login);
  if (sessions_) ::unlink(settings_.resume_socket.c_str());
}

bool Logins::watch(int fd, std::uint64_t tag) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

Expected<void> Logins::listen_for_sessions() {
  const std::string& path = settings_.resume_socket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Code::E1404, fmt::format("\"{}\" is too long for a socket's name", path),
                "set run_dir to a shorter path");
  std::memcpy(address.sun_path, path.data(), path.size());
  sessions_ = Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ::unlink(path.c_str());  // of a daemon that is gone: the state folder's lock says so
  if (!epoll_ || !sessions_ ||
      ::bind(sessions_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(sessions_.get(), 128) != 0 || !watch(sessions_.get(), tag_sessions))
    return fail(Code::E1404, fmt::format("cannot listen at \"{}\": {}", path, std::strerror(errno)));
  return {};
}

void Logins::listen(const Listeners& listeners, bool serves, unsigned ifindex) {
  if (draining_) return;
  serves_ = serves;
  if (ifindex != 0) ifindex_ = ifindex;
  // A listener that was closed has left by itself, and its number may be another's now.
  for (const auto& [tag, fd] : {std::pair{tag_v4, listeners.v4.get()}, {tag_v6, listeners.v6.get()}}) {
    if (fd >= 0 && !paused_until_ms_ && !watch(fd, tag) && errno != EEXIST)
      refuse({}, "the listener cannot be watched");
    listeners_[tag] = fd;
  }
}

void Logins::set(LoginSettings settings) {
  const bool another = settings.ssh != settings_.ssh || settings.recording != settings_.recording;
  settings_ = std::move(settings);
  check_limits_.set(settings_.check.max_waiting, settings_.check.max_waiting_per_source);
  if (!another) return;
  limits_.set(settings_.ssh.max_starting, settings_.ssh.max_starting_per_source);
  supervisor_.set({settings_.ssh.session_program, settings_.ssh.session_socket, settings_.start_supervisor});
  decide_again();
}

void Logins::set_host(std::vector<net::Address> host) {
  if (host == host_) return;
  host_ = std::move(host);
  decide_again();
}

// --- connections --------------------------------------------------------------------------------------------------------------

// What waits would be ready again at once, and again.
void Logins::pause() {
  if (paused_until_ms_) return;
  paused_until_ms_ = clocks_.steady_ms() + pause_ms;
  for (const int fd : {listeners_[tag_v4], listeners_[tag_v6], sessions_.get()})
    if (fd >= 0) static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr));
}

void Logins::go_on_accepting() {
  if (!paused_until_ms_ || clocks_.steady_ms() < *paused_until_ms_) return;
  paused_until_ms_.reset();
  const std::pair<int, std::uint64_t> all[] = {
      {listeners_[tag_v4], tag_v4}, {listeners_[tag_v6], tag_v6}, {sessions_.get(), tag_sessions}};
  for (const auto& [fd, tag] : all)
    if (fd >= 0 && !watch(fd, tag) && errno != EEXIST) pause();
}

void Logins::accept_from(int listener) {
  for (int i = 0; i < accepts_a_step; ++i) {
    AcceptedConnection connection = accept_connection(listener);
    if (connection.fd) {
      take(std::move(connection));
      continue;
    }
    // ECONNABORTED and 0: gone already. No descriptors: not asked again at once, since it would stay readable.
    if (errno == 0 || errno == ECONNABORTED || errno == EINTR) continue;
    if (errno != EAGAIN) {
      pause();
      refuse({}, fmt::format("cannot accept: {}", std::strerror(errno)));
    }
    return;
  }
}

void Logins::take(AcceptedConnection connection) {
  const net::Address source = connection.source.address;
  if (connection.own.port != 22 || !is_own(source_.facts(), connection.own.address) || is_of_host(source, host_))
    return refuse(source, "it is not for port 22 of the WireGuard address, or comes from this host");
  if (!serves_) return refuse(source, "there is no host key yet");
  if (logins_.size() >= most_logins) return refuse(source, "E1408: too many at once");
  const LoginOrigin origin{owner_of(source_.facts().owned)(source), source};
  if (limits_.begin(origin)) return start(std::move(connection), origin);
  // Many at once are not refused, as with sshd, but wait their turn: a deployment logs in two hundred times within a second.
  if (!waiting_.add({std::move(connection), origin}, clocks_.steady_ms() + grace_ms()))
    refuse(source, "E1408: too many at once");
}

std::int64_t Logins::grace_ms() const noexcept { return std::int64_t{settings_.ssh.login_grace_s} * 1000; }

// Those for whom there is room by now; it counts as theirs already.
void Logins::start_waiting() {
  for (WaitingConnection& one : waiting_.take(limits_)) start(std::move(one.connection), one.origin);
  for (const net::Address& source : waiting_.give_up(clocks_.steady_ms()))
    refuse(source, "E1408: its turn did not come in time");
}

void Logins::start(AcceptedConnection connection, const LoginOrigin& origin) {
  const net::Address source = connection.source.address;
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    limits_.end(origin);
    return refuse(source, std::strerror(errno));
  }
  const std::uint64_t key = next_key_++;
  Login& login = logins_[key];
  login.number = number_base_ + key - first_key + 1;
  login.source = connection.source;
  login.own = connection.own;
  login.connection = std::move(connection.fd);
  login.conversation = Fd(ends[0]);
  login.for_session = Fd(ends[1]);
  login.counted = true;
  login.origin = origin;
  login.since_ms = clocks_.steady_ms();
  login.deadline_ms = login.since_ms + supervisor_patience_ms;
  if (!watch(login.conversation.get(), key)) close(logins_.find(key), "it cannot be watched");
}

// Counted, and told now and then: a flood of connections is no flood of records.
void Logins::refuse(const net::Address& source, const std::string& why) {
  ++refused_;
  const std::int64_t now = clocks_.steady_ms();
  if (now - told_refusal_ms_ < tell_refusals_every_ms) return;
  told_refusal_ms_ = now;
  decisions_.record(clocks_.wall(), "login-refused",
                    {{"source", source.text()}, {"reason", why}, {"refused", std::to_string(refused_)}});
}

protocol::Bytes Logins::begin_message(const Login& login) const {
  const SshSettings& ssh = settings_.ssh;
  protocol::Begin begin;
  begin.number = login.number;
  begin.source = endpoint(login.source);
  begin.own = endpoint(login.own);
  begin.grace_s = ssh.login_grace_s;
  begin.keepalive_s = ssh.keepalive_s;
  begin.keepalive_count = ssh.keepalive_count;
  begin.rekey_bytes = std::uint64_t{ssh.rekey_mb} << 20;
  begin.formality = ssh.formality;
  begin.ssh_program = ssh.ssh_program;
  begin.ssh_user = ssh.ssh_user;
  begin.key_folder = settings_.key_folder;
  begin.pam_service = ssh.pam_service;
  begin.sftp_server = ssh.sftp_server;
  begin.resume_socket = settings_.resume_socket;
  auto bytes = protocol::encode(protocol::ToSession(std::move(begin)));
  return bytes ? std::move(*bytes) : protocol::Bytes();
}

void Logins::hand_over_all() {
  for (auto at = logins_.begin(); at != logins_.end();) {
    Login& login = at->second;
    const auto here = at++;
    if (!login.connection) continue;
    const protocol::Bytes begin = begin_message(login);
    if (begin.empty()) {
      close(here, "a setting of [ssh] is too long");
      continue;
    }
    const int descriptors[] = {login.connection.get(), login.for_session.get()};
    if (!supervisor_.hand_over(begin, descriptors)) return;
    login.client = std::exchange(login.connection, Fd());
    login.for_session = Fd();
    login.deadline_ms = login.since_ms + grace_ms() + grace_slack_ms;
  }
}

void Logins::accept_sessions() {
  for (int i = 0; i < accepts_a_step; ++i) {
    if (logins_.size() >= most_logins) return pause();
    Fd fd(::accept4(sessions_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd && errno != EAGAIN && errno != EINTR) return pause();
    if (!fd) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != 0) continue;
    const std::uint64_t key = next_key_++;
    Login& login = logins_[key];
    login.states = SessionStates(SessionStates::Start::resumed);
    login.resumed = true;
    login.conversation = std::move(fd);
    // If it has ended by now, and the number is another's, its conversation ends, and nobody is killed.
    login.process = Fd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
    login.since_ms = clocks_.steady_ms();
    login.deadline_ms = login.since_ms + resume_patience_ms;
    if (!watch(login.conversation.get(), key)) close(logins_.find(key), "it cannot be watched");
  }
}

// --- the loop's part ----------------------------------------------------------------------------------------------------------

void Logins::step() {
  go_on_accepting();
  epoll_event events[256];
  const int count = ::epoll_wait(epoll_.get(), events, static_cast<int>(std::size(events)), 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t tag = events[i].data.u64;
    if (tag == tag_v4 || tag == tag_v6) {
      if (!paused_until_ms_) accept_from(listeners_[tag]);
    } else if (tag == tag_sessions) {
      if (!paused_until_ms_) accept_sessions();
    } else if (tag != tag_checks) {
      hear(tag);
    }
  }
  step_checks();
  decide_asked();
  start_waiting();
  hand_over_all();
  look_at_deadlines();
}

void Logins::tick() {
  if (serves_) supervisor_.reach();
  if (silent_since_ms_) decide_again();
}

std::optional<std::int64_t> Logins::next_ms() const {
  const bool waiting = std::any_of(logins_.begin(), logins_.end(), [](const auto& one) {
    return one.second.connection || (one.second.may && !one.second.checking);
  });
  std::optional<std::int64_t> next = source_.checks->prompts().next_ms();
  if (paused_until_ms_) next = std::min(next.value_or(*paused_until_ms_), *paused_until_ms_);
  const std::int64_t soon = clocks_.steady_ms() + hand_over_every_ms;
  if (waiting) next = std::min(next.value_or(soon), soon);
  return next;
}

void Logins::hear(std::uint64_t key) {
  for (;;) {
    const auto at = logins_.find(key);
    if (at == logins_.end()) return;
    const protocol::Received got = protocol::receive_message(at->second.conversation.get(), buffer_);
    switch (got.state) {
      case protocol::Received::State::nothing: return;
      case protocol::Received::State::closed:
        return close(at, at->second.over.empty() ? "its process is gone" : std::string(at->second.over));
      case protocol::Received::State::too_long: return close(at, "E1403: a message that is too long");
      case protocol::Received::State::message: break;
    }
    const auto message = protocol::decode_from_session(got.message);
    if (!message) return close(at, fmt::format("E1403: {}", message.error().message));
    const protocol::Judged judged = at->second.states.hear(*message);
    if (judged.verdict == protocol::Verdict::broken) {
      static_cast<void>(say(at->second, protocol::EndSession{"a message that is not legal"}));
      return close(at, fmt::format("E1403: {}", judged.fault));
    }
    if (hear_message(key, at->second, *message)) continue;
    const std::string& words = std::get<protocol::SessionOver>(*message).words;
    // One that was told to end says so while aclnode-ssh still tells the person: it is over when its process is.
    if (!at->second.ending.has_begun()) return close(at, words);
    at->second.over = words;
    at->second.ending.says_so();
  }
}

bool Logins::hear_message(std::uint64_t key, Login& login, const FromSession& message) {
  if (std::holds_alternative<protocol::SessionOver>(message)) return false;
  if (const auto* resume = std::get_if<protocol::Resume>(&message)) {
    take_resume(login, *resume);
  } else if (const auto* may = std::get_if<protocol::May>(&message)) {
    login.may = *may;
    login.asked = {login.source.address, login.own.address, may->user, may->exists, may->is_root, {}};
    login.ticket = 0;
  } else if (const auto* given = std::get_if<protocol::SessionAnswer>(&message)) {
    hear_answer(key, login, *given);
  } else if (std::holds_alternative<protocol::LoggedIn>(message)) {
    began(login);
  } else {
    hear_recording(login, message);
  }
  return true;
}

void Logins::take_resume(Login& login, const protocol::Resume& resume) {
  login.number = resume.number;
  login.source = place_of(resume.source);
  login.own = place_of(resume.own);
  login.since = static_cast<release::Time>(resume.since);
  login.asked = {login.source.address, login.own.address, resume.user, true, resume.is_root, {}};
  login.answer.agent_forwarding = resume.agent_forwarding;
  login.answer.local_forwarding = resume.local_forwarding;
  login.answer.remote_forwarding = resume.remote_forwarding;
  login.answer.x11_forwarding = resume.x11_forwarding;
  login.answer.checked = resume.checked;
  login.answer.record = resume.recorded;
  login.may.emplace().user = resume.user;
  login.ticket = 0;
}

// --- deciding -----------------------------------------------------------------------------------------------------------------

LoginFacts Logins::login_facts() const {
  return {source_.facts(),     settings_.ssh.deny_users, host_, &source_.checks->checks(), source_.checks->now(),
          settings_.recording, settings_.ssh.allow};
}

LoginAnswer Logins::decide(const LoginAsked& asked) const { return decide_login(login_facts(), asked); }

LoginAnswer Logins::decide_living(const Login& login) const {
  return decide_login_again(login_facts(), login.asked, login.answer);
}

// One question to WireGuard for all that were heard in this step: who asks often does not have it read as often.
void Logins::ask_wireguard() {
  std::optional<std::uint64_t> ticket;
  for (auto& [key, login] : logins_) {
    if (!login.may || login.ticket != 0) continue;
    if (!ticket) ticket = source_.ask_wireguard();
    login.ticket = *ticket;
    login.may_until_ms = clocks_.steady_ms() + may_patience_ms;
  }
}

void Logins::decide_asked() {
  ask_wireguard();
  const std::uint64_t answered = source_.answered();
  const std::int64_t now = clocks_.steady_ms();
  for (auto& [key, login] : logins_) {
    if (!login.may || login.checking || (answered < login.ticket && now < login.may_until_ms)) continue;
    login.answer = login.resumed ? decide_living(login) : decide(login.asked);
    if (answered < login.ticket) {
      login.answer = {};
      login.answer.reason = "WireGuard did not say in time whose the source is";
      login.answer.tell = "access denied";
    }
    // Whoever was checked in this connection is not asked again.
    if (!login.resumed && login.answer.needs_check && !login.asked.checked) {
      begin_check(key, login);
      if (login.checking) continue;
    }
    login.resumed ? answer_resumed(login) : answer(login);
    login.may.reset();
  }
}

void Logins::answer(Login& login) {
  const LoginAnswer& answer = login.answer;
  record_decision(login, "login");
  login.states.answered(answer.accept);
  protocol::Decision decision;
  decision.request = login.may->request;
  decision.accept = answer.accept;
  decision.agent_forwarding = answer.agent_forwarding;
  decision.local_forwarding = answer.local_forwarding;
  decision.remote_forwarding = answer.remote_forwarding;
  decision.x11_forwarding = answer.x11_forwarding;
  decision.narrowed = answer.narrowed;
  decision.tell = answer.tell;
  decision.patterns = answer.patterns;
  decision.checked = answer.checked;
  if ((answer.accept && !say_record(login)) || !say(login, std::move(decision)))
    ::shutdown(login.conversation.get(), SHUT_RDWR);
}

void Logins::answer_resumed(Login& login) {
  record_decision(login, "login-again");
  login.live = true;
  login.since_ms = clocks_.steady_ms() - 1000 * std::max<std::int64_t>(0, clocks_.wall() - login.since);
  if (!login.answer.accept || login.ending.has_begun()) return end(login, for_the_end(login.answer.tell));
  record_session(login, "session-resumed", "");
  if (!say(login, protocol::GoOn{})) ::shutdown(login.conversation.get(), SHUT_RDWR);
}

// Between decision and session a table may have come that does not allow it: decide_again() has looked at it then.
void Logins::began(Login& login) {
  login.live = true;
  login.since_ms = clocks_.steady_ms();
  login.since = clocks_.wall();
  if (std::exchange(login.counted, false)) limits_.end(login.origin);
  if (std::exchange(login.check_counted, false)) check_limits_.end(login.origin);
  record_session(login, "session-start", "");
}

bool Logins::is_silence_short() {
  if (source_.facts().own_key != Key{}) {
    silent_since_ms_.reset();
    return false;
  }
  if (!silent_since_ms_) silent_since_ms_ = clocks_.steady_ms();
  return clocks_.steady_ms() - *silent_since_ms_ < silence_patience_ms;
}

void Logins::decide_again() {
  const bool wait = is_silence_short();
  decide_waiting(nullptr);
  for (auto& [key, login] : logins_) {
    if (!login.live || !wait) decide_again(login);
  }
}

// One that was accepted, and does not end yet.
void Logins::decide_again(Login& login) {
  if (!login.answer.accept || login.ending.has_begun() || login.may) return;
  login.answer = decide_living(login);
  if (login.answer.accept) return;
  record_decision(login, "login-again");
  end(login, for_the_end(login.answer.tell));
}

bool Logins::say(Login& login, const protocol::ToSession& message) {
  const auto bytes = protocol::encode(message);
  return bytes && protocol::send_message(login.conversation.get(), *bytes, protocol::Wait::no) == protocol::Sent::sent;
}

}  // namespace acl::node
