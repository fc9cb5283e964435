// WatchTimer: a descriptor that becomes readable at an interval (and up to a fifth more, at random), and at once at the start.
//
// The interval of all watches. Owns a timerfd; without one (no descriptors left) fd() is -1 and trouble() says why.
#pragma once

#include <chrono>

#include "engine/net/diagnostic.h"

namespace acl::store {

// A timerfd on the clock that never jumps. Arms once.
class Alarm {
 public:
  Alarm() noexcept;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  // Readable after `delay`; a negative one never.
  void set(std::chrono::milliseconds delay) noexcept;
  // Whether it went off; then it is quiet until set again.
  bool rang() noexcept;

 private:
  int fd_;
};

class WatchTimer {
 public:
  explicit WatchTimer(std::chrono::milliseconds interval) noexcept;

  [[nodiscard]] int fd() const noexcept { return alarm_.fd(); }
  // Whether the interval is over; the next one begins.
  bool due() noexcept;
  [[nodiscard]] Diagnostic trouble() const;

 private:
  Alarm alarm_;
  std::chrono::milliseconds interval_;
};

}  // namespace acl::store
