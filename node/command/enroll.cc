// aclnode enroll --trust FILE --source URL --interface NAME: makes this machine a node of a network: checks the trust set, puts it where
// the daemon reads it, and writes the configuration. Nothing is fetched, and nothing starts.
//
// Exit code: 0 done, 1 there is a configuration already, 2 wrong usage, 3 a file cannot be read or written.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "engine/net/file.h"
#include "engine/release/trust.h"
#include "node/command/verbs.h"
#include "node/daemon/config.h"

namespace acl::node {
namespace {

struct Options {
  std::string trust, config = usual_config, trust_to;
  Config settings;
  bool force = false;
};

// What a person would look for next; off until somebody takes the signs away.
constexpr std::string_view ssh_hint = R"(
# Logins by SSH, decided by the policy's "ssh" rules, on port 22 of this node's WireGuard addresses (aclnode.toml(5)):
# [ssh]
# enabled = true
# deny_users = ["root"]
)";

int failed(const Diagnostic& diagnostic) {
  complain(diagnostic);
  return exit_failed;
}

int enroll(Options& options) {
  const auto text = read_file(options.trust, release::trust_limit);
  if (!text) return failed(text.error());
  const auto trust = release::parse_trust(*text, options.trust);
  if (!trust) return failed(trust.error());
  if (::access(options.config.c_str(), F_OK) == 0 && !options.force) {
    complain(make_diagnostic(Code::E0003, fmt::format("\"{}\" is there already", options.config),
                             "edit it, or --force to replace it"));
    return exit_no;
  }
  const std::filesystem::path config = std::filesystem::absolute(options.config);
  options.settings.trust = options.trust_to.empty() ? (config.parent_path() / "trust").string() : options.trust_to;
  const std::string settings = print_config(options.settings).append(ssh_hint);
  if (const auto valid = parse_config(settings, options.config); !valid) {
    complain(make_diagnostic(valid.error().code, valid.error().message, valid.error().help));
    return exit_usage;
  }
  std::error_code error;
  std::filesystem::create_directories(config.parent_path(), error);
  // The trust set decides who rules this node: nobody but root writes it.
  ::umask(022);
  if (auto ok = replace_file(options.settings.trust, *text); !ok) return failed(ok.error());
  if (auto ok = replace_file(options.config, settings); !ok) return failed(ok.error());
  std::string out = fmt::format("wrote {} and {}\ntrust version {}, {} of {} keys must sign:\n", options.config,
                                options.settings.trust, trust->version, trust->threshold, trust->keys.size());
  for (const release::TrustedKey& key : trust->keys) out += fmt::format("  {}  {}\n", key.key.id.text(), key.label);
  out += fmt::format(
      "fingerprint {}\ncompare it with the one that `aclc trust` printed, then: systemctl enable --now aclnode-guard "
      "aclnode\n",
      release::digest_of(release::as_bytes(*text)).text());
  return print_out(out) ? exit_yes : exit_failed;
}

}  // namespace

void add_enroll(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("enroll", "Make this machine a node of a network");
  verb->add_option("--trust", options->trust, "a copy of the release folder's trust/VERSION, brought here by you")
      ->required();
  verb->add_option("--source", options->settings.source.url, "where releases are: a folder, https://…, etcd://…")
      ->required();
  verb->add_option("--interface", options->settings.interface, "the WireGuard interface")->required();
  verb->add_option("--config", options->config, fmt::format("the file to write; default {}", usual_config));
  verb->add_option("--trust-to", options->trust_to,
                   "where to put the trust set; default: trust beside the configuration");
  verb->add_flag("--force", options->force, "replace a configuration that is there");
  verb->callback([options, &exit_code] { exit_code = enroll(*options); });
}

}  // namespace acl::node
