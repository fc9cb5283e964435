// aclnode authorized-keys USER TYPE KEY: for AuthorizedKeysCommand of sshd_config(5): the key that a client has offered, behind the addresses from
//   which policy lets its node become USER now.
// aclnode authorized-principals USER [PRINCIPAL …]: for AuthorizedPrincipalsCommand: the principals (USER, if none is named) behind them.
//
// Whatever is in the way, nothing is printed, and sshd lets nobody in by it. Exit code: 0 there is somebody, 1 nobody, 2 wrong usage, 3 the
// daemon cannot be asked.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "engine/release/text.h"
#include "node/command/account.h"
#include "node/command/verbs.h"
#include "node/daemon/sessions.h"
#include "node/daemon/sshd.h"

namespace acl::node {
namespace {

struct Options {
  Where where;
  std::string user, type, key, options;
  std::vector<std::string> principals;
};

int refused(std::string_view what, std::string_view value) {
  complain(make_diagnostic(Code::E1456, fmt::format("{} is no {}", release::quoted(value), what),
                           "AuthorizedKeysCommand … authorized-keys %u %t %k"));
  return exit_usage;
}

int sources(const Options& options, std::vector<std::string>& out) {
  const auto account = find_local_account(options.user);
  std::string answer;
  const int asked =
      ask(options.where, AskSshdSources{options.user, account.has_value(), account && account->uid == 0}, answer);
  if (asked != exit_yes) return asked;
  auto found = sshd_sources_of(answer);
  if (!found) {
    complain(make_diagnostic(Code::E1304, "the daemon gave no answer"));
    return exit_failed;
  }
  out = std::move(*found);
  return out.empty() ? exit_no : exit_yes;
}

int keys(const Options& options) {
  if (!is_key_type(options.type)) return refused("type of a key", options.type);
  if (!is_key_text(options.key)) return refused("key in base64", options.key);
  if (!are_key_options(options.options)) return refused("list of key options without from=", options.options);
  std::vector<std::string> from;
  if (const int asked = sources(options, from); asked != exit_yes) return asked;
  return print_out(key_lines(from, options.options, options.type + " " + options.key)) ? exit_yes : exit_failed;
}

int principals(const Options& options) {
  std::vector<std::string> names = options.principals;
  if (names.empty()) names.push_back(options.user);
  for (const std::string& name : names) {
    const bool plain = !name.empty() && name.size() <= 256 && name.front() != '#' &&
                       std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f && c != '"'; });
    if (!plain) return refused("principal", name);
  }
  if (!are_key_options(options.options)) return refused("list of key options without from=", options.options);
  std::vector<std::string> from;
  if (const int asked = sources(options, from); asked != exit_yes) return asked;
  std::string out;
  for (const std::string& name : names) out += key_lines(from, options.options, name);
  return print_out(out) ? exit_yes : exit_failed;
}

}  // namespace

void add_sshd_hooks(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* keys_verb = app.add_subcommand("authorized-keys", "For AuthorizedKeysCommand of a stock sshd");
  keys_verb->add_option("USER", options->user, "%u")->required();
  keys_verb->add_option("TYPE", options->type, "%t")->required();
  keys_verb->add_option("KEY", options->key, "%k")->required();
  CLI::App* principals_verb =
      app.add_subcommand("authorized-principals", "For AuthorizedPrincipalsCommand of a stock sshd with a CA");
  principals_verb->add_option("USER", options->user, "%u")->required();
  principals_verb->add_option("PRINCIPAL", options->principals, "who the certificate must name; USER");
  for (CLI::App* verb : {keys_verb, principals_verb}) {
    verb->add_option("--options", options->options, "further options of each line, such as no-pty");
    add_where(*verb, options->where);
  }
  keys_verb->callback([options, &exit_code] { exit_code = keys(*options); });
  principals_verb->callback([options, &exit_code] { exit_code = principals(*options); });
}

}  // namespace acl::node
