#include "node/command/verbs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "node/daemon/config.h"

namespace acl::node {

void add_where(CLI::App& verb, Where& where) {
  verb.add_option("--config", where.config, fmt::format("the daemon's configuration; default {}", usual_config));
  verb.add_option("--socket", where.socket, "the daemon's socket; default: control in the configuration's run_dir");
}

void complain(const Diagnostic& diagnostic) {
  std::string place;
  if (diagnostic.place)
    place =
        fmt::format("{}:{}:{}: ", diagnostic.place->file, diagnostic.place->start.line, diagnostic.place->start.column);
  std::string text = fmt::format("aclnode: {}error {}: {}\n", place, code_name(diagnostic.code), diagnostic.message);
  if (!diagnostic.help.empty()) text += fmt::format("      = help: {}\n", diagnostic.help);
  std::fputs(text.c_str(), stderr);
}

bool print_out(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return true;
  complain(make_diagnostic(Code::E0003, "cannot write to standard output"));
  return false;
}

int ask(const Where& where, const Ask& question, std::string& answer) {
  std::string socket = where.socket;
  if (socket.empty()) {
    // Those who may not read the configuration find the daemon at its usual place.
    const auto config = read_config(where.config);
    if (!config && config.error().code == Code::E1301) {
      complain(config.error());
      return exit_failed;
    }
    socket = (config ? config->run_dir : Config().run_dir) + "/control";
  }
  auto got = ask_daemon(socket, question, std::chrono::seconds(5));
  if (!got) {
    complain(got.error());
    if (got.error().code == Code::E1454) return exit_no;
    return got.error().code == Code::E1305 ? exit_usage : exit_failed;
  }
  answer = std::move(*got);
  return exit_yes;
}

}  // namespace acl::node
