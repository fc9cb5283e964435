// aclc test: runs the tests of policies and of fixtures (`*.test.hujson`).
//
// A policy's tests and sshTests; a fixture's own, and its expectations, each against the policy that it names. Nothing passes
// having tested nothing: no test at all is a failure.
//
// Exit code: 0 all passed, 1 one failed, none ran, or a policy is refused, 2 no inventory, 3 unreadable.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/options.h"
#include "compiler/cli/progress.h"
#include "compiler/emit/display.h"
#include "compiler/hujson/parse.h"
#include "compiler/policy/fixture.h"
#include "compiler/questions/fixture_tests.h"
#include "engine/net/file.h"

namespace acl::cli {
namespace {

using questions::TestCase;

enum class Format : std::uint8_t { text, json, junit, tap };

struct TestOptions {
  std::vector<std::string> files;
  std::string inventory;
  Format format = Format::text;
  bool coverage = false;
  policy::Dialect dialect = policy::Dialect::tailscale;
};

struct Row {
  std::string file;
  std::uint32_t line = 0;
  TestCase test;
};

// What all files came to.
struct Report {
  std::vector<Row> rows;
  // For each policy, however its path was written: its rules in their order, and whether a test exercised them.
  std::map<std::string, std::vector<std::pair<std::string, bool>>> rules;
  int exit_code = exit_yes;
};

std::string canonical(const std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::weakly_canonical(path, error);
  return error ? path : whole.string();
}

void note_rules(Report& report, const std::string& file, const policy::Policy& policy) {
  auto& rules = report.rules[canonical(file)];
  if (!rules.empty()) return;
  const auto note = [&](std::string_view section, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) rules.emplace_back(fmt::format("{}[{}]", section, i), false);
  };
  note("acls", policy.acls ? policy.acls->size() : 0);
  note("grants", policy.grants ? policy.grants->size() : 0);
  note("ssh", policy.ssh.size());
}

void mark_used(Report& report, const std::string& file, const std::string& rule) {
  for (auto& [name, used] : report.rules[canonical(file)]) used = used || name == rule;
}

void add_run(Report& report, const SourceText& source, const questions::TestRun& run, const std::string& policy) {
  for (const TestCase& test : run.cases) {
    report.rows.push_back({source.name(), source.position(test.span.begin).line, test});
  }
  for (const resolve::Origin& origin : run.exercised) mark_used(report, policy, resolve::origin_name(origin));
}

void run_policy(Report& report, const std::string& path, const TestOptions& options) {
  int exit_code = exit_yes;
  const auto inputs = load_inputs(path, options.inventory, options.dialect, exit_code);
  if (!inputs) {
    report.exit_code = std::max(report.exit_code, exit_code);
    return;
  }
  const policy::Policy& policy = inputs->policy->policy;
  note_rules(report, path, policy);
  const Progress progress("testing " + path);
  const auto run = questions::run_tests(*inputs->policy, inputs->inventory.inventory, inputs->policy->tree,
                                        policy.tests, policy.ssh_tests);
  add_run(report, inputs->policy->source, run, path);
}

// --- fixtures ---

void run_fixture(Report& report, const std::string& path, const TestOptions& options) {
  const auto give_up = [&](int exit_code) { report.exit_code = std::max(report.exit_code, exit_code); };
  auto text = read_file(path);
  if (!text) {
    complain(text.error());
    return give_up(exit_unreadable);
  }
  policy::PolicyFile file(path, std::move(*text));
  auto parsed = hujson::parse(file.source);
  file.tree = std::move(parsed.tree);
  policy::Findings findings(file.source);
  policy::Fixture fixture;
  if (parsed.ok()) policy::decode_fixture(file, findings, fixture);
  std::vector<Diagnostic> problems = parsed.ok() ? findings.take() : std::move(parsed.errors);
  for (const Diagnostic& problem : problems) complain(problem, {&file.source});
  if (std::any_of(problems.begin(), problems.end(), [](const auto& d) { return d.severity == Severity::error; })) {
    return give_up(exit_no);
  }

  const questions::FixtureInputs named = questions::fixture_inputs(file, fixture);
  const std::string& policy_path = named.policy;
  int exit_code = exit_yes;
  auto inputs = named.inline_inventory
                    ? load_inputs(policy_path, *named.inline_inventory, options.dialect, exit_code)
                    : load_inputs(policy_path, named.inventory.empty() ? options.inventory : named.inventory,
                                  options.dialect, exit_code);
  if (!inputs) return give_up(exit_code);

  note_rules(report, policy_path, inputs->policy->policy);
  const Progress progress("testing " + path);
  const auto run = questions::run_fixture(*inputs->policy, inputs->inventory.inventory, file, fixture);
  for (const TestCase& test : run.cases) {
    if (test.kind == "expect" && !test.rule.empty()) mark_used(report, policy_path, test.rule);
  }
  add_run(report, file.source, run, policy_path);
}

// --- output ---

std::size_t failures(const Report& report) {
  return static_cast<std::size_t>(
      std::count_if(report.rows.begin(), report.rows.end(), [](const Row& row) { return !row.test.ok; }));
}

std::vector<std::string> unused_rules(const Report& report) {
  std::vector<std::string> out;
  for (const auto& [file, rules] : report.rules) {
    for (const auto& [rule, used] : rules) {
      if (!used) out.push_back(report.rules.size() == 1 ? rule : fmt::format("{}: {}", file, rule));
    }
  }
  return out;
}

std::string outcome(const TestCase& test) {
  std::string out = fmt::format("expected {}, got {}", test.expected, test.got);
  if (!test.rule.empty() && test.got.find(" by ") == std::string::npos) out += fmt::format(" by {}", test.rule);
  if (!test.detail.empty() && !test.ok) out += fmt::format(" ({})", test.detail);
  return out;
}

std::string as_text(const Report& report, bool coverage) {
  std::string out;
  for (const Row& row : report.rows) {
    if (row.test.ok) continue;
    out += fmt::format("{}:{}: {} failed: {}: {}\n", emit::printable(row.file), row.line, row.test.kind,
                       emit::printable(row.test.name), emit::printable(outcome(row.test)));
  }
  const std::size_t failed = failures(report);
  if (report.rows.empty() && report.exit_code <= exit_no)
    out += "no tests: nothing was tested, which counts as a failure\n";
  if (coverage) {
    const auto unused = unused_rules(report);
    for (const std::string& rule : unused) out += fmt::format("not exercised by any test: {}\n", rule);
    if (unused.empty()) out += "every rule is exercised by a test\n";
  }
  return out + fmt::format("{} passed, {} failed\n", report.rows.size() - failed, failed);
}

std::string as_json(const Report& report) {
  const auto quoted = [](std::string_view text) { return hujson::quote(text); };
  const std::size_t failed = failures(report);
  std::string out = fmt::format("{{\"passed\": {}, \"failed\": {}, \"cases\": [", report.rows.size() - failed, failed);
  bool first = true;
  for (const Row& row : report.rows) {
    out += fmt::format(
        "{}\n  {{\"file\": {}, \"line\": {}, \"kind\": \"{}\", \"name\": {}, \"ok\": {}, \"expected\": {}, "
        "\"got\": {}, \"rule\": {}}}",
        first ? "" : ",", quoted(row.file), row.line, row.test.kind, quoted(row.test.name), row.test.ok,
        quoted(row.test.expected), quoted(row.test.got), row.test.rule.empty() ? "null" : quoted(row.test.rule));
    first = false;
  }
  out += "], \"coverage\": {\"unused\": [";
  first = true;
  for (const std::string& rule : unused_rules(report)) {
    out += fmt::format("{}{}", first ? "" : ", ", quoted(rule));
    first = false;
  }
  return out + "]}}\n";
}

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : emit::printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string as_junit(const Report& report) {
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"aclc\" tests=\"{}\" failures=\"{}\">\n",
      report.rows.size(), failures(report));
  for (const Row& row : report.rows) {
    out += fmt::format("  <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\"", row.test.kind,
                       xml(row.test.name), xml(row.file), row.line);
    out += row.test.ok ? "/>\n" : fmt::format("><failure message=\"{}\"/></testcase>\n", xml(outcome(row.test)));
  }
  return out + "</testsuite>\n";
}

std::string as_tap(const Report& report) {
  std::string out = fmt::format("TAP version 13\n1..{}\n", report.rows.size());
  std::size_t number = 0;
  for (const Row& row : report.rows) {
    std::string name = emit::printable(row.test.name);
    std::replace(name.begin(), name.end(), '#', ' ');
    out += fmt::format("{} {} - {}:{}: {}\n", row.test.ok ? "ok" : "not ok", ++number, emit::printable(row.file),
                       row.line, name);
    if (!row.test.ok) out += fmt::format("  # {}\n", emit::printable(outcome(row.test)));
  }
  return out;
}

bool is_fixture(std::string_view path) {
  constexpr std::string_view ending = ".test.hujson";
  return path.size() > ending.size() && path.substr(path.size() - ending.size()) == ending;
}

int run_test(const TestOptions& options) {
  Report report;
  for (const std::string& path : options.files) {
    if (is_fixture(path)) {
      run_fixture(report, path, options);
    } else {
      run_policy(report, path, options);
    }
  }
  if (report.rows.empty() || failures(report) != 0) report.exit_code = std::max(report.exit_code, exit_no);
  std::string out;
  switch (options.format) {
    case Format::text: out = as_text(report, options.coverage); break;
    case Format::json: out = as_json(report); break;
    case Format::junit: out = as_junit(report); break;
    case Format::tap: out = as_tap(report); break;
  }
  return print_out(out) ? report.exit_code : exit_unreadable;
}

}  // namespace

void add_test(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TestOptions>();
  CLI::App* verb = app.add_subcommand("test", "Run the tests of policies and fixtures (*.test.hujson)");
  verb->add_option("FILE", options->files, "policies, and fixtures named *.test.hujson")->required();
  add_inventory_option(*verb, options->inventory);
  verb->add_option("--format", options->format, "output: text (default), json, junit or tap")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Format>{
                                              {"text", Format::text},
                                              {"json", Format::json},
                                              {"junit", Format::junit},
                                              {"tap", Format::tap},
                                          })
                      .description("text|json|junit|tap"))
      ->type_name("");
  verb->add_flag("--coverage", options->coverage, "list the rules that no test exercised");
  add_dialect_option(*verb, options->dialect);
  verb->callback([options, &exit_code] { exit_code = run_test(*options); });
}

}  // namespace acl::cli
