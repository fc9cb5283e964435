#include "engine/net/backoff.h"

#include <sys/random.h>

namespace acl::net {

double random_share() noexcept {
  std::uint32_t bits = 0;
  if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) return 0.5;
  return static_cast<double>(bits) / 4294967296.0;
}

}  // namespace acl::net
