#include "engine/store/watch_timer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "engine/net/backoff.h"
#include "engine/store/store.h"

namespace acl::store {

Alarm::Alarm() noexcept : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {}

Alarm::~Alarm() {
  if (fd_ >= 0) close(fd_);
}

void Alarm::set(std::chrono::milliseconds delay) noexcept {
  itimerspec when{};  // all zero: never
  if (delay.count() >= 0) {
    when.it_value.tv_sec = static_cast<time_t>(delay.count() / 1000);
    when.it_value.tv_nsec = static_cast<long>(delay.count() % 1000) * 1'000'000;
    if (delay.count() == 0) when.it_value.tv_nsec = 1;
  }
  timerfd_settime(fd_, 0, &when, nullptr);
}

bool Alarm::rang() noexcept {
  std::uint64_t times = 0;
  return read(fd_, &times, sizeof times) == sizeof times;
}

WatchTimer::WatchTimer(std::chrono::milliseconds interval) noexcept
    : interval_(std::max(interval, std::chrono::milliseconds(1))) {
  alarm_.set(std::chrono::milliseconds(0));
}

bool WatchTimer::due() noexcept {
  if (!alarm_.rang()) return false;
  alarm_.set(net::spread(interval_, net::random_share()));
  return true;
}

Diagnostic WatchTimer::trouble() const {
  return make_diagnostic(Code::E1102, "cannot watch the store: no more descriptors",
                         "raise the limit of open files of this process");
}

bool wait_for_change(LatestWatch& watch, Deadline deadline) {
  for (;;) {
    if (watch.step()) return true;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{watch.fd(), POLLIN, 0};
    poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
  }
}

}  // namespace acl::store
