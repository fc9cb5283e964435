// aclnode check list: whom this node remembers as checked, and who is approved.
// aclnode check approve SRC [--user U] --for 1h: takes the place of a check of U at SRC for so long; asks root of the node.
// aclnode check approve --token FILE: the same by a text that a key of the trust set has signed (FILE.minisig), for whoever has it.
// aclnode check request SRC [--user U] --for 1h: prints that text, to be signed.
// aclnode check revoke SRC [--user U]: forgets both, so that the next login is checked.
//
// Exit code: 0 done, 2 wrong usage, 3 the daemon says no, or cannot be asked.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <optional>

#include "engine/net/file.h"
#include "engine/release/minisign.h"
#include "node/command/verbs.h"
#include "node/daemon/answers.h"
#include "node/daemon/check_approval.h"

namespace acl::node {
namespace {

struct Options {
  Where where;
  AskCheck question;
  std::string duration, token;
  bool json = false;
};

// "90s", "30m", "1h", "7d".
std::optional<std::uint32_t> seconds_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::uint32_t factor = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86'400 : 0;
  if (error != std::errc() || factor == 0 || number == 0 || number > Checks::longest_period / factor)
    return std::nullopt;
  return number * factor;
}

int usage(std::string what, std::string help) {
  complain(make_diagnostic(Code::E1305, std::move(what), std::move(help)));
  return exit_usage;
}

int ask_and_print(const Options& options, const char* done) {
  std::string answer;
  if (const int exit_code = ask(options.where, options.question, answer); exit_code != exit_yes) return exit_code;
  const bool list = options.question.what == AskCheck::What::list;
  return print_out(options.json ? answer + "\n" : list ? checks_text(answer) : done) ? exit_yes : exit_failed;
}

int approve(Options& options) {
  AskCheck& question = options.question;
  if (!options.token.empty()) {
    if (!question.source.empty() || !question.user.empty() || !options.duration.empty())
      return usage("a token says by itself whom, where and how long", "aclnode check approve --token FILE");
    question.what = AskCheck::What::approve_signed;
    auto text = read_file(options.token, approval_limit);
    auto signature = read_file(options.token + ".minisig", release::signature_limit);
    if (!text || !signature) {
      complain(!text ? text.error() : signature.error());
      return exit_failed;
    }
    question.text = std::move(*text);
    question.signature = std::move(*signature);
    return ask_and_print(options, "approved\n");
  }
  const auto seconds = seconds_of(options.duration);
  if (question.source.empty() || !seconds)
    return usage(fmt::format("\"--for {}\" is no time from 1s to 168h, or there is no SRC", options.duration),
                 "aclnode check approve SRC --user U --for 1h");
  question.for_s = *seconds;
  return ask_and_print(options, "approved\n");
}

int request(Options& options) {
  const auto seconds = seconds_of(options.duration);
  if (!seconds) return usage(fmt::format("\"--for {}\" is no time from 1s to 168h", options.duration), "--for 1h");
  options.question.for_s = *seconds;
  std::string answer;
  if (const int exit_code = ask(options.where, options.question, answer); exit_code != exit_yes) return exit_code;
  return print_out(request_text(answer)) ? exit_yes : exit_failed;
}

CLI::App* add(CLI::App& app, const char* name, const char* words, Options& options, AskCheck::What what, bool source) {
  CLI::App* verb = app.add_subcommand(name, words);
  add_where(*verb, options.where);
  options.question.what = what;
  if (!source) return verb;
  verb->add_option("SRC", options.question.source, "a node of a person: its name, address or WireGuard key");
  verb->add_option("--user", options.question.user, "the person's login; default: whose node it is");
  return verb;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  CLI::App* check = app.add_subcommand("check", "Say who counts as checked, and approve beforehand");
  check->require_subcommand(1);
  using What = AskCheck::What;
  const auto make = [] { return std::make_shared<Options>(); };

  auto listing = make();
  CLI::App* list = add(*check, "list", "Whom this node remembers", *listing, What::list, false);
  list->add_flag("--json", listing->json, "print the answer as JSON");
  list->callback([listing, &exit_code] { exit_code = ask_and_print(*listing, ""); });

  auto approving = make();
  CLI::App* approved = add(*check, "approve", "Let logins of a person pass without a check for a while", *approving,
                           What::approve, true);
  approved->add_option("--for", approving->duration, "how long: 30m, 1h, 7d");
  approved->add_option("--token", approving->token, "an approval in a file, signed in FILE.minisig");
  approved->callback([approving, &exit_code] { exit_code = approve(*approving); });

  auto requesting = make();
  CLI::App* requested =
      add(*check, "request", "Print the text of an approval, to be signed", *requesting, What::request, true);
  requested->add_option("--for", requesting->duration, "how long: 30m, 1h, 7d")->required();
  requested->callback([requesting, &exit_code] { exit_code = request(*requesting); });

  auto revoking = make();
  CLI::App* revoked = add(*check, "revoke", "Forget a check or an approval", *revoking, What::revoke, true);
  revoked->callback([revoking, &exit_code] { exit_code = ask_and_print(*revoking, "revoked\n"); });
}

}  // namespace acl::node
