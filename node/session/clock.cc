#include "node/session/clock.h"

#include <signal.h>
#include <time.h>

namespace acl::node::session {

Milliseconds now_ms() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Milliseconds>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

bool kill_in(Milliseconds left) noexcept {
  // Timers are not inherited by fork(2) and end with exec(2). Not alarm(2): a module may use that itself, or block its signal.
  static timer_t timer;
  static bool made = false;
  if (!made) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return false;
    made = true;
  }
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(left / 1000);
  when.it_value.tv_nsec = static_cast<long>(left % 1000 * 1'000'000);
  return timer_settime(timer, 0, &when, nullptr) == 0;
}

}  // namespace acl::node::session
