// aclnode known-hosts: the host keys of the nodes that this one knows, as OpenSSH's known_hosts has them.
// aclnode ssh-config: entries of ssh_config by which `ssh NAME` reaches each of them and trusts its key alone.
//
// Both are what the signed release says, so a new client trusts the right key at its first login. Exit code: 0 printed, 2 wrong usage,
// 3 the daemon cannot be asked.
#include <CLI/CLI.hpp>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/peers.h"

namespace acl::node {
namespace {

struct Options {
  Where where;
  std::string known_hosts;
};

}  // namespace

void add_known_hosts(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("known-hosts", "Print the SSH host keys of known nodes, as known_hosts has them");
  add_where(*verb, options->where);
  verb->callback([options, &exit_code] {
    std::string answer;
    exit_code = ask(options->where, AskPeers{}, answer);
    if (exit_code == exit_yes && !print_out(known_hosts_text(answer))) exit_code = exit_failed;
  });
}

void add_ssh_config(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("ssh-config", "Print entries of ssh_config for known nodes, by name");
  verb->add_option("--known-hosts", options->known_hosts,
                   "the file that holds what known-hosts prints, if not OpenSSH's own");
  add_where(*verb, options->where);
  verb->callback([options, &exit_code] {
    std::string answer;
    exit_code = ask(options->where, AskPeers{}, answer);
    if (exit_code == exit_yes && !print_out(ssh_config_text(answer, options->known_hosts))) exit_code = exit_failed;
  });
}

}  // namespace acl::node
