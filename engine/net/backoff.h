// How long to wait after failures, so that a store that was down is not run over by all nodes at once when it is back.
//
// Pure but for random_share: the number of failures and a random number go in, a time comes out. Doubles from `base` to `longest`; the upper half of
// each time is left to chance ("equal jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace acl::net {

struct Backoff {
  std::chrono::milliseconds base{500};
  std::chrono::milliseconds longest{60'000};
};

// `failures` in a row, at least one; `chance` in [0, 1), other numbers count as the nearest.
constexpr std::chrono::milliseconds retry_delay(const Backoff& backoff, unsigned failures, double chance) noexcept {
  const unsigned doublings = std::min(failures == 0 ? 0U : failures - 1, 30U);
  const std::int64_t doubled =
      std::min<std::int64_t>(backoff.base.count() * (std::int64_t{1} << doublings), backoff.longest.count());
  const double share = chance > 0 ? std::min(chance, 1.0) : 0.0;
  const std::int64_t sure = doubled / 2;
  return std::chrono::milliseconds(sure + static_cast<std::int64_t>(static_cast<double>(doubled - sure) * share));
}

// `interval` and up to a fifth more.
constexpr std::chrono::milliseconds spread(std::chrono::milliseconds interval, double chance) noexcept {
  const double share = chance > 0 ? std::min(chance, 1.0) : 0.0;
  return interval +
         std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(interval.count()) * 0.2 * share));
}

// In [0, 1), from the system's random numbers.
double random_share() noexcept;

}  // namespace acl::net
