#include "node/daemon/login_decision.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/release/text.h"
#include "node/protocol/session_message.h"

namespace acl::node {

using release::quoted;

namespace {

constexpr std::string_view to_strangers = "access denied";

std::string identity_text(const table::Identity& identity) {
  std::string out = identity.login;
  for (const std::string& tag : identity.tags) out += (out.empty() ? "" : ", ") + tag;
  return out;
}

std::string joined(const std::vector<std::string_view>& texts) {
  std::string out;
  for (const std::string_view text : texts) out += (out.empty() ? "" : ", ") + std::string(text);
  return out;
}

class Deciding {
 public:
  // `lives`: a login that does, and was let in by a check of this person; empty: by none.
  Deciding(const LoginFacts& facts, const LoginAsked& asked, std::string_view lives = {})
      : facts_(facts), asked_(asked), lives_(lives) {}

  LoginAnswer decide() {
    const Facts& enforced = facts_.enforced;
    if (is_own(asked_.source))
      deny("known", fmt::format("{} is an address of this host, which is nobody's identity", asked_.source.text()));
    else if (enforced.table != nullptr && may_enforce(*enforced.table, enforced.standing))
      by_table(*enforced.table);
    else
      by_break_glass();
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool is_own(const net::Address& address) const {
    const auto& own = facts_.enforced.own_addresses;
    const bool loopback = address.is_v4() ? address.low() >> 24 == 127 : address.high() == 0 && address.low() == 1;
    return loopback || std::binary_search(facts_.host.begin(), facts_.host.end(), address) ||
           std::find(own.begin(), own.end(), address) != own.end();
  }

  void yes(std::string layer, std::string reason) {
    out_.why.layers.push_back({std::move(layer), true, std::move(reason)});
  }
  // `tell` without an account's name tells nothing of the policy.
  void deny(std::string layer, std::string reason, std::string tell = std::string(to_strangers)) {
    out_.reason = reason;
    out_.why.layers.push_back({std::move(layer), false, std::move(reason)});
    tell.resize(std::min(tell.size(), protocol::longest_text));
    out_.tell = std::move(tell);
  }
  void accept(std::string reason) {
    out_.accept = true;
    out_.why.allowed = true;
    out_.reason = std::move(reason);
  }

  [[nodiscard]] bool is_denied_here() {
    const auto has = [&](std::string_view name) {
      return std::find(facts_.deny_users.begin(), facts_.deny_users.end(), name) != facts_.deny_users.end();
    };
    // Another account with root's number is root.
    if (!has(asked_.user) && !(asked_.is_root && has("root"))) return false;
    deny("local", fmt::format("deny_users of aclnode.toml has {}", quoted(has(asked_.user) ? asked_.user : "root")),
         fmt::format("access denied: this machine takes no logins as {} by SSH; use another account",
                     quoted(asked_.user)));
    return true;
  }
  [[nodiscard]] bool account_exists() {
    if (asked_.exists) {
      yes("account", fmt::format("{} is an account of this machine", quoted(asked_.user)));
      return true;
    }
    deny("account", fmt::format("there is no account {} on this machine", quoted(asked_.user)),
         fmt::format("access denied: there is no account {} on this machine; have it made, or use another one",
                     quoted(asked_.user)));
    return false;
  }

  void by_break_glass() {
    const Owner owner = owner_of(facts_.enforced.owned);
    const std::optional<Key> holder = owner(asked_.source);
    const auto& entries = facts_.enforced.break_glass;
    bool known = false;
    for (const BreakGlass& entry : entries) {
      if (entry.login.empty() || !entry.from.contains(asked_.source) || holder != entry.key) continue;
      known = true;
      if (entry.login != asked_.user) continue;
      yes("mode", "there is no valid table: break-glass is in force");
      yes("ssh", fmt::format("a break-glass entry lets {} become {}", asked_.source.text(), quoted(asked_.user)));
      if (is_denied_here() || !account_exists()) return;
      // Recorded where all are, and never kept out for want of it.
      out_.record = facts_.recording.sessions == "all" && !asked_.by_sshd;
      return accept("break-glass");
    }
    deny("mode",
         entries.empty() ? "there is no valid table: everything is denied"
                         : fmt::format("there is no valid table, and no break-glass entry lets {} become {}",
                                       asked_.source.text(), quoted(asked_.user)),
         known ? fmt::format("access denied: this machine has no valid policy, and break-glass does not name {}",
                             quoted(asked_.user))
               : std::string(to_strangers));
  }

  void by_table(const LoadedTable& table) {
    yes("mode", "a table is in force");
    const auto* node = table.directory().whois(asked_.source);
    if (node != nullptr) {
      out_.node = node->identity.name;
      out_.identity = identity_text(node->identity);
    }
    if (!reaches_port(table)) return;
    // An account that is not there is refused at the end, in words of its own; the rules are asked as if it were.
    const auto decision = table.ssh().decide({asked_.source, asked_.user, true, asked_.is_root});
    if (!rule_allows(table, decision) || is_denied_here() || is_withheld_by_expiry(table, decision)) return;
    if (!account_exists()) return;
    if (decision.action == table::LoginAction::check && !is_checked(node, decision.check_period)) return;
    give_forwardings(decision);
    for (const std::string_view pattern : decision.environment) {
      if (out_.patterns.size() < protocol::most_patterns && pattern.size() <= protocol::longest_pattern)
        out_.patterns.emplace_back(pattern);
    }
    accept(fmt::format("{} accepts it{}", out_.why.rule, recording_text(decision)));
  }

  // What policy gives, without what this machine's settings take away. The table knows nothing of X11: like a port of this machine, a display
  // brings connections to the client.
  void give_forwardings(const table::LoginDecision& decision) {
    std::string lost;
    const auto give = [&](bool given, bool allowed, bool& to, std::uint8_t bit, const char* setting) {
      to = given && allowed;
      if (!given || allowed) return;
      out_.narrowed = static_cast<std::uint8_t>(out_.narrowed | bit);
      lost += (lost.empty() ? "" : ", ") + std::string(setting);
    };
    const ForwardingsAllowed& allow = facts_.allow;
    give(decision.agent_forwarding, allow.agent, out_.agent_forwarding, protocol::narrowed_agent, "allow_agent");
    give(decision.local_forwarding, allow.local, out_.local_forwarding, protocol::narrowed_local, "allow_local");
    give(decision.remote_forwarding, allow.remote, out_.remote_forwarding, protocol::narrowed_remote, "allow_remote");
    give(decision.remote_forwarding, allow.x11, out_.x11_forwarding, protocol::narrowed_x11, "allow_x11");
    if (!lost.empty()) yes("local", fmt::format("without what aclnode.toml takes away: {}", lost));
  }

  // Layers known, bound, here, packet.
  bool reaches_port(const LoadedTable& table) {
    Target target;
    target.name = asked_.own.text();
    target.any_port = false;
    target.first_port = target.last_port = asked_.port;
    if (table.header().find(asked_.own) == nullptr) {
      deny("here", fmt::format("{} is no address of this node", asked_.own.text()));
      return false;
    }
    const auto packet = node::why(table, asked_.source.text(), target, owner_of(facts_.enforced.owned));
    if (!packet) {
      deny("packet", packet.error().message);
      return false;
    }
    for (const Layer& layer : packet->layers) {
      if (layer.ok) {
        yes(layer.name, layer.reason);
        continue;
      }
      const bool bound = layer.name == "packet";
      deny(layer.name, layer.reason,
           bound ? fmt::format("access denied: policy does not let this node reach port {} here; ask whoever keeps the "
                               "policy",
                               asked_.port)
                 : std::string(to_strangers));
      if (bound) out_.why.nearest = packet->nearest;
      return false;
    }
    const auto& withheld = facts_.enforced.withheld;
    const bool changing = std::any_of(withheld.begin(), withheld.end(), [&](const table::AddressRange& range) {
      return range.first <= asked_.source && asked_.source <= range.last;
    });
    if (changing) deny("bound", fmt::format("{} changes hands right now", asked_.source.text()));
    return packet->allowed && !changing;
  }

  void name_rule(const LoadedTable& table, std::uint32_t number) {
    const table::RulePlace* place = table.rules().find(table.names().ssh_rule_id(number));
    out_.why.rule = place != nullptr ? table::rule_name(*place) : "a rule without a line";
    out_.why.file = table.rules().file;
    out_.why.line = place != nullptr ? place->line : 0;
  }

  bool rule_allows(const LoadedTable& table, const table::LoginDecision& decision) {
    const std::string who = out_.identity.empty() ? asked_.source.text() : out_.identity;
    if (decision.action == table::LoginAction::deny) {
      out_.why.file = table.rules().file;
      tell_nearest(table);
      deny("ssh",
           fmt::format("no rule lets {} in as {}{}", who, quoted(asked_.user),
                       decision.known_source ? ", though as somebody else" : ""),
           fmt::format("access denied: policy does not let {} become {} here; ask whoever keeps the policy", who,
                       quoted(asked_.user)));
      return false;
    }
    name_rule(table, decision.rule);
    if (!recording_allows(decision)) return false;
    yes("ssh", fmt::format("{} lets {} in as {}{}", out_.why.rule, who, quoted(asked_.user), recording_text(decision)));
    return true;
  }

  // A file of this node counts as the recording where it is one of the recorders, or says itself that it does.
  bool recording_allows(const table::LoginDecision& decision) {
    const RecordingSettings& local = facts_.recording;
    const bool demanded = decision.enforce_recorder || !decision.recorders.empty();
    const bool counts = local.sessions != "off" && (decision.is_recorder || local.accept_local) && !asked_.by_sshd;
    out_.record = !asked_.by_sshd && (local.sessions == "all" || (demanded && counts));
    out_.enforce_recording = decision.enforce_recorder && counts;
    if (!decision.enforce_recorder || counts) return true;
    deny("ssh",
         fmt::format("{} demands that the session is recorded ({}), and {}", out_.why.rule, joined(decision.recorders),
                     asked_.by_sshd            ? "those of this sshd are not"
                     : local.sessions == "off" ? "[recording] sessions is off here"
                                               : "this node is none of these"),
         "access denied: policy demands that this session is recorded, and there is no recorder here; use an account "
         "that needs none");
    return false;
  }
  [[nodiscard]] std::string recording_text(const table::LoginDecision& decision) const {
    if (out_.record) return "; it is recorded";
    if (decision.recorders.empty()) return {};
    return fmt::format("; it is not recorded, as the rule wants it to be ({})", joined(decision.recorders));
  }

  // Layer check.
  bool is_checked(const table::Directory::Numbered* node, std::uint32_t period) {
    const std::optional<Key> key = owner_of(facts_.enforced.owned)(asked_.source);
    if (node == nullptr || node->identity.login.empty() || !key) {
      deny(
          "check",
          fmt::format("E1425: {} asks for a check, and {} is no node of a person", out_.why.rule, asked_.source.text()),
          fmt::format("access denied: becoming {} here takes a check of a person, and this node is nobody's; log in "
                      "from a node of a person, or have whoever keeps the policy accept this one",
                      quoted(asked_.user)));
      return false;
    }
    CheckAsked& check = out_.check.emplace();
    check.subject = {*key, node->identity.login};
    check.period_s = period;
    check.security_keys = node->identity.security_keys;
    check.sub = node->identity.sub;
    const std::optional<CheckPassed> passed = what_was_passed(check);
    if (passed || lives_ == check.subject.person) {
      out_.checked = check.subject.person;
      out_.checked_by =
          passed ? fmt::format("{} at {}", passed->by, release::print_time(passed->at)) : "a check, when it began";
      yes("check", fmt::format("{} was checked by {}", out_.checked, out_.checked_by));
      return true;
    }
    out_.needs_check = true;
    deny("check",
         fmt::format("{} asks that {} proves anew who it is ({}), and nothing that counts is remembered", out_.why.rule,
                     check.subject.person, period_text(period)),
         fmt::format("access denied: policy asks that you prove anew who you are before becoming {}",
                     quoted(asked_.user)));
    return false;
  }
  [[nodiscard]] std::optional<CheckPassed> what_was_passed(const CheckAsked& check) const {
    if (asked_.checked && counts_here(*asked_.checked, check)) return asked_.checked->passed;
    if (facts_.checks == nullptr) return std::nullopt;
    return facts_.checks->find(check.subject, check.period_s, facts_.now);
  }
  // What was passed in this connection may still be older than the rule takes: a login at the provider from before.
  [[nodiscard]] bool counts_here(const LoginAsked::Checked& checked, const CheckAsked& check) const {
    return checked.subject == check.subject &&
           checked.passed.at >= (check.period_s == acl_ssh_always ? checked.began - check_skew_s
                                                                  : facts_.now - release::Time{check.period_s} + 1);
  }
  static std::string period_text(std::uint32_t period) {
    if (period == acl_ssh_always) return "at each login";
    return period % 3600 == 0 ? fmt::format("every {} h", period / 3600) : fmt::format("every {} s", period);
  }

  // What the source may become here instead.
  void tell_nearest(const LoadedTable& table) {
    constexpr std::size_t most_nearest = 5;
    const std::uint32_t source = table.ssh().source_class(asked_.source);
    if (source == 0) return;
    for (const table::Ssh::ClassRule& one : table.ssh().rules_of(source)) {
      if (out_.why.nearest.size() == most_nearest) return;
      const table::Ssh::Rule rule = table.ssh().rule(one.rule);
      std::string accounts = joined(rule.accounts);
      const auto add = [&](bool given, std::string_view what) {
        if (given) accounts += (accounts.empty() ? "" : ", ") + std::string(what);
      };
      add((rule.flags & acl_ssh_root) != 0, "root");
      add((rule.flags & acl_ssh_nonroot) != 0, "every account but root");
      add(one.own_name, table.ssh().own_name(source));
      const table::RulePlace* place = table.rules().find(table.names().ssh_rule_id(one.rule));
      out_.why.nearest.push_back({place != nullptr ? table::rule_name(*place) : "a rule without a line",
                                  place != nullptr ? place->line : 0,
                                  fmt::format("it gives {}{}", accounts.empty() ? "nothing" : accounts,
                                              rule.action == table::LoginAction::check ? ", after a check" : "")});
    }
  }

  // engine/release/head.h: with ssh-restricted an expired release gives neither root nor checked logins.
  bool is_withheld_by_expiry(const LoadedTable& table, const table::LoginDecision& decision) {
    if (facts_.enforced.standing != release::Standing::expired ||
        table.release().head.on_expiry != release::OnExpiry::ssh_restricted)
      return false;
    const bool root = asked_.is_root || asked_.user == "root";
    if (!root && decision.action != table::LoginAction::check) return false;
    deny(
        "local", "the release has expired (ssh-restricted): no logins as root, and none that need a check",
        "access denied: the policy on this machine has expired, so until there is a new one nobody becomes root, or an "
        "account that takes a check; use another account");
    return true;
  }

  const LoginFacts& facts_;
  const LoginAsked& asked_;
  const std::string_view lives_;
  LoginAnswer out_;
};

}  // namespace

Owner owner_of(std::span<const OwnedRange> owned) {
  return [owned](const net::Address& address) -> std::optional<Key> {
    const auto after = std::upper_bound(owned.begin(), owned.end(), address,
                                        [](const net::Address& a, const OwnedRange& range) { return a < range.first; });
    if (after == owned.begin()) return std::nullopt;
    const OwnedRange& range = *(after - 1);
    return address <= range.last ? std::optional(range.peer) : std::nullopt;
  };
}

LoginAnswer decide_login(const LoginFacts& facts, const LoginAsked& asked) { return Deciding(facts, asked).decide(); }

namespace {

// The first right that is no longer given, and its bit; nullptr: all are.
std::pair<const char*, std::uint8_t> lost_of(const LoginAnswer& had, const LoginAnswer& fresh, bool keeps_patterns) {
  if (had.agent_forwarding && !fresh.agent_forwarding) return {"agent forwarding", protocol::narrowed_agent};
  if (had.local_forwarding && !fresh.local_forwarding)
    return {"forwarding to what this machine reaches", protocol::narrowed_local};
  if (had.remote_forwarding && !fresh.remote_forwarding)
    return {"forwarding of ports of this machine", protocol::narrowed_remote};
  if (had.x11_forwarding && !fresh.x11_forwarding) return {"X11 forwarding", protocol::narrowed_x11};
  if (!keeps_patterns) return {"variables of the environment", 0};
  return {nullptr, 0};
}

}  // namespace

LoginAnswer decide_login_again(const LoginFacts& facts, const LoginAsked& asked, const LoginAnswer& had) {
  LoginAnswer fresh = Deciding(facts, asked, had.checked).decide();
  if (!fresh.accept) return fresh;
  const bool keeps_patterns = std::all_of(had.patterns.begin(), had.patterns.end(), [&](const std::string& pattern) {
    return std::find(fresh.patterns.begin(), fresh.patterns.end(), pattern) != fresh.patterns.end();
  });
  const auto [lost, bit] = lost_of(had, fresh, keeps_patterns);
  if (lost != nullptr) {
    fresh.accept = fresh.why.allowed = false;
    fresh.reason = fmt::format("{} no longer gives {}, which this login has",
                               (fresh.narrowed & bit) != 0 ? "aclnode.toml of this machine" : "policy", lost);
    fresh.why.layers.push_back({"ssh", false, fresh.reason});
    fresh.tell = fmt::format("access denied: {}; log in again without it", fresh.reason);
  }
  if (fresh.accept && fresh.enforce_recording && !had.record) {
    fresh.accept = fresh.why.allowed = false;
    fresh.reason = "policy now demands that this session is recorded, which it is not";
    fresh.why.layers.push_back({"ssh", false, fresh.reason});
    fresh.tell = fmt::format("access denied: {}; log in again", fresh.reason);
  }
  fresh.record = had.record;
  fresh.enforce_recording = had.enforce_recording;
  fresh.agent_forwarding = had.agent_forwarding;
  fresh.local_forwarding = had.local_forwarding;
  fresh.remote_forwarding = had.remote_forwarding;
  fresh.x11_forwarding = had.x11_forwarding;
  fresh.patterns = had.patterns;
  return fresh;
}

}  // namespace acl::node
