#include "node/daemon/login_ending.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::node {
namespace {

TEST(LoginEnding, IsNoneOfALoginThatMayGoOn) {
  const LoginEnding ending;
  EXPECT_FALSE(ending.has_begun());
  EXPECT_FALSE(ending.wants_cut(1'000'000));
  EXPECT_FALSE(ending.wants_kill(1'000'000));
  EXPECT_FALSE(ending.is_all_done(1'000'000));
}

TEST(LoginEnding, CutsAfterASecondAndKillsAfterTwo) {
  LoginEnding ending;
  ending.begin(5000);
  ending.begin(5900);  // again: no more time
  EXPECT_FALSE(ending.wants_cut(5999));
  EXPECT_TRUE(ending.wants_cut(6000));
  EXPECT_FALSE(ending.wants_kill(6999));
  EXPECT_TRUE(ending.wants_kill(7000));
  EXPECT_FALSE(ending.tried_cut(6000, true));
  EXPECT_FALSE(ending.wants_cut(9000));
  EXPECT_FALSE(ending.is_all_done(1'000'000));
  ending.tried_kill(7000, true);
  EXPECT_FALSE(ending.wants_kill(99'000));
  EXPECT_FALSE(ending.is_all_done(16'999));
  EXPECT_TRUE(ending.is_all_done(17'000));
}

TEST(LoginEnding, IsPutOffAndNotCalledOffByALoginThatSaysThatItEnds) {
  LoginEnding ending;
  ending.begin(0);
  ending.says_so();
  EXPECT_FALSE(ending.wants_cut(1999));
  EXPECT_TRUE(ending.wants_cut(2000));
  EXPECT_FALSE(ending.wants_kill(11'999));
  EXPECT_TRUE(ending.wants_kill(12'000));
}

TEST(LoginEnding, SaysOnceThatACutFailedAndTriesAgainASecondLater) {
  LoginEnding ending;
  ending.begin(0);
  EXPECT_TRUE(ending.tried_cut(1000, false));
  EXPECT_FALSE(ending.wants_cut(1999));
  EXPECT_TRUE(ending.wants_cut(2000));
  EXPECT_FALSE(ending.tried_cut(2000, false));
  EXPECT_FALSE(ending.is_all_done(1'000'000));
  EXPECT_TRUE(ending.wants_cut(3000));
  EXPECT_FALSE(ending.tried_cut(3000, true));
  EXPECT_FALSE(ending.wants_cut(4000));
}

TEST(LoginEnding, TriesToKillUntilThatIsTakenOver) {
  LoginEnding ending;
  ending.begin(0);
  ending.tried_kill(2000, false);
  EXPECT_FALSE(ending.wants_kill(2999));
  EXPECT_TRUE(ending.wants_kill(3000));
}

RC_GTEST_PROP(LoginEnding, GivesUpACutThatAlwaysFailsAndNeverTheKill, (bool says_so)) {
  LoginEnding ending;
  ending.begin(0);
  if (says_so) ending.says_so();
  int cuts = 0, told = 0;
  for (std::int64_t now = 0; now < 100'000; now += 100) {
    if (ending.wants_cut(now)) {
      ++cuts;
      told += ending.tried_cut(now, false) ? 1 : 0;
    }
  }
  RC_ASSERT(cuts == 10 && told == 1);
  RC_ASSERT(ending.wants_kill(100'000) && !ending.is_all_done(1'000'000));
  ending.tried_kill(100'000, true);
  RC_ASSERT(ending.is_all_done(1'000'000));
}

}  // namespace
}  // namespace acl::node
