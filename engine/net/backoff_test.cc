#include "engine/net/backoff.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::net {
namespace {

using std::chrono::milliseconds;

TEST(Backoffs, DoubleUpToTheLongest) {
  const Backoff backoff{milliseconds(500), milliseconds(60'000)};
  EXPECT_EQ(retry_delay(backoff, 1, 0), milliseconds(250));
  EXPECT_EQ(retry_delay(backoff, 2, 0), milliseconds(500));
  EXPECT_EQ(retry_delay(backoff, 8, 0), milliseconds(30'000));
  EXPECT_EQ(retry_delay(backoff, 4'000'000'000, 0), milliseconds(30'000));
  EXPECT_EQ(retry_delay(backoff, 4'000'000'000, 1), milliseconds(60'000));
}

RC_GTEST_PROP(Backoffs, LeaveTheUpperHalfToChance, (unsigned failures, std::uint32_t bits)) {
  const Backoff backoff;
  const double chance = static_cast<double>(bits) / 4294967296.0;
  const auto least = retry_delay(backoff, failures, 0);
  const auto delay = retry_delay(backoff, failures, chance);
  RC_ASSERT(delay >= least);
  RC_ASSERT(delay <= 2 * least);
  RC_ASSERT(delay <= backoff.longest);
}

TEST(Backoffs, NoNumberIsAChanceThatBreaksThem) {
  EXPECT_EQ(retry_delay({}, 1, -5), retry_delay({}, 1, 0));
  EXPECT_EQ(retry_delay({}, 1, 7), retry_delay({}, 1, 1));
}

TEST(Backoffs, SpreadAnIntervalByUpToAFifth) {
  EXPECT_EQ(spread(milliseconds(30'000), 0), milliseconds(30'000));
  EXPECT_EQ(spread(milliseconds(30'000), 0.5), milliseconds(33'000));
  EXPECT_EQ(spread(milliseconds(30'000), 1), milliseconds(36'000));
}

}  // namespace
}  // namespace acl::net
