// aclc compile: a policy and an inventory into a release folder: tables of all nodes, proved equal to their rules, and the next
// head. Needs neither key nor trust, and leaves `latest` alone: `aclc sign` moves it.
//
// Exit code: 0 compiled, 1 the policy is refused, a node has no key, a table would not fit or not mean its rules, 2 no inventory
// or wrong usage, 3 unreadable or unwritable.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <map>
#include <memory>

#include "compiler/cli/build_release.h"
#include "compiler/cli/commands.h"
#include "compiler/cli/options.h"
#include "compiler/cli/signing.h"

namespace acl::cli {
namespace {

struct CompileVerb {
  ReleaseInputs inputs;
  std::string out, valid = "30d", grace = "72h";
  release::OnExpiry on_expiry = release::OnExpiry::ssh_restricted;
};

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} bytes", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1000);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string changes_text(const Changes& changes) {
  constexpr std::size_t most = 8;
  if (changes.first) return "the first release here\n";
  if (changes.added == 0 && changes.removed == 0 && changes.changed.empty()) return "no node's table changed\n";
  std::string out = fmt::format("since the last head: {} node{} added, {} removed, {} changed", changes.added,
                                changes.added == 1 ? "" : "s", changes.removed, changes.changed.size());
  for (std::size_t i = 0; i < changes.changed.size() && i < most; ++i)
    out += fmt::format("{}{}", i == 0 ? ": " : ", ", changes.changed[i]);
  if (changes.changed.size() > most) out += fmt::format(", … ({} more)", changes.changed.size() - most);
  return out + "\n";
}

std::string report(const BuiltRelease& built, const store::StoredHead& head, double seconds) {
  const auto& counts = built.counts;
  std::string out = fmt::format("{} node{}, each table proved equal to its rules ({} built, {} as before), {:.2f} s\n", counts.nodes,
                                counts.nodes == 1 ? "" : "s", counts.built, counts.tables - counts.built, seconds);
  if (counts.without != 0)
    out += fmt::format("{} node{} without a key enforce{} nothing and {} believed by address\n", counts.without,
                       counts.without == 1 ? "" : "s", counts.without == 1 ? "s" : "", counts.without == 1 ? "is" : "are");
  const auto line = [&](std::string_view name, std::uint64_t parts, std::uint64_t bytes) {
    out += fmt::format("  {:<10} {:>8} parts  {:>12}\n", name, parts, bytes_text(bytes));
  };
  line("hot", counts.hot, counts.hot_bytes);
  line("ssh", counts.ssh, counts.ssh_bytes);
  line("names", counts.names, counts.names_bytes);
  out += fmt::format("  {:<10} {:>8}        {:>12}\n", "directory", "", bytes_text(counts.directory_bytes));
  out += fmt::format("  {:<10} {:>8} pages  {:>12}\n", "tree", built.tree.pages, bytes_text(built.tree.page_bytes));
  out += fmt::format("  a node's hot part: median {}, largest {}\n", bytes_text(counts.median_hot), bytes_text(counts.largest_hot));
  out += changes_text(built.changes);
  out += fmt::format("written: {} blobs, {}, {}\n", built.written_blobs, bytes_text(built.written_bytes),
                     release::head_name(head.head.generation));
  return out;
}

int run_compile(const CompileVerb& verb) {
  const auto start = std::chrono::steady_clock::now();
  auto folder = store::Folder::create(verb.out);
  if (!folder) return give_up(folder.error());
  int exit_code = exit_yes;
  const auto built = build_release(verb.inputs, &*folder, exit_code);
  if (!built) return exit_code;
  store::Validity validity;
  validity.created = wall_clock();
  validity.valid = parse_seconds(verb.valid).value_or(0);
  validity.grace = parse_seconds(verb.grace).value_or(0);
  validity.on_expiry = verb.on_expiry;
  const auto head = store::put_next_head(*folder, built->contents, validity);
  if (!head) return give_up(head.error());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::string out = report(*built, *head, seconds);
  out += head->head.generation.trust == 0 ? fmt::format("next: aclc trust init {} --key KEY.pub, then compile again and sign\n", verb.out)
                                          : fmt::format("next: aclc sign {} --key KEY\n", verb.out);
  return print_out(out) ? exit_yes : exit_unreadable;
}

}  // namespace

Rebuild rebuild_release() {
  return [](const std::string& policy, const std::string& inventory, const release::Head& like) -> Expected<release::Head> {
    int exit_code = exit_yes;
    const auto built = build_release({policy, inventory, policy::Dialect::tailscale}, nullptr, exit_code);
    if (!built) return fail(Code::E1209, fmt::format("\"{}\" cannot be compiled again", policy), "the reason stands above");
    release::Head head = like;
    head.contents = built->contents;
    return head;
  };
}

void add_compile(CLI::App& app, int& exit_code) {
  auto verb = std::make_shared<CompileVerb>();
  CLI::App* sub = app.add_subcommand("compile", "Compile the tables of all nodes into a release folder");
  sub->add_option("POLICY", verb->inputs.policy, "policy file; - reads standard input")->required();
  add_inventory_option(*sub, verb->inputs.inventory);
  sub->add_option("--out", verb->out, "the release folder, made if need be")->required()->type_name("DIR");
  const CLI::Validator duration([](std::string& text) {
    return parse_seconds(text) ? std::string() : fmt::format("\"{}\" is no duration, such as 30d, 72h, 1h30m", text);
  }, "DURATION");
  sub->add_option("--valid", verb->valid, "how long nodes may take the release for current (default 30d)")->check(duration)->type_name("");
  sub->add_option("--grace", verb->grace, "how long after that --on-expiry waits (default 72h)")->check(duration)->type_name("");
  sub->add_option("--on-expiry", verb->on_expiry, "what then: keep, ssh-restricted (default) or deny")
      ->transform(CLI::CheckedTransformer(std::map<std::string, release::OnExpiry>{{"keep", release::OnExpiry::keep},
                                                                                   {"ssh-restricted", release::OnExpiry::ssh_restricted},
                                                                                   {"deny", release::OnExpiry::deny}})
                      .description("keep|ssh-restricted|deny"))
      ->type_name("");
  add_dialect_option(*sub, verb->inputs.dialect);
  sub->callback([verb, &exit_code] { exit_code = run_compile(*verb); });
}

}  // namespace acl::cli
