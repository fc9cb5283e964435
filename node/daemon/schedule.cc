#include "node/daemon/schedule.h"

#include <algorithm>

namespace acl::node::daemon {
namespace {

constexpr double beyond_interval = 1.2;

std::int64_t sooner(const std::optional<std::int64_t>& one, std::int64_t other) {
  return one ? std::min(*one, other) : other;
}

}  // namespace

void Schedule::ready(std::int64_t now_ms) {
  up_ = true;
  next_ms_ = sooner(next_ms_, now_ms + pace_.first.count());
}

void Schedule::changed(std::int64_t now_ms) {
  if (under_way_) {
    again_ = true;
  } else {
    next_ms_ = sooner(next_ms_, now_ms);
  }
}

void Schedule::refill(std::int64_t now_ms) {
  const std::int64_t each = std::max<std::int64_t>(pace_.refill.count(), 1);
  const std::int64_t more = std::max<std::int64_t>(now_ms - refilled_ms_, 0) / each;
  if (more >= static_cast<std::int64_t>(pace_.burst) - static_cast<std::int64_t>(left_)) {
    left_ = pace_.burst;
    refilled_ms_ = now_ms;
  } else {
    left_ += static_cast<unsigned>(more);
    refilled_ms_ += more * each;
  }
}

void Schedule::began(std::int64_t now_ms) {
  refill(now_ms);
  if (left_ > 0) --left_;
  under_way_ = true;
  again_ = false;
  next_ms_.reset();
}

void Schedule::ended(std::int64_t next_ms, std::int64_t now_ms) {
  under_way_ = false;
  next_ms_ = again_ ? now_ms : next_ms;
  again_ = false;
}

void Schedule::ended_well(std::int64_t now_ms, double chance) {
  failures_ = 0;
  const auto interval = std::chrono::duration_cast<std::chrono::milliseconds>(pace_.interval * beyond_interval);
  ended(now_ms + net::spread(interval, chance).count(), now_ms);
}

void Schedule::ended_badly(std::int64_t now_ms, double chance) {
  if (failures_ < UINT32_MAX) ++failures_;
  ended(now_ms + net::retry_delay(pace_.after_refusal, failures_, chance).count(), now_ms);
}

std::optional<std::int64_t> Schedule::due_ms() const {
  if (!up_ || under_way_ || !next_ms_) return std::nullopt;
  // With none left, the next one comes a refill after the last.
  return left_ > 0 ? *next_ms_ : std::max(*next_ms_, refilled_ms_ + pace_.refill.count());
}

}  // namespace acl::node::daemon
