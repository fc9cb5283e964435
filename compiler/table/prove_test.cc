// The proof finds every fault in a hot part.
#include "compiler/table/prove.h"

#include <gtest/gtest.h>

#include "compiler/table/faults.h"
#include "engine/table/hot.h"
#include "tests/generate/tailnet.h"

namespace acl::tables {
namespace {

using net::Address;

// Short lists only: their words.
std::vector<std::size_t> list_words(const Part& part) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < header_of<acl_hot>(part).list_words; ++i) out.push_back(i);
  return out;
}

Fault change_word(const std::function<std::uint64_t(std::uint64_t, Random&, const acl_hot&)>& change) {
  return [change](Part& part, Random& random) {
    const acl_hot header = header_of<acl_hot>(part);
    const auto words = list_words(part);
    if (words.empty()) return false;
    std::uint64_t& word = section<std::uint64_t>(part.bytes, header.list_line)[words[below(random, words.size())]];
    const std::uint64_t before = word;
    word = change(word, random, header);
    return word != before;
  };
}

std::map<std::string, Fault> hot_faults() {
  std::map<std::string, Fault> faults;
  add_classifier_faults(faults, {[](const Part& part) { return header_of<acl_hot>(part).sources; },
                                 [](const Part& part) { return header_of<acl_hot>(part).part.source_classes; }});
  const std::uint64_t from_one = std::uint64_t{1} << 40, to_one = std::uint64_t{1} << 16;
  faults["a range begins earlier"] =
      change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word - from_one; });
  faults["a range begins later"] =
      change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word + from_one; });
  faults["a range ends earlier"] =
      change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word - to_one; });
  faults["a range ends later"] =
      change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word + to_one; });
  faults["another rule of a range"] = change_word([](std::uint64_t word, Random& random, const acl_hot& header) {
    return (word & ~std::uint64_t{0xffff}) | ((word & 0xffff) + 1 + below(random, header.rules)) % header.rules;
  });
  faults["a rule stands for another"] = [](Part& part, Random& random) {
    if (part.rules.empty()) return false;
    part.rules[below(random, part.rules.size())].index += 1;
    return true;
  };
  faults["two pairs swapped"] = [](Part& part, Random& random) {
    const acl_hot header = header_of<acl_hot>(part);
    const std::size_t count = std::size_t{header.part.source_classes} * header.destination_classes;
    if (count < 2) return false;
    auto* pairs = section<std::uint32_t>(part.bytes, header.pair_line);
    const std::size_t a = below(random, count), b = below(random, count);
    if (pairs[a] == pairs[b]) return false;
    std::swap(pairs[a], pairs[b]);
    return true;
  };
  faults["a pair emptied"] = [](Part& part, Random& random) {
    const acl_hot header = header_of<acl_hot>(part);
    const std::size_t count = std::size_t{header.part.source_classes} * header.destination_classes;
    if (count == 0) return false;
    std::uint32_t& pair = section<std::uint32_t>(part.bytes, header.pair_line)[below(random, count)];
    return std::exchange(pair, 0U) != 0;
  };
  faults["another class of an own address"] = [](Part& part, Random& random) {
    const std::uint32_t classes = header_of<acl_hot>(part).destination_classes;
    if (part.own_classes.empty() || classes == 0) return false;
    std::uint16_t& number = part.own_classes[below(random, part.own_classes.size())];
    number = static_cast<std::uint16_t>((number + 1 + below(random, classes)) % (classes + 1));
    return true;
  };
  for (const bool move : {true, false}) {
    faults[move ? "a destination interval moved" : "a destination interval's class"] = [move](Part& part,
                                                                                              Random& random) {
      const acl_hot header = header_of<acl_hot>(part);
      return change_interval(part, header.destinations, header.destination_classes, move, random);
    };
  }
  return faults;
}

// The rule that each lookup tells, as the policy's rule.
class HotMeaning {
 public:
  explicit HotMeaning(const Part& part) : part_(part), hot_(*table::Hot::open(part.bytes)) {}

  void add_questions(std::set<Address>& sources, std::set<Address>& destinations, std::set<std::uint32_t>& at) const {
    add_interesting(part_.bytes, hot_.header().sources, sources);
    add_interesting(part_.bytes, hot_.header().destinations, destinations);
    for (std::size_t i = 0; i < hot_.header().list_words; ++i) {
      const std::uint64_t word = section<std::uint64_t>(part_.bytes, hot_.header().list_line)[i];
      for (const std::uint64_t edge : {word >> 40, word >> 16 & 0xffffff}) {
        for (const std::uint64_t one : {edge - 1, edge, edge + 1})
          at.insert(static_cast<std::uint32_t>(one & 0xffffff));
      }
    }
  }
  // As one number; 0: nothing. Destinations below the number of own addresses are these.
  [[nodiscard]] std::uint64_t answer(std::uint32_t source, std::uint32_t destination, std::uint32_t at) const {
    const auto rule =
        hot_.decide(source, destination, static_cast<std::uint8_t>(at >> 16), static_cast<std::uint16_t>(at));
    if (!rule) return 0;
    const Origin& origin = part_.rules.at(*rule);
    return (std::uint64_t{static_cast<std::uint8_t>(origin.section)} << 32 | origin.index) + 1;
  }
  [[nodiscard]] const table::Hot& hot() const { return hot_; }

 private:
  const Part& part_;
  table::Hot hot_;
};

bool same_packets(const Part& a, const Part& b) {
  const HotMeaning left(a), right(b);
  std::set<Address> sources, destinations;
  std::set<std::uint32_t> at;
  for (const HotMeaning* one : {&left, &right}) one->add_questions(sources, destinations, at);
  std::set<std::pair<std::uint32_t, std::uint32_t>> from, to;
  for (const Address& address : sources)
    from.emplace(left.hot().source_class(address), right.hot().source_class(address));
  for (const Address& address : destinations)
    to.emplace(left.hot().destination_class(address), right.hot().destination_class(address));
  for (std::size_t i = 0; i < a.own_classes.size(); ++i) to.emplace(a.own_classes[i], b.own_classes[i]);
  for (const auto& [from_a, from_b] : from) {
    for (const auto& [to_a, to_b] : to) {
      for (const std::uint32_t one : at) {
        if (left.answer(from_a, to_a, one) != right.answer(from_b, to_b, one)) return false;
      }
    }
  }
  return true;
}

TEST(Proof, FindsEveryFaultInAHotPart) {
  Fates fates;
  Random random(1);
  const auto faults = hot_faults();
  each_node(400, generate::random_texts, [&](const Setting& setting, const Prover& prover, NodeId node) {
    auto built = setting.hot(node);
    ASSERT_TRUE(built);
    const Part whole{built->bytes, built->own_classes, built->rules};
    Prover::Scratch scratch;
    const Judge judge{
        [&](const Part& part) { return prover.hot(node, part.bytes, part.own_classes, part.rules, scratch); },
        same_packets, [](const Part& part) { return table::Hot::open(part.bytes).has_value(); }};
    const auto proved = judge.prove(whole);
    ASSERT_TRUE(proved) << proved.error().message;
    plant(whole, faults, judge, 2, random, fates);
  });
  expect_found(fates, 20);
  // Nothing is listed without need.
  for (const char* name : {"an address removed", "another class of an address"})
    EXPECT_EQ(fates[name].meaningless, 0) << name;
}

}  // namespace
}  // namespace acl::tables
