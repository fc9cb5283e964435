// Fixtures: tests of a policy in files of their own, `*.test.hujson`.
//
//     { "policy": "policy.hujson", "inventory": "inventory.hujson" | { … },
//       "tests": [ … ], "sshTests": [ … ],            as in a policy
//       "expect": [{"from": NAME, "to": TARGET, "verdict": "accept|deny", "rule": "acls[3]"},
//                  {"from": NAME, "ssh": "user@node", "verdict": "accept|check|deny"}] }
//
// Paths are relative to the fixture. `rule` may be left out; without `inventory` the one beside the policy is used.
#pragma once

#include <optional>
#include <vector>

#include "compiler/policy/findings.h"
#include "compiler/policy/load.h"

namespace acl::policy {

struct Expectation {
  Span span;
  Text from;
  Text to;
  Text ssh;
  Text verdict;
  Text rule;
};

struct Fixture {
  std::optional<Text> policy;
  std::optional<std::uint32_t> inventory;  // index of its value in the tree: a string or an object
  std::vector<Expectation> expect;
};

// From file.tree, which is a whole tree; tests and sshTests go to file.policy.
void decode_fixture(PolicyFile& file, Findings& findings, Fixture& fixture);

}  // namespace acl::policy
