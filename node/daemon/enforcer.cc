#include "node/daemon/enforcer.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/net/file.h"
#include "engine/release/base64.h"
#include "engine/release/text.h"
#include "node/daemon/interface.h"
#include "node/daemon/last_guard.h"
#include "node/enforce/socket_list.h"

namespace acl::node {

using table::AddressRange;

namespace {

constexpr std::uint32_t marks_per_tick = 4096;
constexpr std::uint32_t records_per_step = 4096;
// About 80 ms; all of a map of the usual size.
constexpr int forget_steps_per_tick = 32;
// A program that is busy is waited for; one that hangs is not believed to hold what it held.
constexpr std::int64_t wireguard_patience_ms = 3000;
constexpr std::chrono::milliseconds first_patience{1000};

// The name of our table: of the interface, since several nodes on one machine have one each.
std::string table_name(const std::string& interface) {
  std::string out = "aclnode_";
  for (const char c : interface) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out += plain ? std::string(1, c) : fmt::format("_{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::vector<AddressRange> everything() {
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  return {{net::Address::v4(0), net::Address::v4(0xffffffff)}, {net::Address::v6(0, 0), net::Address::v6(ones, ones)}};
}

}  // namespace

GuardOptions guard_options(const std::string& interface, std::uint32_t mark) {
  return {table_name(interface), {interface}, mark};
}

Expected<void> install_guard(const std::string& config_path) {
  const auto config = read_config(config_path);
  std::optional<GuardSettings> settings;
  if (config) {
    settings = GuardSettings{config->interface, config->mark};
  } else if (const auto text = read_file(config_path)) {
    settings = guard_settings(*text);
    if (!settings) settings = last_guard(config_path, *text);
  } else {
    settings = last_guard(config_path, {});
  }
  if (settings) {
    auto guard = Guard::make(guard_options(settings->interface, settings->mark));
    Expected<void> installed = guard ? guard->install() : tl::unexpected(guard.error());
    if (!installed) return installed;
  }
  if (!config) return tl::unexpected(config.error());
  return {};
}

FilterOptions filter_options(const Config& config) {
  FilterOptions options;
  options.bpffs_dir = fmt::format("{}/{}", config.bpffs_dir, config.interface);
  options.records = config.flow_records;
  options.marks = config.flow_marks;
  options.mark = config.mark;
  options.backend = config.backend == "tcx"      ? Backend::tcx
                    : config.backend == "clsact" ? Backend::clsact
                                                 : Backend::automatic;
  return options;
}

Expected<std::unique_ptr<Enforcer>> Enforcer::open(const Config& config, const Clocks& clocks, Decisions& decisions) {
  // The guard first: where the filter cannot be loaded, the interface is shut, not open.
  auto guard = Guard::make(guard_options(config.interface, config.mark));
  if (!guard) return tl::unexpected(guard.error());
  if (auto installed = guard->install(); !installed) return tl::unexpected(installed.error());
  auto filter = PacketFilter::open(filter_options(config));
  if (!filter) return tl::unexpected(filter.error());
  auto maps = FlowMaps::open(filter->records_fd(), filter->marks_fd(), filter->coarse_fd());
  if (!maps) return tl::unexpected(maps.error());
  return std::unique_ptr<Enforcer>(
      new Enforcer(config, clocks, decisions, std::move(*filter), std::move(*guard), std::move(*maps)));
}

Enforcer::Enforcer(const Config& config, const Clocks& clocks, Decisions& decisions, PacketFilter filter, Guard guard,
                   FlowMaps maps)
    : interface_(config.interface),
      clocks_(clocks),
      decisions_(decisions),
      filter_(std::move(filter)),
      guard_(std::move(guard)),
      maps_(std::move(maps)),
      sweep_(maps_),
      poll_(config.interface, config.wireguard_socket),
      break_glass_(config.break_glass) {}

void Enforcer::look() {
  look_after_guard();
  look_after_interface();
  ++asked_count_;
  take_answer(poll_.ask(first_patience));
}

void Enforcer::begin() {
  begun_ = true;
  update();
}

void Enforcer::tick() {
  look_after_guard();
  look_after_interface();
  ask_wireguard();
  sweep();
  if (forget_) go_on_forgetting();
  if (troubles_.count("filter") != 0) update();
}

// --- interface, filter, guard ---------------------------------------------------------------------------------------------

void Enforcer::look_after_interface() {
  const unsigned ifindex = interface_index(interface_);
  if (ifindex == 0) {
    attached_ = false;
    ifindex_ = 0;
    report("attachment", fail(Code::E1321, fmt::format("there is no interface \"{}\"", interface_)));
    return;
  }
  std::vector<net::Address> addresses = interface_addresses(interface_);
  if (addresses != addresses_) {
    addresses_ = std::move(addresses);
    update();  // break-glass leads to them
  }
  Expected<void> outcome;
  if (ifindex != ifindex_) {
    // Another interface of the same name: what WireGuard said of the one before is nothing.
    if (ifindex_ != 0) forget_wireguard();
    outcome = only_.value_or(ifindex) == ifindex
                  ? filter_.attach(ifindex)
                  : fail(Code::E1321, fmt::format("\"{}\" stays shut: its port 22 cannot be steered yet", interface_),
                         "`aclnode status` has the reason; [ssh] enabled = false does without logins by policy");
    if (outcome) {
      ifindex_ = ifindex;
      decisions_.record(clocks_.wall(), "filter", {{"attached", interface_}, {"by", filter_.backend()}});
      seed();
    }
  } else if (auto there = filter_.check(); !there) {
    report("found", there, "filter", "found");
    outcome = filter_.reattach();
  } else {
    report("found", {}, "filter");
  }
  attached_ = outcome.has_value();
  report("attachment", outcome);
}

void Enforcer::look_after_guard() {
  Expected<void> outcome = guard_.check();
  report("guard found", outcome, "guard", "found");
  if (!outcome) outcome = guard_.install();
  guarded_ = outcome.has_value();
  report("guard", outcome);
}

// Switching on must not cut what this side has started; a restart is no switching on.
void Enforcer::seed() {
  if (std::exchange(seeded_, true) || !filter_.made_flow_maps()) return;
  const auto sockets = read_sockets();
  const auto ports = read_local_ports();
  if (!sockets || !ports) {
    report("seed", tl::unexpected(!sockets ? sockets.error() : ports.error()));
    return;
  }
  report("seed", write_seeds(maps_, flows_under_way(*sockets, addresses_, *ports), clocks_.boot_ns()));
}

void Enforcer::sweep() {
  const auto slice = sweep_.step(clocks_.boot_ns(), marks_per_tick);
  report("flows", slice ? Expected<void>() : tl::unexpected(slice.error()));
}

// --- WireGuard ----------------------------------------------------------------------------------------------------------------

void Enforcer::ask_wireguard() {
  if (poll_.fd() >= 0) {
    if (clocks_.steady_ms() - asked_ms_ >= wireguard_patience_ms) lost_wireguard(poll_.give_up());
    return;
  }
  begin_question();
}

void Enforcer::begin_question() {
  again_ = false;
  ++asked_count_;
  asked_ms_ = clocks_.steady_ms();
  take_answer(poll_.start());
}

std::uint64_t Enforcer::ask_again() {
  if (poll_.fd() < 0) {
    begin_question();
    return asked_count_;
  }
  // The open one may have been answered in part before now.
  again_ = true;
  return asked_count_ + 1;
}

void Enforcer::wireguard_step() { take_answer(poll_.step()); }

void Enforcer::take_answer(const Expected<DevicePoll::Step>& step) {
  if (!step) return lost_wireguard(step.error());
  if (*step == DevicePoll::Step::waiting) return;
  report("wireguard", {});
  answered_count_ = asked_count_;
  if (*step == DevicePoll::Step::changed || !answered_) {
    answered_ = true;
    allowed_ = AllowedIps(poll_.device().allowed);
    update();
  }
  if (again_) begin_question();
}

void Enforcer::lost_wireguard(const Diagnostic& why) {
  report("wireguard", tl::unexpected(why));
  answered_count_ = asked_count_;
  forget_wireguard();
  if (again_) begin_question();
}

// Nobody is bound until it has said so again.
void Enforcer::forget_wireguard() {
  if (!answered_ && allowed_.ranges().empty()) return;
  answered_ = false;
  allowed_ = AllowedIps();
  update();
}

std::optional<Key> Enforcer::own_key() const {
  if (!answered_) return std::nullopt;
  return poll_.device().public_key;
}

Owner Enforcer::owner() const {
  return [this](const net::Address& address) -> std::optional<Key> {
    const Key* key = allowed_.owner(address);
    return key != nullptr ? std::optional(*key) : std::nullopt;
  };
}

std::vector<net::Address> Enforcer::own_addresses() const {
  if (!table_) return addresses_;
  std::vector<net::Address> out;
  for (const table::OwnAddress& own : table_->header().own) out.push_back(own.address);
  return out;
}

// --- what is in force ---------------------------------------------------------------------------------------------------------

Facts Enforcer::facts() const {
  Facts facts;
  // A table is this node's only while the interface has the key it was found by.
  const bool mine = table_ && answered_ && poll_.device().public_key == table_->release().node;
  facts.table = mine ? table_.get() : nullptr;
  facts.standing = standing_;
  facts.owned = allowed_.ranges();
  if (answered_) facts.own_key = poll_.device().public_key;
  facts.own_addresses = addresses_;
  facts.withheld = withheld_;
  // While WireGuard says nothing, whose table it would be is not known either: that is no case for break-glass.
  if (answered_) facts.break_glass = break_glass_;
  return facts;
}

void Enforcer::update() {
  ++revision_;
  if (!begun_) return;
  auto wanted = enforcement(facts());
  if (!wanted) {
    // What is in force may be too much, so it goes.
    const Expected<void> why = tl::unexpected(wanted.error());
    if (auto denied = apply(Enforcement()); !denied) return report("filter", denied);
    return report("filter", why);
  }
  report("filter", apply(std::move(*wanted)));
}

Expected<void> Enforcer::apply(Enforcement wanted) {
  if (in_force_ && in_force_->same_as(wanted)) {
    in_force_ = std::move(wanted);
    return {};
  }
  Expected<void> done = wanted.part.empty() ? filter_.deny_all() : filter_.enforce(wanted.part, wanted.own);
  if (!done) {
    // What is in force is not known now, and may admit whom WireGuard no longer binds.
    in_force_.reset();
    if (!wanted.part.empty() && filter_.deny_all()) in_force_ = Enforcement();
    return done;
  }
  if (!in_force_ || in_force_->mode != wanted.mode || in_force_->admitted != wanted.admitted) {
    decisions_.record(
        clocks_.wall(), mode_name(wanted.mode),
        {{"admitted", std::to_string(wanted.admitted)}, {"unbound", std::to_string(wanted.binding.failures)}});
  }
  if (!in_force_ || in_force_->binding.failures != wanted.binding.failures) {
    for (const BindingFailure& failure : wanted.binding.examples) {
      decisions_.record(clocks_.wall(), "binding",
                        {{"node", failure.node},
                         {"address", failure.place.text()},
                         {"key", release::encode_base64(failure.wanted)},
                         {"wireguard", failure.holder ? release::encode_base64(*failure.holder) : "no peer"}});
    }
  }
  in_force_ = std::move(wanted);
  return {};
}

// docs/packet-semantics.md section 6: what changes hands counts as not bound until its records are gone. In slices, or a map of millions
// would keep the loop from its watchdog.
void Enforcer::go_on_forgetting() {
  for (int step = 0; step < forget_steps_per_tick; ++step) {
    const auto slice = forget_->step(records_per_step);
    report("records", slice ? Expected<void>() : tl::unexpected(slice.error()));
    if (!slice) return;
    if (!slice->done) continue;
    forget_.reset();
    withheld_.clear();
    return update();
  }
}

Expected<void> Enforcer::put(std::shared_ptr<const LoadedTable> table, release::Standing standing) {
  ++revision_;
  const std::shared_ptr<const LoadedTable> before = std::exchange(table_, std::move(table));
  const release::Standing standing_before = std::exchange(standing_, standing);
  auto done = put_anew(before.get());
  if (!done) {
    // Back to the one before, but for what the new one takes away.
    table_ = before;
    standing_ = standing_before;
    update();
  }
  report("filter", done);
  return done;
}

Expected<void> Enforcer::put_anew(const LoadedTable* before) {
  std::vector<AddressRange> changed;
  if (before != nullptr && table_) changed = rebound(before->directory(), table_->directory());
  // Whose addresses they were is not known: all records that another process left go.
  if (before == nullptr && table_ && begun_ && !filter_.made_flow_maps()) changed = everything();
  // What an earlier release withheld, and records are still there of, goes on to be.
  withheld_ = unite(withheld_, changed);
  forget_.reset();
  auto wanted = enforcement(facts());
  if (!wanted) return tl::unexpected(wanted.error());
  if (auto done = apply(std::move(*wanted)); !done) return done;  // the one before goes on, without what is withheld
  if (withheld_.empty()) return {};
  forget_.emplace(maps_, withheld_);
  go_on_forgetting();
  return {};
}

void Enforcer::set_standing(release::Standing standing) {
  if (standing == standing_) return;
  standing_ = standing;
  update();
}

void Enforcer::set_break_glass(std::vector<BreakGlass> entries) {
  break_glass_ = std::move(entries);
  update();
}

// --- saying so ----------------------------------------------------------------------------------------------------------------

void Enforcer::report(const char* part, const Expected<void>& outcome, const char* event, const char* field) {
  if (event == nullptr) event = part;
  const auto known = troubles_.find(part);
  if (outcome) {
    if (known == troubles_.end()) return;
    decisions_.record(clocks_.wall(), event, {{"well", "again"}});
    troubles_.erase(known);
    return;
  }
  const std::string text = fmt::format("{}: {}", code_name(outcome.error().code), outcome.error().message);
  if (known != troubles_.end() && known->second == text) return;
  decisions_.record(clocks_.wall(), event, {{field, text}});
  troubles_[part] = text;
}

const std::string* Enforcer::trouble() const noexcept {
  for (const char* part :
       {"filter", "attachment", "guard", "wireguard", "flows", "records", "seed", "found", "guard found"}) {
    if (const auto known = troubles_.find(part); known != troubles_.end()) return &known->second;
  }
  return nullptr;
}

void Enforcer::fill(Status& status) const {
  status.interface = interface_;
  status.backend = filter_.backend();
  status.attached = attached_;
  status.guarded = guarded_;
  if (in_force_) {
    status.mode = in_force_->mode;
    status.admitted = in_force_->admitted;
    status.binding_failures = in_force_->binding.failures;
  }
  if (table_) status.known = table_->directory().identities().size();
  if (const auto counters = filter_.counters()) {
    for (std::size_t why = 0; why < counters->packets.size(); ++why) {
      if (why == ACL_PASS_OUT) continue;
      (why == ACL_PASS_RULE || why == ACL_PASS_RECORD ? status.passed : status.dropped) += counters->packets[why];
    }
  }
}

}  // namespace acl::node
