#include "compiler/cli/inputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "compiler/cli/commands.h"
#include "compiler/cli/memory.h"
#include "compiler/cli/progress.h"
#include "compiler/emit/text.h"
#include "compiler/questions/full_check.h"
#include "engine/net/file.h"

namespace acl::cli {

std::string inventory_path(const std::string& option, const std::string& policy) {
  if (!option.empty() || policy == "-") return option;
  const std::filesystem::path folder = std::filesystem::path(policy).parent_path();
  for (const char* name : {"inventory.hujson", "inventory.json"}) {
    std::error_code ignored;
    const std::filesystem::path path = folder / name;
    if (std::filesystem::is_regular_file(path, ignored)) return path.string();
  }
  return {};
}

void complain(const Diagnostic& diagnostic, const std::vector<const SourceText*>& sources) {
  const std::string text = emit::render_text(diagnostic, emit::Sources{sources}, {emit::want_color(STDERR_FILENO)});
  std::fwrite(text.data(), 1, text.size(), stderr);
}

namespace {

// The inventory of a text that the file then owns.
std::optional<LoadedFile> load_inventory_text(std::unique_ptr<SourceText> source) {
  LoadedFile file;
  file.source = std::move(source);
  inventory::LoadedInventory loaded = [&] {
    const Progress progress("reading " + file.source->name());
    return inventory::load_inventory({file.source.get()});
  }();
  if (!loaded.ok()) {
    for (const Diagnostic& diagnostic : loaded.diagnostics) complain(diagnostic, {file.source.get()});
    return std::nullopt;
  }
  file.inventory = std::move(loaded.inventory);
  file.warnings = std::move(loaded.diagnostics);
  return file;
}

// The policy with its inventory; refused ones are told.
std::optional<Inputs> load_with(const std::string& path, std::string text, LoadedFile inventory,
                                policy::Dialect dialect, int& exit_code) {
  const policy::Facts facts = questions::facts_of(inventory.inventory);
  policy::Loaded loaded = [&] {
    const Progress progress("checking " + path);
    return policy::load_policy(path == "-" ? "<stdin>" : path, std::move(text), dialect, &facts);
  }();
  if (!loaded.accepted()) {
    for (const Diagnostic& diagnostic : loaded.diagnostics) {
      if (diagnostic.severity == Severity::error) complain(diagnostic, {&loaded.file->source});
    }
    std::fprintf(stderr, "aclc: %s is refused: %s\n", path.c_str(), loaded.message()->c_str());
    exit_code = exit_no;
    return std::nullopt;
  }
  return Inputs{std::move(loaded.file), std::move(inventory)};
}

}  // namespace

std::optional<LoadedFile> load_inventory_file(const std::string& path) {
  std::error_code unknown;
  if (const auto bytes = std::filesystem::file_size(path, unknown); !unknown) expect_input(bytes);
  auto text = read_file(path, std::size_t{2} << 30);
  if (!text) {
    complain(text.error());
    return std::nullopt;
  }
  return load_inventory_text(std::make_unique<SourceText>(path == "-" ? "<stdin>" : path, std::move(*text)));
}

std::optional<Inputs> load_inputs(const std::string& path, const std::string& inventory_option, policy::Dialect dialect,
                                  int& exit_code) {
  auto text = read_file(path);
  if (!text) {
    complain(text.error());
    exit_code = exit_unreadable;
    return std::nullopt;
  }
  const std::string inventory_file = inventory_path(inventory_option, path);
  if (inventory_file.empty()) {
    complain(make_diagnostic(Code::E0904, fmt::format("no inventory for \"{}\"", path),
                             "give --inventory FILE, or put inventory.hujson or inventory.json beside the policy"));
    exit_code = exit_usage;
    return std::nullopt;
  }
  auto inventory = load_inventory_file(inventory_file);
  if (!inventory) {
    exit_code = exit_unreadable;
    return std::nullopt;
  }
  return load_with(path, std::move(*text), std::move(*inventory), dialect, exit_code);
}

std::optional<Inputs> load_inputs(const std::string& path, const SourceText& inventory_text, policy::Dialect dialect,
                                  int& exit_code) {
  auto text = read_file(path);
  if (!text) {
    complain(text.error());
    exit_code = exit_unreadable;
    return std::nullopt;
  }
  auto inventory =
      load_inventory_text(std::make_unique<SourceText>(inventory_text.name(), std::string(inventory_text.text())));
  if (!inventory) {
    exit_code = exit_unreadable;
    return std::nullopt;
  }
  return load_with(path, std::move(*text), std::move(*inventory), dialect, exit_code);
}

bool print_out(std::string_view text) {
  const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!whole || std::fflush(stdout) != 0) {
    std::perror("aclc: cannot write to standard output");
    return false;
  }
  return true;
}

}  // namespace acl::cli
