// aclc schema [--dialect D]: the policy language as a JSON Schema (draft-07) on standard output, for editors without a language
// server.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "compiler/cli/commands.h"
#include "compiler/cli/options.h"
#include "compiler/policy/language.h"

namespace acl::cli {

void add_schema(CLI::App& app, int& exit_code) {
