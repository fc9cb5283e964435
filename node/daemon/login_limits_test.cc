#include "node/daemon/login_limits.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::node {
namespace {

LoginOrigin at(std::uint32_t number) { return {std::nullopt, net::Address::v4(0x64400000 + number)}; }

TEST(LoginLimits, OneSourceKeepsOnlyItselfOut) {
  LoginLimits limits(10, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.begin(at(1)));
  EXPECT_FALSE(limits.begin(at(1)));
  EXPECT_TRUE(limits.begin(at(2)));
  limits.end(at(1));
  EXPECT_TRUE(limits.begin(at(1)));
}

TEST(LoginLimits, APeerIsOneSourceWhateverItsAddresses) {
  LoginLimits limits(10, 2);
  const auto of_peer = [](std::uint8_t peer, std::uint32_t number) {
    return LoginOrigin{Key{peer}, at(number).address};
  };
  EXPECT_TRUE(limits.begin(of_peer(1, 1)));
  EXPECT_TRUE(limits.begin(of_peer(1, 2)));
  EXPECT_FALSE(limits.begin(of_peer(1, 3)));
  EXPECT_TRUE(limits.begin(of_peer(2, 3)));
  EXPECT_TRUE(limits.begin(at(1)));
  limits.end(of_peer(1, 9));
  EXPECT_TRUE(limits.begin(of_peer(1, 3)));
}

TEST(LoginLimits, AllTogetherHaveALimitToo) {
  LoginLimits limits(2, 5);
  EXPECT_TRUE(limits.begin(at(1)));
  EXPECT_TRUE(limits.begin(at(2)));
  EXPECT_FALSE(limits.begin(at(3)));
}

TEST(LoginLimits, ANarrowerLimitLeavesWhoIsThere) {
  LoginLimits limits(4, 4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(limits.begin(at(1)));
  limits.set(2, 2);
  EXPECT_EQ(limits.starting(), 4U);
  limits.end(at(1));
  limits.end(at(1));
  EXPECT_FALSE(limits.begin(at(1)));
  limits.end(at(1));
  EXPECT_TRUE(limits.begin(at(1)));
}

// Whatever comes and goes: neither limit is passed, and when all have gone there is room for all.
RC_GTEST_PROP(LoginLimits, NeverPassesALimitAndForgetsNothing, ()) {
  LoginLimits limits(8, 3);
  std::map<std::uint32_t, int> there;
  int all = 0;
  for (const auto& [begin, number] : *rc::gen::container<std::vector<std::pair<bool, std::uint32_t>>>(
           rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange<std::uint32_t>(0, 5)))) {
    if (begin) {
      const bool room = all < 8 && there[number] < 3;
      RC_ASSERT(limits.begin(at(number)) == room);
      if (!room) continue;
      ++there[number];
      ++all;
    } else if (there[number] > 0) {
      limits.end(at(number));
      --there[number];
      --all;
    }
    RC_ASSERT(limits.starting() == static_cast<std::size_t>(all));
  }
}

}  // namespace
}  // namespace acl::node
