// Fetcher: keeps an aclnode-net running and asks it, by the verifying client of engine/release, for this node's newest release.
//
// For an event loop of one thread: poll fd() for reading until next_ms(), then call step(), which never waits and does a bounded
// amount of work. Times come in with each call. aclnode-net and all that it carries are not trusted: what breaks docs/protocol.md
// ends that process and starts another, after a pause that doubles from 0.25 s to a minute; what does not verify is refused
// by the client. Neither changes what is in force.
//
// The caller owns what is in force and what is on disk:
//
//   on Accepted     enforce it, store Release::state, then say enforced(); or not_enforced(), and it comes again, later. It is the
//                   last event of its step
//   at any event    state() may have moved, by time that passed and by trust sets: safe to store, useful to store
//
// It reaps its own process and no other; nobody else may wait for that one (no waitpid(-1) in this program).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/net/backoff.h"
#include "engine/net/diagnostic.h"
#include "engine/release/client.h"
#include "node/daemon/net_process.h"
#include "node/daemon/schedule.h"
#include "node/protocol/conversation.h"
#include "node/protocol/message.h"

namespace acl::node::daemon {

struct FetchSettings {
  protocol::Open open;       // where from; its interval is `pace`'s
  release::Settings client;  // the node's own key, which chunks, what is held, limits
  NetProgram program;
  Pace pace;
  net::Backoff after_death{std::chrono::milliseconds(250), std::chrono::milliseconds(60'000)};
  std::function<double()> chance = net::random_share;  // in [0, 1)
};

// A newer release, whole and verified.
struct Accepted {
  release::Release release;
};
// The source has what is in force.
struct Unchanged {};
// What the source has was refused. `said` is what aclnode-net said of it last, shown(); perhaps empty.
struct Refused {
  release::Reason reason = release::Reason::malformed;
  Diagnostic diagnostic;
  std::string said;
};
// The source does not tell of changes (E11xx, in aclnode-net's words, shown()); it is looked at from time to time all the same.
struct Trouble {
  std::string text;
};
// It does again.
struct Well {};
// aclnode-net has ended or could not be started (E1361, E1363, E1364). A new one comes.
struct Down {
  Diagnostic diagnostic;
};

using FetchEvent = std::variant<Accepted, Unchanged, Refused, Trouble, Well, Down>;

class Fetcher {
 public:
  // Starts nothing yet: the first step does. E1364: settings that cannot be sent, no descriptors left.
  static Expected<std::unique_ptr<Fetcher>> make(FetchSettings settings, release::State state);
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;
  ~Fetcher();

  [[nodiscard]] int fd() const noexcept { return epoll_; }
  // On the steady clock: when step() has work even if fd() is quiet.
  [[nodiscard]] std::optional<std::int64_t> next_ms() const;
  std::vector<FetchEvent> step(const release::Instant& now);

  // After Accepted, before the next step. It is in force: its state is the new floor.
  void enforced(const release::State& state, const release::Instant& now);
  // It is not, though it should be (the kernel would not): as if it had been refused. A step without either says so, too.
  void not_enforced(const release::Instant& now);
  // Look now; `same_or_newer` fetches the accepted release again, too.
  void look(const release::Instant& now, release::Goal goal = release::Goal::newer);

  [[nodiscard]] const release::State& state() const noexcept { return state_; }
  // Of aclnode-net, while one runs.
  [[nodiscard]] std::optional<pid_t> process() const noexcept;

 private:
  struct Attempt {
    release::Client client;
    std::deque<release::Request> waiting;
    std::map<std::uint64_t, std::string> asked;  // names, by number
    std::string said;
  };

  Fetcher(FetchSettings settings, release::State state, protocol::Bytes opening, int epoll);
  void run_process(const release::Instant& now);
  void listen(const release::Instant& now);
  bool hear(const protocol::FromNet& message, const release::Instant& now);
  void answer(std::uint64_t id, const protocol::FromNet& message, const release::Instant& now);
  void begin(const release::Instant& now);
  void fail_attempt(const release::Instant& now);
  void follow(release::Step step, const release::Instant& now);
  void ask(const release::Instant& now);
  void conclude(const release::Instant& now);
  void flush();
  void end_process(Code code, std::string why, const release::Instant& now);
  void process_is_down(Diagnostic diagnostic, const release::Instant& now);
  void add_to_poll(int fd) const;
  void tell_watch(const release::Instant& now);

  FetchSettings settings_;
  release::State state_;
  const protocol::Bytes opening_;
  const int epoll_;
  protocol::Bytes buffer_;

  std::optional<NetProcess> process_;
  std::optional<Diagnostic> ending_;  // why the process that is still there was killed
  std::int64_t start_ms_ = 0;         // of the next process
  unsigned deaths_ = 0;
  protocol::Asked asked_;
  std::deque<protocol::Bytes> unsent_;
  bool wants_to_write_ = false;

  Schedule schedule_;
  std::optional<Attempt> attempt_;
  release::Goal goal_ = release::Goal::newer;
  bool handed_over_ = false;  // an Accepted that the caller has not answered

  std::optional<std::string> trouble_;       // as aclnode-net says
  std::optional<std::string> told_trouble_;  // as the caller was told
  std::int64_t told_ms_ = 0;

  std::vector<FetchEvent> events_;
};

}  // namespace acl::node::daemon
