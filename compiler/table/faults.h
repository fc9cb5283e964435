// For the tests of the proof: faults that are planted in the bytes of a table's part, one at a time, and what becomes of each. The proof
// must refuse it; where it does not, every lookup that there is must give what it gave before: the fault has no meaning.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "compiler/table/testing.h"
#include "engine/table/decide.h"

namespace acl::tables {

using resolve::Origin;
using Random = std::mt19937_64;

inline std::size_t below(Random& random, std::size_t count) { return count == 0 ? 0 : random() % count; }

// How a kind of fault fared.
struct Fate {
  int planted = 0;
  int refused_on_opening = 0;
  int refused_by_proof = 0;
  int meaningless = 0;
};
using Fates = std::map<std::string, Fate>;

inline void print(const Fates& fates) {
  std::printf("%-34s %8s %8s %8s %8s\n", "fault", "planted", "opening", "proof", "no sense");
  for (const auto& [name, fate] : fates) {
    std::printf("%-34s %8d %8d %8d %8d\n", name.c_str(), fate.planted, fate.refused_on_opening, fate.refused_by_proof,
                fate.meaningless);
  }
}

// A part under test, with what is told of it beside its bytes.
struct Part {
  Bytes bytes;
  std::vector<std::uint16_t> own_classes;
  std::vector<Origin> rules;
};

// The header of a part: acl_hot, acl_ssh or acl_names.
template <class Header>
Header header_of(const Part& part) {
  Header header;
  std::memcpy(&header, part.bytes.data(), sizeof header);
  return header;
}

// Changes the part; false if there is nothing of that kind to change.
using Fault = std::function<bool(Part&, Random&)>;

inline bool flip_any_bit(Part& part, Random& random) {
  part.bytes[below(random, part.bytes.size())] ^= static_cast<std::uint8_t>(1U << below(random, 8));
  return true;
}

// --- faults of classifiers ---

// `where` gives the classifier of a part and the number of its classes.
struct Where {
  std::function<acl_classifier(const Part&)> classifier;
  std::function<std::uint32_t(const Part&)> classes;
};

// The numbers of the occupied slots.
inline std::vector<std::size_t> occupied(const Part& part, const acl_classifier& c) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < std::size_t{c.hash_lines} * acl_slots; ++i) {
    if (section<std::uint64_t>(part.bytes, c.hash_line)[i] != 0) out.push_back(i);
  }
  return out;
}

inline Fault change_class_of_address(const Where& where) {
  return [where](Part& part, Random& random) {
    const acl_classifier c = where.classifier(part);
    const auto slots = occupied(part, c);
    const std::uint32_t classes = where.classes(part);
    if (slots.empty() || classes < 2) return false;
    std::uint64_t& slot = section<std::uint64_t>(part.bytes, c.hash_line)[slots[below(random, slots.size())]];
    slot = (slot & ~std::uint64_t{0xffff}) | (((slot & 0xffff) - 1 + 1 + below(random, classes - 1)) % classes + 1);
    return true;
  };
}

inline Fault remove_address(const Where& where) {
  return [where](Part& part, Random& random) {
    const acl_classifier c = where.classifier(part);
    const auto slots = occupied(part, c);
    if (slots.empty()) return false;
    const std::size_t gone = slots[below(random, slots.size())];
    std::size_t last = gone;  // of the line: it takes the place, so that the line has no gap
    auto* all = section<std::uint64_t>(part.bytes, c.hash_line);
    while ((last + 1) % acl_slots != 0 && all[last + 1] != 0) ++last;
    all[gone] = all[last];
    all[last] = 0;
    return true;
  };
}

// A neighbour of an address, or one that has nothing to do with any, in its right line.
inline Fault add_address(const Where& where) {
  return [where](Part& part, Random& random) {
    const acl_classifier c = where.classifier(part);
    const auto slots = occupied(part, c);
    const std::uint32_t classes = where.classes(part);
    if (slots.empty()) return false;
    auto* all = section<std::uint64_t>(part.bytes, c.hash_line);
    std::uint64_t key = all[slots[below(random, slots.size())]] >> 16;
    const auto kind = below(random, 3);
    key = (key & ~std::uint64_t{0xffffffff}) | ((kind == 0 ? key + 1 : kind == 1 ? key - 1 : random()) & 0xffffffff);
    for (const std::size_t i : slots) {
      if (all[i] >> 16 == key) return false;
    }
    std::uint64_t* line = all + std::size_t{acl_home_line(key * c.multiplier, c.hash_lines)} * acl_slots;
    for (std::size_t i = 0; i < acl_slots; ++i) {
      if (line[i] != 0) continue;
      line[i] = key << 16 | (below(random, classes) + 1);
      return true;
    }
    return false;
  };
}

// A network whose addresses are taken for those of another.
inline Fault add_alias(const Where& where) {
  return [where](Part& part, Random& random) {
    const acl_classifier c = where.classifier(part);
    if (c.space_lines == 0) return false;
    auto* spaces = section<acl_space>(part.bytes, c.space_line);
    acl_space alias{random(), static_cast<acl_u32>(random()), 0};
    for (std::size_t i = 0; i < std::size_t{c.space_lines} * acl_spaces; ++i) {
      if (spaces[i].number != 0) alias.number = spaces[i].number;
    }
    acl_space* line =
        spaces +
        std::size_t{acl_home_line(acl_space_hash(c.multiplier, alias.high, alias.middle), c.space_lines)} * acl_spaces;
    for (std::size_t i = 0; i < acl_spaces; ++i) {
      if (line[i].number != 0) continue;
      line[i] = alias;
      return true;
    }
    return false;
  };
}

// Moves the start of an interval by one, or gives it another class.
inline bool change_interval(Part& part, const acl_intervals& intervals, std::uint32_t classes, bool move,
                            Random& random) {
  const bool v4 = intervals.v6_count == 0 || (intervals.v4_count != 0 && below(random, 2) == 0);
  const std::uint32_t count = v4 ? intervals.v4_count : intervals.v6_count;
  if (count == 0) return false;
  const std::size_t at = below(random, count);
  const std::uint32_t line = v4 ? intervals.v4_line : intervals.v6_line;
  if (!move) {
    const std::size_t starts = (std::size_t{count} * (v4 ? 4 : 16) + acl_line_bytes - 1) / acl_line_bytes;
    std::uint16_t& number = section<std::uint16_t>(part.bytes, static_cast<std::uint32_t>(line + starts))[at];
    number = static_cast<std::uint16_t>((number + 1 + below(random, classes)) % (classes + 1));
    return true;
  }
  if (at == 0) return false;  // always the lowest address
  const bool up = below(random, 2) == 0;
  if (v4) {
    section<std::uint32_t>(part.bytes, line)[at] += up ? 1U : ~0U;
  } else {
    section<std::uint64_t>(part.bytes, line)[2 * at + 1] += up ? 1U : ~std::uint64_t{0};
  }
  return true;
}

inline void add_classifier_faults(std::map<std::string, Fault>& faults, const Where& where) {
  faults["another class of an address"] = change_class_of_address(where);
  faults["an address removed"] = remove_address(where);
  faults["an address added"] = add_address(where);
  faults["a network that passes for another"] = add_alias(where);
  for (const bool move : {true, false}) {
    faults[move ? "a source interval moved" : "a source interval's class"] = [where, move](Part& part, Random& random) {
      const acl_classifier c = where.classifier(part);
      return change_interval(part, {c.v4_line, c.v4_count, c.v6_line, c.v6_count}, where.classes(part), move, random);
    };
  }
  faults["any bit"] = flip_any_bit;
}

// --- planting ---

struct Judge {
  std::function<Expected<void>(const Part&)> prove;
  std::function<bool(const Part&, const Part&)> same;  // by exhaustive lookups
  std::function<bool(const Part&)> opens;
};

inline void plant(const Part& whole, const std::map<std::string, Fault>& faults, const Judge& judge, int times,
                  Random& random, Fates& fates) {
  for (const auto& [name, fault] : faults) {
    for (int i = 0; i < times; ++i) {
      Part part = whole;
      if (!fault(part, random)) continue;
      Fate& fate = fates[name];
      ++fate.planted;
      if (!judge.opens(part)) {
        ++fate.refused_on_opening;
        continue;
      }
      const auto proved = judge.prove(part);
      if (!proved) {
        EXPECT_EQ(proved.error().code, Code::E1207) << proved.error().message;
        ++fate.refused_by_proof;
        continue;
      }
      ++fate.meaningless;
      ASSERT_TRUE(judge.same(whole, part)) << name << ": the proof accepts a table that answers otherwise";
    }
  }
}

// Every node of the tailnets that texts(seed) writes down: inventory and policy.
template <class Texts, class F>
void each_node(std::uint64_t seeds, Texts texts, F f) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto [inventory, policy] = texts(seed);
    const Setting setting(inventory, policy);
    ASSERT_TRUE(setting.ok());
    const Prover prover(setting.views(), setting.addresses());
    for (NodeId node = 0; node < setting.resolved().node_count(); ++node) {
      f(setting, prover, node);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

// Of every kind many are planted, and most of them found by the proof: it is the proof that is tested, not the opening.
inline void expect_found(const Fates& fates, int least) {
  print(fates);
  for (const auto& [name, fate] : fates) {
    EXPECT_GE(fate.planted, least) << name;
    EXPECT_GT(fate.refused_by_proof, 0) << name;
  }
}

}  // namespace acl::tables
