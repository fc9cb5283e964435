// Tables against the oracle and against `aclc can`: random policies and tailnets, and the recorded cases. What is compared where:
// table_comparison.h. ACL_TABLE_RUNS, ACL_AGREEMENT_SEED: how many pairs, where to begin.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/agreement/pairs.h"
#include "tests/agreement/table_comparison.h"
#include "tests/generate/tailnet.h"
#include "tests/oracle/oracle.h"
#include "tests/oracle/policy_json.h"

namespace acl::agreement {
namespace {

using generate::Model;
using oracle::Tailnet;

void print(const Asked& asked) {
  std::printf("packets %llu (%llu allowed), of can %llu, logins %llu, capabilities %llu, known %llu\n",
              static_cast<unsigned long long>(asked.packets), static_cast<unsigned long long>(asked.allowed),
              static_cast<unsigned long long>(asked.packets_of_can), static_cast<unsigned long long>(asked.logins),
              static_cast<unsigned long long>(asked.capabilities), static_cast<unsigned long long>(asked.known));
}

std::optional<std::string> difference_of(const Choices& choices, Asked& asked) {
  const Model model = generate::tailnet_model(choices);
  const auto tables = Tables::compile(generate::policy_text(model.policy), generate::inventory_text(model.tailnet));
  if (!tables) return "tailnet: refused: " + tables.error();
  const Tailnet tailnet = oracle::with_approvals(model.policy, model.tailnet);
  return first_difference(model.policy, tailnet, **tables, seed_of(choices), asked);
}

std::uint64_t runs() { return number_from("ACL_TABLE_RUNS", 2000); }

constexpr std::uint64_t shards = 4;

class TableAgreement : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TableAgreement, TableOracleAndCanGiveTheSameAnswers) {
  const std::uint64_t share = runs() / shards;
  const std::uint64_t begin = number_from("ACL_AGREEMENT_SEED", 1) + GetParam() * share;
  Asked asked;
  for (std::uint64_t seed = begin; seed < begin + share; ++seed) {
    const Choices choices = choices_of(seed);
    if (!difference_of(choices, asked)) continue;
    Asked more;
    const auto again = [&](const Choices& fewer) { return difference_of(fewer, more); };
    const Choices small = shrink(choices, again);
    const Model model = generate::tailnet_model(small);
    ADD_FAILURE() << "seed " << seed << ", made smaller: " << *again(small) << "\n"
                  << generate::policy_text(model.policy) << generate::inventory_text(model.tailnet);
    return;
  }
  print(asked);
  for (const std::uint64_t count :
       {asked.packets, asked.allowed, asked.packets_of_can, asked.logins, asked.capabilities, asked.known}) {
    EXPECT_GT(count, share) << "too little was asked";
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, TableAgreement, testing::Range<std::uint64_t>(0, shards));

TEST(RecordedTables, SayWhatOracleAndCanSay) {
  const std::filesystem::path folder = std::filesystem::path(ACL_SHARED_DIR) / "conformance";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "SKIPPED: no recorded cases in " << folder;
  Asked asked;
  int cases = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    const auto recorded = nlohmann::json::parse(file);
    if (!recorded.at("expect").at("accepted").get<bool>()) continue;
    const std::string text = recorded.at("policy").get<std::string>();
    const std::string inventory = recorded.at("inventory").dump();
    const oracle::Policy policy = oracle::read_policy(text);
    const Tailnet tailnet = oracle::with_approvals(policy, oracle::read_recorded_inventory(inventory));
    const std::string id = recorded.at("id").get<std::string>();
    const auto tables = Tables::compile(text, inventory);
    ASSERT_TRUE(tables) << id << ": " << tables.error();
    const auto difference = first_difference(policy, tailnet, **tables, 1, asked);
    EXPECT_FALSE(difference) << id << ": " << *difference;
    ++cases;
  }
  std::printf("%d recorded cases; ", cases);
  print(asked);
}

}  // namespace
}  // namespace acl::agreement
