// Logins: every connection that is steered here, from its acceptance to the end of its session.
//
//   accepted → handed over to aclnode-session's supervisor → asked `may`: WireGuard is read again, then it is decided (login_decision.h)
//            → `logged-in` → … → `session-over`
//   a rule that asks for a check comes between: the person is asked (check_prompts.h), and then all is decided anew
//
// In: the listeners; messages of aclnode-session, each legal in its state only (login_conversation.h). Out: answers, records of every
// decision and of every session's start and end, and EndSession where what is enforced no longer allows a login that lives.
// Sessions that outlived a daemon come back by the socket RUN_DIR/logins and are decided like new ones.
//
// Nothing waits: step() does what can be done and returns; fd() tells when there is more, next_ms() when it is time. A login whose
// question finds no answer in time is denied. Memory is bounded by the limits and by how many are logged in. Owns its descriptors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/fd.h"
#include "node/daemon/check_service.h"
#include "node/daemon/clocks.h"
#include "node/daemon/config.h"
#include "node/daemon/decisions.h"
#include "node/daemon/login_decision.h"
#include "node/daemon/login_ending.h"
#include "node/daemon/login_limits.h"
#include "node/daemon/supervisor.h"
#include "node/daemon/waiting_room.h"
#include "node/protocol/login_conversation.h"
#include "node/steer/listeners.h"

namespace acl::node {

// What logins are decided by, as the daemon has it (Enforcer).
struct LoginSource {
  std::function<Facts()> facts;
  std::function<std::uint64_t()> ask_wireguard;
  std::function<std::uint64_t()> answered;
  CheckService* checks = nullptr;  // outlives it
};

struct LoginSettings {
  SshSettings ssh;
  CheckSettings check;
  RecordingSettings recording;  // its folder named
  std::string key_folder;
  std::string resume_socket;
  bool start_supervisor = false;
};

// One that lives, for `aclnode sessions`.
struct LiveLogin {
  std::uint64_t number = 0;
  net::Address source;
  std::string node, identity, account, rule;
  release::Time since = 0;
  bool recorded = false;
  std::vector<std::string> recordings;  // files, the first of them
};

class Logins {
 public:
  // Listens for sessions that come back. E1404. `clocks` and `decisions` outlive it.
  static Expected<std::unique_ptr<Logins>> open(LoginSettings settings, LoginSource source, const Clocks& clocks,
                                                Decisions& decisions);
  Logins(const Logins&) = delete;
  Logins& operator=(const Logins&) = delete;
  ~Logins();  // conversations end; the sessions live on and look for the next daemon

  // Accepts from these from now on; they are lent. `serves`: otherwise what comes is closed at once (there is no host key yet). `ifindex`: of
  // WireGuard's interface, also where there are no listeners; 0: it is not there, and what was accepted is of the one before.
  void listen(const Listeners& listeners, bool serves, unsigned ifindex);
  void set(LoginSettings settings);
  void set_host(std::vector<net::Address> host);

  [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
  [[nodiscard]] std::optional<std::int64_t> next_ms() const;
  void step();
  // Once a second: the supervisor is there, before the first login asks for it.
  void tick();
  // What is enforced may be something else: those that live are decided again; while WireGuard says nothing, not before ten seconds of it: an
  // answer that was lost is no reason to end them all.
  void decide_again();
  // Ends all, and accepts nothing more: no connections, no sessions that come back. It is to live on until they have gone.
  void drain(const std::string& words);
  [[nodiscard]] bool is_draining() const noexcept { return draining_; }
  // Their conversations have ended, or they were cut off and killed.
  [[nodiscard]] bool is_drained() const;
  // Takes logins again. As open().
  Expected<void> open_again();

  struct Counts {
    std::size_t sessions = 0, starting = 0, checking = 0;
    std::uint64_t refused = 0;  // connections beyond the limits, or that could not be served
  };
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] const std::string& trouble() const noexcept { return supervisor_.why(); }
  [[nodiscard]] std::vector<LiveLogin> live() const;
  // Root wants its end. False: none that lives has that number.
  bool end_one(std::uint64_t number, const std::string& words);
  // For `aclnode why`.
  [[nodiscard]] LoginAnswer decide(const LoginAsked& asked) const;

 private:
  struct Login {
    std::uint64_t number = 0;  // in messages and records
    SocketPlace source, own;
    Fd connection;    // until it is handed over
    Fd client;        // the same from then on, to cut it where the session does not; none of a session that came back
    Fd process;       // of a session that came back: its process (pidfd_open(2))
    Fd conversation;  // ours
    Fd for_session;   // the other end, until it is handed over
    protocol::SessionStates states{protocol::SessionStates::Start::fresh};
    bool resumed = false;
    bool counted = false;  // in the limits, as of `origin`
    LoginOrigin origin;
    std::int64_t deadline_ms = 0;
    std::optional<protocol::May> may;  // open
    std::uint64_t ticket = 0;          // of the question to WireGuard; 0: not asked yet
    std::int64_t may_until_ms = 0;
    bool checking = false;  // `may` waits for a person,
    bool is_asked = false;  // … from whom an answer is to come
    release::Time check_began = 0;
    std::optional<std::int64_t> check_until_ms;  // from the first check on
    bool check_counted = false;                  // in the limits of those; until it is live or gone
    LoginAsked asked;                            // last
    LoginAnswer answer;                          // of it; its rights are those that the session has
    std::vector<std::string> recordings;
    bool live = false;
    LoginEnding ending;
    std::string over;  // ending: what aclnode-session said last
    std::int64_t since_ms = 0;
    release::Time since = 0;
  };
  using Place = std::map<std::uint64_t, Login>::iterator;

  Logins(LoginSettings settings, LoginSource source, const Clocks& clocks, Decisions& decisions);
  Expected<void> listen_for_sessions();
  bool watch(int fd, std::uint64_t tag) const;
  void pause();
  void go_on_accepting();

  void accept_from(int listener);
  void take(AcceptedConnection connection);
  void start(AcceptedConnection connection, const LoginOrigin& origin);
  void start_waiting();
  [[nodiscard]] std::int64_t grace_ms() const noexcept;
  void refuse(const net::Address& source, const std::string& why);
  void hand_over_all();
  [[nodiscard]] protocol::Bytes begin_message(const Login& login) const;
  void accept_sessions();

  void hear(std::uint64_t key);
  // False: the conversation is over.
  bool hear_message(std::uint64_t key, Login& login, const protocol::FromSession& message);
  void take_resume(Login& login, const protocol::Resume& resume);
  void ask_wireguard();
  void decide_asked();
  void answer(Login& login);
  bool say_record(Login& login);
  void hear_recording(Login& login, const protocol::FromSession& message);
  // logins_check.cc
  void begin_check(std::uint64_t key, Login& login);
  void hear_answer(std::uint64_t key, Login& login, const protocol::SessionAnswer& answer);
  void step_checks();
  void take_check(const CheckShow& show);
  void take_check(const CheckEnd& end);
  void decide_waiting(const CheckSubject* subject);
  void refuse_check(Login& login, std::string reason);
  void stop_check(std::uint64_t key, Login& login);
  void record_check(const Login& login, std::string_view state, std::string_view words);
  [[nodiscard]] LoginFacts login_facts() const;
  void answer_resumed(Login& login);
  bool say(Login& login, const protocol::ToSession& message);
  void end(Login& login, const std::string& words);
  void began(Login& login);
  void close(Place place, const std::string& words);
  void look_at_deadlines();
  bool cut(Login& login) const;
  void look_at_end(Login& login);
  bool is_silence_short();
  void decide_again(Login& login);
  [[nodiscard]] LoginAnswer decide_living(const Login& login) const;

  void record_decision(const Login& login, const char* event);
  void record_session(const Login& login, const char* event, const std::string& words);

  LoginSettings settings_;
  LoginSource source_;
  const Clocks& clocks_;
  Decisions& decisions_;
  Supervisor supervisor_;
  LoginLimits limits_, check_limits_;
  WaitingRoom waiting_;
  Fd epoll_, sessions_;
  int listeners_[2] = {-1, -1};
  unsigned ifindex_ = 0;  // that they, and what is accepted from them, are bound to
  bool serves_ = false, draining_ = false;
  std::optional<std::int64_t> paused_until_ms_;  // no room: what is accepted from is not watched until then
  std::optional<std::int64_t> silent_since_ms_;  // WireGuard says nothing, since that was seen
  std::vector<net::Address> host_;
  std::map<std::uint64_t, Login> logins_;
  std::uint64_t next_key_ = 0, number_base_ = 0;
  std::uint64_t refused_ = 0;
  std::int64_t told_refusal_ms_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace acl::node
