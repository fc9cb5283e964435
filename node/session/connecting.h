// Connections on their way, in a process of the user: names are looked up, addresses are tried one after the other, nothing waits for another.
//
// Look-ups may ask the network (NSS) and take as long as it does: a few threads make them, what is more waits in line. Addresses in
// numbers need none. Each attempt has a deadline of its own, so that everything asked is answered. Faults are words for the person.
#pragma once

#include <poll.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/net/fd.h"
#include "node/session/clock.h"

namespace acl::node::session {

class Connecting {
 public:
  struct Made {
    std::uint32_t channel = 0;
    Fd socket;          // connected; none:
    std::string words;  // why not
  };

  Connecting();
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  ~Connecting();

  void to_host(std::uint32_t channel, const std::string& host, std::uint16_t port, Milliseconds now);
  void to_path(std::uint32_t channel, const std::string& path, Milliseconds now);

  // Adds what is to be polled.
  void watch(std::vector<pollfd>& polled) const;
  // Milliseconds until step() is to be called without an event; -1: never.
  [[nodiscard]] int patience(Milliseconds now) const;
  // What has come to its end.
  std::vector<Made> step(Milliseconds now);

  // Of a look-up and all attempts to connect; a client waits no longer either.
  static constexpr Milliseconds longest_ms = 120'000;

 private:
  struct Names;
  struct Attempt;
  // False: it goes on.
  static bool go_on(Attempt& attempt, Made& made);

  std::unique_ptr<Names> names_;
  std::map<std::uint32_t, Attempt> attempts_;
};

}  // namespace acl::node::session
