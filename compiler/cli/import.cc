// aclc import [--from tailscale|api|headscale] FILE...: makes an inventory in the native format of what other programs print.
//
// All FILEs are read, merged into one inventory and printed on standard output, laid out as `aclc fmt` does. What the sources
// do not tell, and everything odd in them, is told on standard error. The exit code is 0 with an inventory, 1 if the files
// make none (nothing is printed then), 3 if one of them cannot be read or the output not written.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/cli/commands.h"
#include "compiler/cli/progress.h"
#include "compiler/emit/text.h"
#include "compiler/inventory/load.h"
#include "compiler/inventory/print.h"
#include "engine/net/file.h"

namespace acl::cli {
namespace {

struct ImportOptions {
  inventory::From from = inventory::From::any;
  std::vector<std::string> files;
};

void report(const Diagnostic& diagnostic, const emit::Sources& sources = {}) {
  const std::string text = emit::render_text(diagnostic, sources, {.color = emit::want_color(STDERR_FILENO)});
  std::fwrite(text.data(), 1, text.size(), stderr);
}

int run_import(const ImportOptions& options) {
  std::deque<SourceText> texts;
  emit::Sources sources;
  for (const std::string& file : options.files) {
    auto text = read_file(file);
    if (!text) {
      report(text.error());
      return exit_unreadable;
    }
    sources.texts.push_back(&texts.emplace_back(file == "-" ? "<stdin>" : file, std::move(*text)));
  }
  const inventory::LoadedInventory loaded = [&] {
    const Progress progress("reading " + options.files[0] + (options.files.size() == 1 ? "" : ", …"));
    return inventory::load_inventory(sources.texts, options.from);
  }();
  for (const Diagnostic& diagnostic : loaded.diagnostics) report(diagnostic, sources);
  if (!loaded.ok()) return exit_no;
  // Those are about a file as a whole: a line of it would explain nothing.
  for (const Diagnostic& gap : loaded.gaps) report(gap);

  const std::string text = [&] {
    const Progress progress("writing the inventory");
    return inventory::print_inventory(loaded.inventory);
  }();
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return exit_yes;
  report(make_diagnostic(Code::E0003, fmt::format("cannot write to standard output: {}", std::strerror(errno))));
  return exit_unreadable;
}

}  // namespace

void add_import(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* verb = app.add_subcommand("import", "Make an inventory of what tailscale, its API or headscale print");
  verb->add_option("--from", options->from, "whose files they are; without it their shape tells")
      ->transform(CLI::CheckedTransformer(std::map<std::string, inventory::From>{
                                              {"tailscale", inventory::From::tailscale},
                                              {"api", inventory::From::api},
                                              {"headscale", inventory::From::headscale},
                                          })
                      .description("tailscale|api|headscale"))
      ->type_name("");
  verb->add_option("FILE", options->files,
                   "tailscale status --json; answers of the devices and users API; headscale nodes list -o json and "
                   "users list -o json; - reads standard input")
      ->required();
  verb->callback([options, &exit_code] { exit_code = run_import(*options); });
}

}  // namespace acl::cli
