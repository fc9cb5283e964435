// aclnode why SRC DST[:PORT[/PROTO]]: does this node let the packet in, and by which line of the policy, or why not?
//
// Exit code: 0 it passes, 1 it is dropped, 2 a question that cannot be read, 3 the daemon cannot be asked.
#include <CLI/CLI.hpp>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/answers.h"

namespace acl::node {

void add_why(CLI::App& app, int& exit_code) {
  struct Options {
    Where where;
    AskWhy question;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("why", "Say whether a packet passes, and why");
  verb->add_option("SRC", options->question.source, "an address, or the name of a node")->required();
  verb->add_option("DST", options->question.target,
                   "DST[:PORT[/PROTO]]: an address of this node or behind it, its name, or self")
      ->required();
  add_where(*verb, options->where);
  verb->add_flag("--json", options->json, "print the answer as JSON, of the form of aclc can");
  verb->callback([options, &exit_code] {
    std::string answer;
    exit_code = ask(options->where, options->question, answer);
    if (exit_code != exit_yes) return;
    if (!print_out(options->json ? answer + "\n" : why_text(answer)))
      exit_code = exit_failed;
    else if (!says_yes(answer))
      exit_code = exit_no;
  });
}

}  // namespace acl::node
