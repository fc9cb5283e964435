// aclnode status: what the daemon enforces, since when, from where, and what is wrong.
//
// Exit code: 0 it enforces a table, 1 it denies all or is on break-glass, 3 it cannot be asked.
#include <CLI/CLI.hpp>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/answers.h"

namespace acl::node {

void add_status(CLI::App& app, int& exit_code) {
  struct Options {
    Where where;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("status", "Say what the daemon enforces");
  add_where(*verb, options->where);
  verb->add_flag("--json", options->json, "print the answer as JSON");
  verb->callback([options, &exit_code] {
    std::string answer;
    exit_code = ask(options->where, AskStatus{}, answer);
    if (exit_code != exit_yes) return;
    if (!print_out(options->json ? answer + "\n" : status_text(answer)))
      exit_code = exit_failed;
    else if (!says_yes(answer))
      exit_code = exit_no;
  });
}

}  // namespace acl::node
