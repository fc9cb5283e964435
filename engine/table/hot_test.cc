// The hot part: classes of addresses, what a pair of classes allows, and which bytes are refused.
#include "engine/table/hot.h"

#include <rapidcheck.h>

#include "engine/table/testing.h"

namespace acl::table {
namespace {

using Ports = std::vector<std::uint16_t>;
using Protocols = std::vector<std::uint8_t>;

// Sources as in testing.h. Destinations: 192.168.0.0/16 is class 2. Class 1 of destinations is for the node's own addresses.
//
//   1 → 1   tcp 22 by rule 0, tcp 80-443 by rule 1, udp 53 by rule 1, icmp by rule 2
//   2 → 1   300 single tcp ports, the odd ones from 1 on, by rule 3: a list that is searched, its length in a word of its own
//   3 → 1   ten single udp ports, 10 apart, by rule 4: a list that is searched
//   3 → 2   tcp, every port, by rule 5
struct HotBytes {
  HotBytes() {
    Lines lines(sizeof(acl_hot));
    header.sources = add_sources(lines);
    header.destinations.v4_count = 3;
    header.destinations.v4_line = lines.add<std::uint32_t>({0, v4("192.168.0.0"), v4("192.169.0.0")});
    lines.add<std::uint16_t>({0, 2, 0});
    std::vector<std::uint64_t> words = {range(1, 0, 0xffff, 2), range(6, 22, 22, 0), range(6, 80, 443, 1),
                                        range(17, 53, 53, 1)};
    const auto long_list = static_cast<std::uint32_t>(words.size());
    words.push_back(std::uint64_t{300} << 16);
    for (std::uint64_t i = 0; i < 300; ++i) words.push_back(range(6, 2 * i + 1, 2 * i + 1, 3));
    const auto middle = static_cast<std::uint32_t>(words.size());
    for (std::uint64_t i = 0; i < 10; ++i) words.push_back(range(17, 10 * i, 10 * i, 4));
    const auto last = static_cast<std::uint32_t>(words.size());
    words.push_back(range(6, 0, 0xffff, 5));
    header.pair_line =
        lines.add<std::uint32_t>({0U << 8 | 4, 0, long_list << 8 | acl_long_list, 0, middle << 8 | 10, last << 8 | 1});
    header.list_words = static_cast<acl_u32>(words.size());
    header.list_line = lines.add(words);
    header.destination_classes = 2;
    header.rules = 6;
    bytes = lines.finish(header, acl_kind_hot, 3);
  }
  acl_hot header{};
  Bytes bytes;
};

class HotPart : public testing::Test {
 protected:
  HotBytes made_;
  Hot hot_ = *Hot::open(made_.bytes);
};

TEST_F(HotPart, AnAddressIsExactOrInAnIntervalOrNobody) {
  for (const auto& [text, number] :
       std::vector<std::pair<const char*, std::uint32_t>>{{"100.64.0.1", 1},
                                                          {"100.64.0.0", 0},
                                                          {"100.64.0.2", 0},
                                                          {"9.255.255.255", 0},
                                                          {"10.0.0.0", 3},
                                                          {"10.0.0.7", 1},  // before its interval
                                                          {"10.255.255.255", 3},
                                                          {"11.0.0.0", 0},
                                                          {"0.0.0.0", 0},
                                                          {"255.255.255.255", 0},
                                                          {"fd7a::1", 2},
                                                          {"fd7a::2", 0},
                                                          {"fd7a::1:0:1", 0},  // another network of 96 bits
                                                          {"::1", 0},
                                                          {"::100.64.0.1", 0},  // an IPv6 address
                                                          {"fcff:ffff::", 0},
                                                          {"fd00::", 3},
                                                          {"fd00:ffff::1", 3},
                                                          {"fd01::", 0}}) {
    EXPECT_EQ(hot_.source_class(at(text)), number) << text;
  }
}

TEST_F(HotPart, ADestinationBehindTheNodeIsFoundByInterval) {
  EXPECT_EQ(hot_.destination_class(at("192.168.0.0")), 2U);
  EXPECT_EQ(hot_.destination_class(at("192.168.255.255")), 2U);
  EXPECT_EQ(hot_.destination_class(at("192.169.0.0")), 0U);
  EXPECT_EQ(hot_.destination_class(at("fd00::1")), 0U);  // without intervals of the family nothing is
}

TEST_F(HotPart, ARangeAllowsBothItsEndsAndNothingBeside) {
  EXPECT_EQ(hot_.decide(1, 1, 6, 22), 0U);
  for (const std::uint16_t port : Ports{80, 81, 442, 443}) EXPECT_EQ(hot_.decide(1, 1, 6, port), 1U) << port;
  for (const std::uint16_t port : Ports{0, 21, 23, 79, 444, 65535})
    EXPECT_EQ(hot_.decide(1, 1, 6, port), std::nullopt) << port;
  EXPECT_EQ(hot_.decide(1, 1, 17, 53), 1U);
  EXPECT_EQ(hot_.decide(1, 1, 17, 22), std::nullopt);
  EXPECT_EQ(hot_.decide(1, 1, 132, 22), std::nullopt);
}

TEST_F(HotPart, AProtocolWithoutPortsIsAllowedOnWhateverNumber) {
  for (const std::uint16_t port : Ports{0, 8, 65535}) EXPECT_EQ(hot_.decide(1, 1, 1, port), 2U);
  EXPECT_EQ(hot_.decide(1, 1, 58, 0), std::nullopt);
}

TEST_F(HotPart, ListsOfAnyLengthAreSearchedAlike) {
  for (std::uint32_t port = 0; port < 700; ++port) {
    const bool listed = port % 2 == 1 && port < 600;
    EXPECT_EQ(hot_.decide(2, 1, 6, static_cast<std::uint16_t>(port)), listed ? std::optional(3U) : std::nullopt)
        << port;
    const bool tenth = port % 10 == 0 && port < 100;
    EXPECT_EQ(hot_.decide(3, 1, 17, static_cast<std::uint16_t>(port)), tenth ? std::optional(4U) : std::nullopt)
        << port;
  }
  EXPECT_EQ(hot_.decide(2, 1, 17, 1), std::nullopt);
  EXPECT_EQ(hot_.decide(3, 1, 6, 10), std::nullopt);
}

TEST_F(HotPart, AnythingOfAProtocolIsAskedWithoutAPort) {
  EXPECT_EQ(hot_.decide_any(1, 1, 6), 0U);  // the rule of the first range
  EXPECT_EQ(hot_.decide_any(1, 1, 17), 1U);
  EXPECT_EQ(hot_.decide_any(2, 1, 6), 3U);
  EXPECT_EQ(hot_.decide_any(3, 1, 17), 4U);
  for (const std::uint8_t protocol : Protocols{0, 2, 7, 16, 18, 255})
    EXPECT_EQ(hot_.decide_any(1, 1, protocol), std::nullopt) << int{protocol};
  EXPECT_EQ(hot_.decide_any(2, 1, 17), std::nullopt);
}

TEST_F(HotPart, WithoutAClassNothingIsAllowed) {
  for (const std::uint32_t none : {0U, 4U, 0xffffU, 0xffffffffU}) {
    EXPECT_EQ(hot_.decide(none, 1, 6, 22), std::nullopt) << none;
    EXPECT_EQ(hot_.decide(1, none, 6, 22), std::nullopt) << none;
    EXPECT_EQ(hot_.decide_any(none, none, 6), std::nullopt) << none;
  }
  EXPECT_EQ(hot_.decide(1, 2, 6, 22), std::nullopt);  // a pair with nothing
  EXPECT_EQ(hot_.decide(3, 2, 6, 22), 5U);
}

TEST_F(HotPart, ABatchAnswersAsOneByOne) {
  std::vector<Question> questions;
  std::vector<std::uint32_t> expected;
  for (const char* source : {"100.64.0.1", "10.1.2.3", "fd7a::1", "fd00::9", "8.8.8.8", "::"}) {
    for (const std::uint32_t destination : {0U, 1U, 2U, 3U}) {
      for (const std::uint16_t port : Ports{0, 22, 53, 10, 599, 443}) {
        for (const std::uint8_t protocol : Protocols{6, 17, 1}) {
          const net::Address address = at(source);
          questions.push_back({address.high(), address.low(), destination, protocol, !address.is_v4(), port});
          const auto rule = hot_.decide(hot_.source_class(address), destination, protocol, port);
          expected.push_back(rule ? *rule + 1 : 0);
        }
      }
    }
  }
  std::vector<std::uint32_t> rules(questions.size());
  decide_batch(hot_, questions, rules);
  EXPECT_EQ(rules, expected);
}

// Keys that are listed, keys beside them, keys in no space.
TEST_F(HotPart, FindsManyKeysAsItFindsEach) {
  std::vector<std::uint64_t> keys = {0, ~std::uint64_t{0}};
  const acl_classifier& c = hot_.header().sources;
  const auto* slots = reinterpret_cast<const std::uint64_t*>(made_.bytes.data() + std::size_t{c.hash_line} * 64);
  for (std::size_t i = 0; i < std::size_t{c.hash_lines} * acl_slots; ++i) {
    for (const std::uint64_t key : {(slots[i] >> 16) - 1, slots[i] >> 16, (slots[i] >> 16) + 1}) keys.push_back(key);
  }
  std::vector<std::uint32_t> found(keys.size(), 77), expected;
  for (const std::uint64_t key : keys) expected.push_back(acl_find_exact(&hot_.raw(), &c, key));
  find_exact_batch(hot_, keys, found);
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(std::any_of(found.begin(), found.end(), [](std::uint32_t one) { return one != 0; }));
}

TEST_F(HotPart, IsRefusedWithWordsForEachFault) {
  const auto header = [&](auto change) { return edited<acl_hot>(made_.bytes, change); };
  expect_refused<Hot>(header([](acl_hot& h) { h.destination_classes = 65536; }),
                      "65536 destination classes are more than 65535");
  expect_refused<Hot>(header([](acl_hot& h) { h.rules = 65537; }), "65537 rules are more than 65536");
  for (int i = 0; i < 3; ++i)
    expect_refused<Hot>(header([i](acl_hot& h) { h.reserved[i] = 1; }), "a reserved byte is set");
  expect_refused<Hot>(header([](acl_hot& h) { h.reserved2 = 1; }), "a reserved byte is set");
  expect_refused<Hot>(header([](acl_hot& h) { h.reserved3 = 1; }), "a reserved byte is set");
  expect_refused<Hot>(header([](acl_hot& h) { h.rules = 5; }), "the rule \"5\" of a list is not below 5");
  expect_refused<Hot>(header([](acl_hot& h) { h.list_words += 1000; }), "its lists (line");
  expect_refused<Hot>(header([](acl_hot& h) { h.list_line = 0x7fffff; }), "reach beyond its end");
  expect_refused<Hot>(header([](acl_hot& h) { h.pair_line = h.part.lines; }), "its pairs of classes (line");
  expect_refused<Hot>(header([](acl_hot& h) { h.destination_classes = 65535; }), "its pairs of classes (line");
  Bytes bytes = made_.bytes;
  at_line<std::uint32_t>(bytes, made_.header.pair_line)[0] = 7U << 8;  // a place and no length
  expect_refused<Hot>(bytes, "the list of a pair (word 7, length 0)");
  at_line<std::uint32_t>(bytes, made_.header.pair_line)[0] = (made_.header.list_words - 3) << 8 | 4;
  expect_refused<Hot>(bytes, "reaches beyond the lists");
  at_line<std::uint32_t>(bytes, made_.header.pair_line)[0] = 0xffffff00U | acl_long_list;
  expect_refused<Hot>(bytes, "reaches beyond the lists");
  bytes = made_.bytes;
  at_line<std::uint64_t>(bytes, made_.header.list_line)[4] = std::uint64_t{1 << 24} << 16;
  expect_refused<Hot>(bytes, "a list is too long");
  at_line<std::uint64_t>(bytes, made_.header.list_line)[4] = std::uint64_t{312} << 16;
  expect_refused<Hot>(bytes, "reaches beyond the lists");
  at_line<std::uint64_t>(bytes, made_.header.list_line)[4] = 0;
  expect_refused<Hot>(bytes, "length 0");
}

TEST_F(HotPart, LookupsStayInsideForAnyBytesThatOpen) {
  int accepted = 0;
  rc::check([&](const std::vector<std::pair<std::uint16_t, std::uint8_t>>& changes) {
    Bytes bytes = made_.bytes;
    for (const auto& [place, value] : changes) bytes[std::size_t{place} % bytes.size()] = value;
    const auto hot = Hot::open(bytes);
    if (!hot) return;
    ++accepted;
    for (const char* text : {"100.64.0.1", "10.0.0.7", "10.9.9.9", "fd7a::1", "fd00::1", "192.168.4.4", "::"}) {
      const std::uint32_t source = hot->source_class(at(text)), destination = hot->destination_class(at(text));
      RC_ASSERT(source <= hot->header().part.source_classes);
      RC_ASSERT(destination <= hot->header().destination_classes);
      for (std::uint32_t to = 0; to < 4; ++to) {
        const auto rule = hot->decide(source, to, 6, 22), any = hot->decide_any(source, to, 17);
        RC_ASSERT(!rule || *rule < hot->header().rules);
        RC_ASSERT(!any || *any < hot->header().rules);
      }
    }
  });
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace acl::table
