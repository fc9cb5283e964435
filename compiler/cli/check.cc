// aclc check: what the hosted service (or Headscale) would say of a policy on saving it, offline.
//
// Reads each POLICY, checks it with the inventory if there is one (tests included, as on saving), prints one report in one of
// four formats on standard output; a POLICY that cannot be read is told on standard error. The exit code is the greatest of all files': 0 accepted, 1 refused (with --strict also on
// warnings), 3 unreadable, also for an inventory that is malformed.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/options.h"
#include "compiler/cli/progress.h"
#include "compiler/emit/github.h"
#include "compiler/emit/json.h"
#include "compiler/emit/sarif.h"
#include "compiler/emit/text.h"
#include "compiler/policy/load.h"
#include "compiler/questions/full_check.h"
#include "engine/net/file.h"

namespace acl::cli {
namespace {

enum class Format : std::uint8_t { text, json, sarif, github };

struct CheckOptions {
  std::vector<std::string> files;
  std::string inventory;
  policy::Dialect dialect = policy::Dialect::tailscale;
  Format format = Format::text;
  bool strict = false;
};

// What one policy came to, and the texts that its report points into.
struct Checked {
  std::unique_ptr<policy::PolicyFile> file;
  std::optional<LoadedFile> inventory;
  emit::FileReport report;
  int exit_code = exit_yes;
};

Checked check_file(const std::string& path, const CheckOptions& options) {
  Checked checked;
  const std::string name = path == "-" ? "<stdin>" : path;
  checked.report.file = name;
  auto text = read_file(path);
  if (!text) {
    checked.report.accepted = false;
    checked.report.message = text.error().message;
    checked.report.diagnostics = {text.error()};
    checked.exit_code = exit_unreadable;
    return checked;
  }
  const std::string inventory_file = inventory_path(options.inventory, path);
  if (!inventory_file.empty()) {
    checked.inventory = load_inventory_file(inventory_file);
    if (!checked.inventory) {
      checked.report.accepted = false;
      checked.exit_code = exit_unreadable;
      return checked;
    }
  }
  std::optional<Progress> progress("checking " + name);
  policy::Loaded loaded =
      checked.inventory ? questions::full_check(name, std::move(*text), options.dialect, checked.inventory->inventory)
                        : policy::load_policy(name, std::move(*text), options.dialect);
  progress.reset();
  checked.report.accepted = loaded.accepted();
  if (const std::string* message = loaded.message()) checked.report.message = *message;
  checked.report.skipped = std::move(loaded.skipped);
  checked.report.diagnostics = std::move(loaded.diagnostics);
  checked.file = std::move(loaded.file);
  checked.report.source = &checked.file->source;
  const bool warned = std::any_of(checked.report.diagnostics.begin(), checked.report.diagnostics.end(),
                                  [](const Diagnostic& d) { return d.severity == Severity::warning; });
  if (!checked.report.accepted || (options.strict && warned)) checked.exit_code = exit_no;
  return checked;
}

void print(std::string_view text, std::FILE* to) { std::fwrite(text.data(), 1, text.size(), to); }

void print_text(const std::vector<emit::FileReport>& reports) {
  const emit::Sources none;
  const emit::TextOptions out{emit::want_color(STDOUT_FILENO)};
  const emit::TextOptions err{emit::want_color(STDERR_FILENO)};
  bool first = true;
  for (const emit::FileReport& report : reports) {
    if (report.source == nullptr) {
      for (const Diagnostic& diagnostic : report.diagnostics) print(emit::render_text(diagnostic, none, err), stderr);
      continue;
    }
    if (!first) print("\n", stdout);
    first = false;
    print(emit::render_text(report, none, out), stdout);
  }
}

int run_check(const CheckOptions& options) {
  std::vector<Checked> checked;
  checked.reserve(options.files.size());
  for (const std::string& path : options.files) checked.push_back(check_file(path, options));
  std::vector<emit::FileReport> reports;
  int exit_code = exit_yes;
  for (Checked& one : checked) {
    reports.push_back(std::move(one.report));
    exit_code = std::max(exit_code, one.exit_code);
  }
  switch (options.format) {
    case Format::text: print_text(reports); break;
    case Format::json: print(emit::render_json(reports), stdout); break;
    case Format::sarif: print(emit::render_sarif(reports, {}, ACL_VERSION), stdout); break;
    case Format::github: print(emit::render_github(reports), stdout); break;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::perror("aclc: cannot write to standard output");
    return exit_unreadable;
  }
  return exit_code;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* verb = app.add_subcommand("check", "Say what the control plane would say of a policy");
  verb->add_option("POLICY", options->files, "policy files; - reads standard input")->required();
  add_inventory_option(*verb, options->inventory);
  add_dialect_option(*verb, options->dialect);
  verb->add_option("--format", options->format, "output: text (default), json, sarif or github")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Format>{
                                              {"text", Format::text},
                                              {"json", Format::json},
                                              {"sarif", Format::sarif},
                                              {"github", Format::github},
                                          })
                      .description("text|json|sarif|github"))
      ->type_name("");
  verb->add_flag("--strict", options->strict, "refuse warnings, too");
  verb->callback([options, &exit_code] { exit_code = run_check(*options); });
}

}  // namespace acl::cli
