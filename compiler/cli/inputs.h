// What most verbs read first: a policy and an inventory.
//
// The inventory is `--inventory F`, else inventory.hujson or inventory.json beside the policy. An inventory that cannot be read
// or is malformed ends the verb with exit code 3, after its diagnostics on standard error.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "engine/net/source_text.h"

namespace acl::cli {

struct LoadedFile {
  std::unique_ptr<SourceText> source;
  inventory::Inventory inventory;
  std::vector<Diagnostic> warnings;
};

// The inventory's file for a policy: the option if given, else the one beside it, else "".
std::string inventory_path(const std::string& option, const std::string& policy);

// Nothing if it cannot be used; then all is said.
std::optional<LoadedFile> load_inventory_file(const std::string& path);

// Prints a diagnostic on standard error, with its line if the source is at hand.
void complain(const Diagnostic& diagnostic, const std::vector<const SourceText*>& sources = {});

// A policy that other verbs than `check` may work on: read, and refused without errors only.
struct Inputs {
  std::unique_ptr<policy::PolicyFile> policy;
  LoadedFile inventory;
};

// What a release is compiled from.
struct ReleaseInputs {
  std::string policy, inventory;  // paths; the inventory's may be empty
  policy::Dialect dialect = policy::Dialect::tailscale;
};

// Reads both for a verb that needs them. On failure all is said, and `exit_code` tells how: no inventory 2, refused 1,
// unreadable 3.
std::optional<Inputs> load_inputs(const std::string& policy, const std::string& inventory_option,
                                  policy::Dialect dialect, int& exit_code);

// The same with the inventory's text at hand: one that stands in another file.
std::optional<Inputs> load_inputs(const std::string& policy, const SourceText& inventory, policy::Dialect dialect,
                                  int& exit_code);

// Text to standard output; false if it could not all be written.
bool print_out(std::string_view text);

}  // namespace acl::cli
