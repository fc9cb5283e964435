#include "node/steer/steering.h"

#include "node/steer/steer_program.h"
#include "node/steer/steer_rules.h"

namespace acl::node {

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
  const bool another = facts.ifindex != facts_.ifindex || !listeners_.v4;
  if (another && facts.ifindex != 0) {
    auto fresh = open_listeners(options_.interface, program_ == nullptr);
    if (!fresh) return tl::unexpected(fresh.error());
    listeners_ = std::move(*fresh);
    in_force_ = false;
  }
  if (!(in_force_ && facts == facts_)) in_force_ = false;
  const Expected<void> done = program_ ? set_program(facts) : set_rules(facts);
  in_force_ = done.has_value();
  facts_ = facts;
  return done;
}

Expected<void> Steering::set_program(const SteeringFacts& facts) {
  SteerProgram& program = program_->in_kernel;
  if (!in_force_) {
    // A set that is not whole may take a process of this host for another host: nothing is steered to a listener until it is.
    const auto filled = [&]() -> Expected<void> {
      if (auto done = program.set_local(facts.host); !done) return done;
      if (auto done = program.set_own(facts.own); !done) return done;
      if (auto done = program.set_listeners(listeners_.v4.get(), listeners_.v6.get()); !done) return done;
      return program.set_interface(facts.ifindex, options_.port);
    }();
    if (!filled) {
      static_cast<void>(program.set_listeners(-1, -1));
      return filled;
    }
  }
  return program.attach();
}

Expected<void> Steering::set_rules(const SteeringFacts& facts) {
  if (in_force_) {
    const auto there = has_steer_rules(options_.table);
    if (there && *there) return {};
  }
  return put_steer_rules(
      {options_.table, options_.interface, facts.own, options_.port, listeners_.port_v4, listeners_.port_v6});
}

Expected<void> Steering::remove(const SteeringOptions& options) {
  SteerProgram::remove(options.bpffs_dir);
  return remove_steer_rules(options.table);
}

}  // namespace acl::node
