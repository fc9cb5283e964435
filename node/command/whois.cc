// aclnode whois ADDRESS: which node, person or tags are behind an address, and what they may rely on here.
//
// Exit code: 0 told, 2 no address, 3 the daemon cannot be asked or does not let you.
#include <CLI/CLI.hpp>
#include <memory>

#include "node/command/verbs.h"
#include "node/daemon/answers.h"

namespace acl::node {

void add_whois(CLI::App& app, int& exit_code) {
  struct Options {
    Where where;
    std::string address;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("whois", "Say who is behind an address");
  verb->add_option("ADDRESS", options->address, "an IPv4 or IPv6 address")->required();
  add_where(*verb, options->where);
  verb->add_flag("--json", options->json, "print the answer as JSON");
  verb->callback([options, &exit_code] {
    std::string answer;
    exit_code = ask(options->where, AskWhois{options->address}, answer);
    if (exit_code == exit_yes && !print_out(options->json ? answer + "\n" : whois_text(answer)))
      exit_code = exit_failed;
  });
}

}  // namespace acl::node
