// Clocks: where the daemon has its times from, so that tests choose them.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/release/client.h"
#include "engine/table/flow.h"

namespace acl::node {

struct Clocks {
  std::function<release::Time()> wall;      // seconds since 1970, as the system has them
  std::function<std::int64_t()> steady_ms;  // never jumps
  std::function<acl_stamp()> boot_ns;       // CLOCK_BOOTTIME, as the filter's stamps

  [[nodiscard]] release::Instant now() const { return {wall(), steady_ms()}; }
};

// CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME (clock_gettime(2)).
Clocks system_clocks();

}  // namespace acl::node
