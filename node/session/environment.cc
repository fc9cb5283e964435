#include "node/session/environment.h"

#include <algorithm>
#include <map>

namespace acl::node::session {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

// Time is at most the product of the lengths, which the messages bound.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool is_plain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

template <class Line>
void each_line(std::string_view text, Line line) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

bool client_may_set(std::string_view name, const std::vector<std::string>& patterns) {
  if (!is_plain(name) || name == "TERM") return false;
  if (name.substr(0, 3) == "LD_" || name.substr(0, 5) == "DYLD_" || name == "GOTRACEBACK") return false;
  if (name == "LANG" || name.substr(0, 3) == "LC_") return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& each) { return matches(each, name); });
}

std::string path_of(std::string_view login_defs, bool is_root) {
  std::string path = is_root ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                             : "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
  const std::string_view wanted = is_root ? "ENV_SUPATH" : "ENV_PATH";
  each_line(login_defs, [&](std::string_view line) {
    line = trimmed(line);
    const auto end = line.find_first_of(blanks);
    if (end == std::string_view::npos || line.substr(0, end) != wanted) return;
    std::string_view value = trimmed(line.substr(end));
    if (value.substr(0, 5) == "PATH=") value.remove_prefix(5);
    if (!value.empty()) path = value;
  });
  return path;
}

Variables parse_environment_file(std::string_view text) {
  Variables variables;
  each_line(text, [&](std::string_view line) {
    line = trimmed(line.substr(0, line.find('#')));
    if (line.substr(0, 7) == "export ") line = trimmed(line.substr(7));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || !is_plain(line.substr(0, equals))) return;
    std::string_view value = line.substr(equals + 1);
    if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
      const char quote = value.front();
      value.remove_prefix(1);
      if (!value.empty() && value.back() == quote) value.remove_suffix(1);
    }
    if (value.find('\0') == std::string_view::npos) variables.emplace_back(line.substr(0, equals), value);
  });
  return variables;
}

std::vector<std::string> make_environment(const EnvironmentOf& of) {
  std::map<std::string, std::string, std::less<>> all;
  for (const auto& [name, value] : of.client) {
    if (client_may_set(name, of.patterns)) all[name] = value;
  }
  all["USER"] = all["LOGNAME"] = of.account.name;
  all["HOME"] = of.account.home;
  all["SHELL"] = of.account.shell;
  all["PATH"] = of.path;
  all["MAIL"] = "/var/mail/" + of.account.name;
  if (!of.time_zone.empty()) all["TZ"] = of.time_zone;
  for (const auto& [name, value] : of.file) all[name] = value;
  for (const std::string& each : of.pam) {
    const auto equals = each.find('=');
    if (equals != std::string::npos && equals > 0) all[each.substr(0, equals)] = each.substr(equals + 1);
  }
  const auto port = of.own.rfind(' ');
  all["SSH_CONNECTION"] = of.source + " " + of.own;
  all["SSH_CLIENT"] = of.source + (port == std::string::npos ? std::string() : of.own.substr(port));
  all.erase("SSH_TTY");
  if (!of.tty.empty()) {
    all["SSH_TTY"] = of.tty;
    all["TERM"] = of.term;
  }
  if (!of.agent.empty()) all["SSH_AUTH_SOCK"] = of.agent;
  if (!of.display.empty()) all["DISPLAY"] = of.display;
  std::vector<std::string> environment;
  environment.reserve(all.size());
  for (const auto& [name, value] : all) environment.push_back(std::string(name).append("=").append(value));
  return environment;
}

}  // namespace acl::node::session
