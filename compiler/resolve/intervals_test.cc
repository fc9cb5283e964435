#include "compiler/resolve/intervals.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bitset>
#include <string>
#include <tuple>
#include <vector>

namespace acl::resolve {
namespace {

using net::Address;

Interval interval(std::string_view first, std::string_view last) {
  return {Address::parse(first).value(), Address::parse(last).value()};
}

std::string text(const Intervals& set) {
  std::string out;
  for (const Interval& one : set.list()) {
    out += (out.empty() ? "" : " ") + one.first.text();
    if (one.first != one.last) out += "-" + one.last.text();
  }
  return out;
}

TEST(Intervals, JoinsWhatOverlapsAndWhatTouches) {
  Intervals set;
  set.add(interval("10.0.0.0", "10.0.0.9"));
  set.add(interval("10.0.0.5", "10.0.0.20"));
  EXPECT_EQ(text(set), "10.0.0.0-10.0.0.20");
  set.add(interval("10.0.0.21", "10.0.0.30"));
  EXPECT_EQ(text(set), "10.0.0.0-10.0.0.30");
  set.add(interval("10.0.0.32", "10.0.0.32"));
  EXPECT_EQ(text(set), "10.0.0.0-10.0.0.30 10.0.0.32");
  set.add(interval("10.0.0.31", "10.0.0.31"));
  EXPECT_EQ(text(set), "10.0.0.0-10.0.0.32");
}

TEST(Intervals, AreInOrderWithIPv4First) {
  Intervals set;
  set.add(interval("fd7a::1", "fd7a::2"));
  set.add(interval("192.0.2.1", "192.0.2.1"));
  set.add(interval("10.0.0.1", "10.0.0.1"));
  EXPECT_EQ(text(set), "10.0.0.1 192.0.2.1 fd7a::1-fd7a::2");
}

TEST(Intervals, RemovingCutsAndSplits) {
  Intervals set;
  set.add(interval("10.0.0.0", "10.0.0.9"));
  set.remove(interval("10.0.0.4", "10.0.0.5"));
  EXPECT_EQ(text(set), "10.0.0.0-10.0.0.3 10.0.0.6-10.0.0.9");
  set.remove(interval("10.0.0.0", "10.0.0.0"));
  set.remove(interval("10.0.0.9", "10.0.0.20"));
  EXPECT_EQ(text(set), "10.0.0.1-10.0.0.3 10.0.0.6-10.0.0.8");
  set.remove(interval("10.0.0.2", "10.0.0.7"));
  EXPECT_EQ(text(set), "10.0.0.1 10.0.0.8");
}

TEST(Intervals, RemovingWhatIsNotThereChangesNothing) {
  Intervals set;
  set.remove(interval("10.0.0.0", "10.0.0.9"));
  EXPECT_EQ(text(set), "");
  set.add(interval("10.0.0.1", "10.0.0.1"));
  set.remove(interval("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(text(set), "10.0.0.1");
}

// The last address of a family has no successor: nothing wraps around to the first, or over to the other family.
TEST(Intervals, ReachTheEndsOfBothFamilies) {
  Intervals set;
  set.add(interval("0.0.0.0", "255.255.255.255"));
  set.add(interval("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(set.list().size(), 2U);
  set.remove(interval("0.0.0.0", "255.255.255.254"));
  set.remove(interval("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(text(set), "255.255.255.255 ::");
  set.remove(interval("255.255.255.255", "255.255.255.255"));
  set.remove(interval("::", "::"));
  EXPECT_EQ(text(set), "");
}

TEST(Intervals, CoverAnIntervalOnlyAsAWhole) {
  Intervals set;
  set.add(interval("10.0.0.0", "10.0.0.9"));
  set.add(interval("10.0.0.11", "10.0.0.20"));
  EXPECT_TRUE(set.covers(interval("10.0.0.0", "10.0.0.9")));
  EXPECT_TRUE(set.covers(interval("10.0.0.15", "10.0.0.15")));
  EXPECT_FALSE(set.covers(interval("10.0.0.9", "10.0.0.11")));
  EXPECT_FALSE(set.covers(interval("10.0.0.10", "10.0.0.10")));
  EXPECT_FALSE(set.covers(interval("::1", "::1")));
}

std::string prefixes_text(std::string_view first, std::string_view last) {
  std::string out;
  for (const net::Prefix& prefix : prefixes(interval(first, last))) out += (out.empty() ? "" : " ") + prefix.text();
  return out;
}

TEST(Intervals, AsPrefixes) {
  EXPECT_EQ(prefixes_text("10.0.0.0", "10.0.0.255"), "10.0.0.0/24");
  EXPECT_EQ(prefixes_text("10.0.0.7", "10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(prefixes_text("10.0.0.1", "10.0.0.6"), "10.0.0.1 10.0.0.2/31 10.0.0.4/31 10.0.0.6");
  EXPECT_EQ(prefixes_text("0.0.0.0", "255.255.255.255"), "0.0.0.0/0");
  EXPECT_EQ(prefixes_text("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "::/0");
  EXPECT_EQ(prefixes_text("255.255.255.254", "255.255.255.255"), "255.255.255.254/31");
}

TEST(Intervals, NeighboursOfAnAddress) {
  const auto next = [](std::string_view address) { return successor(Address::parse(address).value()).text(); };
  const auto before = [](std::string_view address) { return predecessor(Address::parse(address).value()).text(); };
  EXPECT_EQ(next("10.0.0.255"), "10.0.1.0");
  EXPECT_EQ(before("10.0.1.0"), "10.0.0.255");
  EXPECT_EQ(next("fd7a::ffff:ffff:ffff:ffff"), "fd7a:0:0:1::");
  EXPECT_EQ(before("fd7a:0:0:1::"), "fd7a::ffff:ffff:ffff:ffff");
  EXPECT_EQ(next("255.255.255.255"), "255.255.255.255");
  EXPECT_EQ(before("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(next("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(before("::"), "::");
}

// --- against a set that is too simple to be wrong -----------------------------------------------------------------------

// Windows of 64 addresses where carries and ends are: inside a family, across 64 bits, and at both ends of both families.
constexpr std::size_t window = 64;
constexpr std::size_t windows = 6;

Address address_at(std::size_t place) {
  const std::uint64_t offset = place % window;
  switch (place / window) {
    case 0: return Address::v4(static_cast<std::uint32_t>(offset));
    case 1: return Address::v4(static_cast<std::uint32_t>(0x0a0000e0 + offset));
    case 2: return Address::v4(static_cast<std::uint32_t>(0xffffffc0 + offset));
    case 3: return Address::v6(0, offset);
    case 4: {
      const std::uint64_t low = 0xffffffffffffffe0ULL + offset;
      return Address::v6(low < 64 ? 8 : 7, low);
    }
    default: return Address::v6(~std::uint64_t{0}, ~std::uint64_t{63} + offset);
  }
}

using Oracle = std::bitset<window * windows>;
// The last member: whether it is added.
using Step = std::tuple<std::size_t, std::size_t, std::size_t, bool>;

TEST(Intervals, AreTheSetsThatABitmapIs) {
  EXPECT_TRUE(rc::check([] {
    const auto step =
        rc::gen::tuple(rc::gen::inRange<std::size_t>(0, windows), rc::gen::inRange<std::size_t>(0, window),
                       rc::gen::inRange<std::size_t>(0, window), rc::gen::arbitrary<bool>());
    const auto steps = *rc::gen::container<std::vector<Step>>(step);
    Intervals set;
    Oracle oracle;
    for (const auto& [which, one, other, add] : steps) {
      const std::size_t first = which * window + std::min(one, other);
      const std::size_t last = which * window + std::max(one, other);
      if (add) {
        set.add({address_at(first), address_at(last)});
      } else {
        set.remove({address_at(first), address_at(last)});
      }
      for (std::size_t place = first; place <= last; ++place) oracle[place] = add;
    }
    for (std::size_t place = 0; place < window * windows; ++place) {
      const Address address = address_at(place);
      RC_ASSERT(set.covers({address, address}) == oracle[place]);
    }
    // Prefixes are the same once more.
    Intervals again;
    for (const Interval& one : set.list()) {
      for (const net::Prefix& prefix : prefixes(one)) again.add({prefix.first(), prefix.last()});
    }
    RC_ASSERT(again.list() == set.list());
    // In order, and neither overlapping nor touching: the one list for this set.
    for (std::size_t i = 0; i < set.list().size(); ++i) {
      const Interval& here = set.list()[i];
      RC_ASSERT(here.first.family() == here.last.family());
      RC_ASSERT(here.first <= here.last);
      if (i == 0) continue;
      const Interval& before = set.list()[i - 1];
      RC_ASSERT(before.last < here.first);
      RC_ASSERT(before.last.family() != here.first.family() || successor(before.last) < here.first);
    }
  }));
}

}  // namespace
}  // namespace acl::resolve
