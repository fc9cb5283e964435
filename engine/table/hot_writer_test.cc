// A narrowed table answers as the signed one inside what is admitted, and knows nobody outside; a table of a few rules says what they
// say.
#include "engine/table/hot_writer.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <set>

#include "engine/table/testing.h"

namespace acl::table {
namespace {

using net::Address;

// A signed part out of a seed: exact addresses and ranges close together, so that they meet those that are admitted.
struct Signed {
  LineBytes bytes;
  std::vector<Address> interesting;
};

Address some_address(std::mt19937_64& random) {
  if (random() % 2 == 0) return Address::v4(0x64400000 + static_cast<std::uint32_t>(random() % 400));
  return Address::v6(0xfd7a000000000000 + random() % 2, (random() % 2) << 32 | random() % 200);
}

std::vector<AddressRange> some_ranges(std::mt19937_64& random, std::size_t most) {
  std::set<Address> edges;
  const std::size_t count = random() % (most + 1);
  for (std::size_t i = 0; i < count; ++i) edges.insert(some_address(random));
  if (random() % 8 == 0) edges.insert({Address::v4(0), Address::v4(0xffffffff)});
  if (random() % 8 == 0) edges.insert(Address::v6(~std::uint64_t{0}, ~std::uint64_t{0}));
  std::vector<AddressRange> out;
  for (auto edge = edges.begin(); edge != edges.end(); ++edge) {
    const auto next = std::next(edge);
    if (next == edges.end() || next->is_v4() != edge->is_v4() || random() % 2 == 0) {
      out.push_back({*edge, *edge});
    } else {
      out.push_back({*edge, random() % 2 == 0 ? net::predecessor(*next) : *next});
      if (out.back().last == *next) edge = next;
    }
  }
  return out;
}

Signed some_part(std::mt19937_64& random) {
  constexpr std::uint16_t classes = 7, destinations = 3;
  Signed out;
  std::vector<RangeClass> ranges;
  for (const AddressRange& range : some_ranges(random, 20))
    ranges.push_back({range, static_cast<std::uint16_t>(random() % classes + 1)});
  std::set<Address> exact;
  for (std::size_t i = random() % 60; i > 0; --i) exact.insert(some_address(random));
  std::vector<ExactClass> numbered;
  for (const Address& address : exact)
    numbered.push_back({address, static_cast<std::uint16_t>(random() % classes + 1)});
  const std::vector<std::uint64_t> words = {range(6, 22, 22, 0), range(6, 80, 90, 1), range(17, 53, 53, 2)};
  std::vector<std::uint32_t> pairs;
  for (int i = 0; i < classes * destinations; ++i)
    pairs.push_back(random() % 3 == 0 ? 0 : static_cast<std::uint32_t>(random() % 2 << 8 | (random() % 2 + 1)));
  PartWriter writer(sizeof(acl_hot));
  acl_hot header{};
  header.part = part_header(acl_kind_hot, classes);
  header.destination_classes = destinations;
  header.rules = 3;
  header.sources = writer.classifier(numbered, ranges);
  header.destinations =
      writer.intervals(ranges.empty() ? std::vector<RangeClass>{} : std::vector<RangeClass>{ranges[0]});
  if (!ranges.empty() && ranges[0].number > destinations) header.destinations = {};
  header.pair_line = writer.section<std::uint32_t>(pairs);
  header.list_words = 3;
  header.list_line = writer.section<std::uint64_t>(words);
  out.bytes = writer.finish(header);
  for (const ExactClass& one : numbered) out.interesting.push_back(one.address);
  for (const RangeClass& one : ranges) {
    out.interesting.push_back(one.range.first);
    out.interesting.push_back(one.range.last);
  }
  return out;
}

void expect_narrowed(const Hot& original, const Hot& narrowed, std::span<const AddressRange> admitted,
                     const Address& address) {
  const bool inside = std::any_of(admitted.begin(), admitted.end(), [&](const AddressRange& range) {
    return range.first <= address && address <= range.last;
  });
  const std::uint32_t before = original.source_class(address), now = narrowed.source_class(address);
  ASSERT_EQ(now != 0, inside) << address.text();
  ASSERT_EQ(original.destination_class(address), narrowed.destination_class(address)) << address.text();
  if (!inside) return;
  for (std::uint32_t destination = 0; destination <= 4; ++destination) {
    for (const int number : {21, 22, 53, 80, 85, 91}) {
      const auto port = static_cast<std::uint16_t>(number);
      for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
        ASSERT_EQ(original.decide(before, destination, protocol, port),
                  narrowed.decide(now, destination, protocol, port));
        ASSERT_EQ(original.decide_any(before, destination, protocol), narrowed.decide_any(now, destination, protocol));
      }
    }
  }
}

TEST(Narrowing, KeepsTheAnswersOfAdmittedSourcesAndKnowsNobodyElse) {
  std::size_t inside = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::mt19937_64 random(seed);
    const Signed part = some_part(random);
    const auto original = Hot::open(part.bytes);
    ASSERT_TRUE(original) << original.error().message;
    const std::vector<AddressRange> admitted = some_ranges(random, 40);
    const auto bytes = narrow(*original, admitted);
    ASSERT_TRUE(bytes) << bytes.error().message;
    ASSERT_EQ(*bytes, *narrow(*original, admitted)) << "the same input gives the same bytes";
    const auto narrowed = Hot::open(*bytes);
    ASSERT_TRUE(narrowed) << narrowed.error().message;
    std::vector<Address> asked = part.interesting;
    for (const AddressRange& range : admitted) asked.insert(asked.end(), {range.first, range.last});
    for (int i = 0; i < 30; ++i) asked.push_back(some_address(random));
    for (const Address& address : asked) {
      for (const Address& near : {net::predecessor(address), address, net::successor(address)}) {
        expect_narrowed(*original, *narrowed, admitted, near);
        inside += narrowed->source_class(near) != 0 ? 1 : 0;
      }
      if (HasFatalFailure()) FAIL() << "seed " << seed;
    }
  }
  EXPECT_GT(inside, 50'000U);
}

TEST(Narrowing, OfNothingAdmittedNobodyHasAClass) {
  std::mt19937_64 random(3);
  const Signed part = some_part(random);
  const auto bytes = narrow(*Hot::open(part.bytes), {});
  ASSERT_TRUE(bytes);
  const auto narrowed = Hot::open(*bytes);
  ASSERT_TRUE(narrowed);
  for (const Address& address : part.interesting) EXPECT_EQ(narrowed->source_class(address), 0U) << address.text();
}

TEST(Narrowing, RefusesWhereNoClassIsLeftForSourcesWithoutRights) {
  PartWriter writer(sizeof(acl_hot));
  acl_hot header{};
  header.part = part_header(acl_kind_hot, 0xffff);
  const LineBytes bytes = writer.finish(header);
  const auto hot = Hot::open(bytes);
  ASSERT_TRUE(hot);
  const std::vector<AddressRange> one = {{at("100.64.0.1"), at("100.64.0.1")}};
  const auto narrowed = narrow(*hot, one);
  ASSERT_FALSE(narrowed);
  EXPECT_EQ(narrowed.error().code, Code::E1206);
  EXPECT_TRUE(narrow(*hot, {}));
}

TEST(Narrowing, RangesWithoutAddressesAreCutAroundThem) {
  const std::vector<AddressRange> ranges = {{at("0.0.0.0"), at("0.0.0.0")},
                                            {at("10.0.0.0"), at("10.0.0.9")},
                                            {at("255.255.255.254"), at("255.255.255.255")},
                                            {at("fd7a::1"), at("fd7a::3")}};
  const std::vector<Address> own = {at("0.0.0.0"),  at("9.0.0.0"),         at("10.0.0.0"),
                                    at("10.0.0.4"), at("255.255.255.255"), at("fd7a::3")};
  const std::vector<AddressRange> expected = {{at("10.0.0.1"), at("10.0.0.3")},
                                              {at("10.0.0.5"), at("10.0.0.9")},
                                              {at("255.255.255.254"), at("255.255.255.254")},
                                              {at("fd7a::1"), at("fd7a::2")}};
  EXPECT_EQ(without(ranges, own), expected);
  EXPECT_EQ(without(ranges, {}), ranges);
}

// Against the rules read one by one.
TEST(SmallTables, SayWhatTheirRulesSay) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<SourceRule> rules;
    for (std::size_t i = random() % 8; i > 0; --i) {
      for (const AddressRange& range : some_ranges(random, 3)) {
        SourceRule rule{range, {}};
        for (std::size_t k = random() % 4; k > 0; --k) {
          const auto first = static_cast<std::uint16_t>(random() % 50);
          rule.allowed.push_back({static_cast<std::uint8_t>(random() % 2 == 0 ? 6 : 17), first,
                                  static_cast<std::uint16_t>(first + random() % 20)});
        }
        rules.push_back(rule);
      }
    }
    const auto bytes = write_hot(rules);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto hot = Hot::open(*bytes);
    ASSERT_TRUE(hot) << hot.error().message;
    for (int i = 0; i < 2000; ++i) {
      Address address = some_address(random);
      if (!rules.empty() && random() % 2 == 0) address = rules[random() % rules.size()].sources.last;
      const auto port = static_cast<std::uint16_t>(random() % 72);
      const std::uint8_t protocol = random() % 2 == 0 ? 6 : 17;
      std::optional<std::uint32_t> expected;
      bool any = false;
      for (std::uint32_t r = 0; r < rules.size(); ++r) {
        if (address < rules[r].sources.first || rules[r].sources.last < address) continue;
        for (const Allowed& one : rules[r].allowed) {
          any = any || one.protocol == protocol;
          if (one.protocol == protocol && one.first <= port && port <= one.last && !expected) expected = r;
        }
      }
      ASSERT_EQ(hot->decide(hot->source_class(address), 1, protocol, port), expected)
          << "seed " << seed << ", " << address.text() << " port " << port;
      ASSERT_EQ(hot->decide_any(hot->source_class(address), 1, protocol).has_value(), any);
    }
  }
}

TEST(SmallTables, HaveListsOfAnyLength) {
  SourceRule rule{{at("100.64.0.1"), at("100.64.0.1")}, {}};
  for (std::uint16_t port = 1; port <= 1200; port = static_cast<std::uint16_t>(port + 3))
    rule.allowed.push_back({6, port, port});
  const auto bytes = write_hot(std::vector{rule});
  ASSERT_TRUE(bytes);
  const auto hot = Hot::open(*bytes);
  ASSERT_TRUE(hot) << hot.error().message;
  for (std::uint16_t port = 0; port <= 1203; ++port)
    EXPECT_EQ(hot->decide(1, 1, 6, port).has_value(), port % 3 == 1 && port <= 1198) << port;
}

}  // namespace
}  // namespace acl::table
