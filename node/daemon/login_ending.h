// LoginEnding: when a login that is to end is cut off, and when it is killed.
//
// Times go in, in milliseconds of a clock that never jumps; what is to be done comes out. It has a second to end by itself, and kills what it
// has started after 300 ms (docs/protocol.md). That it says that it ends gives it more time, for the words to the person and for PAM to close its session,
// and no more than that: a login of root can have it say so. A cut that fails is tried again, so often.
#pragma once

#include <cstdint>
#include <optional>

namespace acl::node {

class LoginEnding {
 public:
  // It is told to end. Later calls change nothing.
  void begin(std::int64_t now_ms) noexcept;
  [[nodiscard]] bool has_begun() const noexcept { return begun_ms_.has_value(); }
  // It says that it does.
  void says_so() noexcept { says_so_ = true; }

  [[nodiscard]] bool wants_cut(std::int64_t now_ms) const noexcept;
  // One was tried. True: it failed, for the first time.
  bool tried_cut(std::int64_t now_ms, bool done) noexcept;
  [[nodiscard]] bool wants_kill(std::int64_t now_ms) const noexcept;
  void tried_kill(std::int64_t now_ms, bool done) noexcept;
  // Cut, or that has been given up, and killed ten seconds ago: no more can be done.
  [[nodiscard]] bool is_all_done(std::int64_t now_ms) const noexcept;

 private:
  [[nodiscard]] bool has_no_cut_left() const noexcept;

  std::optional<std::int64_t> begun_ms_;
  std::int64_t cut_again_ms_ = 0, tried_kill_ms_ = 0;
  int failed_cuts_ = 0;
  bool says_so_ = false, cut_ = false, killed_ = false;
};

}  // namespace acl::node
