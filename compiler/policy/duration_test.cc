// Durations, as Go reads and prints them.
#include "compiler/policy/duration.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <limits>

namespace acl::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t shortest = std::numeric_limits<std::int64_t>::min();

TEST(Duration, IsASequenceOfNumbersWithUnits) {
  EXPECT_EQ(parse_duration("12h"), hours(12));
  EXPECT_EQ(parse_duration("1h30m"), minutes(90));
  EXPECT_EQ(parse_duration("90m"), minutes(90));
  EXPECT_EQ(parse_duration("1m1h"), minutes(61));
  EXPECT_EQ(parse_duration("1s1s"), seconds(2));
  EXPECT_EQ(parse_duration("3ms4us5ns"), nanoseconds(3'004'005));
  EXPECT_EQ(parse_duration("7\u00b5s"), nanoseconds(7'000));  // micro sign
  EXPECT_EQ(parse_duration("7\u03bcs"), nanoseconds(7'000));  // Greek mu
}

TEST(Duration, NumbersMayHaveFractions) {
  EXPECT_EQ(parse_duration("0.5h"), minutes(30));
  EXPECT_EQ(parse_duration(".5s"), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_duration("1.s"), seconds(1));
  EXPECT_EQ(parse_duration("1.123456789s"), nanoseconds(1'123'456'789));
}

// What is finer than a nanosecond is cut off, not rounded; digits without end are no error.
TEST(Duration, FractionsOfANanosecondAreDropped) {
  EXPECT_EQ(parse_duration("0.9ns"), nanoseconds(0));
  EXPECT_EQ(parse_duration("1.9999999999s"), nanoseconds(1'999'999'999));
  EXPECT_EQ(parse_duration("0.3333333333333333333h"), minutes(20));  // Go's own example of many digits
  EXPECT_EQ(parse_duration("0.100000000000000000000h"), minutes(6));
}

TEST(Duration, HasOneSignInFront) {
  EXPECT_EQ(parse_duration("-1m"), minutes(-1));
  EXPECT_EQ(parse_duration("+5s"), seconds(5));
  EXPECT_EQ(parse_duration("-+5s"), std::nullopt);
  EXPECT_EQ(parse_duration("1h-5m"), std::nullopt);
}

TEST(Duration, ZeroAloneNeedsNoUnit) {
  EXPECT_EQ(parse_duration("0"), nanoseconds(0));
  EXPECT_EQ(parse_duration("-0"), nanoseconds(0));
  EXPECT_EQ(parse_duration("+0"), nanoseconds(0));
  EXPECT_EQ(parse_duration("00"), std::nullopt);
}

TEST(Duration, AllElseIsMalformed) {
  for (const std::string_view text :
       {"", "3", "-", "s", ".", "-.", ".s", "+.s", "abc", "1d", "1 h", " 1h", "1h ", "1H", "1e3s", "0x1h", "1,5h"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, EndsAt292Years) {
  EXPECT_EQ(parse_duration("9223372036854775807ns"), nanoseconds(longest));
  EXPECT_EQ(parse_duration("-9223372036854775808ns"), nanoseconds(shortest));
  EXPECT_EQ(parse_duration("9223372036854775808ns"), std::nullopt);
  EXPECT_EQ(parse_duration("-9223372036854775809ns"), std::nullopt);
  EXPECT_EQ(parse_duration("9223372036854775.807us"), nanoseconds(longest));
  EXPECT_EQ(parse_duration("2562048h"), std::nullopt);
  EXPECT_EQ(parse_duration("9223372036854775807h9223372036854775807h"), std::nullopt);
}

TEST(Duration, IsPrintedAsGoPrintsIt) {
  EXPECT_EQ(print_duration(nanoseconds(0)), "0s");
  EXPECT_EQ(print_duration(nanoseconds(1)), "1ns");
  EXPECT_EQ(print_duration(nanoseconds(1'100)), "1.1\u00b5s");
  EXPECT_EQ(print_duration(nanoseconds(2'200'000)), "2.2ms");
  EXPECT_EQ(print_duration(nanoseconds(3'300'000'000)), "3.3s");
  EXPECT_EQ(print_duration(seconds(245)), "4m5s");
  EXPECT_EQ(print_duration(nanoseconds(245'001'000'000)), "4m5.001s");
  EXPECT_EQ(print_duration(minutes(90)), "1h30m0s");
  EXPECT_EQ(print_duration(hours(168)), "168h0m0s");
  EXPECT_EQ(print_duration(minutes(-1)), "-1m0s");
  EXPECT_EQ(print_duration(nanoseconds(longest)), "2562047h47m16.854775807s");
  EXPECT_EQ(print_duration(nanoseconds(shortest)), "-2562047h47m16.854775808s");
}

TEST(DurationProperty, ReadsBackWhatItPrints) {
  for (const std::int64_t count : {longest, shortest, std::int64_t{0}}) {
    EXPECT_EQ(parse_duration(print_duration(nanoseconds(count))), nanoseconds(count));
  }
  EXPECT_TRUE(rc::check([](std::int64_t count, std::uint8_t shift) {
    const nanoseconds duration(count >> (shift % 63));
    RC_ASSERT(parse_duration(print_duration(duration)) == duration);
  }));
  EXPECT_TRUE(rc::check([] {
    const auto count = *rc::gen::inRange<std::int64_t>(shortest, longest);
    RC_ASSERT(parse_duration(print_duration(nanoseconds(count))) == nanoseconds(count));
  }));
}

TEST(DurationProperty, AnyTextIsReadOrNot) {
  EXPECT_TRUE(rc::check([] {
    static const std::vector<std::string> parts = {
        "1", "0", "9223372036854775807", ".", "-", "+", "h", "m", "ms", "s", "u", "n", " ", "\xc2"};
    std::string text;
    for (const auto& part : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(parts))) text += part;
    const auto duration = parse_duration(text);
    if (duration) RC_ASSERT(parse_duration(print_duration(*duration)) == duration);
  }));
}

}  // namespace
}  // namespace acl::policy
