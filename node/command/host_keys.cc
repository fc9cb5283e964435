// aclnode host-keys: the public host keys by which this node proves itself in logins by SSH; with --json as `aclc import` reads them, so that
// the inventory has them and clients know them beforehand.
// aclnode rotate-host-key: makes new ones in their place. Clients that know the old ones will complain, as they should.
//
// Exit code: 0 done, 1 they are another program's and are not changed, 2 wrong usage, 3 something cannot be read or written.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/host_keys.h"
#include "node/wireguard/device_poll.h"

namespace acl::node {
namespace {

struct Options {
  std::string config = usual_config;
  bool json = false;
};

int failed(const Diagnostic& diagnostic) {
  complain(diagnostic);
  return exit_failed;
}

int print_keys(const Options& options) {
  const auto config = read_config(options.config);
  if (!config) return failed(config.error());
  const auto keys = public_host_keys(key_folder(*config));
  if (!keys) return failed(keys.error());
  if (!options.json) {
    std::string out;
    for (const std::string& key : *keys) out += key + "\n";
    return print_out(out) ? exit_yes : exit_failed;
  }
  // By its key the inventory finds the node, whatever it is called there.
  const auto device = read_device(config->interface, config->wireguard_socket, std::chrono::seconds(2));
  if (!device) return failed(device.error());
  const std::string json = host_keys_json(device->public_key, *keys);
  return print_out(json + "\n") ? exit_yes : exit_failed;
}

int rotate(const Options& options) {
  const auto config = read_config(options.config);
  if (!config) return failed(config.error());
  if (!config->ssh.host_keys.empty()) {
    complain(make_diagnostic(Code::E1402,
                             fmt::format("the host keys in \"{}\" are another program's", config->ssh.host_keys),
                             "leave host_keys out of [ssh], and aclnode has its own"));
    return exit_no;
  }
  if (auto done = replace_host_keys(config->ssh.session_program, key_folder(*config)); !done)
    return failed(done.error());
  return print_out(
             "new host keys; logins from now on use them\n"
             "next: aclnode host-keys --json, and put them into the inventory\n")
             ? exit_yes
             : exit_failed;
}

}  // namespace

void add_host_keys(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  const std::string about = fmt::format("the daemon's configuration; default {}", usual_config);
  CLI::App* keys = app.add_subcommand("host-keys", "Print the public host keys of logins by SSH");
  keys->add_option("--config", options->config, about);
  keys->add_flag("--json", options->json, "as aclc import reads it");
  keys->callback([options, &exit_code] { exit_code = print_keys(*options); });
  CLI::App* again = app.add_subcommand("rotate-host-key", "Make new host keys in the place of those there are");
  again->add_option("--config", options->config, about);
  again->callback([options, &exit_code] { exit_code = rotate(*options); });
}

}  // namespace acl::node
