// Daemon: aclnode itself. One thread, one loop: what was fetched, what WireGuard says, what the clock says → what the filter enforces.
//
// In: a configuration. Out: the kernel's filter and guard, kept as they should be; state on disk; decision records; answers on the
// control socket. Owns all of it while it runs; when it ends, by its will or not, filter and guard stay as they are.
//
// What holds, whatever comes:
//   - Nothing passes the interface before the first table is in force, and none is in force that was not verified.
//   - A step that fails leaves what was in force, unless that would let in whom WireGuard no longer binds: then all is denied.
//   - A release is enforced first and stored then, also where it cannot be stored; then status says so, and it is tried again. A
//     start begins with what is stored.
//   - Time never runs back, whatever the clock does: what has expired stays so.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "engine/net/diagnostic.h"
#include "node/daemon/clocks.h"
#include "node/daemon/config.h"
#include "node/daemon/control.h"
#include "node/daemon/decisions.h"
#include "node/daemon/enforcer.h"
#include "node/daemon/fetcher.h"
#include "node/daemon/login_service.h"
#include "node/daemon/state_folder.h"

namespace acl::node {

class Daemon {
 public:
  // Takes the folders, opens the filter, installs the guard: what must work before anything else. E1306, E0003, E132x, E134x.
  static Expected<std::unique_ptr<Daemon>> open(Config config, std::string config_path, Clocks clocks);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until SIGTERM or SIGINT; the caller has blocked them and SIGHUP.
  void run();

 private:
  Daemon(Config config, std::string config_path, Clocks clocks, Decisions decisions, StateFolder folder);

  // The release in force, the state, the store (daemon.cc).
  void begin();
  void begin_fetching();
  [[nodiscard]] bool lacks_release() const;
  void fetched(daemon::FetchEvent event);
  void accepted(release::Release release);
  void keep_on_disk(const std::shared_ptr<const LoadedTable>& table, const release::State& state);
  void keep_state();
  [[nodiscard]] release::Instant instant() const;
  CheckSource check_source();
  void tick();
  Expected<void> reload();
  void complain(const Diagnostic& diagnostic, const char* event);

  // The loop.
  void wait_and_step();
  void take_signal();

  // Questions (daemon_answers.cc).
  Expected<void> listen();
  void find_group();
  std::optional<std::string> answer(const Ask& ask, const Asker& asker, std::uint64_t& ticket);
  [[nodiscard]] bool may_ask_all(const Asker& asker) const;
  [[nodiscard]] Status status() const;
  std::string answer_whois(const AskWhois& ask, const Asker& asker) const;
  std::string answer_why(const AskWhy& ask) const;
  std::string answer_why_login(const AskWhyLogin& ask) const;
  std::string answer_check(const AskCheck& ask, const Asker& asker);

  // Sessions, and the system's sshd (daemon_sessions.cc).
  std::string answer_sessions() const;
  std::string answer_kill_session(const AskKillSession& ask);
  // Nothing: WireGuard has not answered yet.
  std::optional<std::string> answer_sshd(const Ask& ask, std::uint64_t& ticket);
  std::string answer_sshd_now(const Ask& ask);

  Config config_;
  std::string config_path_;
  Clocks clocks_;
  Decisions decisions_;
  StateFolder folder_;
  std::unique_ptr<Enforcer> enforcer_;
  std::unique_ptr<LoginService> logins_;
  std::optional<ControlServer> control_;
  std::optional<gid_t> group_;

  std::optional<release::State> state_;  // nothing: no trust set, or a damaged state
  release::State stored_{};              // as it is on the disk
  bool incomplete_ = false;              // the accepted release is not whole on the disk: it is to be fetched again
  // What is in force and could not be stored, why, and when to try again.
  struct Unstored {
    std::shared_ptr<const LoadedTable> table;
    std::string why;
    std::int64_t again_ms = 0;
  };
  std::optional<Unstored> unstored_;
  std::unique_ptr<daemon::Fetcher> fetcher_;
  Key fetching_for_{};

  Fd signals_, links_;
  std::int64_t next_tick_ms_ = 0, last_tick_ms_ = 0;
  std::optional<std::chrono::milliseconds> watchdog_;
  bool stop_ = false;
  std::string last_error_;
  release::Time last_error_at_ = 0;
};

}  // namespace acl::node
