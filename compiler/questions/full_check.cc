#include "compiler/questions/full_check.h"

#include <fmt/format.h>

namespace acl::questions {

policy::Facts facts_of(const inventory::Inventory& inventory) {
  policy::Facts facts;
  facts.domains = inventory.domains;
  facts.logins.reserve(inventory.users.size());
  for (const auto& user : inventory.users) facts.logins.insert(user.login);
  for (const auto& group : inventory.synced_groups) facts.synced_groups.insert(group.name);
  return facts;
}

std::string describe(const TestCase& test) {
  const std::string_view section = test.kind == "sshTest" ? "sshTests" : test.kind == "test" ? "tests" : "expect";
  std::string text =
      fmt::format("{}[{}]: {}: expected {}, got {}", section, test.index, test.name, test.expected, test.got);
  if (!test.rule.empty()) text += fmt::format(" by {}", test.rule);
  if (!test.detail.empty()) text += fmt::format(" ({})", test.detail);
  return text;
}

std::vector<Diagnostic> failures_of(const TestRun& run, const SourceText& source) {
  std::vector<Diagnostic> failures;
  for (const TestCase& test : run.cases) {
    if (test.ok) continue;
    Diagnostic failure =
        make_diagnostic(Code::E0605, describe(test), "change the rules, or the test if it asks for the wrong thing");
    failure.place = source.place(test.span);
    failure.service_text = "test(s) failed";
    failures.push_back(std::move(failure));
  }
  return failures;
}

policy::Loaded full_check(std::string name, std::string text, policy::Dialect dialect,
                          const inventory::Inventory& inventory, TestRun* run) {
  const policy::Facts facts = facts_of(inventory);
  policy::Loaded loaded = policy::load_policy(std::move(name), std::move(text), dialect, &facts);
  if (!loaded.accepted()) return loaded;
  const policy::Policy& policy = loaded.file->policy;
  if (policy.tests.empty() && policy.ssh_tests.empty()) {
    if (run != nullptr) *run = {};
    return loaded;
  }
  // By which rule is told of failures alone, and costs more to find out.
  const resolve::Tailnet everyone(inventory);
  const hujson::Tree& tree = loaded.file->tree;
  TestRun outcome;
  if (run == nullptr) outcome = judge_tests(*loaded.file, everyone, tree, policy.tests, policy.ssh_tests);
  if (run != nullptr || !outcome.passed()) {
    outcome = run_tests(*loaded.file, everyone, tree, policy.tests, policy.ssh_tests);
  }
  const std::vector<Diagnostic> failures = failures_of(outcome, loaded.file->source);
  loaded.diagnostics.insert(loaded.diagnostics.begin(), failures.begin(), failures.end());
  if (run != nullptr) *run = std::move(outcome);
  return loaded;
}

}  // namespace acl::questions
