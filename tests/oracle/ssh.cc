// Logins: check rules before accept rules, each in the order of the file; the first that matches decides.
// https://tailscale.com/docs/features/tailscale-ssh, https://tailscale.com/docs/reference/syntax/policy-file#ssh
#include <algorithm>

#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"

namespace acl::oracle {
namespace {

constexpr std::string_view localpart = "localpart:*@";

// Without a domain it is taken for the name of an account, as everything else is.
bool is_localpart(std::string_view user) {
  return user.size() > localpart.size() && user.substr(0, localpart.size()) == localpart;
}

bool owned_by_same_user(const Node& a, const Node& b) {
  return a.tags.empty() && b.tags.empty() && !a.user.empty() && a.user == b.user;
}

bool is_source(const Policy& policy, const Tailnet& tailnet, const SshRule& rule, const Node& node) {
  return meets_posture(policy, node, rule.posture) &&
         std::any_of(rule.src.begin(), rule.src.end(),
                     [&](const Selector& src) { return is_device_of(policy, tailnet, src, node); });
}

// Whether the rule is in force at `destination` for logins from `source`, a device among its sources.
bool is_destination(const Policy& policy, const Tailnet& tailnet, const SshRule& rule, const Node& source,
                    const Node& destination) {
  bool at_all = false;
  for (const Selector& dst : rule.dst) {
    if (dst.kind == Kind::self) {
      if (destination.tags.empty() && !destination.user.empty()) at_all = true;
      if (owned_by_same_user(source, destination)) return true;
    } else if (is_device_of(policy, tailnet, dst, destination)) {
      return true;
    }
  }
  if (at_all || rule.dst.empty()) return false;
  // With localpart:, the hosted service gives the sources themselves the part of the rule that concerns their own user, or
  // all tagged ones. Observed, not documented.
  const bool local = std::any_of(rule.users.begin(), rule.users.end(), is_localpart);
  const bool same = owned_by_same_user(source, destination) || (!source.tags.empty() && !destination.tags.empty());
  return local && same && is_source(policy, tailnet, rule, destination);
}

// Whether the rule lets `source` become `requested`. The account of that name is the one it gets.
bool allows_account(const SshRule& rule, const Node& source, std::string_view requested) {
  for (const std::string& user : rule.users) {
    if (user == "autogroup:nonroot") {
      if (requested != "root") return true;
    } else if (is_localpart(user)) {
      // The part before the @ of the source user's login, if the login is in that domain; tagged devices have none.
      const std::string_view login = source.user;
      const std::size_t at = login.rfind('@');
      const bool owned = source.tags.empty() && at != std::string_view::npos;
      if (owned && login.substr(at + 1) == user.substr(localpart.size()) && login.substr(0, at) == requested)
        return true;
    } else if (user == requested) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string text(const Login& login) {
  if (login.verdict == LoginVerdict::deny) return "deny";
  return (login.verdict == LoginVerdict::check ? "check as " : "accept as ") + login.account;
}

Login ssh(const Policy& policy, const Tailnet& tailnet, const Node& source, const Node& destination,
          std::string_view requested) {
  for (const bool check : {true, false}) {
    for (const SshRule& rule : policy.ssh) {
      if (rule.check != check || !is_source(policy, tailnet, rule, source)) continue;
      if (!is_destination(policy, tailnet, rule, source, destination)) continue;
      if (!allows_account(rule, source, requested)) continue;
      return {check ? LoginVerdict::check : LoginVerdict::accept, std::string(requested)};
    }
  }
  return {};
}

}  // namespace acl::oracle
