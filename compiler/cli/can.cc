// aclc can: may SRC reach DST[:PORT[/PROTO]], or log in there with `ssh USER@NODE`? Yes or no, and why.
//
// Exit code: 0 yes (also after a check), 1 no, 2 wrong usage or an unknown name, 3 unreadable.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/options.h"
#include "compiler/cli/progress.h"
#include "compiler/emit/answers.h"
#include "compiler/questions/can.h"

namespace acl::cli {
namespace {

struct CanOptions {
  std::string policy, inventory, source;
  std::vector<std::string> target;  // DST, or "ssh" and USER@NODE
  bool json = false;
  policy::Dialect dialect = policy::Dialect::tailscale;
};

int run_can(const CanOptions& options) {
  const bool ssh = options.target.size() == 2 && options.target[0] == "ssh";
  if (!ssh && options.target.size() != 1) {
    complain(make_diagnostic(Code::E0903, "what is asked about is DST[:PORT[/PROTO]] or: ssh USER@NODE"));
    return exit_usage;
  }
  int exit_code = exit_yes;
  const auto inputs = load_inputs(options.policy, options.inventory, options.dialect, exit_code);
  if (!inputs) return exit_code;
  std::optional<Progress> progress("resolving " + options.policy);
  const resolve::Resolved resolved = resolve::resolve(*inputs->policy, inputs->inventory.inventory);
  const resolve::Views views(resolved);
  Expected<questions::Answer> answer = [&]() -> Expected<questions::Answer> {
    if (!ssh) return questions::can_reach(views, options.source, options.target[0]);
    const std::string& login = options.target[1];
    const std::size_t at = login.find('@');
    if (at == std::string::npos || at == 0 || at + 1 == login.size()) {
      return fail(Code::E0903, fmt::format("\"{}\" is not USER@NODE", login),
                  "write the local account, @ and the node");
    }
    return questions::can_login(views, options.source, login.substr(0, at), login.substr(at + 1));
  }();
  progress.reset();
  if (!answer) {
    complain(answer.error());
    return exit_usage;
  }
  if (!print_out(options.json ? emit::answer_json(*inputs->policy, *answer)
                              : emit::answer_text(*inputs->policy, *answer)))
    return exit_unreadable;
  return answer->verdict == questions::Verdict::deny ? exit_no : exit_yes;
}

}  // namespace

void add_can(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<CanOptions>();
  CLI::App* verb = app.add_subcommand("can", "Say whether SRC may reach DST, or log in there, and why");
  verb->add_option("POLICY", options->policy, "policy file; - reads standard input")->required();
  verb->add_option("SRC", options->source, "a node, login, group, tag, autogroup, host or address")->required();
  verb->add_option("DST", options->target, "DST[:PORT[/PROTO]], or: ssh USER@NODE")->required()->expected(1, 2);
  add_inventory_option(*verb, options->inventory);
  verb->add_flag("--json", options->json, "print the answer as JSON");
  add_dialect_option(*verb, options->dialect);
  verb->callback([options, &exit_code] { exit_code = run_can(*options); });
}

}  // namespace acl::cli
