// One device authorization (RFC 8628), from the first request to the ID token: for a thread of its own, which waits for the network and for the
// person.
//
// HTTPS alone, with the bounds of engine/store's HttpClient: no redirects, no proxies, sizes and times bounded. Between two questions it waits as long as
// the provider says, five seconds more each time it is told slow_down, twice as long each time it cannot be reached (section 3.5).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "engine/net/diagnostic.h"
#include "node/net/device_reply.h"
#include "node/protocol/openid_message.h"

namespace acl::node::net {

// To break one off, from another thread.
class Stop {
 public:
  void ask();
  // At most that long; true once it was asked.
  bool wait_until(std::chrono::steady_clock::time_point then);
  [[nodiscard]] const std::atomic<bool>* flag() const noexcept { return &asked_; }

 private:
  std::atomic<bool> asked_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

// The ID token, which nobody has looked at; or E1435, E11xx. `show` is called once, when there is something for the person to do.
Expected<std::string> authorize_device(const protocol::Provider& provider, std::uint32_t max_age_s,
                                       std::chrono::steady_clock::time_point deadline, Stop& stop,
                                       const std::function<void(const DeviceAuthorization&)>& show);

}  // namespace acl::node::net
