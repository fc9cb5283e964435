// The searches of decide.h against obvious ones, and batches against single lookups, on parts made by hand.
#include "engine/table/decide.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include "engine/table/hot.h"

namespace acl::table {
namespace {

struct Range {
  std::uint32_t from, to;
};

std::uint64_t word_of(const Range& range, std::uint32_t rule) {
  return std::uint64_t{range.from} << 40 | std::uint64_t{range.to} << 16 | rule;
}

// Disjoint ranges of (protocol << 16 | port), ascending; often long, often close together.
std::vector<Range> ranges() {
  const auto count = *rc::gen::oneOf(rc::gen::inRange(1, 12), rc::gen::inRange(12, 700));
  std::vector<Range> out;
  std::uint32_t at = 0;
  for (int i = 0; i < count && at < 0xfe0000; ++i) {
    const std::uint32_t from = at + static_cast<std::uint32_t>(*rc::gen::inRange(0, 3000));
    const std::uint32_t to =
        std::min((from & 0xff0000) | 0xffffU, from + static_cast<std::uint32_t>(*rc::gen::inRange(0, 500)));
    if (to == 0) continue;
    out.push_back({from, to});
    at = to + 1;
  }
  if (out.empty()) out.push_back({6U << 16, 6U << 16 | 0xffffU});
  return out;
}

struct Source {
  std::uint32_t space, low;  // space 0: IPv4
};

// A hot part with one list and one destination class: each source is of class 1.
class Part {
 public:
  Part(const std::vector<Range>& list, const std::vector<Source>& sources) {
    hot_.part = {acl_table_magic, static_cast<acl_u16>(acl_table_version), static_cast<acl_u8>(acl_kind_hot), 0, 0, 1};
    hot_.destination_classes = 1;
    hot_.rules = static_cast<acl_u32>(std::max<std::size_t>(list.size(), 1));
    words_.resize(sizeof(acl_hot) / sizeof(std::uint64_t));
    put_sources(sources);
    const bool is_long = list.size() >= acl_long_list;
    hot_.list_line = line();
    if (is_long) words_.push_back(std::uint64_t{list.size()} << 16);
    for (std::size_t i = 0; i < list.size(); ++i) words_.push_back(word_of(list[i], static_cast<std::uint32_t>(i)));
    hot_.list_words = static_cast<acl_u32>(list.size() + (is_long ? 1 : 0));
    hot_.pair_line = line();
    pair_ = is_long ? acl_long_list : static_cast<std::uint32_t>(list.size());
    words_.push_back(pair_);
    hot_.part.lines = line();
    std::memcpy(words_.data(), &hot_, sizeof hot_);
  }

  [[nodiscard]] Hot open() const {
    const auto hot =
        Hot::open({reinterpret_cast<const std::uint8_t*>(words_.data()), words_.size() * sizeof(std::uint64_t)});
    RC_ASSERT(hot.has_value());
    return *hot;
  }
  [[nodiscard]] std::uint32_t pair() const { return pair_; }

  static constexpr std::uint64_t high = 0xfd7a115ca1e00000;

 private:
  std::uint32_t line() {
    words_.resize((words_.size() + acl_slots - 1) / acl_slots * acl_slots);
    return static_cast<std::uint32_t>(words_.size() / acl_slots);
  }
  void put_sources(const std::vector<Source>& sources) {
    acl_classifier& c = hot_.sources;
    c.multiplier = 0x9e3779b97f4a7c15;
    if (sources.empty()) return;
    c.space_line = line();
    c.space_lines = 1;
    words_.insert(words_.end(), {high, std::uint64_t{1} << 32 | 7, 0, 0, 0, 0, 0, 0});  // middle 7, number 1
    c.hash_line = line();
    // As many lines as it takes for each to find room in one of its two without moving another.
    const std::size_t begin = words_.size();
    for (c.hash_lines = static_cast<acl_u32>(sources.size() / 3 + 1);; ++c.hash_lines) {
      words_.resize(begin);
      words_.resize(begin + std::size_t{c.hash_lines} * acl_slots);
      if (std::all_of(sources.begin(), sources.end(), [&](const Source& s) { return put_source(s); })) return;
    }
  }
  bool put_source(const Source& source) {
    const acl_classifier& c = hot_.sources;
    std::uint64_t* lines = words_.data() + std::size_t{c.hash_line} * acl_slots;
    const std::uint64_t key = std::uint64_t{source.space} << 32 | source.low;
    const std::uint64_t hash = key * c.multiplier;
    return put(lines + acl_home_line(hash, c.hash_lines) * acl_slots, key) ||
           put(lines + acl_home_line(acl_second_hash(hash), c.hash_lines) * acl_slots, key);
  }
  static bool put(std::uint64_t* slots, std::uint64_t key) {
    for (std::uint32_t i = 0; i < acl_slots; ++i) {
      if (slots[i] != 0 && slots[i] >> 16 != key) continue;
      slots[i] = key << 16 | 1;
      return true;
    }
    return false;
  }

  acl_hot hot_{};
  std::vector<std::uint64_t> words_;
  std::uint32_t pair_ = 0;
};

// Asked: every bound of some ranges and what is beside it.
std::vector<std::uint32_t> points(const std::vector<Range>& list) {
  std::vector<std::uint32_t> out{0, 0xffffff};
  for (const Range& range : list) {
    for (const std::uint32_t at : {range.from, range.to}) {
      out.push_back(at == 0 ? 0 : at - 1);
      out.push_back(at);
      out.push_back(at + 1);
    }
  }
  return out;
}

RC_GTEST_PROP(Decide, AListOfAnyLengthIsSearchedLikeItIsWalked, ()) {
  const std::vector<Range> list = ranges();
  const Part part(list, {});
  const Hot hot = part.open();
  for (const std::uint32_t at : points(list)) {
    const auto holds =
        std::find_if(list.begin(), list.end(), [&](const Range& one) { return one.from <= at && at <= one.to; });
    const std::uint32_t wanted = holds == list.end() ? 0 : static_cast<std::uint32_t>(holds - list.begin()) + 1;
    RC_ASSERT(acl_allows(&hot.raw(), part.pair(), at >> 16, at & 0xffff) == wanted);
  }
}

RC_GTEST_PROP(Decide, AnyPortOfAProtocolIsTheFirstRangeThatReachesIt, ()) {
  const std::vector<Range> list = ranges();
  const Part part(list, {});
  const Hot hot = part.open();
  for (std::uint32_t protocol = 0; protocol < 256; ++protocol) {
    const auto reaches =
        std::find_if(list.begin(), list.end(), [&](const Range& one) { return one.to >= protocol << 16; });
    const bool has = reaches != list.end() && reaches->from >> 16 == protocol;
    const std::uint32_t wanted = has ? static_cast<std::uint32_t>(reaches - list.begin()) + 1 : 0;
    RC_ASSERT(acl_allows_any(&hot.raw(), part.pair(), protocol) == wanted);
  }
}

TEST(Decide, NoPairOfClassesAllowsNothing) {
  const Part part({{6U << 16, 6U << 16 | 0xffffU}}, {});
  const Hot hot = part.open();
  EXPECT_EQ(acl_allows(&hot.raw(), 0, 6, 22), 0U);
  EXPECT_EQ(acl_allows_any(&hot.raw(), 0, 6), 0U);
  EXPECT_EQ(acl_allows(&hot.raw(), part.pair(), 6, 22), 1U);
}

RC_GTEST_PROP(DecideBatch, SaysOfEveryPacketWhatALookupAloneSays, ()) {
  const std::vector<Range> list = ranges();
  std::vector<Source> sources;
  for (int i = *rc::gen::inRange(0, 300); i > 0; --i)
    sources.push_back({static_cast<std::uint32_t>(*rc::gen::inRange(0, 2)),
                       1 + static_cast<std::uint32_t>(*rc::gen::inRange(0, 600))});
  const Part part(list, sources);
  const Hot hot = part.open();
  std::vector<Question> asked;
  for (int i = *rc::gen::inRange(0, 200); i > 0; --i) {
    Question one;
    one.v6 = *rc::gen::arbitrary<bool>();
    // Half of the IPv6 addresses are in the listed network.
    one.high = one.v6 ? Part::high : 0;
    one.low = static_cast<std::uint32_t>(*rc::gen::inRange(0, 610));
    if (one.v6) one.low |= std::uint64_t{*rc::gen::element(7U, 8U)} << 32;
    one.destination = static_cast<std::uint32_t>(*rc::gen::inRange(0, 3));
    const Range& range = list[static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(list.size())))];
    one.protocol = static_cast<std::uint8_t>(range.from >> 16);
    one.port = static_cast<std::uint16_t>((range.from & 0xffff) + static_cast<std::uint32_t>(*rc::gen::inRange(0, 2)));
    asked.push_back(one);
  }
  std::vector<std::uint32_t> rules(asked.size(), 77);
  decide_batch(hot, asked, rules);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Question& one = asked[i];
    const net::Address source =
        one.v6 ? net::Address::v6(one.high, one.low) : net::Address::v4(static_cast<std::uint32_t>(one.low));
    const auto rule = hot.decide(hot.source_class(source), one.destination, one.protocol, one.port);
    const bool listed = std::any_of(sources.begin(), sources.end(), [&](const Source& s) {
      return (s.space != 0) == one.v6 && s.low == (one.low & 0xffffffff) && (!one.v6 || one.low >> 32 == 7);
    });
    RC_ASSERT((hot.source_class(source) == 1) == listed);
    RC_ASSERT(rules[i] == (rule ? *rule + 1 : 0));
  }
}

}  // namespace
}  // namespace acl::table
