// LoginService: logins by policy as one part of the daemon, there while [ssh] is enabled: port 22 steered here, host keys made, logins served.
//
//   steer()  port 22 is taken from the sshd of the system, before what the filter lets in could meet it there
//   set()    as configured now; switches on and off
//   tick()   once a second, and at once when addresses changed, before the filter is put on an interface that was made anew
//   step()   whenever fd() is readable, next_ms() is there, or what is enforced may have changed
//
// What fails is kept in trouble() until it no longer does, and tried again. The packet filter goes on where it is; while port 22 cannot be
// steered it is put on no interface anew (Enforcer::attach_only_to), which then stays shut.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "node/daemon/answers.h"
#include "node/daemon/check_service.h"
#include "node/daemon/enforcer.h"
#include "node/daemon/logins.h"
#include "node/daemon/program.h"
#include "node/steer/steering.h"

namespace acl::node {

SteeringOptions steering_options(const Config& config);

class LoginService {
 public:
  // All outlive it.
  LoginService(const Config& config, const Clocks& clocks, Decisions& decisions, Enforcer& enforcer,
               CheckSource checks);

  // At the start, and before `next` is enforced, whose own addresses are the node's then.
  void steer(const LoadedTable* next = nullptr);
  // The configuration has been read, at the start and again. Before the first, nobody is served. Logins that live when it is switched off are still
  // ended, cut off and killed: until they have gone there are Logins.
  void set();
  void tick();
  void step();
  [[nodiscard]] int fd() const noexcept { return logins_ ? logins_->fd() : -1; }
  [[nodiscard]] std::optional<std::int64_t> next_ms() const;

  // For `aclnode sessions`; null while it is off.
  [[nodiscard]] Logins* logins() const noexcept { return logins_.get(); }
  // For `aclnode why`; nothing while it is off.
  [[nodiscard]] std::optional<LoginAnswer> decide(const LoginAsked& asked) const;
  // For `aclnode check`.
  [[nodiscard]] CheckService& checks() noexcept { return checks_; }
  [[nodiscard]] SshStatus status() const;
  [[nodiscard]] const std::string* trouble() const noexcept;

 private:
  void switch_off();
  void open_logins();
  [[nodiscard]] LoginSettings login_settings() const;
  void look_after_keys();
  void look_after_port(const LoadedTable* next);
  void report(std::string& kept, const Expected<void>& outcome);

  const Config& config_;
  const Clocks& clocks_;
  Decisions& decisions_;
  Enforcer& enforcer_;
  CheckService checks_;
  bool set_ = false;
  std::unique_ptr<Logins> logins_;
  std::optional<Steering> steering_;
  std::int64_t steer_again_ms_ = 0, keys_again_ms_ = 0, logins_again_ms_ = 0;
  std::optional<StartedProgram> making_;
  bool has_keys_ = false, steered_ = false;
  std::uint64_t revision_ = 0;
  std::string steer_trouble_, key_trouble_, logins_trouble_;
};

}  // namespace acl::node
