// What can be known of a policy without an inventory, against recorded answers of the hosted service.
//
// Each case holds a policy and the service's answer. A refusal must be given word for word, unless it hangs on users, domains
// or nodes; and whatever the service accepted must be accepted here.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include "compiler/policy/load.h"
#include "tests/conformance/cases.h"

namespace acl {
namespace {

struct Count {
  int accepted = 0, refused = 0, waiting = 0, wrong = 0;
};

TEST(Conformance, CheckWithoutInventorySaysWhatTheServiceSaid) {
  const std::vector<Case> cases = read_cases();
  if (cases.empty()) GTEST_SKIP() << "SKIPPED: no recorded cases in " << ACL_SHARED_DIR << "/conformance";
  std::map<std::string, Count> table;
  for (const Case& c : cases) {
    const policy::Loaded loaded = policy::load_policy(c.id, c.policy);
    Count& count = table[c.category];
    if (c.accepted()) {
      ++count.accepted;
      if (!loaded.accepted()) ++count.wrong;
      EXPECT_TRUE(loaded.accepted()) << c.id << ": " << *loaded.message();
      continue;
    }
    if (loaded.accepted()) {
      // An inventory may still refuse it, and only then may it say so.
      ++count.waiting;
      EXPECT_FALSE(loaded.skipped.empty())
          << c.id << ": accepted without a word, but the service says: " << c.message();
      const bool by_inventory =
          c.message() == "test(s) failed" || c.message().find("is not associated with") != std::string::npos;
      EXPECT_TRUE(by_inventory) << c.id << ": needs no inventory: " << c.message();
      if (!by_inventory) ++count.wrong;
      continue;
    }
    ++count.refused;
    if (*loaded.message() != c.message()) ++count.wrong;
    EXPECT_EQ(*loaded.message(), c.message()) << c.id;
  }
  std::printf("%-12s %9s %9s %9s %9s\n", "category", "accepted", "refused", "waiting", "wrong");
  for (const auto& [category, count] : table) {
    std::printf("%-12s %9d %9d %9d %9d\n", category.c_str(), count.accepted, count.refused, count.waiting, count.wrong);
  }
}

}  // namespace
}  // namespace acl
