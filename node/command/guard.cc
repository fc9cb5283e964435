// aclnode guard: puts the guard in its place and nothing else, before the network is up: from then on nothing comes in by the
// interface but what the filter lets in.
//
// Exit code: 0 it is there, 2 wrong usage, 3 it could not be installed, or the configuration has a mistake: then it is there if at least
// interface and mark could be read.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/enforcer.h"

namespace acl::node {
namespace {

int guard(const std::string& path) {
  const auto done = install_guard(path);
  if (done) return exit_yes;
  complain(done.error());
  return exit_failed;
}

}  // namespace

void add_guard(CLI::App& app, int& exit_code) {
  auto config = std::make_shared<std::string>(usual_config);
  CLI::App* verb = app.add_subcommand("guard", "Close the interface until the daemon opens it");
  verb->add_option("--config", *config, fmt::format("the daemon's configuration; default {}", usual_config));
  verb->callback([config, &exit_code] { exit_code = guard(*config); });
}

}  // namespace acl::node
