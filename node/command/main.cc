// aclnode: the daemon that enforces a node's table, and the command that asks it. Reads the command line and hands over to one verb.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "node/command/verbs.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app("Enforces a tailnet policy on this machine's WireGuard interface.", "aclnode");
  app.set_version_flag("--version", "aclnode " ACL_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  int exit_code = acl::node::exit_usage;
  acl::node::add_run(app, exit_code);
  acl::node::add_enroll(app, exit_code);
  acl::node::add_status(app, exit_code);
  acl::node::add_whois(app, exit_code);
  acl::node::add_why(app, exit_code);
  acl::node::add_check(app, exit_code);
  acl::node::add_reload(app, exit_code);
  acl::node::add_host_keys(app, exit_code);
  acl::node::add_known_hosts(app, exit_code);
  acl::node::add_ssh_config(app, exit_code);
  acl::node::add_sessions(app, exit_code);
  acl::node::add_sshd_hooks(app, exit_code);
  acl::node::add_guard(app, exit_code);
  acl::node::add_remove(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? acl::node::exit_yes : acl::node::exit_usage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "aclnode: internal error: %s\n", error.what());
    return acl::node::exit_failed;
  }
}
