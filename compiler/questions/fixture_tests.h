// Fixture tests: the tests and expectations of a `*.test.hujson` file (policy/fixture.h) against the policy it names.
//
// In: a fixture that was decoded without errors, an accepted policy, its inventory. Out: what to read for them, then one case for each
// assertion; an expectation that cannot be asked (an unknown name) is a case that failed, with the reason as what was got.
#pragma once

#include <memory>
#include <string>

#include "compiler/inventory/inventory.h"
#include "compiler/policy/fixture.h"
#include "compiler/questions/policy_tests.h"
#include "engine/net/source_text.h"

namespace acl::questions {

// What a fixture without errors is to be run against.
struct FixtureInputs {
  std::string policy;     // path
  std::string inventory;  // path; "" if it names none: the policy's
  std::unique_ptr<SourceText>
      inline_inventory;  // its inventory if it stands in the fixture; places in it are places in the fixture
};
FixtureInputs fixture_inputs(const policy::PolicyFile& file, const policy::Fixture& fixture);

// Its tests, sshTests, then its expectations. `rules` is an accepted policy, `file` the fixture's own.
TestRun run_fixture(const policy::PolicyFile& rules, const inventory::Inventory& inventory,
                    const policy::PolicyFile& file, const policy::Fixture& fixture);

}  // namespace acl::questions
