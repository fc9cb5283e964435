// aclnode reload: the daemon reads its configuration again and looks for a release at once, as on SIGHUP.
//
// Exit code: 0 done, 1 the configuration cannot be used and the old one stays, 3 the daemon cannot be asked.
#include <CLI/CLI.hpp>
#include <memory>

#include "node/command/verbs.h"

namespace acl::node {

void add_reload(CLI::App& app, int& exit_code) {
  auto where = std::make_shared<Where>();
  CLI::App* verb = app.add_subcommand("reload", "Have the daemon read its configuration and its store again");
  add_where(*verb, *where);
  verb->callback([where, &exit_code] {
    std::string answer;
    exit_code = ask(*where, AskReload{}, answer);
    if (exit_code == exit_usage) exit_code = exit_no;
  });
}

}  // namespace acl::node
