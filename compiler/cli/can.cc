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
#include "compiler/emit/people.h"
#include "compiler/questions/can.h"

namespace acl::cli {
namespace {

struct CanOptions {
  std::string policy, inventory, source;
  std::vector<std::string> target;  // DST, or "ssh" and USER@NODE
  bool json = false;
  policy::Dialect dialect = policy::Dialect::tailscale;
};

std::uint32_t line_of(const policy::PolicyFile& file, const resolve::Origin& origin) {
  return file.source.position(emit::origin_span(file.policy, origin).begin).line;
}

std::string as_json(const policy::PolicyFile& file, const questions::Answer& answer) {
  const auto quoted = [](std::string_view text) { return hujson::quote(text); };
  const bool placed = answer.has_rule && answer.origin.section != resolve::Section::allow_all;
  std::string out = fmt::format(
      "{{\"verdict\": \"{}\", \"rule\": {}, \"file\": {}, \"line\": {}, \"layers\": [",
      questions::verdict_name(answer.verdict), placed ? quoted(resolve::origin_name(answer.origin)) : "null",
      quoted(file.source.name()), placed ? std::to_string(line_of(file, answer.origin)) : "null");
  for (std::size_t i = 0; i < answer.layers.size(); ++i) {
    const questions::Layer& layer = answer.layers[i];
    out += fmt::format("{}{{\"name\": {}, \"ok\": {}, \"reason\": {}}}", i == 0 ? "" : ", ", quoted(layer.name),
                       layer.ok, quoted(layer.reason));
  }
  out += "], \"nearest\": [";
  for (std::size_t i = 0; i < answer.nearest.size(); ++i) {
    const questions::Nearest& rule = answer.nearest[i];
    out += fmt::format("{}{{\"rule\": {}, \"file\": {}, \"line\": {}, \"failed\": {}}}", i == 0 ? "" : ", ",
                       quoted(resolve::origin_name(rule.origin)), quoted(file.source.name()),
                       line_of(file, rule.origin), quoted(rule.failed));
  }
  return out + "]}\n";
}

std::string as_text(const policy::PolicyFile& file, const questions::Answer& answer) {
  const auto place = [&](const resolve::Origin& origin) {
    if (origin.section == resolve::Section::allow_all)
      return std::string("neither acls nor grants: everything is allowed");
    return fmt::format("{}:{}: {}", file.source.name(), line_of(file, origin), resolve::origin_name(origin));
  };
  std::string out = answer.verdict == questions::Verdict::deny    ? "no\n"
                    : answer.verdict == questions::Verdict::check ? "yes, after a check\n"
                                                                  : "yes\n";
  for (const questions::Layer& layer : answer.layers) {
    out += fmt::format("  {:<8} {}  {}\n", layer.name, layer.ok ? "ok" : "NO", layer.reason);
  }
  if (answer.has_rule) out += fmt::format("  by {}\n", place(answer.origin));
  if (answer.verdict == questions::Verdict::deny) {
    for (const std::string& pair : answer.pairs) out += fmt::format("  {}\n", pair);
    if (!answer.nearest.empty()) out += "nearest rules:\n";
    for (const questions::Nearest& rule : answer.nearest)
      out += fmt::format("  {}: {}\n", place(rule.origin), rule.failed);
  }
  return out;
}

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
  if (!print_out(options.json ? as_json(*inputs->policy, *answer) : as_text(*inputs->policy, *answer)))
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
