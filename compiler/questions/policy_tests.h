// The policy's own tests: `tests` and `sshTests`, run as the control plane runs them on every save.
//
// A test speaks of identities. A user or tag without a device is tried as a device that they might have; where the policy uses
// postures, the source is a device with exactly the attributes of `srcPostureAttrs`. `accept` holds if every source reaches
// every destination (by IPv4 or by IPv6; without `proto` by TCP or by UDP), `deny` if none reaches any. An sshTests entry
// asks the ssh rules alone: `accept` without a check, `check` with one, `deny` not at all.
// Source: https://tailscale.com/docs/reference/syntax/policy-file#tests
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/inventory/inventory.h"
#include "compiler/policy/load.h"
#include "compiler/questions/reach.h"
#include "compiler/resolve/tailnet.h"

namespace acl::questions {

// One assertion of a test: one destination or one login.
struct TestCase {
  std::string_view kind;    // "test", "sshTest", "expect"
  std::uint32_t index = 0;  // tests[index]
  Span span;                // of what is asserted
  std::string name;         // "ana@example.com -> tag:db:5432"
  std::string expected;     // "accept", "deny", "check"
  std::string got;          // the verdict, or what keeps the test from being run
  std::string rule;         // which rule decided: "acls[3]", or ""
  std::string detail;       // which source and destination, where several are meant
  bool ok = false;
};

struct TestRun {
  std::vector<TestCase> cases;
  std::vector<resolve::Origin> exercised;  // rules that decided something, without repeats

  [[nodiscard]] bool passed() const noexcept;
};

// `rules` is an accepted policy (but for its tests); the tests may be its own or another file's, whose tree is `tree`.
TestRun run_tests(const policy::PolicyFile& rules, const inventory::Inventory& inventory, const hujson::Tree& tree,
                  const std::vector<policy::PolicyTest>& tests, const std::vector<policy::SshTest>& ssh_tests);

// The same for who has the tailnet at hand.
TestRun run_tests(const policy::PolicyFile& rules, const resolve::Tailnet& everyone, const hujson::Tree& tree,
                  const std::vector<policy::PolicyTest>& tests, const std::vector<policy::SshTest>& ssh_tests);

// Whether they pass, without telling by which rules (`rule` and `exercised` stay empty): costs what resolving the policy for the devices
// costs that the tests speak of, however many others there are.
TestRun judge_tests(const policy::PolicyFile& rules, const resolve::Tailnet& everyone, const hujson::Tree& tree,
                    const std::vector<policy::PolicyTest>& tests, const std::vector<policy::SshTest>& ssh_tests);

}  // namespace acl::questions
