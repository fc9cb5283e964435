// The names part: capabilities, who is known, which rule is which; and which bytes are refused.
#include "engine/table/names.h"

#include <rapidcheck.h>

#include "engine/table/testing.h"

namespace acl::table {
namespace {

using testing::ElementsAre;

// Sources as in testing.h. Class 1 has "cap/a" with 1 and with null at destination class 1; class 3 has "cap/b" with {} at 2, which is
// 192.168.0.0/16. Known are 3, 5 and 1023 of chunk 0, and by a map of bits 2048 and 3071 of chunk 2.
struct NamesBytes {
  NamesBytes() {
    Lines lines(sizeof(acl_names));
    header.sources = add_sources(lines);
    header.destinations.v4_count = 3;
    header.destinations.v4_line = lines.add<std::uint32_t>({0, v4("192.168.0.0"), v4("192.169.0.0")});
    lines.add<std::uint16_t>({0, 2, 0});
    header.destination_classes = 2;
    header.pair_line = lines.add<std::uint64_t>({0ULL << 32 | 2, 0, 0, 0, 0, 2ULL << 32 | 1});
    header.words = 3;
    header.word_line = lines.add<std::uint32_t>({0, 1, 2});
    const Bytes heap = {0, 0, 5, 0, 'c', 'a', 'p', '/', 'a', 5, 0, 'c', 'a', 'p', '/', 'b', 1, 0, '1', 2, 0, '{', '}'};
    header.capabilities = 3;
    header.capability_line = lines.add<acl_capability>({{2, 16, 77}, {2, 0, 77}, {9, 19, 88}});
    header.text_bytes = static_cast<acl_u32>(heap.size());
    header.text_line = lines.add(heap);
    header.hot_rules = 2;
    header.ssh_rules = 1;
    header.id_line = lines.add<std::uint64_t>({100, 101, 102});
    Bytes known;
    const auto put = [&](const auto& value) {
      known.resize(known.size() + sizeof value);
      std::memcpy(known.data() + known.size() - sizeof value, &value, sizeof value);
    };
    put(acl_known{0, 3});
    for (const std::uint16_t number : std::vector<std::uint16_t>{3, 5, 1023, 0}) put(number);
    bits_at = known.size();
    put(acl_known{2, acl_known_bits});
    std::array<std::uint8_t, 128> bits{};
    bits[0] = 1;
    bits[127] = 128;
    put(bits);
    header.known_bytes = static_cast<acl_u32>(known.size());
    header.known_line = lines.add(known);
    bytes = lines.finish(header, acl_kind_names, 3);
  }
  acl_names header{};
  std::size_t bits_at = 0;
  Bytes bytes;
};

class NamesPart : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> ask(const char* source, std::uint32_t destination) const {
    std::vector<std::string> out;
    for (const Capability& one : names_.capabilities(at(source), destination))
      out.push_back(std::string(one.name) + "=" + std::string(one.value) + " by " + std::to_string(one.rule_id));
    return out;
  }
  NamesBytes made_;
  Names names_ = *Names::open(made_.bytes);
};

TEST_F(NamesPart, ASourceHasItsCapabilitiesAtADestination) {
  EXPECT_THAT(ask("100.64.0.1", 1), ElementsAre("cap/a=1 by 77", "cap/a= by 77"));  // the second is null
  EXPECT_THAT(ask("10.1.1.1", 2), ElementsAre("cap/b={} by 88"));
  EXPECT_EQ(names_.destination_class(at("192.168.3.3")), 2U);
  for (const std::uint32_t elsewhere : {0U, 2U, 3U, 0xffffffffU})
    EXPECT_TRUE(ask("100.64.0.1", elsewhere).empty()) << elsewhere;
  EXPECT_TRUE(ask("8.8.8.8", 1).empty());
  EXPECT_TRUE(ask("fd7a::1", 1).empty());
}

TEST_F(NamesPart, KnowsIdentitiesByListsAndByMapsOfBits) {
  std::vector<std::uint32_t> known;
  names_.each_known([&](std::uint32_t identity) { known.push_back(identity); });
  EXPECT_THAT(known, ElementsAre(3, 5, 1023, 2048, 3071));
  for (const std::uint32_t identity : known) EXPECT_TRUE(names_.knows(identity)) << identity;
  for (const std::uint32_t identity : {0U, 4U, 6U, 1022U, 1024U, 2047U, 2049U, 3072U, 0xffffffffU})
    EXPECT_FALSE(names_.knows(identity)) << identity;
  EXPECT_THAT(names_.known_chunks(10), ElementsAre(0, 2));
  EXPECT_THAT(names_.known_chunks(2), ElementsAre(0));
}

TEST_F(NamesPart, TellsWhichRuleANumberIs) {
  EXPECT_EQ(names_.hot_rule_id(1), 101U);
  EXPECT_EQ(names_.ssh_rule_id(0), 102U);
  EXPECT_EQ(names_.hot_rule_id(2), 0U);
  EXPECT_EQ(names_.ssh_rule_id(1), 0U);
}

TEST_F(NamesPart, IsRefusedWithWordsForEachFault) {
  const auto header = [&](auto change) { return edited<acl_names>(made_.bytes, change); };
  expect_refused<Names>(header([](acl_names& h) { h.reserved = 1; }), "a reserved byte is set");
  expect_refused<Names>(header([](acl_names& h) { h.reserved2 = 1; }), "a reserved byte is set");
  for (int i = 0; i < 12; ++i)
    expect_refused<Names>(header([i](acl_names& h) { h.reserved3[i] = 1; }), "a reserved byte is set");
  expect_refused<Names>(header([](acl_names& h) { h.destination_classes = 65536; }),
                        "65536 destination classes are more than 65535");
  expect_refused<Names>(header([](acl_names& h) { h.sources.hash_line = 99; }),
                        "the names part of the table cannot be used: its exact");
  expect_refused<Names>(header([](acl_names& h) { h.destinations.v4_line = 99; }), "its IPv4 intervals");
  expect_refused<Names>(header([](acl_names& h) { h.text_bytes = 10000; }), "its texts (line");
  expect_refused<Names>(header([](acl_names& h) { h.capabilities = 10000; }), "its capabilities (line");
  expect_refused<Names>(header([](acl_names& h) { h.words = 10000; }), "its words (line");
  expect_refused<Names>(header([](acl_names& h) { h.destination_classes = 60000; }), "its pairs of classes (line");
  expect_refused<Names>(header([](acl_names& h) { h.hot_rules = 0xffffffff; }), "its ids of rules (line");
  expect_refused<Names>(header([](acl_names& h) { h.known_bytes = 10000; }), "its known identities (line");
  expect_refused<Names>(header([](acl_names& h) { h.capabilities = 2; }), "the capability \"2\" is not below 2");
  expect_refused<Names>(header([](acl_names& h) { h.words = 2; }), "the capabilities of a pair are not in the part");
  expect_refused<Names>(header([](acl_names& h) { h.text_bytes -= 1; }), "the text of a capability is not in the part");
  Bytes bytes = made_.bytes;
  at_line<acl_capability>(bytes, made_.header.capability_line)[0].name = 0;
  expect_refused<Names>(bytes, "the text of a capability is not in the part");
}

TEST_F(NamesPart, KnownIdentitiesAscendAndAreWhole) {
  const auto known = [&](std::size_t place, auto value) {
    Bytes bytes = made_.bytes;
    std::memcpy(at_line<std::uint8_t>(bytes, made_.header.known_line) + place, &value, sizeof value);
    return bytes;
  };
  const auto shorter = [&](std::uint32_t by) {
    return edited<acl_names>(made_.bytes, [by](acl_names& h) { h.known_bytes -= by; });
  };
  expect_refused<Names>(shorter(1), "its known identities end in a block's middle");
  expect_refused<Names>(shorter(131), "its known identities end in a block's middle");
  expect_refused<Names>(known(4, std::uint32_t{0}), "a block of \"0\" known identities");
  expect_refused<Names>(known(4, std::uint32_t{1025}), "a block of \"1025\" known identities");
  expect_refused<Names>(known(8, std::uint16_t{5}), "its known identities do not ascend");
  expect_refused<Names>(known(12, std::uint16_t{1024}), "its known identities do not ascend");
  expect_refused<Names>(known(made_.bits_at, std::uint32_t{0}), "its known identities do not ascend");
  expect_refused<Names>(known(made_.bits_at, std::uint32_t{0x400000}), "a known identity has no number of 32 bits");
}

TEST_F(NamesPart, LookupsStayInsideForAnyBytesThatOpen) {
  rc::check([&](const std::vector<std::pair<std::uint16_t, std::uint8_t>>& changes) {
    Bytes bytes = made_.bytes;
    for (const auto& [place, value] : changes) bytes[std::size_t{place} % bytes.size()] = value;
    const auto names = Names::open(bytes);
    if (!names) return;
    for (const char* source : {"100.64.0.1", "10.1.1.1", "fd7a::1"}) {
      for (std::uint32_t to = 0; to < 4; ++to)
        RC_ASSERT(names->capabilities(at(source), to).size() <= names->header().words);
    }
    std::int64_t last = -1;
    names->each_known([&](std::uint32_t identity) {
      RC_ASSERT(last < identity);
      RC_ASSERT(names->knows(identity));
      last = identity;
    });
  });
}

}  // namespace
}  // namespace acl::table
