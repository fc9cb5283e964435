#include "node/daemon/login_service.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "node/daemon/host_keys.h"
#include "node/daemon/interface.h"
#include "node/steer/local_addresses.h"

namespace acl::node {
namespace {

constexpr std::int64_t steer_every_ms = 10'000, keys_every_ms = 60'000, logins_every_ms = 10'000;

// A descriptor for each login; systemd gives 1024 that may be more (systemd.exec(5), LimitNOFILE=).
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

SteeringOptions steering_options(const Config& config) {
  SteeringOptions options;
  options.interface = config.interface;
  options.bpffs_dir = filter_options(config).bpffs_dir;
  options.table = guard_options(config.interface, config.mark).table + "_ssh";
  if (config.ssh.steer_by == "nftables") options.by = SteerBy::rules;
  if (config.ssh.steer_by == "program") options.by = SteerBy::program;
  return options;
}

LoginService::LoginService(const Config& config, const Clocks& clocks, Decisions& decisions, Enforcer& enforcer,
                           CheckSource checks)
    : config_(config),
      clocks_(clocks),
      decisions_(decisions),
      enforcer_(enforcer),
      checks_(config, clocks, decisions, std::move(checks)) {}

void LoginService::set() {
  const bool first = !std::exchange(set_, true);
  if (!config_.ssh.enabled) {
    // At the start, too: an earlier process may have had it on.
    if (logins_ || steering_ || first) switch_off();
    // The system's sshd asks what is remembered.
    if (config_.sshd.port != 0) checks_.set();
    return;
  }
  has_keys_ = false;
  keys_again_ms_ = steer_again_ms_ = logins_again_ms_ = 0;
  checks_.set();
  if (logins_) logins_->set(login_settings());
  if (!config_.ssh.host_keys.empty())
    decisions_.record(clocks_.wall(), "ssh",
                      {{"warning", "the host keys of another program are used: who has them is taken for both"},
                       {"host_keys", config_.ssh.host_keys}});
  tick();
}

LoginSettings LoginService::login_settings() const {
  return {config_.ssh,   config_.check, recording_of(config_), key_folder(config_), config_.run_dir + "/logins",
          !has_systemd()};
}

void LoginService::open_logins() {
  if (clocks_.steady_ms() < logins_again_ms_) return;
  logins_again_ms_ = clocks_.steady_ms() + logins_every_ms;
  if (logins_) return report(logins_trouble_, logins_->open_again());
  allow_many_descriptors();
  auto logins = Logins::open(login_settings(),
                             {[this] { return enforcer_.facts(); }, [this] { return enforcer_.ask_again(); },
                              [this] { return enforcer_.answered(); }, &checks_},
                             clocks_, decisions_);
  report(logins_trouble_, logins ? Expected<void>() : tl::unexpected(logins.error()));
  if (logins) logins_ = std::move(*logins);
}

void LoginService::switch_off() {
  if (logins_) logins_->drain("this machine takes no logins by policy any more");
  steering_.reset();
  enforcer_.attach_only_to(std::nullopt);
  steered_ = has_keys_ = false;
  key_trouble_.clear();
  logins_trouble_.clear();
  report(steer_trouble_, Steering::remove(steering_options(config_)));
}

void LoginService::tick() {
  if (!set_) return;
  checks_.tick();
  if (!config_.ssh.enabled) return step();
  if (!logins_ || logins_->is_draining()) open_logins();
  look_after_keys();
  steer();
  if (!logins_) return;
  logins_->tick();
  step();
}

void LoginService::step() {
  if (logins_) logins_->step();
  if (logins_ && !config_.ssh.enabled && logins_->is_drained()) logins_.reset();
  // What the steps of others have changed counts in this one.
  if (std::exchange(revision_, enforcer_.revision()) == enforcer_.revision()) return;
  checks_.look_again();
  if (logins_) logins_->decide_again();
}

std::optional<std::int64_t> LoginService::next_ms() const { return logins_ ? logins_->next_ms() : std::nullopt; }

// --- keys, port ---------------------------------------------------------------------------------------------------------------

void LoginService::look_after_keys() {
  const std::string& folder = key_folder(config_);
  if (making_) {
    int status = 0;
    if (!program_ended(*making_, status)) return;
    making_.reset();
    if (status != 0)
      report(key_trouble_, fail(Code::E1402, fmt::format("\"{}\" made no host keys: exit status {}",
                                                         config_.ssh.session_program, status)));
  }
  if (std::exchange(has_keys_, has_host_keys(folder)) && has_keys_) return;
  if (has_keys_) {
    decisions_.record(clocks_.wall(), "ssh", {{"host_keys", folder}});
    return report(key_trouble_, {});
  }
  // The keys of another program are that one's to make; one of the two kinds is enough then.
  if (!config_.ssh.host_keys.empty()) {
    has_keys_ = public_host_keys(folder).has_value();
    if (has_keys_) return report(key_trouble_, {});
    return report(key_trouble_, fail(Code::E1402, fmt::format("there is no host key in \"{}\"", folder),
                                     "leave host_keys out, and aclnode makes its own"));
  }
  if (clocks_.steady_ms() < keys_again_ms_) return;
  keys_again_ms_ = clocks_.steady_ms() + keys_every_ms;
  auto making = make_host_keys(config_.ssh.session_program, folder);
  if (!making) return report(key_trouble_, tl::unexpected(making.error()));
  making_.emplace(std::move(*making));
}

void LoginService::steer(const LoadedTable* next) {
  if (!config_.ssh.enabled) return;
  look_after_port(next);
  enforcer_.attach_only_to(steering_ ? steering_->taken() : 0);
}

void LoginService::look_after_port(const LoadedTable* next) {
  if (!steering_) {
    if (clocks_.steady_ms() < steer_again_ms_) return;
    steer_again_ms_ = clocks_.steady_ms() + steer_every_ms;
    auto opened = Steering::open(steering_options(config_));
    if (!opened) return report(steer_trouble_, tl::unexpected(opened.error()));
    steering_.emplace(std::move(*opened));
  }
  SteeringFacts facts;
  facts.ifindex = interface_index(config_.interface);
  const auto master = facts.ifindex != 0 ? interface_master(facts.ifindex) : Expected<unsigned>(0U);
  facts.master = master.value_or(0);
  facts.own = interface_addresses(config_.interface);
  for (const LoadedTable* table : {enforcer_.table(), next}) {
    if (table == nullptr) continue;
    for (const table::OwnAddress& own : table->header().own) facts.own.push_back(own.address);
  }
  std::sort(facts.own.begin(), facts.own.end());
  facts.own.erase(std::unique(facts.own.begin(), facts.own.end()), facts.own.end());
  auto host = host_addresses();
  // Without either it is not known who is another host.
  if (host && master) facts.host = *host;
  // First who is of this host, then who is listened to.
  if (host && logins_) logins_->set_host(*host);
  auto set = steering_->set(facts);
  if (!host) set = tl::unexpected(host.error());
  if (!master) set = tl::unexpected(master.error());
  const bool before = std::exchange(steered_, set.has_value() && facts.ifindex != 0);
  report(steer_trouble_, set);
  if (steered_ && !before)
    decisions_.record(clocks_.wall(), "ssh",
                      {{"port", "22"}, {"interface", config_.interface}, {"by", steering_->backend()}});
  if (logins_) logins_->listen(steering_->listeners(), has_keys_ && facts.host.has_value(), facts.ifindex);
}

// --- saying so ----------------------------------------------------------------------------------------------------------------

void LoginService::report(std::string& kept, const Expected<void>& outcome) {
  const std::string text =
      outcome ? "" : fmt::format("{}: {}", code_name(outcome.error().code), outcome.error().message);
  if (text == kept) return;
  kept = text;
  if (outcome) return decisions_.record(clocks_.wall(), "ssh", {{"well", "again"}});
  decisions_.record(clocks_.wall(), "ssh", {{"error", text}, {"help", outcome.error().help}});
}

const std::string* LoginService::trouble() const noexcept {
  for (const std::string* one : {&steer_trouble_, &key_trouble_, &logins_trouble_}) {
    if (!one->empty()) return one;
  }
  return nullptr;
}

std::optional<LoginAnswer> LoginService::decide(const LoginAsked& asked) const {
  if (!logins_ || !config_.ssh.enabled) return std::nullopt;
  return logins_->decide(asked);
}

SshStatus LoginService::status() const {
  SshStatus out;
  out.enabled = config_.ssh.enabled;
  out.listening = logins_ != nullptr && steered_ && has_keys_;
  if (steering_) out.steered_by = steering_->backend();
  if (!config_.ssh.host_keys.empty()) out.foreign_keys = config_.ssh.host_keys;
  if (const std::string* why = trouble()) out.trouble = *why;
  if (!logins_) return out;
  const Logins::Counts counts = logins_->counts();
  out.sessions = counts.sessions;
  out.starting = counts.starting;
  out.refused = counts.refused;
  out.checking = counts.checking;
  if (out.trouble.empty()) out.trouble = logins_->trouble();
  if (out.trouble.empty()) out.trouble = checks_.trouble();
  return out;
}

}  // namespace acl::node
