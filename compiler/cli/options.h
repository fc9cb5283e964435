// Options that several verbs have, declared in one place so that they are spelled and explained alike.
#pragma once

#include <string>

#include "compiler/policy/policy.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace acl::cli {

// --dialect tailscale|headscale
CLI::Option& add_dialect_option(CLI::App& verb, policy::Dialect& dialect);

// --inventory FILE
CLI::Option& add_inventory_option(CLI::App& verb, std::string& file);

}  // namespace acl::cli
