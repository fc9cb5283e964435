// aclc: the policy compiler. Reads the command line and hands over to one verb.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/cli/commands.h"
#include "compiler/cli/memory.h"
#include "compiler/cli/signing.h"
#include "compiler/emit/display.h"
#include "engine/net/suggest.h"

namespace {

// True, and said, if the first word is no verb. CLI11 would only say that a verb is missing.
bool is_unknown_verb(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  std::string list;
  for (const std::string& name : names) {
    if (name == word) return false;
    list += (list.empty() ? "" : ", ") + name;
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto near = acl::nearest(word, candidates);
  const std::string help = near ? "did you mean \"" + std::string(*near) + "\"?" : "verbs are " + list;
  std::fprintf(stderr, "aclc: unknown verb \"%s\"; %s\n", acl::emit::printable(word).c_str(), help.c_str());
  return true;
}

int run(int argc, char** argv) {
  CLI::App app("Checks, formats and explains tailnet policies.", "aclc");
  app.set_version_flag("--version", "aclc " ACL_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  int exit_code = acl::cli::exit_usage;
  acl::cli::add_check(app, exit_code);
  acl::cli::add_fmt(app, exit_code);
  acl::cli::add_explain(app, exit_code);
  acl::cli::add_import(app, exit_code);
  acl::cli::add_show(app, exit_code);
  acl::cli::add_can(app, exit_code);
  acl::cli::add_test(app, exit_code);
  acl::cli::add_compile(app, exit_code);
  acl::cli::add_keygen(app, exit_code);
  acl::cli::add_trust(app, exit_code);
  acl::cli::add_sign(app, exit_code, acl::cli::rebuild_release());
  acl::cli::add_verify(app, exit_code);
  acl::cli::add_renew(app, exit_code);
  acl::cli::add_publish(app, exit_code);
  acl::cli::add_inspect(app, exit_code);
  acl::cli::add_schema(app, exit_code);
  if (argc > 1 && argv[1][0] != '-' && is_unknown_verb(app, argv[1])) return acl::cli::exit_usage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? acl::cli::exit_yes : acl::cli::exit_usage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  acl::cli::keep_freed_memory();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "aclc: internal error: %s\n", error.what());
    return acl::cli::exit_unreadable;
  }
}
