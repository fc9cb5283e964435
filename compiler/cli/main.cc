// aclc: the policy compiler. Reads the command line and hands over to one verb.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "compiler/cli/commands.h"
#include "compiler/cli/signing.h"

namespace {

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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? acl::cli::exit_yes : acl::cli::exit_usage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "aclc: internal error: %s\n", error.what());
    return acl::cli::exit_unreadable;
  }
}
