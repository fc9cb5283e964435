#include "node/daemon/daemon.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <malloc.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/net/file.h"
#include "engine/release/trust.h"
#include "node/daemon/last_guard.h"
#include "node/daemon/service_manager.h"

namespace acl::node {

using release::State;

namespace {

constexpr std::int64_t tick_ms = 1000;
// Interfaces come and go in bursts: looked at at once, but not more often than this.
constexpr std::int64_t shortest_tick_ms = 50;
// How far the time on the disk may lag behind. After a restart with a wrong clock time begins there.
constexpr release::Time state_lag = 600;
// A disk that is full or read-only is seldom so for seconds only.
constexpr std::int64_t store_again_ms = 60'000;
constexpr std::size_t password_limit = 4096;

Fd signal_descriptor() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Tells of interfaces and addresses that come and go (rtnetlink(7)).
Fd link_descriptor() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

// Whether anything was there. What it says is not read: the interface is looked at.
bool drain(int fd) {
  char buffer[8192];
  bool any = false;
  for (int i = 0; i < 64; ++i) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno != EINTR && errno != ENOBUFS) return any;
    any = true;
  }
  return any;
}

Expected<release::TrustSet> read_trust(const std::string& path) {
  const auto text = read_file(path, release::trust_limit);
  if (!text) {
    return fail(Code::E1303, fmt::format("no trust set: {}", text.error().message),
                "put a copy of the release folder's trust/VERSION there, and `aclnode reload`");
  }
  auto trust = release::parse_trust(*text, path);
  if (!trust) return fail(Code::E1303, trust.error().message);
  return trust;
}

// The chunks of the directory that a table's own names part asks for.
std::vector<std::uint32_t> choose_chunks(std::span<const std::uint8_t> part, std::size_t count) {
  const auto names = table::Names::open(part);
  return names ? names->known_chunks(count) : std::vector<std::uint32_t>();
}

Expected<protocol::Open> opening(const SourceOptions& source) {
  protocol::Open open;
  open.source = source.url;
  open.ca_file = source.ca_file;
  open.certificate_file = source.certificate_file;
  open.key_file = source.key_file;
  open.user = source.user;
  open.blobs = source.blobs;
  open.interval_ms = source.interval_s * 1000;
  if (source.password_file.empty()) return open;
  const auto text = read_file(source.password_file, password_limit);
  if (!text) return tl::unexpected(text.error());
  open.password = text->substr(0, text->find('\n'));
  return open;
}

}  // namespace

Expected<std::unique_ptr<Daemon>> Daemon::open(Config config, std::string config_path, Clocks clocks) {
  ::umask(077);
  auto decisions = Decisions::open(config.decisions);
  if (!decisions) return tl::unexpected(decisions.error());
  auto folder = StateFolder::open(config.state_dir);
  if (!folder) return tl::unexpected(folder.error());
  std::unique_ptr<Daemon> made(new Daemon(std::move(config), std::move(config_path), std::move(clocks),
                                          std::move(*decisions), std::move(*folder)));
  auto enforcer = Enforcer::open(made->config_, made->clocks_, made->decisions_);
  if (!enforcer) return tl::unexpected(enforcer.error());
  made->enforcer_ = std::move(*enforcer);
  made->logins_ = std::make_unique<LoginService>(made->config_, made->clocks_, made->decisions_, *made->enforcer_,
                                                 made->check_source());
  if (auto kept =
          keep_last_guard(made->config_.state_dir, made->config_path_, {made->config_.interface, made->config_.mark});
      !kept)
    made->complain(kept.error(), "state");
  if (auto ok = made->listen(); !ok) return tl::unexpected(ok.error());
  made->signals_ = signal_descriptor();
  made->links_ = link_descriptor();
  if (!made->signals_ || !made->links_)
    return fail(Code::E0003, fmt::format("cannot listen to signals and interfaces: {}", std::strerror(errno)));
  return made;
}

Daemon::Daemon(Config config, std::string config_path, Clocks clocks, Decisions decisions, StateFolder folder)
    : config_(std::move(config)),
      config_path_(std::move(config_path)),
      clocks_(std::move(clocks)),
      decisions_(std::move(decisions)),
      folder_(std::move(folder)),
      watchdog_(watchdog_interval()) {}

Daemon::~Daemon() = default;

void Daemon::complain(const Diagnostic& diagnostic, const char* event) {
  const std::string text = fmt::format("{}: {}", code_name(diagnostic.code), diagnostic.message);
  if (text != last_error_) decisions_.record(clocks_.wall(), event, {{"error", text}, {"help", diagnostic.help}});
  last_error_ = text;
  last_error_at_ = clocks_.wall();
}

// --- the release in force -------------------------------------------------------------------------------------------------

// From what a person put there and what is on the disk; nothing is fetched yet.
void Daemon::begin() {
  const auto trust = read_trust(config_.trust);
  if (!trust) return complain(trust.error(), "state");
  auto state = folder_.read_state();
  if (!state) return complain(state.error(), "state");
  if (*state && (*state)->trust.network != trust->network) {
    return complain(make_diagnostic(Code::E1303,
                                    fmt::format("\"{}\" is of another network than what the node has stored in \"{}\"",
                                                config_.trust, config_.state_dir),
                                    "to join the other network, empty the state folder"),
                    "state");
  }
  state_ = *state ? std::move(**state) : release::first_state(*trust);
  stored_ = *state_;
  if (!state_->accepted) return;
  auto kept = folder_.read_release(*state_->accepted);
  auto table = kept ? LoadedTable::open(std::move(*kept)) : tl::unexpected(kept.error());
  if (!table) {
    incomplete_ = true;
    return complain(table.error(), "state");
  }
  const std::shared_ptr<const LoadedTable> shared = std::move(*table);
  logins_->steer(shared.get());
  if (auto put = enforcer_->put(shared, release::standing(*state_, clocks_.wall())); !put)
    complain(put.error(), "refused");
}

void Daemon::begin_fetching() {
  const auto key = enforcer_->own_key();
  if (!key || !state_) return;
  if (fetcher_ && fetching_for_ == *key) return;
  auto open = opening(config_.source);
  if (!open) return complain(open.error(), "source");
  daemon::FetchSettings settings;
  settings.open = std::move(*open);
  settings.client.own_key = *key;
  settings.client.choose_chunks = choose_chunks;
  settings.client.held = [this](const release::Reference& reference) { return folder_.held(reference); };
  settings.program = {config_.net_program, config_.net_user, {}};
  settings.pace.interval = std::chrono::seconds(config_.source.interval_s);
  // One publication touches a folder several times, each a "look"; a look without news costs a few hundred bytes.
  settings.pace.burst = 32;
  settings.pace.refill = std::chrono::milliseconds(100);
  auto fetcher = daemon::Fetcher::make(std::move(settings), *state_);
  if (!fetcher) return complain(fetcher.error(), "source");
  fetcher_ = std::move(*fetcher);
  fetching_for_ = *key;
  // A release that was found by another key is another node's.
  if (lacks_release()) fetcher_->look(instant(), release::Goal::same_or_newer);
}

// Whether what was accepted is to be fetched again.
bool Daemon::lacks_release() const {
  const LoadedTable* table = enforcer_->table();
  return incomplete_ || (state_ && state_->accepted && (table == nullptr || table->release().node != fetching_for_));
}

void Daemon::fetched(daemon::FetchEvent event) {
  if (auto* accepted_release = std::get_if<daemon::Accepted>(&event))
    return accepted(std::move(accepted_release->release));
  if (auto* refused = std::get_if<daemon::Refused>(&event)) {
    std::string why = fmt::format("{}: {}", release::reason_name(refused->reason), refused->diagnostic.message);
    if (!refused->said.empty()) why += fmt::format(" ({})", refused->said);
    complain(make_diagnostic(refused->diagnostic.code, std::move(why), refused->diagnostic.help), "refused");
  } else if (auto* trouble = std::get_if<daemon::Trouble>(&event)) {
    complain(make_diagnostic(Code::E1102, trouble->text), "source");
  } else if (auto* down = std::get_if<daemon::Down>(&event)) {
    complain(down->diagnostic, "source");
  } else if (std::holds_alternative<daemon::Well>(event)) {
    decisions_.record(clocks_.wall(), "source", {{"well", "again"}});
  } else if (fetcher_ && lacks_release()) {
    fetcher_->look(instant(), release::Goal::same_or_newer);  // it has what was accepted, and this node has not
  } else {
    last_error_.clear();  // the source was asked, and has what is in force
  }
  if (!fetcher_) return;
  const release::Time seen = state_ ? state_->last_time : 0;
  state_ = fetcher_->state();
  state_->last_time = std::max(state_->last_time, seen);
}

void Daemon::accepted(release::Release release) {
  const std::int64_t began = clocks_.steady_ms();
  State state = release.state;
  if (state_) state.last_time = std::max(state.last_time, state_->last_time);
  auto table = LoadedTable::open(keep(fetching_for_, release));
  release = {};
  const std::shared_ptr<const LoadedTable> shared =
      table ? std::shared_ptr<const LoadedTable>(std::move(*table)) : nullptr;
  if (shared) logins_->steer(shared.get());
  Expected<void> put =
      shared ? enforcer_->put(shared, release::standing(state, clocks_.wall())) : tl::unexpected(table.error());
  if (!put) {
    complain(put.error(), "refused");
    fetcher_->not_enforced(instant());
    return;
  }
  fetcher_->enforced(state, instant());
  state_ = state;
  last_error_.clear();
  const release::Head& head = shared->release().head;
  decisions_.record(clocks_.wall(), "release",
                    {{"generation", head.generation.text()},
                     {"created", release::print_time(head.created)},
                     {"expires", release::print_time(head.expires)},
                     {"policy", head.contents.policy.text()},
                     {"took_ms", std::to_string(clocks_.steady_ms() - began)}});
  keep_on_disk(shared, state);
}

void Daemon::keep_on_disk(const std::shared_ptr<const LoadedTable>& table, const State& state) {
  Expected<void> kept = folder_.write_release(table->release());
  if (kept) kept = folder_.write_state(state);
  if (!kept) {
    folder_.take_back(stored_.accepted);
    incomplete_ = false;  // it is whole, in memory
    const Diagnostic why = make_diagnostic(
        kept.error().code, fmt::format("the release is in force and cannot be stored: {}", kept.error().message),
        "a restart would begin with the one before; it is tried again every minute");
    unstored_ = {table, fmt::format("{}: {}", code_name(why.code), why.message), clocks_.steady_ms() + store_again_ms};
    complain(why, "state");
    return;
  }
  unstored_.reset();
  stored_ = state;
  incomplete_ = false;
  folder_.clean(table->release());
  // From here on its bytes are the files.
  auto mapped = folder_.read_release(table->release().head);
  auto opened = mapped ? LoadedTable::open(std::move(*mapped)) : tl::unexpected(mapped.error());
  if (!opened) return complain(opened.error(), "state");
  if (auto put = enforcer_->put(std::move(*opened), release::standing(state, clocks_.wall())); !put)
    complain(put.error(), "state");
  ::malloc_trim(0);
}

// Trust sets and time move also without a release.
void Daemon::keep_state() {
  if (!state_) return;
  if (unstored_ && clocks_.steady_ms() >= unstored_->again_ms) {
    const std::shared_ptr<const LoadedTable> table = unstored_->table;
    keep_on_disk(table, *state_);
  }
  State fresh = *state_;
  const bool moved = fresh.trust != stored_.trust || fresh.last_time - stored_.last_time >= state_lag;
  // The accepted head is stored with its release, by keep_on_disk.
  fresh.accepted = stored_.accepted;
  if (!moved) return;
  if (auto kept = folder_.write_state(fresh); !kept) return complain(kept.error(), "state");
  stored_ = fresh;
}

CheckSource Daemon::check_source() {
  return {[this] { return state_ ? &state_->trust : nullptr; }, [this] { return instant().wall; },
          [this] { return enforcer_->facts(); }};
}

// The clock, where it has not been set back.
release::Instant Daemon::instant() const {
  release::Instant now = clocks_.now();
  if (state_) now.wall = release::known_time(*state_, now.wall);
  return now;
}

// --- the loop -----------------------------------------------------------------------------------------------------------------

void Daemon::tick() {
  last_tick_ms_ = clocks_.steady_ms();
  // Before the filter opens an interface that was made anew: its port 22 is never another's.
  logins_->tick();
  enforcer_->tick();
  next_tick_ms_ = last_tick_ms_ + (enforcer_->busy() ? shortest_tick_ms : tick_ms);
  if (state_) {
    const release::Time wall = instant().wall;
    if (wall <= release::last_time_there_is) state_->last_time = wall;  // beyond it is no time
    enforcer_->set_standing(release::standing(*state_, state_->last_time));
  }
  begin_fetching();
  keep_state();
  decisions_.flush(clocks_.wall());
  control_->step(std::chrono::steady_clock::now());
  if (watchdog_) tell_service_manager("WATCHDOG=1");
}

void Daemon::run() {
  // Before the filter lets anybody in; sessions that come back are heard when there is a table again.
  logins_->steer();
  enforcer_->look();
  begin();
  logins_->set();
  enforcer_->begin();
  begin_fetching();
  decisions_.record(clocks_.wall(), "started", {{"interface", config_.interface}, {"source", config_.source.url}});
  tell_service_manager("READY=1");
  while (!stop_) wait_and_step();
  tell_service_manager("STOPPING=1");
  decisions_.record(clocks_.wall(), "stopped", {{"filter", "stays"}});
}

void Daemon::wait_and_step() {
  const std::int64_t now = clocks_.steady_ms();
  if (now >= next_tick_ms_) tick();
  std::int64_t until = next_tick_ms_;
  if (fetcher_) until = std::min(until, fetcher_->next_ms().value_or(until));
  until = std::min(until, logins_->next_ms().value_or(until));
  pollfd fds[] = {{signals_.get(), POLLIN, 0},
                  {links_.get(), POLLIN, 0},
                  {control_->fd(), POLLIN, 0},
                  {enforcer_->wireguard_fd(), POLLIN, 0},
                  {fetcher_ ? fetcher_->fd() : -1, POLLIN, 0},
                  {logins_->fd(), POLLIN, 0}};
  const std::int64_t wait = std::clamp<std::int64_t>(until - clocks_.steady_ms(), 0, tick_ms);
  if (::poll(fds, std::size(fds), static_cast<int>(wait)) < 0 && errno != EINTR) return;
  if (fds[0].revents != 0) take_signal();
  if (fds[1].revents != 0 && drain(links_.get()))
    next_tick_ms_ = std::min(next_tick_ms_, last_tick_ms_ + shortest_tick_ms);
  if (fds[2].revents != 0) control_->step(std::chrono::steady_clock::now());
  if (fds[3].revents != 0) {
    enforcer_->wireguard_step();
    control_->step(std::chrono::steady_clock::now());  // questions that wait for it
  }
  if (fetcher_) {
    for (daemon::FetchEvent& event : fetcher_->step(instant())) fetched(std::move(event));
  }
  logins_->step();
}

void Daemon::take_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGHUP) {
      stop_ = true;
      continue;
    }
    tell_service_manager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", clocks_.steady_ms() * 1000));
    if (auto ok = reload(); !ok) complain(ok.error(), "reloaded");
    tell_service_manager("READY=1");
  }
}

Expected<void> Daemon::reload() {
  auto fresh = read_config(config_path_);
  if (!fresh) return tl::unexpected(fresh.error());
  const auto fixed = [](const Config& c) {
    return std::tie(c.interface, c.state_dir, c.run_dir, c.bpffs_dir, c.wireguard_socket, c.flow_records, c.flow_marks,
                    c.mark, c.backend);
  };
  if (fixed(*fresh) != fixed(config_)) {
    return fail(
        Code::E1301,
        "interface, folders, wireguard_socket, flow_records, flow_marks, mark and backend take effect by a restart",
        "`systemctl restart aclnode`; the filter stays meanwhile");
  }
  auto decisions = Decisions::open(fresh->decisions);
  if (!decisions) return tl::unexpected(decisions.error());
  decisions_.move_to(std::move(*decisions));  // also a file that was moved away
  config_ = std::move(*fresh);
  find_group();
  enforcer_->set_break_glass(config_.break_glass);
  logins_->set();
  fetcher_.reset();
  if (!state_) begin();
  begin_fetching();
  decisions_.record(clocks_.wall(), "reloaded", {{"source", config_.source.url}});
  return {};
}

}  // namespace acl::node
