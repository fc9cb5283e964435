#include "compiler/cli/testing.h"

#include <CLI/CLI.hpp>

namespace acl::cli {

Outcome run_verb(void (*add)(CLI::App&, int&), const std::string& command) {
  CLI::App app;
  int exit_code = -1;
  add(app, exit_code);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  try {
    app.parse(command);
  } catch (const CLI::ParseError&) {
    exit_code = exit_usage;
  }
  const std::string out = testing::internal::GetCapturedStdout();
  return {exit_code, out, testing::internal::GetCapturedStderr()};
}

}  // namespace acl::cli
