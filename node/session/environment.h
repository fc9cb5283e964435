// The environment of a user's process. Pure: who, from where, and what files and PAM say go in, "NAME=value" comes out.
//
// Later ones prevail: what the client sent and policy lets through; then what the machine says, so that no client can change
// it: HOME, SHELL and the like, /etc/environment where PAM is not asked, what PAM's modules set, SSH_CONNECTION and the like.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/session/account.h"

namespace acl::node::session {

using Variables = std::vector<std::pair<std::string, std::string>>;

struct EnvironmentOf {
  Account account;
  Variables client;                   // as sent, unfiltered
  std::vector<std::string> patterns;  // of the decision
  std::string path;                   // PATH
  std::string time_zone;              // TZ; may be empty
  Variables file;                     // /etc/environment; empty where PAM is asked
  std::vector<std::string> pam;       // "NAME=value"
  std::string source;                 // "100.64.0.1 50000"
  std::string own;                    // "100.64.0.2 22"
  std::string tty;                    // "/dev/pts/3"; empty without a terminal, and so is
  std::string term;                   // TERM
  std::string agent;                  // SSH_AUTH_SOCK; empty: none is forwarded
  std::string display;                // DISPLAY; likewise
};
std::vector<std::string> make_environment(const EnvironmentOf& of);

// LANG and LC_*, and what a pattern matches (* any text, ? any byte). Never TERM, which comes with the terminal; never names that
// change how programs are loaded (LD_*, DYLD_*, GOTRACEBACK), nor any with bytes other than letters, digits, _ and -.
bool client_may_set(std::string_view name, const std::vector<std::string>& patterns);

// PATH as login.defs(5) has it (ENV_PATH, ENV_SUPATH for root), or Debian's own.
std::string path_of(std::string_view login_defs, bool is_root);

// As pam_env(8) reads /etc/environment: NAME=value, "export" before it, quotes around the value, comments after #.
Variables parse_environment_file(std::string_view text);

}  // namespace acl::node::session
