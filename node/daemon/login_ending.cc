#include "node/daemon/login_ending.h"

namespace acl::node {
namespace {

constexpr std::int64_t cut_after_ms = 1000, kill_after_ms = 2000;
// aclnode-session is ended by a timer of its own at 10.3 s.
constexpr std::int64_t cut_after_words_ms = 2000, kill_after_words_ms = 12'000;
constexpr std::int64_t again_ms = 1000;
constexpr std::int64_t all_done_after_ms = 10'000;
constexpr int most_failed_cuts = 10;

}  // namespace

void LoginEnding::begin(std::int64_t now_ms) noexcept {
  if (!begun_ms_) begun_ms_ = now_ms;
}

bool LoginEnding::has_no_cut_left() const noexcept { return cut_ || failed_cuts_ >= most_failed_cuts; }

bool LoginEnding::is_all_done(std::int64_t now_ms) const noexcept {
  return has_no_cut_left() && killed_ && now_ms >= tried_kill_ms_ + all_done_after_ms;
}

bool LoginEnding::wants_cut(std::int64_t now_ms) const noexcept {
  if (!begun_ms_ || has_no_cut_left()) return false;
  return now_ms >= *begun_ms_ + (says_so_ ? cut_after_words_ms : cut_after_ms) &&
         (failed_cuts_ == 0 || now_ms >= cut_again_ms_);
}

bool LoginEnding::tried_cut(std::int64_t now_ms, bool done) noexcept {
  cut_again_ms_ = now_ms + again_ms;
  if (done) cut_ = true;
  return !done && ++failed_cuts_ == 1;
}

bool LoginEnding::wants_kill(std::int64_t now_ms) const noexcept {
  return begun_ms_ && !killed_ && now_ms >= *begun_ms_ + (says_so_ ? kill_after_words_ms : kill_after_ms) &&
         (tried_kill_ms_ == 0 || now_ms >= tried_kill_ms_ + again_ms);
}

void LoginEnding::tried_kill(std::int64_t now_ms, bool done) noexcept {
  tried_kill_ms_ = now_ms;
  killed_ = done;
}

}  // namespace acl::node
