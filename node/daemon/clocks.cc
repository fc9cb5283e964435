#include "node/daemon/clocks.h"

#include <ctime>

namespace acl::node {
namespace {

timespec read_clock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now;
}

}  // namespace

Clocks system_clocks() {
  return {
      [] { return static_cast<release::Time>(read_clock(CLOCK_REALTIME).tv_sec); },
      [] {
        const timespec now = read_clock(CLOCK_MONOTONIC);
        return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
      },
      [] {
        const timespec now = read_clock(CLOCK_BOOTTIME);
        return static_cast<acl_stamp>(now.tv_sec) * ACL_SECOND + static_cast<acl_stamp>(now.tv_nsec);
      },
  };
}

}  // namespace acl::node
