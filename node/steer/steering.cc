#include "node/steer/steering.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <array>

#include "node/steer/steer_program.h"
#include "node/steer/steer_rules.h"

namespace acl::node {
namespace {

std::string name_of(unsigned ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  return if_indextoname(ifindex, name.data()) != nullptr ? name.data() : fmt::format("{}", ifindex);
}

}  // namespace

struct Steering::Program {
  SteerProgram in_kernel;
};

Steering::Steering(SteeringOptions options) : options_(std::move(options)) {}
Steering::Steering(Steering&&) noexcept = default;
Steering& Steering::operator=(Steering&&) noexcept = default;
Steering::~Steering() = default;

Expected<Steering> Steering::open(SteeringOptions options) {
  Steering steering(std::move(options));
  if (steering.options_.by == SteerBy::rules) return steering;
  auto program = SteerProgram::load(steering.options_.bpffs_dir);
  if (program) {
    steering.program_ = std::make_unique<Program>(Program{std::move(*program)});
    return steering;
  }
  if (steering.options_.by == SteerBy::program) return tl::unexpected(program.error());
  // Rules of nftables alone: what the filter of packets needs is there, or there would be no filter.
  steering.options_.by = SteerBy::rules;
  return steering;
}

std::string_view Steering::backend() const noexcept { return program_ ? "SK_LOOKUP" : "nftables"; }

Expected<void> Steering::set(const SteeringFacts& facts) {
  const Expected<void> listening = look_after_listeners(facts);
  if (facts != facts_) in_force_ = false;
  taken_ = 0;
  // Without listeners, too: then what comes is refused, and does not meet the sshd of the system.
  const Expected<void> done = program_ ? set_program(facts) : set_rules(facts);
  in_force_ = done.has_value();
  facts_ = facts;
  if (done) taken_ = facts.ifindex;
  if (done && facts.master != 0) return fail_enslaved(facts);
  return listening ? done : listening;
}

tl::unexpected<Diagnostic> Steering::fail_enslaved(const SteeringFacts& facts) const {
  return fail(
      Code::E1401,
      fmt::format(
          "\"{}\" is enslaved to \"{}\" (a VRF, or the like): what comes in by it cannot be told from what comes in by "
          "others of that, so nobody logs in by policy",
          options_.interface, name_of(facts.master)),
      fmt::format("take it out (ip link set {} nomaster), or do without ([ssh] enabled = false)", options_.interface));
}

// Those of an interface that is gone are closed; one of IPv6 that could not be had is tried again while an own address wants it.
Expected<void> Steering::look_after_listeners(const SteeringFacts& facts) {
  if (facts.ifindex == 0) return {};
  if (facts.ifindex != facts_.ifindex) listeners_ = Listeners();
  const bool had_v4 = static_cast<bool>(listeners_.v4), had_v6 = static_cast<bool>(listeners_.v6);
  const bool wants_v6 = std::any_of(facts.own.begin(), facts.own.end(), [](const auto& own) { return !own.is_v4(); });
  if (had_v4 && (had_v6 || !wants_v6)) return {};
  Expected<void> opened = open_missing(listeners_, options_.interface, program_ == nullptr);
  if (had_v4 != static_cast<bool>(listeners_.v4) || had_v6 != static_cast<bool>(listeners_.v6)) in_force_ = false;
  return opened;
}

Expected<void> Steering::set_program(const SteeringFacts& facts) {
  SteerProgram& program = program_->in_kernel;
  if (in_force_) return program.attach();
  Expected<void> filled = fill_program(facts);
  // A set that is not whole may take a process of this host for another host: nothing is steered to a listener until it is.
  if (!filled) static_cast<void>(program.set_listeners(-1, -1));
  // Whatever failed: for the addresses that are in the set, what comes by the interface is refused.
  if (auto done = program.set_interface(facts.ifindex, facts.master, options_.port); !done) return done;
  if (auto done = program.attach(); !done) return done;
  return filled;
}

Expected<void> Steering::fill_program(const SteeringFacts& facts) const {
  const SteerProgram& program = program_->in_kernel;
  const Expected<void> owned = program.set_own(facts.own);
  if (!facts.host) return owned ? program.set_listeners(-1, -1) : owned;
  if (auto done = program.set_local(*facts.host); !done) return done;
  if (facts.master != 0) return owned ? program.set_listeners(-1, -1) : owned;
  return owned ? program.set_listeners(listeners_.v4.get(), listeners_.v6.get()) : owned;
}

Expected<void> Steering::set_rules(const SteeringFacts& facts) const {
  const bool listens = facts.host.has_value() && facts.master == 0;
  const SteerRules rules{options_.table,
                         options_.interface,
                         facts.master != 0 ? name_of(facts.master) : std::string(),
                         facts.own,
                         options_.port,
                         listens ? listeners_.port_v4 : std::uint16_t{0},
                         listens ? listeners_.port_v6 : std::uint16_t{0}};
  if (in_force_) {
    const auto there = has_steer_rules(rules);
    if (there && *there) return {};
  }
  return put_steer_rules(rules);
}

Expected<void> Steering::remove(const SteeringOptions& options) {
  SteerProgram::remove(options.bpffs_dir);
  return remove_steer_rules(options.table);
}

}  // namespace acl::node
