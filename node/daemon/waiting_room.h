// WaitingRoom: connections for which there is no room yet (login_limits.h), in the order in which they came.
//
// Not read from, and nothing is kept of one but its descriptor. Bounded in all and for each source, so that one source that
// opens thousands leaves room for the others. Owns the descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "engine/net/address.h"
#include "node/daemon/login_limits.h"
#include "node/steer/listeners.h"

namespace acl::node {

inline constexpr std::size_t most_waiting = 1024;
inline constexpr std::size_t most_waiting_of_one = 256;

struct WaitingConnection {
  AcceptedConnection connection;
  LoginOrigin origin;
};

class WaitingRoom {
 public:
  // False: it is full, and the connection is closed.
  bool add(WaitingConnection one, std::int64_t until_ms);
  // Those that `limits` has room for now, where they are counted; the oldest of each source first.
  std::vector<WaitingConnection> take(LoginLimits& limits);
  // Closes those whose time is up; their sources.
  std::vector<net::Address> give_up(std::int64_t now_ms);
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

 private:
  struct Waiting {
    WaitingConnection waiter;
    std::int64_t until_ms = 0;
  };
  void leave(const LoginOrigin& origin);

  std::deque<Waiting> waiting_;
  std::map<LoginOrigin, std::size_t> of_source_;
};

}  // namespace acl::node
