// aclnode run: the daemon, in the foreground, until SIGTERM. The filter and the guard stay when it ends.
//
// Exit code: 0 stopped, 2 wrong usage, 3 it could not start.
#include <fmt/format.h>

#include <sys/prctl.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/daemon.h"

namespace acl::node {
namespace {

int run(const std::string& path) {
  // WireGuard's answers and passwords of stores go through its memory: no core, which a limit of its size does not keep from a program that takes
  // it (core(5)), and no ptrace by who lacks CAP_SYS_PTRACE.
  ::prctl(PR_SET_DUMPABLE, 0);
  // Read by the daemon's loop, not by handlers; before anything else, so that none is missed.
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // Before anything that can fail: whatever it is, the interface is shut.
  const auto guarded = install_guard(path);
  auto config = read_config(path);
  if (!config) {
    complain(config.error());
    return exit_failed;
  }
  if (!guarded) {
    complain(guarded.error());
    return exit_failed;
  }
  auto daemon = Daemon::open(std::move(*config), path, system_clocks());
  if (!daemon) {
    complain(daemon.error());
    return exit_failed;
  }
  (*daemon)->run();
  return exit_yes;
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto config = std::make_shared<std::string>(usual_config);
  CLI::App* verb = app.add_subcommand("run", "Be the daemon");
  verb->add_option("--config", *config, fmt::format("its configuration; default {}", usual_config));
  verb->callback([config, &exit_code] { exit_code = run(*config); });
}

}  // namespace acl::node
