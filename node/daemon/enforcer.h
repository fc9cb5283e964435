// Enforcer: keeps the kernel as it should be: the filter attached and in step with table, WireGuard and clock; the guard in its
// place; flow state swept.
//
//   tick()             once a second, and when an interface came or went: looks after all of it
//   wireguard_step()   when wireguard_fd() is readable: the answer to the question that tick() asked
//   put()              another table, or none
//
// What fails is kept in trouble() until it no longer does, and is tried again at the next tick; what is in force stays meanwhile, with
// one exception: if WireGuard no longer binds a source and the filter does not take the narrower table, all is denied.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/daemon/clocks.h"
#include "node/daemon/config.h"
#include "node/daemon/decisions.h"
#include "node/daemon/enforcement.h"
#include "node/daemon/questions.h"
#include "node/enforce/filter.h"
#include "node/enforce/flow_maps.h"
#include "node/enforce/flow_upkeep.h"
#include "node/enforce/guard.h"
#include "node/wireguard/allowed_ips.h"
#include "node/wireguard/device_poll.h"

namespace acl::node {

// What to guard of a configuration, for the daemon and for `aclnode guard` and `remove`.
GuardOptions guard_options(const std::string& interface, std::uint32_t mark);
// Installs the guard by as much of the configuration file as can be read; the error says what cannot be, also where the guard is in
// its place all the same.
Expected<void> install_guard(const std::string& config_path);
FilterOptions filter_options(const Config& config);

class Enforcer {
 public:
  // Installs the guard, then opens the filter; what is in force stays. `decisions` and `clocks` outlive it.
  static Expected<std::unique_ptr<Enforcer>> open(const Config& config, const Clocks& clocks, Decisions& decisions);
  Enforcer(const Enforcer&) = delete;
  Enforcer& operator=(const Enforcer&) = delete;

  // The first look, which waits for WireGuard's answer. What an earlier process left in force stays until put() or begin().
  void look();
  // From here on what is in force follows the facts; without a table put before, that is to deny all, or break-glass.
  void begin();
  void tick();
  [[nodiscard]] int wireguard_fd() const noexcept { return poll_.fd(); }
  void wireguard_step();

  // Null: none. What was in force stays if it is an error. Addresses that it gives to others stay withheld until their records are gone,
  // which for the largest maps takes ticks: busy() until then, and tick() should be called again soon.
  Expected<void> put(std::shared_ptr<const LoadedTable> table, release::Standing standing);
  [[nodiscard]] bool busy() const noexcept { return forget_.has_value(); }
  // While logins are served here the filter is put on no interface but this one (0: on none anew): at another, port 22 would still be the
  // system's. The guard keeps it shut until then. Nothing: on any.
  void attach_only_to(std::optional<unsigned> ifindex) { only_ = ifindex; }
  // The clock has moved on.
  void set_standing(release::Standing standing);
  void set_break_glass(std::vector<BreakGlass> entries);

  // For logins, where a second is too old: a question to WireGuard that begins no earlier than now; many ask for one. Its answer, also
  // that there is none, has been taken once answered() is no less than what this returns.
  std::uint64_t ask_again();
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_count_; }
  // What is enforced follows from these; they point into this object and hold until it is called again.
  [[nodiscard]] Facts facts() const;
  // Another number whenever the facts may be others.
  [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
  [[nodiscard]] unsigned ifindex() const noexcept { return ifindex_; }
  [[nodiscard]] const std::vector<net::Address>& interface_addresses_now() const noexcept { return addresses_; }

  [[nodiscard]] const LoadedTable* table() const noexcept { return table_.get(); }
  // Of the interface, as WireGuard says; nothing while it says nothing.
  [[nodiscard]] std::optional<Key> own_key() const;
  [[nodiscard]] Owner owner() const;
  [[nodiscard]] std::vector<net::Address> own_addresses() const;
  // The last trouble that is not over; the filter's before the guard's before WireGuard's.
  [[nodiscard]] const std::string* trouble() const noexcept;
  void fill(Status& status) const;

 private:
  Enforcer(const Config& config, const Clocks& clocks, Decisions& decisions, PacketFilter filter, Guard guard,
           FlowMaps maps);

  void look_after_interface();
  void look_after_guard();
  void ask_wireguard();
  void begin_question();
  void take_answer(const Expected<DevicePoll::Step>& step);
  void lost_wireguard(const Diagnostic& why);
  void sweep();
  void seed();
  // Enforces what the facts say, if that is something else than what is in force.
  void update();
  Expected<void> apply(Enforcement wanted);
  Expected<void> put_anew(const LoadedTable* before);
  void go_on_forgetting();
  void forget_wireguard();
  // Records a trouble when it comes and when it goes; `event` is `part` if it is null.
  void report(const char* part, const Expected<void>& outcome, const char* event = nullptr,
              const char* field = "error");

  std::string interface_;
  const Clocks& clocks_;
  Decisions& decisions_;
  PacketFilter filter_;
  Guard guard_;
  FlowMaps maps_;
  MarkSweep sweep_;
  DevicePoll poll_;
  std::int64_t asked_ms_ = 0;  // when the open question was asked
  std::uint64_t asked_count_ = 0, answered_count_ = 0;
  bool again_ = false;  // another question follows the open one
  std::uint64_t revision_ = 0;
  bool answered_ = false;  // poll_.device() holds

  unsigned ifindex_ = 0;
  std::optional<unsigned> only_;
  std::vector<net::Address> addresses_;  // of the interface
  AllowedIps allowed_;
  std::shared_ptr<const LoadedTable> table_;
  release::Standing standing_ = release::Standing::none;
  std::vector<BreakGlass> break_glass_;
  std::optional<Enforcement> in_force_;  // nothing: not known, of an earlier process
  // Sources that a release gives to others than the one before, or to nobody: withheld until it is in force and their records are gone.
  std::vector<table::AddressRange> withheld_;
  std::optional<RecordForget> forget_;  // under way
  bool begun_ = false, attached_ = false, guarded_ = false, seeded_ = false;
  std::map<std::string, std::string> troubles_;  // by part
};

}  // namespace acl::node
