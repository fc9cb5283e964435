// full_check: what the control plane says of a policy on saving it: the file itself, what only the inventory tells, and the
// policy's own tests.
#pragma once

#include <string>
#include <vector>

#include "compiler/inventory/inventory.h"
#include "compiler/policy/load.h"
#include "compiler/questions/policy_tests.h"

namespace acl::questions {

policy::Facts facts_of(const inventory::Inventory& inventory);

// Like load_policy, and runs the tests of a policy that is otherwise accepted: each failing assertion is a diagnostic (E0605).
// `run`, if not null, receives the outcome of all assertions.
policy::Loaded full_check(std::string name, std::string text, policy::Dialect dialect,
                          const inventory::Inventory& inventory, TestRun* run = nullptr);

// E0605 for each assertion that failed; `source` is the text that the tests stand in.
std::vector<Diagnostic> failures_of(const TestRun& run, const SourceText& source);

// "tests[2]: ana@example.com -> tag:db:5432: expected accept, got deny (ana-laptop -> db-1)".
std::string describe(const TestCase& test);

}  // namespace acl::questions
