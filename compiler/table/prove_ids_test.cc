// The proof finds every fault in the ids of rules in a names part.
#include <gtest/gtest.h>

#include "compiler/table/faults.h"
#include "compiler/table/prove.h"
#include "engine/table/names.h"
#include "tests/generate/tailnet.h"

namespace acl::tables {
namespace {

using resolve::Section;

// The ids of a names part: of its hot rules, then of its ssh rules.
std::vector<std::uint64_t> ids_in(const Part& part) {
  const auto names = table::Names::open(part.bytes);
  std::vector<std::uint64_t> out;
  for (std::uint32_t i = 0; i < names->header().hot_rules; ++i) out.push_back(names->hot_rule_id(i));
  for (std::uint32_t i = 0; i < names->header().ssh_rules; ++i) out.push_back(names->ssh_rule_id(i));
  return out;
}

std::span<std::uint64_t> ids_of(Part& part) {
  const auto header = header_of<acl_names>(part);
  return {section<std::uint64_t>(part.bytes, header.id_line), std::size_t{header.hot_rules} + header.ssh_rules};
}

void set_header(Part& part, const acl_names& header) { std::memcpy(part.bytes.data(), &header, sizeof header); }

std::map<std::string, Fault> id_faults() {
  std::map<std::string, Fault> faults;
  faults["two ids swapped"] = [](Part& part, Random& random) {
    const auto ids = ids_of(part);
    if (ids.size() < 2) return false;
    const std::size_t one = below(random, ids.size()), other = (one + 1 + below(random, ids.size() - 1)) % ids.size();
    std::swap(ids[one], ids[other]);
    return ids[one] != ids[other];
  };
  faults["an id left out"] = [](Part& part, Random& random) {
    const auto ids = ids_of(part);
    acl_names header = header_of<acl_names>(part);
    if (ids.empty()) return false;
    const std::size_t gone = below(random, ids.size());
    --(gone < header.hot_rules ? header.hot_rules : header.ssh_rules);
    std::rotate(ids.begin() + static_cast<std::ptrdiff_t>(gone), ids.begin() + static_cast<std::ptrdiff_t>(gone) + 1,
                ids.end());
    set_header(part, header);
    return true;
  };
  faults["a rule for packets counted as one for logins"] = [](Part& part, Random&) {
    acl_names header = header_of<acl_names>(part);
    if (header.hot_rules == 0) return false;
    --header.hot_rules;
    ++header.ssh_rules;
    set_header(part, header);
    return true;
  };
  faults["an id of no rule"] = [](Part& part, Random& random) {
    const auto ids = ids_of(part);
    if (ids.empty()) return false;
    ids[below(random, ids.size())] ^= std::uint64_t{1} << below(random, 64);
    return true;
  };
  return faults;
}

TEST(Proof, FindsEveryFaultInTheIdsOfRules) {
  Fates fates;
  Random random(4);
  const auto faults = id_faults();
  each_node(300, generate::random_texts, [&](const Setting& setting, const Prover& prover, NodeId node) {
    const auto hot = setting.hot(node);
    const auto ssh = setting.ssh(node);
    ASSERT_TRUE(hot && ssh);
    const auto built = setting.names(node, hot->rules, ssh->rules);
    ASSERT_TRUE(built);
    const Part whole{built->bytes, built->own_classes, {}};
    const Judge judge{[&](const Part& part) { return prover.ids(node, part.bytes, hot->rules, ssh->rules); },
                      [](const Part& a, const Part& b) { return ids_in(a) == ids_in(b); },
                      [](const Part& part) { return table::Names::open(part.bytes).has_value(); }};
    const auto proved = judge.prove(whole);
    ASSERT_TRUE(proved) << proved.error().message;
    plant(whole, faults, judge, 2, random, fates);
  });
  expect_found(fates, 20);
}

// An id says which of several equal rules it is, so that a place in the policy follows from it.
TEST(Proof, TellsEqualRulesApart) {
  const std::string rule = R"({"action":"accept","src":["*"],"dst":["*:22"]})";
  const Setting setting(R"({"users":[{"login":"a@example.com"}],"nodes":[)"
                        R"({"name":"one","user":"a@example.com","addresses":["100.64.0.1"]}]})",
                        R"({"acls":[)" + rule + "," + rule + "]}");
  ASSERT_TRUE(setting.ok());
  const Prover prover(setting.views(), setting.addresses());
  const resolve::Origin first{Section::acls, 0}, second{Section::acls, 1};
  EXPECT_NE(prover.id_of(first), prover.id_of(second));
  EXPECT_EQ(prover.id_of({Section::acls, 2}), std::nullopt);
  EXPECT_EQ(prover.id_of({Section::grants, 0}), std::nullopt);
  const std::vector<resolve::Origin> rules{first};
  const auto built = setting.names(0, rules, {});
  ASSERT_TRUE(built);
  EXPECT_TRUE(prover.ids(0, built->bytes, rules, {}));
  const std::vector<resolve::Origin> others{second};
  const auto differs = prover.ids(0, built->bytes, others, {});
  ASSERT_FALSE(differs);
  EXPECT_EQ(differs.error().code, Code::E1207);
}

}  // namespace
}  // namespace acl::tables
