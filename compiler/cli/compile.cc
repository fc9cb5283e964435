// aclc compile: a policy and an inventory into a release folder: tables of all nodes, proved equal to their rules, and the next
// head. Needs neither key nor trust, and leaves `latest` alone: `aclc sign` moves it. With --dry-run it does the same work, says the
// same and writes nothing; then there need be no folder.
//
// Exit code: 0 compiled, 1 the policy is refused, a node has no key, a table would not fit or not mean its rules, 2 no inventory
// or wrong usage, 3 unreadable or unwritable.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "compiler/cli/build_release.h"
#include "compiler/cli/commands.h"
#include "compiler/cli/options.h"
#include "compiler/cli/signing.h"
#include "compiler/emit/display.h"

namespace acl::cli {
namespace {

struct CompileVerb {
  ReleaseInputs inputs;
  std::string out, valid = "30d", grace = "72h";
  release::OnExpiry on_expiry = release::OnExpiry::ssh_restricted;
  bool dry_run = false;

  [[nodiscard]] store::Validity validity() const {
    return {wall_clock(), parse_seconds(valid).value_or(0), parse_seconds(grace).value_or(0), on_expiry};
  }
};

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} bytes", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1000);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string count_text(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// "2 changed: web-1, web-2"
std::string nodes_text(const std::vector<std::string>& names, std::string_view what) {
  constexpr std::size_t most = 8;
  std::string out = fmt::format("  {} {}", names.size(), what);
  for (std::size_t i = 0; i < names.size() && i < most; ++i) out += (i == 0 ? ": " : ", ") + emit::printable(names[i]);
  if (names.size() > most) out += fmt::format(", … ({} more)", names.size() - most);
  return out + "\n";
}

std::string changes_text(const Changes& changes) {
  if (changes.since.empty()) return "the first release here\n";
  if (changes.added.empty() && changes.removed == 0 && changes.changed.empty())
    return fmt::format("every node's table is as in {}\n", changes.since);
  std::string out = fmt::format("nodes whose tables differ from {}\n", changes.since);
  if (!changes.added.empty()) out += nodes_text(changes.added, "new");
  if (!changes.changed.empty()) out += nodes_text(changes.changed, "changed");
  if (changes.removed != 0) out += fmt::format("  {} gone\n", changes.removed);
  return out;
}

// What the release is made of: distinct parts, which nodes of equal rights share.
std::string sizes_text(const tables::Compiled::Counts& counts, const release::TreeCounts& tree) {
  std::string out;
  const auto line = [&](std::string_view name, std::uint64_t number, std::string_view unit, std::uint64_t bytes,
                        std::string_view what) {
    out += fmt::format("  {:<10}{:>8} {:<6}{:>12}   {}\n", name, number, unit, bytes_text(bytes), what);
  };
  line("hot", counts.hot, "parts", counts.hot_bytes, "who may send what");
  line("ssh", counts.ssh, "parts", counts.ssh_bytes, "who may log in as whom");
  line("names", counts.names, "parts", counts.names_bytes, "whom a node knows, capabilities, which rule is which");
  line("directory", counts.nodes + counts.without, "nodes", counts.directory_bytes,
       "addresses and keys, rules and their lines");
  line("tree", tree.pages, "pages", tree.page_bytes, "leads each node to its parts");
  return out;
}

// What was built. Sizes are those of the whole release.
std::string report(const BuiltRelease& built, double seconds) {
  const auto& counts = built.counts;
  std::string out = fmt::format("{}, each table proved equal to its rules; {} built anew, {:.2f} s\n",
                                count_text(counts.nodes, "node"), count_text(counts.built, "part"), seconds);
  if (counts.without != 0) {
    out +=
        fmt::format("{} without a key: believed by address, and given no table\n", count_text(counts.without, "node"));
  }
  out += sizes_text(counts, built.tree);
  out += fmt::format("  a node's hot part: median {}, largest {}\n", bytes_text(counts.median_hot),
                     bytes_text(counts.largest_hot));
  return out;
}

// `verb`: "wrote" or "would write".
std::string written_text(std::string_view verb, const BuiltRelease& built, const store::StoredHead& head) {
  return fmt::format("{} {}, {} and {} ({})\n", verb, release::head_name(head.head.generation),
                     count_text(built.written_blobs, "blob"), count_text(built.written_pages, "page"),
                     bytes_text(built.written_bytes));
}

// Nothing takes effect by being compiled.
std::string next_step(const std::string& out, const release::Head& head) {
  if (head.generation.trust == 0) {
    return fmt::format(
        "not signed, and not yet to be: there is no trust set\n"
        "next: aclc trust init {} --pub KEY.pub --key KEY.key, and compile again\n",
        out);
  }
  return fmt::format("not in force until it is signed\nnext: aclc inspect {0}, then aclc sign {0} --key KEY.key\n",
                     out);
}

// A folder that was made for nothing is taken away; one with anything in it stays.
int leave(const CompileVerb& verb, bool was_there, int exit_code) {
  std::error_code ignored;
  if (!was_there) std::filesystem::remove(verb.out, ignored);
  return exit_code;
}

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

int run_compile(const CompileVerb& verb) {
  const Stopwatch stopwatch;
  std::error_code ignored;
  const bool was_there = std::filesystem::exists(verb.out, ignored);
  auto folder = store::Folder::create(verb.out);
  if (!folder) return give_up(folder.error());
  int exit_code = exit_yes;
  const auto built = build_release(verb.inputs, &*folder, Writing::all, exit_code);
  if (!built) return leave(verb, was_there, exit_code);
  const auto head = store::put_next_head(*folder, built->contents, verb.validity());
  if (!head) return give_up(head.error());
  const std::string out = report(*built, stopwatch.seconds()) + changes_text(built->changes) +
                          written_text("wrote", *built, *head) + next_step(verb.out, head->head);
  return print_out(out) ? exit_yes : exit_unreadable;
}

// Of a folder that does not exist, or none, there is nothing to compare with.
int run_dry(const CompileVerb& verb) {
  const Stopwatch stopwatch;
  std::optional<store::Folder> folder;
  std::error_code ignored;
  if (std::filesystem::exists(verb.out, ignored)) {
    auto opened = store::Folder::open(verb.out);
    if (!opened) return give_up(opened.error());
    folder = std::move(*opened);
  }
  int exit_code = exit_yes;
  const auto built = build_release(verb.inputs, folder ? &*folder : nullptr, Writing::none, exit_code);
  if (!built) return exit_code;
  std::string out = report(*built, stopwatch.seconds());
  if (folder) {
    const auto head = store::next_head(*folder, built->contents, verb.validity());
    if (!head) return give_up(head.error());
    out += changes_text(built->changes) + written_text("would write", *built, *head);
  }
  return print_out(out + "nothing was written\n") ? exit_yes : exit_unreadable;
}

}  // namespace

Rebuild rebuild_release() {
  return [](const ReleaseInputs& inputs, const release::Head& like) -> Expected<release::Head> {
    int exit_code = exit_yes;
    const auto built = build_release(inputs, nullptr, Writing::none, exit_code);
    if (!built)
      return fail(Code::E1209, fmt::format("\"{}\" cannot be compiled again", inputs.policy),
                  "the reason stands above");
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
  auto* out = sub->add_option("--out", verb->out, "the release folder, made if need be")->type_name("DIR");
  sub->add_flag("--dry-run", verb->dry_run, "do all but write: what would change; --out may be left out");
  const CLI::Validator duration(
      [](std::string& text) {
        return parse_seconds(text) ? std::string()
                                   : fmt::format("\"{}\" is no duration, such as 30d, 72h, 1h30m", text);
      },
      "", "duration");
  sub->add_option("--valid", verb->valid, "how long nodes may take the release for current (default 30d)")
      ->check(duration)
      ->type_name("DURATION");
  sub->add_option("--grace", verb->grace, "how long after that --on-expiry waits (default 72h)")
      ->check(duration)
      ->type_name("DURATION");
  sub->add_option("--on-expiry", verb->on_expiry, "what then: keep, ssh-restricted (default) or deny")
      ->transform(CLI::CheckedTransformer(
                      std::map<std::string, release::OnExpiry>{{"keep", release::OnExpiry::keep},
                                                               {"ssh-restricted", release::OnExpiry::ssh_restricted},
                                                               {"deny", release::OnExpiry::deny}})
                      .description("keep|ssh-restricted|deny"))
      ->type_name("");
  add_dialect_option(*sub, verb->inputs.dialect);
  sub->callback([verb, out, &exit_code] {
    if (out->count() == 0 && !verb->dry_run) throw CLI::RequiredError("--out");
    exit_code = verb->dry_run ? run_dry(*verb) : run_compile(*verb);
  });
}

}  // namespace acl::cli
