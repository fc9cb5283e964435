// The verbs of aclnode. Each has a file of its own, named after it, that holds its whole story: options, work, printing.
//
// Exit codes, everywhere: 0 yes, 1 no (denied, not enforcing, refused), 2 wrong usage, 3 could not read, write or ask.
#pragma once

#include <string>

#include "engine/net/diagnostic.h"
#include "node/daemon/control.h"

namespace CLI {
class App;
}

namespace acl::node {

inline constexpr int exit_yes = 0;
inline constexpr int exit_no = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_failed = 3;

void add_run(CLI::App& app, int& exit_code);
void add_enroll(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_whois(CLI::App& app, int& exit_code);
void add_why(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_reload(CLI::App& app, int& exit_code);
void add_known_hosts(CLI::App& app, int& exit_code);
void add_ssh_config(CLI::App& app, int& exit_code);
void add_host_keys(CLI::App& app, int& exit_code);  // and rotate-host-key
void add_sessions(CLI::App& app, int& exit_code);
void add_sshd_hooks(CLI::App& app, int& exit_code);  // authorized-keys, authorized-principals
void add_guard(CLI::App& app, int& exit_code);
void add_remove(CLI::App& app, int& exit_code);

// What verbs share.

inline constexpr const char* usual_config = "/etc/aclnode/aclnode.toml";

// Where the daemon listens: --socket, or run_dir of --config.
struct Where {
  std::string config = usual_config;
  std::string socket;
};
void add_where(CLI::App& verb, Where& where);

// "aclnode: error E1301: FILE:LINE:COLUMN: …", and what to do, to standard error.
void complain(const Diagnostic& diagnostic);
// False, and said, if standard output does not take it.
bool print_out(const std::string& text);

// Asks the daemon; its answer's JSON goes to `answer`. An exit code, exit_yes if there is an answer; else the reason is said.
int ask(const Where& where, const Ask& question, std::string& answer);

}  // namespace acl::node
