// aclnode remove: takes steering, filter, pins and guard away: the interface is open afterwards. The daemon must be stopped.
//
// Exit code: 0 done, 1 a daemon runs, 2 wrong usage, 3 something could not be removed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/enforcer.h"
#include "node/daemon/interface.h"
#include "node/daemon/login_service.h"
#include "node/daemon/state_folder.h"

namespace acl::node {
namespace {

int remove(const std::string& path) {
  const auto config = read_config(path);
  if (!config) {
    complain(config.error());
    return exit_failed;
  }
  // Its lock: nobody puts things back meanwhile.
  const auto folder = StateFolder::open(config->state_dir);
  if (!folder) {
    complain(folder.error());
    return folder.error().code == Code::E1306 ? exit_no : exit_failed;
  }
  int exit_code = exit_yes;
  const auto note = [&](const Expected<void>& done) {
    if (done) return;
    complain(done.error());
    exit_code = exit_failed;
  };
  note(Steering::remove(steering_options(*config)));
  auto filter = PacketFilter::open(filter_options(*config));
  Expected<void> removed = filter ? Expected<void>() : tl::unexpected(filter.error());
  if (filter) {
    // What hangs on the interface is found there.
    if (const unsigned ifindex = interface_index(config->interface); ifindex != 0) note(filter->attach(ifindex));
    removed = filter->detach_and_remove();
  }
  note(removed);
  auto guard = Guard::make(guard_options(config->interface, config->mark));
  note(guard ? guard->remove() : tl::unexpected(guard.error()));
  if (exit_code == exit_yes && !print_out(fmt::format("{} is open: no filter, no guard\n", config->interface)))
    return exit_failed;
  return exit_code;
}

}  // namespace

void add_remove(CLI::App& app, int& exit_code) {
  auto config = std::make_shared<std::string>(usual_config);
  CLI::App* verb = app.add_subcommand("remove", "Take the filter and the guard away: the interface is open then");
  verb->add_option("--config", *config, fmt::format("the daemon's configuration; default {}", usual_config));
  verb->callback([config, &exit_code] { exit_code = remove(*config); });
}

}  // namespace acl::node
