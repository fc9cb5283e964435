// Code lens: above each rule who is reached by it, above each test its outcome and a way to run it.
//
// Where they stand is told by the file alone; what a rule's says is worked out when an editor shows it (title_of).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/questions/policy_tests.h"
#include "lsp/server/snapshot.h"

namespace acl::lsp {

struct Lens {
  Span span;            // of the rule or test
  std::string section;  // "acls", "grants", "ssh", "tests", "sshTests", "expect"
  std::uint32_t index = 0;
};

std::vector<Lens> code_lenses(const Snapshot& snapshot);
bool is_test(const Lens& lens) noexcept;

// "3 people, 12 nodes → 4 nodes"; nothing if that is not known (any more).
std::optional<std::string> reach_title(const Snapshot& snapshot, const Lens& lens, const Understanding& understanding);
// For each lens of a test "✓ 3 passed" or "✗ tag:db:22: expected deny, got accept by acls[3]"; nothing if it has not run as it stands there
// now, nor for rules.
std::vector<std::optional<std::string>> outcome_titles(const Snapshot& snapshot, const std::vector<Lens>& lenses,
                                                       const TestOutcome& outcome);

}  // namespace acl::lsp
