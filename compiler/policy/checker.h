// Checker: what the check_*.cc files share; no one else includes this.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "compiler/policy/check.h"
#include "compiler/policy/names.h"
#include "compiler/policy/places.h"

namespace acl::policy {

// What stands in front of the service's wording: nothing, `src=`, or `dst="tag:x": `. Put together only where something is wrong.
struct Preface {
  Preface() = default;
  Preface(const char* text) : word(text) {}         // NOLINT(google-explicit-constructor)
  Preface(std::string_view text) : word(text) {}    // NOLINT(google-explicit-constructor)
  Preface(const std::string& text) : word(text) {}  // NOLINT(google-explicit-constructor)
  Preface(std::string_view field, std::string_view value) : word(field), quoted(value), quotes(true) {}

  std::string_view word;
  std::string_view quoted;
  bool quotes = false;
};

class Checker {
 public:
  Checker(const PolicyFile& of, Findings& to, const Facts* known)
      : file(of), policy(of.policy), findings(to), facts(known), names(policy) {
    for (const Group& group : policy.groups) {
      if (group.members.empty()) empty_groups.insert(group.name.value);
    }
    for (const Host& host : policy.hosts) {
      if (host.prefix && !host.prefix->is_single()) prefix_hosts.try_emplace(host.name.value, &host);
    }
  }

  const PolicyFile& file;
  const Policy& policy;
  Findings& findings;
  const Facts* facts;  // null without an inventory
  Names names;
  std::set<std::string_view> empty_groups;
  std::unordered_map<std::string_view, const Host*> prefix_hosts;  // hosts that stand for more than one address
  std::unordered_set<std::string_view> logins;                     // users named anywhere that no inventory lists
  std::set<std::string_view> domains;                              // domains of user:*@… and localpart:*@…
  bool plural_members = false;                                     // autogroup:members is used somewhere
  bool singular_members = false;

  [[nodiscard]] bool headscale() const noexcept { return policy.dialect == Dialect::headscale; }

  // Judges a selector in its place: its form, whether it may stand there, whether its name is defined. `prefix` stands in
  // front of the service's wording: `src=`, `dst="tag:x": `. True if nothing was wrong.
  bool selector(const Selector& selector, Location location, const Preface& prefix = {});
  void selectors(const std::vector<Selector>& selectors, Location location, const Preface& prefix = {});

  // The name counts as used: what refuses it is no reason to call it unused too.
  void mark_used(const Selector& selector);

  // Reports a text with placeholders.
  void report_template(const Text& text);

  // A name that must be defined. True if it is; then it counts as used.
  bool defined(NameKind kind, const Selector& selector, const Preface& prefix);
  void posture_names(const std::optional<std::vector<Text>>& names);

  // A login that is named somewhere: a warning if the inventory does not list it. `prefix` as above.
  void login(const Selector& selector, const Preface& prefix);

  // The domain of user:*@DOMAIN: without an inventory only what can be no domain is refused.
  bool domain(std::string_view domain, Span span, const Preface& prefix);

  // "did you mean "tag:server" (line 7)?", or nothing.
  std::string suggestion(NameKind kind, std::string_view name);
};

void check_groups(Checker& c);
void check_hosts(Checker& c);
void check_ipsets(Checker& c);
void check_tag_owners(Checker& c);
void check_postures(Checker& c);
void check_grants(Checker& c);
void check_acls(Checker& c);
void check_auto_approvers(Checker& c);
void check_node_attrs(Checker& c);
void check_settings(Checker& c);
void check_ssh(Checker& c);
void check_ssh_tests(Checker& c);
void check_tests(Checker& c);
void check_unused(Checker& c);

// For a name without an @ where Headscale might have wanted a user.
inline std::string trailing_at_help(std::string_view name) {
  return fmt::format("if this is a user, Headscale writes it with a trailing @: \"{}@\"", name);
}

// The beginning of a name of any length: messages about its members repeat it.
inline std::string_view short_name(std::string_view name) { return name.substr(0, 500); }

// "acls[3]".
inline std::string rule_name(std::string_view section, std::size_t index) {
  return fmt::format("{}[{}]", section, index);
}

}  // namespace acl::policy

template <>
struct fmt::formatter<acl::policy::Preface> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const acl::policy::Preface& preface, Context& context) const {
    if (!preface.quotes) return fmt::format_to(context.out(), "{}", preface.word);
    return fmt::format_to(context.out(), "{}\"{}\": ", preface.word, preface.quoted);
  }
};
