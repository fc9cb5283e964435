#include "node/wireguard/allowed_ips.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "node/wireguard/random_peers.h"

namespace acl::node {
namespace {

using net::Address;
using net::Prefix;
using testing::key_of;

Prefix prefix(std::string_view text) { return Prefix::parse(text).prefix; }
Address address(std::string_view text) { return *Address::parse(text); }

const Key a = key_of(1);
const Key b = key_of(2);

AllowedIps of(std::vector<AllowedIp> allowed) {
  std::sort(allowed.begin(), allowed.end());
  return AllowedIps(allowed);
}

// The rule itself: of all prefixes that hold the address, the longest.
const Key* slow_owner(const std::vector<AllowedIp>& allowed, const Address& of) {
  const AllowedIp* best = nullptr;
  for (const AllowedIp& entry : allowed) {
    if (entry.prefix.contains(of) && (best == nullptr || entry.prefix.length() > best->prefix.length())) best = &entry;
  }
  return best == nullptr ? nullptr : &best->peer;
}

TEST(AllowedIps, AnAddressBelongsToTheLongestPrefixThatHoldsIt) {
  const AllowedIps ips = of({{prefix("10.0.0.0/8"), a}, {prefix("10.1.0.0/16"), b}});
  EXPECT_EQ(*ips.owner(address("10.0.255.255")), a);
  EXPECT_EQ(*ips.owner(address("10.1.0.0")), b);
  EXPECT_EQ(*ips.owner(address("10.1.255.255")), b);
  EXPECT_EQ(*ips.owner(address("10.2.0.0")), a);
  EXPECT_EQ(ips.owner(address("11.0.0.0")), nullptr);
  EXPECT_EQ(ips.owner(address("::a00:1")), nullptr);
}

TEST(AllowedIps, NobodysAddressesBelongToNobody) { EXPECT_EQ(AllowedIps().owner(address("10.0.0.1")), nullptr); }

TEST(AllowedIps, EverythingEndsWithTheLastAddressOfItsFamily) {
  const AllowedIps ips = of({{prefix("0.0.0.0/0"), a}, {prefix("::/0"), b}});
  EXPECT_EQ(*ips.owner(address("255.255.255.255")), a);
  EXPECT_EQ(*ips.owner(address("::")), b);
  EXPECT_EQ(ips.ranges().size(), 2U);
}

TEST(AllowedIps, ARouteIsOwnedPieceByPiece) {
  const AllowedIps ips = of({{prefix("10.0.0.0/24"), a}, {prefix("10.0.0.64/26"), b}});
  const std::vector<OwnedRange> pieces = {{address("10.0.0.0"), address("10.0.0.63"), a},
                                          {address("10.0.0.64"), address("10.0.0.127"), b},
                                          {address("10.0.0.128"), address("10.0.0.255"), a}};
  EXPECT_EQ(ips.owners(prefix("10.0.0.0/16")), pieces);
  EXPECT_EQ(ips.owners(prefix("10.0.0.64/28")),
            (std::vector<OwnedRange>{{address("10.0.0.64"), address("10.0.0.79"), b}}));
  EXPECT_TRUE(ips.owners(prefix("10.1.0.0/16")).empty());
}

TEST(AllowedIps, NeighbouringPrefixesOfOnePeerAreOneRange) {
  const AllowedIps ips = of({{prefix("0.0.0.0/1"), a}, {prefix("128.0.0.0/1"), a}});
  EXPECT_EQ(ips.ranges().size(), 1U);
}

RC_GTEST_PROP(AllowedIps, AgreeWithTheRuleForEveryAddress, ()) {
  const std::vector<AllowedIp> allowed = testing::sorted_allowed(testing::random_peers());
  const AllowedIps ips(allowed);
  for (int i = 0; i < 32; ++i) {
    const Address of = testing::random_address();
    const Key* expected = slow_owner(allowed, of);
    const Key* found = ips.owner(of);
    RC_ASSERT((expected == nullptr) == (found == nullptr));
    RC_ASSERT((expected == nullptr || *expected == *found));
  }
}

RC_GTEST_PROP(AllowedIps, PiecesAreDisjointAscendingAndCutToWhatWasAsked, ()) {
  const std::vector<AllowedIp> allowed = testing::sorted_allowed(testing::random_peers());
  const AllowedIps ips(allowed);
  const Prefix asked = testing::random_prefix();
  const std::vector<OwnedRange> pieces = ips.owners(asked);
  const auto piece_of = [&](const Address& of) {
    return std::find_if(pieces.begin(), pieces.end(),
                        [&](const OwnedRange& piece) { return piece.first <= of && of <= piece.last; });
  };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    RC_ASSERT(pieces[i].first <= pieces[i].last);
    RC_ASSERT((asked.contains(pieces[i].first) && asked.contains(pieces[i].last)));
    RC_ASSERT((i == 0 || pieces[i - 1].last < pieces[i].first));
  }
  for (int i = 0; i < 32; ++i) {
    const Address of = testing::random_address();
    const Key* expected = asked.contains(of) ? slow_owner(allowed, of) : nullptr;
    const auto piece = piece_of(of);
    RC_ASSERT((expected == nullptr) == (piece == pieces.end()));
    RC_ASSERT((expected == nullptr || piece->peer == *expected));
  }
}

}  // namespace
}  // namespace acl::node
