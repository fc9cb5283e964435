// Schedule: when aclnode looks for a newer release.
//
// Pure: what happened, times and random numbers go in; the time of the next attempt comes out. An attempt begins
//
//   at the start            once aclnode-net is up and has said `changed`, which it does at once; after a moment, if it does not
//   at `changed`            at once; what comes during an attempt asks for one more after it
//   at the interval         a fifth beyond it and up to a fifth more at random: aclnode-net looks at the interval itself and then says
//                           `changed`, so this is for one that does not
//   after a refusal         after 1 s, doubling to 5 min, half of it at random
//
// and never more often than `burst` in a row and one every `refill` beyond, whatever says `changed`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "engine/net/backoff.h"

namespace acl::node::daemon {

struct Pace {
  std::chrono::milliseconds interval{30'000};
  net::Backoff after_refusal{std::chrono::milliseconds(1000), std::chrono::milliseconds(300'000)};
  std::chrono::milliseconds first{250};  // how long to wait for the first `changed`
  unsigned burst = 8;
  std::chrono::milliseconds refill{500};
};

class Schedule {
 public:
  explicit Schedule(const Pace& pace) : pace_(pace), left_(pace.burst) {}

  void ready(std::int64_t now_ms);  // aclnode-net is up
  void down() { up_ = false; }      // and no longer
  void changed(std::int64_t now_ms);
  void began(std::int64_t now_ms);
  void ended_well(std::int64_t now_ms, double chance);
  void ended_badly(std::int64_t now_ms, double chance);

  // When the next attempt is due; nothing while one is under way or there is nobody to fetch.
  [[nodiscard]] std::optional<std::int64_t> due_ms() const;

 private:
  void ended(std::int64_t next_ms, std::int64_t now_ms);
  void refill(std::int64_t now_ms);

  Pace pace_;
  bool up_ = false;
  bool under_way_ = false;
  bool again_ = false;
  unsigned failures_ = 0;
  std::optional<std::int64_t> next_ms_;
  unsigned left_;  // attempts that may begin in a row
  std::int64_t refilled_ms_ = 0;
};

}  // namespace acl::node::daemon
