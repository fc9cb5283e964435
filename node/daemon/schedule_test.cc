#include "node/daemon/schedule.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace acl::node::daemon {
namespace {

TEST(Schedules, WaitAMomentForTheFirstChange) {
  Schedule schedule{Pace{}};
  EXPECT_FALSE(schedule.due_ms());
  schedule.ready(1000);
  EXPECT_EQ(schedule.due_ms(), 1250);
  schedule.changed(1010);
  EXPECT_EQ(schedule.due_ms(), 1010);
}

TEST(Schedules, LookAgainAfterTheIntervalAndAFifth) {
  Schedule schedule{Pace{}};
  schedule.ready(0);
  schedule.began(0);
  EXPECT_FALSE(schedule.due_ms());
  schedule.ended_well(100, 0);
  EXPECT_EQ(schedule.due_ms(), 100 + 36'000);
  schedule.began(36'100);
  schedule.ended_well(36'200, 1);
  EXPECT_EQ(schedule.due_ms(), 36'200 + 43'200);
}

TEST(Schedules, BackOffFromASecondToFiveMinutes) {
  Schedule schedule{Pace{}};
  schedule.ready(0);
  std::int64_t now = 0;
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 12; ++i) {
    schedule.began(now);
    schedule.ended_badly(now, 1);
    waits.push_back(*schedule.due_ms() - now);
    now = *schedule.due_ms();
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1000, 2000, 4000, 8000, 16'000, 32'000, 64'000, 128'000, 256'000, 300'000,
                                              300'000, 300'000}));
  schedule.began(now);
  schedule.ended_well(now, 0);
  schedule.began(now);
  schedule.ended_badly(now, 0);
  EXPECT_EQ(*schedule.due_ms() - now, 500);
}

TEST(Schedules, AChangeDuringAnAttemptAsksForOneMore) {
  Schedule schedule{Pace{}};
  schedule.ready(0);
  schedule.began(0);
  schedule.changed(5);
  schedule.changed(6);
  EXPECT_FALSE(schedule.due_ms());
  schedule.ended_well(10, 0);
  EXPECT_EQ(schedule.due_ms(), 10);
  schedule.began(10);
  schedule.ended_well(20, 0);
  EXPECT_GT(*schedule.due_ms(), 30'000);
}

TEST(Schedules, NobodyIsAskedWhileNobodyIsThere) {
  Schedule schedule{Pace{}};
  schedule.ready(0);
  schedule.began(0);
  schedule.down();
  schedule.ended_badly(10, 0);
  EXPECT_FALSE(schedule.due_ms());
  schedule.ready(5000);
  EXPECT_TRUE(schedule.due_ms());
}

// Somebody who says `changed` without end, with attempts that end at once.
RC_GTEST_PROP(Schedules, HaveTheirMeasureWhateverIsSaid, (std::vector<std::uint8_t> waits, bool well)) {
  const Pace pace;
  Schedule schedule{pace};
  schedule.ready(0);
  std::int64_t now = 0;
  std::vector<std::int64_t> begun;
  for (const std::uint8_t wait : waits) {
    for (int i = 0; i < 20; ++i) {
      now += wait % 32;
      schedule.changed(now);
      if (*schedule.due_ms() > now) continue;
      begun.push_back(now);
      schedule.began(now);
      schedule.changed(now);
      well ? schedule.ended_well(now, 0.5) : schedule.ended_badly(now, 0.5);
    }
  }
  for (std::size_t i = pace.burst; i < begun.size(); ++i) {
    RC_ASSERT(begun[i] - begun[i - pace.burst] >= pace.refill.count());
  }
  // Over a long time one every `refill`.
  if (begun.size() > pace.burst) {
    const auto beyond = static_cast<std::int64_t>(begun.size() - pace.burst);
    RC_ASSERT(begun.back() - begun.front() >= (beyond - 1) * pace.refill.count());
  }
}

}  // namespace
}  // namespace acl::node::daemon
