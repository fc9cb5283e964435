#include "compiler/cli/options.h"

#include <CLI/CLI.hpp>
#include <map>

namespace acl::cli {

CLI::Option& add_dialect_option(CLI::App& verb, policy::Dialect& dialect) {
  return *verb.add_option("--dialect", dialect, "whose policy language: tailscale (default) or headscale")
              ->transform(CLI::CheckedTransformer(std::map<std::string, policy::Dialect>{
                                                      {"tailscale", policy::Dialect::tailscale},
                                                      {"headscale", policy::Dialect::headscale},
                                                  })
                              .description("tailscale|headscale"))
              ->type_name("");
}

CLI::Option& add_inventory_option(CLI::App& verb, std::string& file) {
  return *verb.add_option("--inventory", file,
                          "who and what exists; default: inventory.hujson or inventory.json beside the policy");
}

}  // namespace acl::cli
