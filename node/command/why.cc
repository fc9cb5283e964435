// aclnode why SRC DST[:PORT[/PROTO]]: does this node let the packet in, and by which line of the policy, or why not?
// aclnode why SRC ssh USER: may SRC become USER here by SSH? Layer by layer: reachability, port 22, the SSH rule, the account, its shell.
//
// The account is looked up here, as the login would, and not by the daemon, which asks no name service.
//
// Exit code: 0 it passes, 1 it is dropped or denied, 2 a question that cannot be read, 3 the daemon cannot be asked.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "node/command/account.h"
#include "node/command/verbs.h"
#include "node/daemon/answers.h"

namespace acl::node {
namespace {

struct Options {
  Where where;
  AskWhy question;
  std::string user;
  bool json = false;
};

Layer shell_layer(const LocalAccount& account) {
  const std::string& shell = account.shell;
  const std::string name = shell.substr(shell.rfind('/') + 1);
  if (name == "nologin" || name == "false")
    return {"shell", false, fmt::format("its shell is {}, which lets nobody work", shell)};
  if (::access(shell.c_str(), X_OK) != 0)
    return {"shell", false, fmt::format("its shell {} is not there, or is no program", shell)};
  return {"shell", true, fmt::format("its shell is {}", shell)};
}

int ask_why(const Options& options, std::string& answer) {
  if (options.user.empty()) return ask(options.where, options.question, answer);
  const std::optional<LocalAccount> account = find_local_account(options.user);
  const AskWhyLogin question{options.question.source, options.user, account.has_value(), account && account->uid == 0};
  const int exit_code = ask(options.where, question, answer);
  if (exit_code == exit_yes && account && says_yes(answer)) answer = add_layer(answer, shell_layer(*account));
  return exit_code;
}

int why(const Options& options) {
  const bool login = options.question.target == "ssh";
  if (login == options.user.empty()) {
    complain(make_diagnostic(Code::E1305,
                             login ? "ssh asks for an account too" : "an account is asked for by ssh alone",
                             "aclnode why SRC ssh USER, or aclnode why SRC DST:PORT/PROTO"));
    return exit_usage;
  }
  std::string answer;
  if (const int exit_code = ask_why(options, answer); exit_code != exit_yes) return exit_code;
  if (!print_out(options.json ? answer + "\n" : why_text(answer))) return exit_failed;
  return says_yes(answer) ? exit_yes : exit_no;
}

}  // namespace

void add_why(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("why", "Say whether a packet passes, or a login is accepted, and why");
  verb->add_option("SRC", options->question.source, "an address, or the name of a node")->required();
  verb->add_option("DST", options->question.target,
                   "DST[:PORT[/PROTO]]: an address of this node or behind it, its name, or self; or ssh")
      ->required();
  verb->add_option("USER", options->user, "with ssh: the account");
  add_where(*verb, options->where);
  verb->add_flag("--json", options->json, "print the answer as JSON, of the form of aclc can");
  verb->callback([options, &exit_code] { exit_code = why(*options); });
}

}  // namespace acl::node
