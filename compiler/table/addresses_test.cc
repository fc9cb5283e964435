// Sets of intervals: joined, intersected, cut at each other's ends.
#include "compiler/table/addresses.h"

#include <rapidcheck.h>

#include "compiler/resolve/testing.h"
#include "compiler/table/testing.h"

namespace acl::tables {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Interval between(const char* first, const char* last) {
  return {*net::Address::parse(first), *net::Address::parse(last)};
}
const Interval everything_v4 = between("0.0.0.0", "255.255.255.255");
const Interval everything_v6 = between("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");

TEST(Intervals, AreJoinedWhereTheyOverlapOrTouch) {
  EXPECT_THAT(
      disjoint({between("10.0.0.5", "10.0.0.9"), between("10.0.0.0", "10.0.0.4"), between("10.0.0.3", "10.0.0.6")}),
      ElementsAre(between("10.0.0.0", "10.0.0.9")));
  EXPECT_THAT(disjoint({between("10.0.0.0", "10.0.0.9"), between("10.0.0.2", "10.0.0.3")}),
              ElementsAre(between("10.0.0.0", "10.0.0.9")));
  EXPECT_THAT(disjoint({between("10.0.0.0", "10.0.0.4"), between("10.0.0.6", "10.0.0.9")}),
              ElementsAre(between("10.0.0.0", "10.0.0.4"), between("10.0.0.6", "10.0.0.9")));
}

TEST(Intervals, OfTwoFamiliesAreNeverJoined) {
  EXPECT_THAT(disjoint({everything_v6, everything_v4}), ElementsAre(everything_v4, everything_v6));
}

TEST(Intervals, HaveInCommonWhatIsInBoth) {
  EXPECT_THAT(intersection({between("10.0.0.0", "10.0.0.9"), everything_v6},
                           {between("10.0.0.4", "10.0.1.0"), between("fd00::", "fd00::1")}),
              ElementsAre(between("10.0.0.4", "10.0.0.9"), between("fd00::", "fd00::1")));
  EXPECT_THAT(intersection({everything_v4}, {everything_v6}), IsEmpty());
}

TEST(Intervals, AreCutWhereAnyOfThemBeginsOrEnds) {
  const std::vector<Interval> wide = {between("10.0.0.0", "10.0.0.9")}, narrow = {between("10.0.0.4", "10.0.0.4")};
  const std::vector<const std::vector<Interval>*> sets = {&wide, nullptr, &narrow};
  const std::vector<CutPiece> pieces = cut(sets);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0].interval, between("10.0.0.0", "10.0.0.3"));
  EXPECT_THAT(pieces[0].sets, ElementsAre(0));
  EXPECT_EQ(pieces[1].interval, between("10.0.0.4", "10.0.0.4"));
  EXPECT_THAT(pieces[1].sets, ElementsAre(0, 2));
  EXPECT_EQ(pieces[2].interval, between("10.0.0.5", "10.0.0.9"));
}

TEST(Intervals, EndWithTheirFamily) {
  const std::vector<Interval> v4 = {everything_v4}, v6 = {everything_v6},
                              last = {between("255.255.255.255", "255.255.255.255")};
  const std::vector<const std::vector<Interval>*> sets = {&v4, &v6, &last};
  const std::vector<CutPiece> pieces = cut(sets);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0].interval, between("0.0.0.0", "255.255.255.254"));
  EXPECT_THAT(pieces[1].sets, ElementsAre(0, 2));
  EXPECT_EQ(pieces[2].interval, everything_v6);
  EXPECT_THAT(pieces[2].sets, ElementsAre(1));
}

// Pieces against the definition: an address is in the sets that contain it.
TEST(Intervals, EveryAddressIsInThePieceOfItsSets) {
  rc::check([](const std::vector<std::vector<std::pair<std::uint8_t, std::uint8_t>>>& numbers) {
    std::vector<std::vector<Interval>> sets;
    for (const auto& list : numbers) {
      std::vector<Interval> set;
      for (const auto& [a, b] : list)
        set.push_back({net::Address::v4(std::min(a, b)), net::Address::v4(std::max(a, b))});
      sets.push_back(disjoint(std::move(set)));
    }
    std::vector<const std::vector<Interval>*> pointers;
    for (const auto& set : sets) pointers.push_back(&set);
    const std::vector<CutPiece> pieces = cut(pointers);
    for (std::uint32_t i = 0; i <= 256; ++i) {
      const net::Address address = net::Address::v4(i);
      const auto holds = [&](const Interval& interval) {
        return interval.first <= address && address <= interval.last;
      };
      std::vector<std::uint32_t> expected, got;
      for (std::uint32_t k = 0; k < sets.size(); ++k) {
        if (std::any_of(sets[k].begin(), sets[k].end(), holds)) expected.push_back(k);
      }
      for (const CutPiece& piece : pieces) {
        if (holds(piece.interval)) got.insert(got.end(), piece.sets.begin(), piece.sets.end());
      }
      RC_ASSERT(expected == got);
    }
  });
}

TEST(Addresses, AreInOrderWithTheirOwners) {
  const auto net =
      resolve::Net{}.node("b", "ana@example.com").node("a", "ana@example.com").addresses(R"("100.64.0.0","fd7a::9")");
  const Setting setting(net.inventory(), R"({"acls":[]})");
  const Addresses& addresses = setting.addresses();
  std::vector<std::string> texts;
  for (Rank rank = 0; rank < addresses.list.size(); ++rank)
    texts.push_back(addresses.list[rank].text() + " " +
                    setting.resolved().inventory->nodes[addresses.owner[rank]].name);
  EXPECT_THAT(texts, ElementsAre("100.64.0.0 a", "100.64.0.1 b", "fd7a::9 a", "fd7a:115c:a1e0::1 b"));
  EXPECT_THAT(addresses.of(setting.id("b")), ElementsAre(1, 3));
}

}  // namespace
}  // namespace acl::tables
