#include "compiler/questions/fixture_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "compiler/questions/can.h"

namespace acl::questions {
namespace {

TestCase judge(const resolve::Views& views, const policy::Expectation& expectation, std::uint32_t index) {
  TestCase test;
  test.kind = "expect";
  test.index = index;
  test.span = expectation.span;
  test.expected = expectation.verdict.value;
  Expected<Answer> answer = [&]() -> Expected<Answer> {
    if (expectation.ssh.empty()) {
      test.name = fmt::format("{} -> {}", expectation.from.value, expectation.to.value);
      return can_reach(views, expectation.from.value, expectation.to.value);
    }
    test.name = fmt::format("{} -> ssh {}", expectation.from.value, expectation.ssh.value);
    const std::size_t at = expectation.ssh.value.find('@');
    if (at == std::string_view::npos)
      return fail(Code::E0903, fmt::format("\"{}\" is not USER@NODE", expectation.ssh.value));
    return can_login(views, expectation.from.value, expectation.ssh.value.substr(0, at),
                     expectation.ssh.value.substr(at + 1));
  }();
  if (!answer) {
    test.got = answer.error().message;
    return test;
  }
  test.got = verdict_name(answer->verdict);
  if (answer->has_rule) test.rule = resolve::origin_name(answer->origin);
  test.ok = test.got == test.expected;
  if (test.ok && !expectation.rule.empty() && expectation.rule.value != test.rule) {
    test.ok = false;
    test.expected += fmt::format(" by {}", expectation.rule.value);
    test.got += fmt::format(" by {}", test.rule.empty() ? "no rule" : test.rule);
  }
  for (const Layer& layer : answer->layers) {
    if (!layer.ok && test.detail.empty()) test.detail = layer.reason;
  }
  return test;
}

}  // namespace

FixtureInputs fixture_inputs(const policy::PolicyFile& file, const policy::Fixture& fixture) {
  const std::filesystem::path folder = std::filesystem::path(file.source.name()).parent_path();
  FixtureInputs out;
  out.policy = (folder / fixture.policy->value).string();
  if (!fixture.inventory) return out;
  const hujson::Value value(file.tree, *fixture.inventory);
  if (value.is(hujson::Kind::string)) {
    out.inventory = (folder / value.string()).string();
    return out;
  }
  // White space for all that stands before it keeps the places of its diagnostics those of the fixture.
  std::string text(file.source.text().substr(0, value.span().begin));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c != '\n'; }, ' ');
  text += value.text();
  text += '\n';
  out.inline_inventory = std::make_unique<SourceText>(file.source.name(), std::move(text));
  return out;
}

TestRun run_fixture(const policy::PolicyFile& rules, const inventory::Inventory& inventory,
                    const policy::PolicyFile& file, const policy::Fixture& fixture) {
  TestRun run = run_tests(rules, inventory, file.tree, file.policy.tests, file.policy.ssh_tests);
  if (fixture.expect.empty()) return run;
  const resolve::Resolved resolved = resolve::resolve(rules, inventory);
  const resolve::Views views(resolved);
  for (std::uint32_t i = 0; i < fixture.expect.size(); ++i) run.cases.push_back(judge(views, fixture.expect[i], i));
  return run;
}

}  // namespace acl::questions
