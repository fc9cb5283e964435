#include "compiler/cli/options.h"

#include <CLI/CLI.hpp>
#include <map>

namespace acl::cli {

void add_dialect_option(CLI::App& verb, policy::Dialect& dialect) {
  verb.add_option("--dialect", dialect, "whose policy language: tailscale (default) or headscale")
      ->transform(CLI::CheckedTransformer(std::map<std::string, policy::Dialect>{
                                              {"tailscale", policy::Dialect::tailscale},
                                              {"headscale", policy::Dialect::headscale},
                                          })
                      .description("tailscale|headscale"))
      ->type_name("");
}

void add_inventory_option(CLI::App& verb, std::string& file) {
  verb.add_option("--inventory", file,
                  "who and what exists; default: inventory.hujson or inventory.json beside the policy");
}

}  // namespace acl::cli
