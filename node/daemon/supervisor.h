// Supervisor: this side of aclnode-session's supervisor, which is handed each accepted connection and starts a process for its login.
//
// It listens on a socket of its own and outlives this daemon. Where systemd runs the machine it is a unit of its own; elsewhere it is started
// from here when it does not answer. Nothing waits: a connection that cannot be handed over now is kept by the caller and tried
// again. Owns its descriptor.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "node/daemon/clocks.h"
#include "node/protocol/channel.h"

namespace acl::node {

class Supervisor {
 public:
  struct Settings {
    std::string program, socket;
    bool start = false;  // where it does not answer; with systemd it is the service manager's to start
  };
  Supervisor(Settings settings, const Clocks& clocks) : settings_(std::move(settings)), clocks_(clocks) {}
  // As after a start.
  void set(Settings settings);

  // Connects, or starts it, ahead of the first login; once in a while.
  bool reach();
  // True: it has them, and the lent descriptors may be closed. False: not now; why() says what is in the way.
  bool hand_over(protocol::ByteView begin, std::span<const int> descriptors);
  // Empty if nothing is.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }

 private:
  bool connect();
  void start();

  Settings settings_;
  const Clocks& clocks_;
  Fd fd_;
  std::int64_t start_again_ms_ = 0;
  std::string why_;
};

// Whether systemd is the init of this machine (sd_booted(3)).
bool has_systemd() noexcept;

}  // namespace acl::node
