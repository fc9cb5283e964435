// aclc renew: a new head over the same contents, with a new end.
//
// Of the release that `latest` names, since that is what nodes have; of the newest head where nothing was published yet.
// Exit code: 0 written, 1 there is nothing to renew, 2 usage, 3 the folder cannot be read or written.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/signing.h"

namespace acl::cli {
namespace {

struct RenewOptions {
  std::string folder, key, valid = "30d", grace;
  std::optional<release::OnExpiry> on_expiry;
  int passphrase_fd = from_terminal;
};

Expected<store::StoredHead> head_to_renew(const store::Folder& folder) {
  const auto latest = folder.latest();
  if (!latest) return tl::unexpected<Diagnostic>(latest.error());
  auto head = *latest ? store::read_head(folder, **latest) : store::newest_head(folder);
  if (!head) return tl::unexpected<Diagnostic>(head.error());
  if (*head) return std::move(**head);
  if (*latest) return fail(Code::E1013, fmt::format("\"{}\" is not there", folder.path_of(head_name(**latest))));
  return fail(Code::E1029, fmt::format("\"{}\" has no release to renew", folder.path()));
}

int run_renew(const RenewOptions& options) {
  auto folder = store::Folder::open(options.folder);
  if (!folder) return give_up(folder.error());
  const auto head = head_to_renew(*folder);
  if (!head) return give_up(head.error());
  store::Validity validity;
  validity.created = wall_clock();
  validity.valid = parse_seconds(options.valid).value_or(0);
  validity.grace = options.grace.empty() ? head->head.grace : parse_seconds(options.grace).value_or(0);
  validity.on_expiry = options.on_expiry.value_or(head->head.on_expiry);
  const auto next = store::put_next_head(*folder, head->head.contents, validity);
  if (!next) return give_up(next.error());
  if (!print_out(fmt::format("{}: the contents of {}, until {}\n", head_name(next->head.generation),
                             head->head.generation.text(), release::print_time(next->head.expires)))) {
    return exit_unreadable;
  }
  if (options.key.empty()) return exit_yes;
  const auto trust = store::read_trust(*folder, next->head.generation.trust);
  if (!trust) return give_up(trust.error());
  if (!*trust) return give_up(make_diagnostic(Code::E1020, fmt::format("\"{}\" has no trust set", folder->path())));
  const auto key = load_secret_key(options.key, options.passphrase_fd);
  if (!key) return give_up(key.error());
  const auto printed = sign_head(*folder, *next, **trust, *key);
  if (!printed) return give_up(printed.error());
  return *printed ? exit_yes : exit_unreadable;
}

}  // namespace

void add_renew(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RenewOptions>();
  CLI::App* verb = app.add_subcommand("renew", "Write a new head over the same release, with a new end");
  const CLI::Validator duration(
      [](const std::string& text) {
        return parse_seconds(text) ? std::string() : fmt::format("\"{}\" is no duration such as 30d or 72h", text);
      },
      "", "duration");
  verb->add_option("DIR", options->folder, "the release folder")->required();
  verb->add_option("--valid", options->valid, "how long from now (default: 30d)")
      ->check(duration)
      ->type_name("DURATION");
  verb->add_option("--grace", options->grace, "from the end to what --on-expiry says (default: as before)")
      ->check(duration)
      ->type_name("DURATION");
  verb->add_option("--on-expiry", options->on_expiry, "keep, ssh-restricted or deny (default: as before)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, release::OnExpiry>{
                                              {"keep", release::OnExpiry::keep},
                                              {"ssh-restricted", release::OnExpiry::ssh_restricted},
                                              {"deny", release::OnExpiry::deny},
                                          })
                      .description("keep|ssh-restricted|deny"))
      ->type_name("");
  verb->add_option("--key", options->key, "sign it, too, with this secret key")->type_name("FILE");
  verb->add_option("--passphrase-fd", options->passphrase_fd, "read the passphrase from this descriptor")
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  verb->callback([options, &exit_code] { exit_code = run_renew(*options); });
}

}  // namespace acl::cli
