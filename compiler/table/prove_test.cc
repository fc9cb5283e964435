// The proof finds faults: into the bytes of tables of random policies one fault each is planted, and the proof must refuse it. Where
// it does not, every lookup that there is must give what it gave before: the fault has no meaning.
#include "compiler/table/prove.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <random>

#include "compiler/table/testing.h"
#include "engine/table/hot.h"
#include "engine/table/names.h"
#include "engine/table/ssh.h"
#include "tests/generate/hujson_text.h"
#include "tests/generate/tailnet.h"

namespace acl::tables {
namespace {

using net::Address;
using resolve::Origin;
using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t count) { return count == 0 ? 0 : random() % count; }

// How a kind of fault fared.
struct Fate {
  int planted = 0;
  int refused_on_opening = 0;
  int refused_by_proof = 0;
  int meaningless = 0;
};
using Fates = std::map<std::string, Fate>;

void print(const Fates& fates) {
  std::printf("%-34s %8s %8s %8s %8s\n", "fault", "planted", "opening", "proof", "no sense");
  for (const auto& [name, fate] : fates) {
    std::printf("%-34s %8d %8d %8d %8d\n", name.c_str(), fate.planted, fate.refused_on_opening, fate.refused_by_proof, fate.meaningless);
  }
}

// A part under test, with what is told of it beside its bytes.
struct Part {
  Bytes bytes;
  std::vector<std::uint16_t> own_classes;
  std::vector<Origin> rules;
};

// Changes the part; false if there is nothing of that kind to change.
using Fault = std::function<bool(Part&, Random&)>;

bool flip_any_bit(Part& part, Random& random) {
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
std::vector<std::size_t> occupied(const Part& part, const acl_classifier& c) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < std::size_t{c.hash_lines} * acl_slots; ++i) {
    if (section<std::uint64_t>(part.bytes, c.hash_line)[i] != 0) out.push_back(i);
  }
  return out;
}

Fault change_class_of_address(const Where& where) {
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

Fault remove_address(const Where& where) {
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
Fault add_address(const Where& where) {
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
Fault add_alias(const Where& where) {
  return [where](Part& part, Random& random) {
    const acl_classifier c = where.classifier(part);
    if (c.space_lines == 0) return false;
    auto* spaces = section<acl_space>(part.bytes, c.space_line);
    acl_space alias{random(), static_cast<acl_u32>(random()), 0};
    for (std::size_t i = 0; i < std::size_t{c.space_lines} * acl_spaces; ++i) {
      if (spaces[i].number != 0) alias.number = spaces[i].number;
    }
    acl_space* line = spaces + std::size_t{acl_home_line(acl_space_hash(c.multiplier, alias.high, alias.middle), c.space_lines)} * acl_spaces;
    for (std::size_t i = 0; i < acl_spaces; ++i) {
      if (line[i].number != 0) continue;
      line[i] = alias;
      return true;
    }
    return false;
  };
}

// Moves the start of an interval by one, or gives it another class.
bool change_interval(Part& part, const acl_intervals& intervals, std::uint32_t classes, bool move, Random& random) {
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

void add_classifier_faults(std::map<std::string, Fault>& faults, const Where& where) {
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

void plant(const Part& whole, const std::map<std::string, Fault>& faults, const Judge& judge, int times, Random& random, Fates& fates) {
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

// Random policies and tailnets, every node of each.
template <class F>
void each_node(std::uint64_t seeds, F f) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto model = generate::tailnet_model(generate::random_choices(seed * 7919, 60 + seed * 37 % 500));
    const Setting setting(generate::inventory_text(model.tailnet), generate::policy_text(model.policy));
    ASSERT_TRUE(setting.ok());
    const Prover prover(setting.views(), setting.addresses());
    for (NodeId node = 0; node < setting.resolved().node_count(); ++node) {
      f(setting, prover, node);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

// Of every kind many are planted, and most of them found by the proof: it is the proof that is tested, not the opening.
void expect_found(const Fates& fates, int least) {
  print(fates);
  for (const auto& [name, fate] : fates) {
    EXPECT_GE(fate.planted, least) << name;
    EXPECT_GT(fate.refused_by_proof, 0) << name;
  }
}

// --- the hot part ---

acl_hot hot_header(const Part& part) {
  acl_hot header;
  std::memcpy(&header, part.bytes.data(), sizeof header);
  return header;
}

// Short lists only: their words.
std::vector<std::size_t> list_words(const Part& part) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < hot_header(part).list_words; ++i) out.push_back(i);
  return out;
}

Fault change_word(const std::function<std::uint64_t(std::uint64_t, Random&, const acl_hot&)>& change) {
  return [change](Part& part, Random& random) {
    const acl_hot header = hot_header(part);
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
  add_classifier_faults(faults, {[](const Part& part) { return hot_header(part).sources; },
                                 [](const Part& part) { return hot_header(part).part.source_classes; }});
  const std::uint64_t from_one = std::uint64_t{1} << 40, to_one = std::uint64_t{1} << 16;
  faults["a range begins earlier"] = change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word - from_one; });
  faults["a range begins later"] = change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word + from_one; });
  faults["a range ends earlier"] = change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word - to_one; });
  faults["a range ends later"] = change_word([=](std::uint64_t word, Random&, const acl_hot&) { return word + to_one; });
  faults["another rule of a range"] = change_word([](std::uint64_t word, Random& random, const acl_hot& header) {
    return (word & ~std::uint64_t{0xffff}) | ((word & 0xffff) + 1 + below(random, header.rules)) % header.rules;
  });
  faults["a rule stands for another"] = [](Part& part, Random& random) {
    if (part.rules.empty()) return false;
    part.rules[below(random, part.rules.size())].index += 1;
    return true;
  };
  faults["two pairs swapped"] = [](Part& part, Random& random) {
    const acl_hot header = hot_header(part);
    const std::size_t count = std::size_t{header.part.source_classes} * header.destination_classes;
    if (count < 2) return false;
    auto* pairs = section<std::uint32_t>(part.bytes, header.pair_line);
    const std::size_t a = below(random, count), b = below(random, count);
    if (pairs[a] == pairs[b]) return false;
    std::swap(pairs[a], pairs[b]);
    return true;
  };
  faults["a pair emptied"] = [](Part& part, Random& random) {
    const acl_hot header = hot_header(part);
    const std::size_t count = std::size_t{header.part.source_classes} * header.destination_classes;
    if (count == 0) return false;
    std::uint32_t& pair = section<std::uint32_t>(part.bytes, header.pair_line)[below(random, count)];
    return std::exchange(pair, 0U) != 0;
  };
  faults["another class of an own address"] = [](Part& part, Random& random) {
    const std::uint32_t classes = hot_header(part).destination_classes;
    if (part.own_classes.empty() || classes == 0) return false;
    std::uint16_t& number = part.own_classes[below(random, part.own_classes.size())];
    number = static_cast<std::uint16_t>((number + 1 + below(random, classes)) % (classes + 1));
    return true;
  };
  for (const bool move : {true, false}) {
    faults[move ? "a destination interval moved" : "a destination interval's class"] = [move](Part& part, Random& random) {
      const acl_hot header = hot_header(part);
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
        for (const std::uint64_t one : {edge - 1, edge, edge + 1}) at.insert(static_cast<std::uint32_t>(one & 0xffffff));
      }
    }
  }
  // As one number; 0: nothing. Destinations below the number of own addresses are these.
  [[nodiscard]] std::uint64_t answer(std::uint32_t source, std::uint32_t destination, std::uint32_t at) const {
    const auto rule = hot_.decide(source, destination, static_cast<std::uint8_t>(at >> 16), static_cast<std::uint16_t>(at));
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
  for (const Address& address : sources) from.emplace(left.hot().source_class(address), right.hot().source_class(address));
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
  each_node(400, [&](const Setting& setting, const Prover& prover, NodeId node) {
    auto built = setting.hot(node);
    ASSERT_TRUE(built);
    const Part whole{built->bytes, built->own_classes, built->rules};
    Prover::Scratch scratch;
    const Judge judge{[&](const Part& part) { return prover.hot(node, part.bytes, part.own_classes, part.rules, scratch); }, same_packets,
                      [](const Part& part) { return table::Hot::open(part.bytes).has_value(); }};
    const auto proved = judge.prove(whole);
    ASSERT_TRUE(proved) << proved.error().message;
    plant(whole, faults, judge, 2, random, fates);
  });
  expect_found(fates, 20);
  // Nothing is listed without need.
  for (const char* name : {"an address removed", "another class of an address"}) EXPECT_EQ(fates[name].meaningless, 0) << name;
}

// --- the ssh part ---

acl_ssh ssh_header(const Part& part) {
  acl_ssh header;
  std::memcpy(&header, part.bytes.data(), sizeof header);
  return header;
}

template <class F>
Fault change_login_rule(F change) {
  return [change](Part& part, Random& random) {
    const acl_ssh header = ssh_header(part);
    if (header.rules == 0) return false;
    return change(section<acl_ssh_rule>(part.bytes, header.rule_line)[below(random, header.rules)], random);
  };
}

std::map<std::string, Fault> ssh_faults() {
  std::map<std::string, Fault> faults;
  add_classifier_faults(faults, {[](const Part& part) { return ssh_header(part).sources; },
                                 [](const Part& part) { return ssh_header(part).part.source_classes; }});
  faults.erase("a source interval moved");  // logins have none
  faults.erase("a source interval's class");
  faults["another action"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    rule.action = static_cast<acl_u8>(acl_ssh_accept + acl_ssh_check - rule.action);
    return true;
  });
  faults["another flag"] = change_login_rule([](acl_ssh_rule& rule, Random& random) {
    rule.flags = static_cast<acl_u8>(rule.flags ^ (1U << below(random, 6)));
    return true;
  });
  faults["another check period"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    ++rule.check_period;
    return true;
  });
  faults["an account less"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    if (rule.accounts == 0) return false;
    --rule.accounts;
    return true;
  });
  faults["an environment pattern less"] = change_login_rule([](acl_ssh_rule& rule, Random&) {
    if (rule.patterns == 0) return false;
    --rule.patterns;
    return true;
  });
  faults["a letter of a text"] = [](Part& part, Random& random) {
    const acl_ssh header = ssh_header(part);
    if (header.text_bytes <= 4) return false;
    section<std::uint8_t>(part.bytes, header.text_line)[4 + below(random, header.text_bytes - 4)] ^= 1;
    return true;
  };
  faults["a word"] = [](Part& part, Random& random) {
    const acl_ssh header = ssh_header(part);
    if (header.words == 0) return false;
    auto* words = section<std::uint32_t>(part.bytes, header.word_line);
    std::uint32_t& word = words[below(random, header.words)];
    return std::exchange(word, words[below(random, header.words)]) != word;
  };
  faults["an account of one's own name, given or taken"] = [](Part& part, Random& random) {
    const acl_ssh header = ssh_header(part);
    if (header.part.source_classes == 0) return false;
    const acl_ssh_class& one = section<acl_ssh_class>(part.bytes, header.class_line)[below(random, header.part.source_classes)];
    if (one.count == 0) return false;
    section<std::uint32_t>(part.bytes, header.word_line)[one.first + below(random, one.count)] ^= acl_own_name_bit;
    return true;
  };
  faults["two classes swapped"] = [](Part& part, Random& random) {
    const acl_ssh header = ssh_header(part);
    if (header.part.source_classes < 2) return false;
    auto* classes = section<acl_ssh_class>(part.bytes, header.class_line);
    const std::size_t a = below(random, header.part.source_classes);
    std::swap(classes[a], classes[(a + 1) % header.part.source_classes]);
    return true;
  };
  faults["a rule stands for another"] = [](Part& part, Random& random) {
    if (part.rules.empty()) return false;
    part.rules[below(random, part.rules.size())].index += 1;
    return true;
  };
  return faults;
}

// Everything that a part can be asked by a name: those that it holds, root, and others.
std::set<std::string> names_in(const table::Ssh& ssh) {
  std::set<std::string> out = {"root", "nobody", "ubuntu"};
  for (std::uint32_t i = 0; i < ssh.rules(); ++i) {
    for (const std::string_view account : ssh.rule(i).accounts) out.emplace(account);
  }
  for (std::uint32_t i = 1; i <= ssh.classes(); ++i) out.emplace(ssh.own_name(i));
  return out;
}

bool same_logins(const Part& a, const Part& b) {
  const auto left = table::Ssh::open(a.bytes), right = table::Ssh::open(b.bytes);
  std::set<Address> sources;
  add_interesting(a.bytes, left->header().sources, sources);
  add_interesting(b.bytes, right->header().sources, sources);
  std::set<std::string> names = names_in(*left);
  names.merge(names_in(*right));
  for (const Address& source : sources) {
    for (const std::string& name : names) {
      for (const auto& [exists, root] : {std::pair{true, false}, {true, true}, {false, false}}) {
        const auto x = left->decide({source, name, exists, root}), y = right->decide({source, name, exists, root});
        if (x.action != y.action) return false;
        if (x.action == table::LoginAction::deny) continue;
        if (!(a.rules.at(x.rule) == b.rules.at(y.rule)) || x.check_period != y.check_period || x.agent_forwarding != y.agent_forwarding ||
            x.local_forwarding != y.local_forwarding || x.remote_forwarding != y.remote_forwarding ||
            x.enforce_recorder != y.enforce_recorder || x.environment != y.environment || x.recorders != y.recorders)
          return false;
      }
    }
  }
  return true;
}

TEST(Proof, FindsEveryFaultInAnSshPart) {
  Fates fates;
  Random random(2);
  const auto faults = ssh_faults();
  each_node(1000, [&](const Setting& setting, const Prover& prover, NodeId node) {
    auto built = setting.ssh(node);
    ASSERT_TRUE(built);
    if (built->rules.empty()) return;
    const Part whole{built->bytes, {}, built->rules};
    const Judge judge{[&](const Part& part) { return prover.ssh(node, part.bytes, part.rules); }, same_logins,
                      [](const Part& part) { return table::Ssh::open(part.bytes).has_value(); }};
    const auto proved = judge.prove(whole);
    ASSERT_TRUE(proved) << proved.error().message;
    plant(whole, faults, judge, 3, random, fates);
  });
  expect_found(fates, 20);
}

// --- the names part ---

acl_names names_header(const Part& part) {
  acl_names header;
  std::memcpy(&header, part.bytes.data(), sizeof header);
  return header;
}

std::map<std::string, Fault> names_faults() {
  std::map<std::string, Fault> faults;
  add_classifier_faults(faults, {[](const Part& part) { return names_header(part).sources; },
                                 [](const Part& part) { return names_header(part).part.source_classes; }});
  for (const bool move : {true, false}) {
    faults[move ? "a destination interval moved" : "a destination interval's class"] = [move](Part& part, Random& random) {
      const acl_names header = names_header(part);
      return change_interval(part, header.destinations, header.destination_classes, move, random);
    };
  }
  faults["another class of an own address"] = [](Part& part, Random& random) {
    const std::uint32_t classes = names_header(part).destination_classes;
    if (part.own_classes.empty() || classes == 0) return false;
    std::uint16_t& number = part.own_classes[below(random, part.own_classes.size())];
    number = static_cast<std::uint16_t>((number + 1 + below(random, classes)) % (classes + 1));
    return true;
  };
  faults["another capability of a pair"] = [](Part& part, Random& random) {
    const acl_names header = names_header(part);
    if (header.words == 0 || header.capabilities < 2) return false;
    std::uint32_t& word = section<std::uint32_t>(part.bytes, header.word_line)[below(random, header.words)];
    word = (word + 1) % header.capabilities;
    return true;
  };
  faults["a capability without its value"] = [](Part& part, Random& random) {
    const acl_names header = names_header(part);
    if (header.capabilities == 0) return false;
    return std::exchange(section<acl_capability>(part.bytes, header.capability_line)[below(random, header.capabilities)].value, 0U) != 0;
  };
  faults["a pair with a capability less"] = [](Part& part, Random& random) {
    const acl_names header = names_header(part);
    const std::size_t count = std::size_t{header.part.source_classes} * header.destination_classes;
    if (count == 0) return false;
    std::uint64_t& pair = section<std::uint64_t>(part.bytes, header.pair_line)[below(random, count)];
    if (pair == 0) return false;
    --pair;
    return true;
  };
  faults["a node known or not"] = [](Part& part, Random& random) {
    const acl_names header = names_header(part);
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
  for (const Address& address : destinations) to.emplace(left->destination_class(address), right->destination_class(address));
  for (std::size_t i = 0; i < a.own_classes.size(); ++i) to.emplace(a.own_classes[i], b.own_classes[i]);
  for (const Address& source : sources) {
    for (const auto& [to_a, to_b] : to) {
      const auto x = left->capabilities(source, to_a), y = right->capabilities(source, to_b);
      const bool same = std::equal(x.begin(), x.end(), y.begin(), y.end(),
                                   [](const auto& p, const auto& q) { return p.name == q.name && p.value == q.value; });
      if (!same) return false;
    }
  }
  return true;
}

TEST(Proof, FindsEveryFaultInANamesPart) {
  Fates fates;
  Random random(3);
  const auto faults = names_faults();
  each_node(1000, [&](const Setting& setting, const Prover& prover, NodeId node) {
    auto built = setting.names(node);
    ASSERT_TRUE(built);
    const Part whole{built->bytes, built->own_classes, {}};
    const Judge judge{[&](const Part& part) -> Expected<void> {
                        if (auto known = prover.known(node, part.bytes); !known) return known;
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
