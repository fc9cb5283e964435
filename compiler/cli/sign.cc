// aclc sign: adds one signature to the newest release of a folder, and moves `latest` when there are enough.
//
// Exit code: 0 signed (or was before), 1 refused: nothing to sign, expired, not trusted, not what the rebuild made; 2 usage,
// 3 the key or the folder cannot be read or written.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/options.h"
#include "compiler/cli/signing.h"

namespace acl::cli {
namespace {

using release::Head;

struct SignOptions {
  std::string folder, key;
  ReleaseInputs rebuilt;  // without --rebuild no policy
  int passphrase_fd = from_terminal;
};

struct ToSign {
  store::StoredHead head;
  store::StoredTrust trust;
};

Expected<ToSign> find_head(const store::Folder& folder) {
  auto trust = store::current_trust(folder);
  if (!trust) return tl::unexpected<Diagnostic>(trust.error());
  if (!*trust) {
    return fail(Code::E1020, fmt::format("\"{}\" has no trust set", folder.path()),
                "`aclc trust init` makes one; then compile again, because a head names its trust set");
  }
  const std::uint64_t version = (*trust)->trust.version;
  auto head = store::newest_head(folder, version);
  if (!head) return tl::unexpected<Diagnostic>(head.error());
  if (!*head) {
    const auto other = store::newest_head(folder);
    if (!other) return tl::unexpected<Diagnostic>(other.error());
    return fail(Code::E1029,
                *other ? fmt::format("\"{}\" was made for trust version {}, but the trust set is at version {}",
                                     folder.path_of(release::head_name((*other)->head.generation)),
                                     (*other)->head.generation.trust, version)
                       : fmt::format("\"{}\" has no head to sign", folder.path()),
                "write one for this trust set: `aclc compile`, or `aclc renew` for the same contents");
  }
  if ((*head)->head.trust != release::digest_of(release::as_bytes((*trust)->text))) {
    return fail(Code::E1030,
                fmt::format("\"{}\" was made for another trust set of version {}",
                            folder.path_of(release::head_name((*head)->head.generation)), version),
                "write a new head: `aclc compile` or `aclc renew`");
  }
  const release::Time now = wall_clock();
  if ((*head)->head.expires <= now) {
    return fail(Code::E1016,
                fmt::format("\"{}\" expired at {}", folder.path_of(release::head_name((*head)->head.generation)),
                            release::print_time((*head)->head.expires)),
                "`aclc renew` writes the next one");
  }
  return ToSign{std::move(**head), std::move(**trust)};
}

// What the rebuilt contents differ in; empty if in nothing.
std::string differences(const release::Contents& a, const release::Contents& b) {
  std::string out;
  const auto compare = [&](std::string_view what, bool same) {
    if (!same) out += fmt::format("{}{}", out.empty() ? "" : ", ", what);
  };
  compare("policy", a.policy == b.policy);
  compare("inventory", a.inventory == b.inventory);
  compare("root", a.root == b.root);
  compare("directory", a.directory == b.directory);
  compare("rules", a.rules == b.rules);
  return out;
}

Expected<void> check_rebuild(const SignOptions& options, const Rebuild& rebuild, const Head& head) {
  const auto made = rebuild(options.rebuilt, head);
  if (!made) return tl::unexpected<Diagnostic>(made.error());
  const std::string differs = differences(made->contents, head.contents);
  if (differs.empty()) return {};
  return fail(Code::E1024,
              fmt::format("\"{}\" is not what \"{}\" makes: {} differ", release::head_name(head.generation),
                          options.rebuilt.policy, differs),
              "nothing was signed");
}

std::string describe(const Head& head) {
  return fmt::format("release {}  created {}  expires {}, then {} after {}\npolicy {}\ninventory {}\n",
                     head.generation.text(), release::print_time(head.created), release::print_time(head.expires),
                     release::on_expiry_name(head.on_expiry), print_seconds(head.grace), head.contents.policy.text(),
                     head.contents.inventory.text());
}

int run_sign(const SignOptions& options, const Rebuild& rebuild) {
  auto folder = store::Folder::open(options.folder);
  if (!folder) return give_up(folder.error());
  const auto found = find_head(*folder);
  if (!found) return give_up(found.error());
  // What is about to be signed is told before the passphrase is asked for.
  if (!print_out(describe(found->head.head))) return exit_unreadable;
  if (!options.rebuilt.policy.empty()) {
    if (auto same = check_rebuild(options, rebuild, found->head.head); !same) return give_up(same.error());
    if (!print_out("rebuilt: the same\n")) return exit_unreadable;
  }
  const auto key = load_secret_key(options.key, options.passphrase_fd);
  if (!key) return give_up(key.error());
  const auto printed = sign_head(*folder, found->head, found->trust, *key);
  if (!printed) return give_up(printed.error());
  return *printed ? exit_yes : exit_unreadable;
}

}  // namespace

void add_sign(CLI::App& app, int& exit_code, Rebuild rebuild) {
  auto options = std::make_shared<SignOptions>();
  CLI::App* verb = app.add_subcommand("sign", "Add a signature to the newest release of a folder");
  verb->add_option("DIR", options->folder, "the release folder")->required();
  verb->add_option("--key", options->key, "secret key file")->required()->type_name("FILE");
  verb->add_option("--passphrase-fd", options->passphrase_fd, "read the passphrase from this descriptor")
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
  if (rebuild) {
    CLI::Option* const policy = verb->add_option("--rebuild", options->rebuilt.policy,
                                                 "compile this policy again, and sign only if all is equal")
                                    ->type_name("POLICY");
    add_inventory_option(*verb, options->rebuilt.inventory).needs(policy);
    add_dialect_option(*verb, options->rebuilt.dialect).needs(policy);
  }
  verb->callback([options, rebuild = std::move(rebuild), &exit_code] { exit_code = run_sign(*options, rebuild); });
}

}  // namespace acl::cli
