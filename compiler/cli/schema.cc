// aclc schema [--dialect D]: the policy language as a JSON Schema (draft-07) on standard output, for editors without a language
// server.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "compiler/cli/commands.h"
#include "compiler/cli/options.h"
#include "compiler/policy/language.h"

namespace acl::cli {

void add_schema(CLI::App& app, int& exit_code) {
  auto dialect = std::make_shared<policy::Dialect>(policy::Dialect::tailscale);
  CLI::App* verb = app.add_subcommand("schema", "Print the policy language as a JSON Schema");
  add_dialect_option(*verb, *dialect);
  verb->callback([dialect, &exit_code] {
    const std::string text = policy::json_schema(*dialect);
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    exit_code = written ? exit_yes : exit_unreadable;
  });
}

}  // namespace acl::cli
