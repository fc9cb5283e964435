// ssh: who may log in where as whom.
//
// Which sources may reach which destinations: people may reach tagged devices and their own devices; tagged devices may reach
// tagged devices; no one reaches another person's device; `check` needs a person.
// Source: https://tailscale.com/docs/features/tailscale-ssh, https://tailscale.com/docs/reference/syntax/policy-file#ssh
#include <algorithm>

#include "compiler/policy/checker.h"
#include "compiler/policy/duration.h"

namespace acl::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::chrono::nanoseconds longest_check_period = hours(168);
constexpr std::chrono::nanoseconds shortest_check_period = minutes(1);

bool is_device_source(const Selector& selector) noexcept {
  return selector.kind == SelectorKind::tag || selector.autogroup == Autogroup::tagged;
}

void check_action(Checker& c, const SshRule& rule) {
  const std::string_view action = rule.action ? rule.action->value : std::string_view();
  if (action == "accept" || action == "check" || (action.empty() && rule.damaged)) return;
  if (action.empty()) {
    c.findings.add(Code::E0501, rule.action ? rule.action->span : rule.span, "action must be specified",
                   "say \"action\": \"accept\" or \"check\"");
    return;
  }
  c.findings.add(Code::E0501, rule.action->span, fmt::format("\"{}\" is not a valid action", action),
                 "the actions are \"accept\" and \"check\", in lower case");
}

// user:*@ and localpart: share the rule on domains.
void check_user(Checker& c, const Text& user) {
  if (user.empty() || user.value == "*") {
    c.findings.add(Code::E0503, user.span, fmt::format("user \"{}\" is not valid", user.value),
                   "name an account, or autogroup:nonroot for all but root");
    return;
  }
  constexpr std::string_view localpart = "localpart:*@";
  if (user.value.substr(0, localpart.size()) == localpart && user.value.size() > localpart.size()) {
    c.domain(user.value.substr(localpart.size()), user.span, "");
    return;
  }
  if (user.value == "autogroup:nonroot") return;
  const Selector form = parse_selector(user.value, user.span);
  const bool worded = form.kind != SelectorKind::host && form.kind != SelectorKind::user;
  if (worded || form.prefixed) {
    c.findings.add(Code::W0511, user.span, fmt::format("\"{}\" is taken for the name of a local account", user.value),
                   "users are account names, root, autogroup:nonroot or localpart:*@DOMAIN");
  }
}

void check_users(Checker& c, const SshRule& rule) {
  if (rule.users.empty() && !rule.damaged) {
    c.findings.add(Code::E0502, rule.span, "users must be specified",
                   "list the local accounts that may be used, for example [\"autogroup:nonroot\"]");
  }
  for (const Text& user : rule.users) check_user(c, user);
}

void check_sources(Checker& c, const SshRule& rule) {
  for (const Selector& source : rule.src) {
    if (!c.selector(source, Location::ssh_src, source.kind == SelectorKind::user_domain ? "[ssh] " : "")) continue;
    if (is_device_source(source) && rule.action && rule.action->value == "check") {
      c.findings.add(Code::W0506, source.span, "\"check\" action does not support tags in src",
                     "only a person can be asked to verify: use \"accept\" for tagged devices, in a rule of its own");
    }
  }
}

// A single user as destination: only for that same user as the only source.
bool is_own_device_rule(const SshRule& rule, const Selector& dst) noexcept {
  return rule.src.size() == 1 && rule.src[0].kind == SelectorKind::user &&
         equal_ignoring_case(rule.src[0].text, dst.text);
}

// How the hosted service words it, as quoted in https://github.com/juanfont/headscale/issues/3010.
void add_service_words(const Checker& c, Diagnostic& found, const Selector& dst) {
  if (dst.kind == SelectorKind::user && !c.headscale()) {
    found.service_text = "users in dst are only allowed from the same user";
  }
}

// `device`: the first source that is no person, or null.
void check_pair(Checker& c, const SshRule& rule, const Selector& dst, const Selector* device) {
  const bool owned =
      dst.kind == SelectorKind::user || dst.autogroup == Autogroup::self || dst.autogroup == Autogroup::member;
  if (!owned) return;
  if (device != nullptr) {
    std::string message = "tags in SSH source cannot access user-owned devices";
    if (dst.autogroup == Autogroup::self) {
      message =
          "autogroup:self destination requires source to contain only users or groups, not tags or autogroup:tagged";
    } else if (dst.autogroup == Autogroup::member) {
      message = "tags in SSH source cannot access autogroup:member (user-owned devices)";
    }
    Diagnostic& found = c.findings.add(Code::E0507, device->span, std::move(message),
                                       "tagged devices may log in to tagged devices only");
    add_service_words(c, found, dst);
    c.findings.relate(found, "the destination", dst.span);
    return;
  }
  if (dst.kind == SelectorKind::user && !rule.src.empty() && !is_own_device_rule(rule, dst)) {
    Diagnostic& found =
        c.findings.add(Code::E0507, dst.span, "user destination requires source to contain only that same user",
                       "write autogroup:self: everyone's own devices");
    add_service_words(c, found, dst);
  }
}

void check_destinations(Checker& c, const SshRule& rule) {
  const auto device = std::find_if(rule.src.begin(), rule.src.end(), is_device_source);
  for (const Selector& dst : rule.dst) {
    if (!c.selector(dst, Location::ssh_dst)) continue;
    check_pair(c, rule, dst, device == rule.src.end() ? nullptr : &*device);
  }
}

void check_period(Checker& c, const SshRule& rule) {
  if (!rule.check_period || rule.check_period->empty() || rule.check_period->value == "always") return;
  const Text& text = *rule.check_period;
  if (!rule.check_duration) {
    c.findings.add(Code::E0508, text.span, fmt::format("time: invalid duration \"{}\"", text.value),
                   "write hours, minutes and seconds (12h, 1h30m, 90m), or always; there is no unit for days");
    return;
  }
  const std::string printed = print_duration(*rule.check_duration);
  if (rule.check_duration->count() < 0 || *rule.check_duration > longest_check_period) {
    c.findings.add(Code::E0509, text.span, fmt::format("checkPeriod {} is not between 0s and 168h0m0s", printed),
                   "the longest period is a week (168h)");
  } else if (*rule.check_duration < shortest_check_period && rule.check_duration->count() != 0) {
    c.findings.add(Code::W0512, text.span,
                   fmt::format("checkPeriod {} is below the documented minimum of one minute", printed),
                   "write 1m, or always to ask on every connection");
  }
}

void check_period_has_check(Checker& c, const SshRule& rule) {
  if (!rule.check_period || rule.check_period->empty() || !rule.action || rule.action->value != "accept") return;
  c.findings.add(c.headscale() ? Code::E0513 : Code::W0514, rule.check_period->span,
                 "checkPeriod is only valid with action \"check\"", "remove it, or use \"action\": \"check\"");
}

void check_recorder(Checker& c, const SshRule& rule) {
  for (const Selector& recorder : rule.recorder) {
    if (recorder.kind == SelectorKind::tag) {
      c.defined(NameKind::tag, recorder, "");
    } else {
      c.mark_used(recorder);
      c.findings.add(Code::E0515, recorder.span, fmt::format("recorder \"{}\" is no tag", recorder.text),
                     "tag the nodes that record and name their tag");
    }
  }
  if (rule.enforce_recorder && rule.recorder.empty() && !rule.damaged) {
    c.findings.add(Code::W0516, rule.span, "enforceRecorder without a recorder",
                   "name the recorder's tag, or remove it");
  }
}

// What a rule speaks of, sorted, each once.
struct Cover {
  explicit Cover(const SshRule& rule) {
    for (const Selector& selector : rule.src) src.push_back(selector.text);
    for (const Selector& selector : rule.dst) dst.push_back(selector.text);
    for (const Text& user : rule.users) users.push_back(user.value);
    for (auto* list : {&src, &dst, &users}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
  }
  [[nodiscard]] bool covers(const Cover& other) const {
    const auto has = [](const auto& all, const auto& some) {
      return std::includes(all.begin(), all.end(), some.begin(), some.end());
    };
    return has(src, other.src) && has(dst, other.dst) && has(users, other.users);
  }
  [[nodiscard]] bool complete() const { return !src.empty() && !dst.empty() && !users.empty(); }

  std::vector<std::string_view> src, dst, users;
};

bool has_action(const SshRule& rule, std::string_view action) { return rule.action && rule.action->value == action; }

// The check rules are tried before all accept rules: an accept rule with nothing of its own is never reached.
void check_hidden(Checker& c) {
  constexpr std::size_t most_rules = 1000;  // every pair of rules is compared
  const auto& rules = c.policy.ssh;
  // A posture may keep a source from a check rule.
  if (rules.size() > most_rules || c.policy.default_src_posture) return;
  std::vector<std::pair<std::size_t, Cover>> checks;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (has_action(rules[i], "check") && !rules[i].src_posture) checks.emplace_back(i, Cover(rules[i]));
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Cover cover(rules[i]);
    if (!has_action(rules[i], "accept") || !cover.complete()) continue;
    const auto hides = [&](const auto& check) { return check.second.covers(cover); };
    const auto check = std::find_if(checks.begin(), checks.end(), hides);
    if (check == checks.end()) continue;
    Diagnostic& found = c.findings.add(Code::W0517, rules[i].span,
                                       fmt::format("{} is never reached: {} covers it, and check rules come first",
                                                   rule_name("ssh", i), rule_name("ssh", check->first)),
                                       "remove one of the two");
    c.findings.relate(found, "the check rule", rules[check->first].span);
  }
}

}  // namespace

void check_ssh(Checker& c) {
  for (std::size_t i = 0; i < c.policy.ssh.size(); ++i) {
    const SshRule& rule = c.policy.ssh[i];
    const std::size_t errors = c.findings.errors();
    check_action(c, rule);
    check_users(c, rule);
    check_sources(c, rule);
    check_destinations(c, rule);
    check_period(c, rule);
    check_period_has_check(c, rule);
    for (const Text& pattern : rule.accept_env) {
      if (pattern.empty()) {
        c.findings.add(Code::E0510, pattern.span, "acceptEnv values cannot be empty",
                       "name variables, with * and ? as wildcards: \"GIT_*\"");
      }
    }
    c.posture_names(rule.src_posture);
    check_recorder(c, rule);
    if ((rule.src.empty() || rule.dst.empty()) && !rule.damaged && c.findings.errors() == errors) {
      c.findings.add(
          Code::W0413, rule.span,
          fmt::format("{} can never match: it has no {}", rule_name("ssh", i), rule.src.empty() ? "src" : "dst"),
          "it admits nobody; complete it or remove it");
    }
  }
  check_hidden(c);
}

}  // namespace acl::policy
