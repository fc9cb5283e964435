// The proof finds every fault in a names part.
#include "compiler/table/prove.h"

#include <gtest/gtest.h>

#include "compiler/table/faults.h"
#include "engine/table/names.h"
#include "tests/generate/tailnet.h"

namespace acl::tables {
namespace {

using net::Address;

std::map<std::string, Fault> names_faults() {
  std::map<std::string, Fault> faults;
  add_classifier_faults(faults, {[](const Part& part) { return header_of<acl_names>(part).sources; },
                                 [](const Part& part) { return header_of<acl_names>(part).part.source_classes; }});
  for (const bool move : {true, false}) {
    faults[move ? "a destination interval moved" : "a destination interval's class"] = [move](Part& part,
                                                                                              Random& random) {
      const acl_names header = header_of<acl_names>(part);
      return change_interval(part, header.destinations, header.destination_classes, move, random);
    };
  }
  faults["another class of an own address"] = [](Part& part, Random& random) {
    const std::uint32_t classes = header_of<acl_names>(part).destination_classes;
    if (part.own_classes.empty() || classes == 0) return false;
    std::uint16_t& number = part.own_classes[below(random, part.own_classes.size())];
    number = static_cast<std::uint16_t>((number + 1 + below(random, classes)) % (classes + 1));
    return true;
  };
  faults["another capability of a pair"] = [](Part& part, Random& random) {
    const acl_names header = header_of<acl_names>(part);
    if (header.words == 0 || header.capabilities < 2) return false;
    std::uint32_t& word = section<std::uint32_t>(part.bytes, header.word_line)[below(random, header.words)];
    word = (word + 1) % header.capabilities;
    return true;
  };
  faults["a capability without its value"] = [](Part& part, Random& random) {
    const acl_names header = header_of<acl_names>(part);
    if (header.capabilities == 0) return false;
    return std::exchange(
               section<acl_capability>(part.bytes, header.capability_line)[below(random, header.capabilities)].value,
               0U) != 0;
  };
  faults["another rule of a capability"] = [](Part& part, Random& random) {
    const acl_names header = header_of<acl_names>(part);
    if (header.capabilities == 0) return false;
    section<acl_capability>(part.bytes, header.capability_line)[below(random, header.capabilities)].rule ^= 1;
    return true;
  };
  faults["a pair with a capability less"] = [](Part& part, Random& random) {
    const acl_names header = header_of<acl_names>(part);
    const std::size_t count = std::size_t{header.part.source_classes} * header.destination_classes;
    if (count == 0) return false;
    std::uint64_t& pair = section<std::uint64_t>(part.bytes, header.pair_line)[below(random, count)];
    if (pair == 0) return false;
    --pair;
    return true;
  };
  faults["a node known or not"] = [](Part& part, Random& random) {
    const acl_names header = header_of<acl_names>(part);
    if (header.known_bytes <= sizeof(acl_known)) return false;
    const std::size_t at = sizeof(acl_known) + below(random, header.known_bytes - sizeof(acl_known));
    section<std::uint8_t>(part.bytes, header.known_line)[at] ^= static_cast<std::uint8_t>(1U << below(random, 8));
    return true;
  };
  return faults;
}

bool same_names(const Part& a, const Part& b) {
  const auto left = table::Names::open(a.bytes), right = table::Names::open(b.bytes);
  std::vector<std::uint32_t> known_a, known_b;
  left->each_known([&](std::uint32_t identity) { known_a.push_back(identity); });
  right->each_known([&](std::uint32_t identity) { known_b.push_back(identity); });
  if (known_a != known_b) return false;
  std::set<Address> sources, destinations;
  for (const auto& [part, names] : {std::pair{&a, &*left}, {&b, &*right}}) {
    add_interesting(part->bytes, names->header().sources, sources);
    add_interesting(part->bytes, names->header().destinations, destinations);
  }
  std::set<std::pair<std::uint32_t, std::uint32_t>> to;
  for (const Address& address : destinations)
    to.emplace(left->destination_class(address), right->destination_class(address));
  for (std::size_t i = 0; i < a.own_classes.size(); ++i) to.emplace(a.own_classes[i], b.own_classes[i]);
  for (const Address& source : sources) {
    for (const auto& [to_a, to_b] : to) {
      const auto x = left->capabilities(source, to_a), y = right->capabilities(source, to_b);
      const bool same = std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& p, const auto& q) {
        return p.name == q.name && p.value == q.value && p.rule_id == q.rule_id;
      });
      if (!same) return false;
    }
  }
  return true;
}

TEST(Proof, FindsEveryFaultInANamesPart) {
  Fates fates;
  Random random(3);
  const auto faults = names_faults();
  each_node(1000, generate::random_texts, [&](const Setting& setting, const Prover& prover, NodeId node) {
    Prover::Scratch scratch;
    auto built = setting.names(node);
    ASSERT_TRUE(built);
    const Part whole{built->bytes, built->own_classes, {}};
    const Judge judge{[&](const Part& part) -> Expected<void> {
                        if (auto known = prover.known(node, part.bytes, scratch); !known) return known;
                        return prover.capabilities(node, part.bytes, part.own_classes);
                      },
                      same_names, [](const Part& part) { return table::Names::open(part.bytes).has_value(); }};
    const auto proved = judge.prove(whole);
    ASSERT_TRUE(proved) << proved.error().message;
    plant(whole, faults, judge, 2, random, fates);
  });
  expect_found(fates, 20);
}

}  // namespace
}  // namespace acl::tables
