#include "compiler/resolve/bits.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace acl::resolve {
namespace {

TEST(Bits, HoldNothingAtFirst) {
  const Bits bits(100);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_FALSE(bits.test(i));
  EXPECT_FALSE(Bits().test(0));
}

TEST(Bits, HoldWhatIsSetAndNothingBesides) {
  EXPECT_TRUE(rc::check([] {
    const auto size = *rc::gen::inRange<std::size_t>(1, 300);
    const auto wanted = *rc::gen::container<std::set<std::size_t>>(rc::gen::inRange<std::size_t>(0, size));
    Bits bits(size);
    for (const std::size_t i : wanted) bits.set(i);
    for (std::size_t i = 0; i < size + 100; ++i) RC_ASSERT(bits.test(i) == (wanted.count(i) != 0));
  }));
}

TEST(Bits, SettingTheFirstNumbersLeavesTheOthersAsTheyWere) {
  for (const std::size_t count : {0U, 1U, 63U, 64U, 65U, 127U, 128U, 129U, 192U}) {
    Bits bits(192);
    bits.set(191);
    bits.set_all(count);
    for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(bits.test(i), i < count || i == 191) << i << " of " << count;
  }
}

}  // namespace
}  // namespace acl::resolve
