#include "compiler/policy/check.h"

#include <algorithm>

#include "compiler/policy/checker.h"

namespace acl::policy {
namespace {

bool is_synced_group(const Selector& selector) noexcept {
  return selector.kind == SelectorKind::group && selector.text.find('@') != std::string_view::npos;
}

// How an undefined name is spoken of.
struct Undefined {
  Code code;
  std::string_view word;     // "tag"
  std::string_view plural;   // "Tags", at the start of a sentence
  std::string_view section;  // where such names are declared
};

Undefined undefined(NameKind kind) noexcept {
  switch (kind) {
    case NameKind::group: return {Code::E0302, "group", "Groups", "groups"};
    case NameKind::host: return {Code::E0303, "host", "Hosts", "hosts"};
    case NameKind::ipset: return {Code::E0304, "ipset", "IP sets", "ipsets"};
    case NameKind::tag: return {Code::E0301, "tag", "Tags", "tagOwners"};
    case NameKind::posture: return {Code::E0305, "posture", "Postures", "postures"};
  }
  return {Code::E0303, "host", "Hosts", "hosts"};
}

// What is wrong with the form of a selector, whatever its place. True if nothing is.
bool check_form(Checker& c, const Selector& selector, const Preface& prefix) {
  const auto error = [&](std::string message, std::string help) {
    c.findings.add(Code::E0307, selector.span, fmt::format("{}{}", prefix, message), std::move(help));
    return false;
  };
  switch (selector.fault) {
    case SelectorFault::none: return true;
    case SelectorFault::user_pattern:
      return error(fmt::format("\"{}\" is no selector", selector.text),
                   "a person is written as their login (ana@example.com), all of a domain as user:*@example.com");
    case SelectorFault::prefix:
      return error(fmt::format("\"{}\" is no prefix", selector.text),
                   "the length is a number from 0 to 32 for IPv4, from 0 to 128 for IPv6");
    case SelectorFault::range:
      return error(fmt::format("\"{}\" is no range", selector.text),
                   "both ends are of one family, the smaller one first");
    case SelectorFault::name:
      return error(fmt::format("\"{}\" lacks its name", selector.text), "write the name behind the colon");
    case SelectorFault::wildcard:
      return error(fmt::format("\"{}\" is no user", selector.text),
                   "a login has no wildcards; all users of a domain are user:*@example.com");
    case SelectorFault::host_bits:
      c.findings.add(
          Code::W0320, selector.span,
          fmt::format("\"{}\" has bits set beyond its length: it means {}", selector.text, selector.prefix.text()),
          fmt::format("write \"{}\", or \"{}\" if the one address is meant", selector.prefix.text(),
                      selector.text.substr(0, selector.text.find('/'))));
      return true;
  }
  return true;
}

bool takes_users(Location location) {
  return allowed_at(parse_selector("ana@", {}), location, Dialect::headscale) == Allowed::yes;
}

bool refuse_place(Checker& c, const Selector& selector, Location location, const Preface& prefix) {
  if (selector.kind == SelectorKind::autogroup && c.headscale() && !known_to_headscale(selector)) {
    c.findings.add(Code::E0306, selector.span,
                   fmt::format("autogroup not supported in headscale: \"{}\"", selector.text));
    return false;
  }
  std::string help;
  if (selector.kind == SelectorKind::autogroup) {
    const std::string usable = autogroups_at(location, c.policy.dialect);
    help = usable.empty() ? "name a user, a group, a tag or a host"
                          : fmt::format("autogroups that may stand here: {}", usable);
  } else if (selector.kind == SelectorKind::range) {
    help = "put the range into an ipset and name the ipset here";
  } else if (selector.kind == SelectorKind::service) {
    help = "services accept connections and never start them";
  } else if (selector.kind == SelectorKind::prefix && location == Location::test_dst) {
    help = "a test asks about one host: name an address";
  } else if (selector.kind == SelectorKind::group && location == Location::ssh_dst) {
    help = "people may log in only to tagged devices and their own: use a tag or autogroup:self";
  } else if (selector.kind == SelectorKind::wildcard && location == Location::ssh_dst) {
    help = "list tags, autogroup:tagged or autogroup:self";
  } else if (selector.kind == SelectorKind::wildcard && location == Location::approver) {
    help = "list tags, groups or users";
  } else if (selector.kind == SelectorKind::host && c.headscale() && takes_users(location)) {
    help = trailing_at_help(selector.text);
  }
  const std::string message = selector.kind == SelectorKind::empty
                                  ? fmt::format("{}an empty string is no selector", prefix)
                                  : fmt::format("{}\"{}\": {} cannot be {}", prefix, selector.text,
                                                selector_kind_name(selector.kind), location_name(location));
  Diagnostic& found = c.findings.add(Code::E0308, selector.span, message, std::move(help));
  const bool outbound = selector.autogroup == Autogroup::self || selector.autogroup == Autogroup::internet;
  if (location == Location::rule_src && outbound && !c.headscale()) {
    found.service_text = fmt::format("{} not valid on the src side of a rule", selector.text);
  } else if (location == Location::ssh_src && !c.headscale()) {
    found.service_text = fmt::format("\"{}\" is not allowed in src", selector.text);
  } else if (location == Location::ssh_dst && !c.headscale()) {
    found.service_text = fmt::format("invalid dst \"{}\"", selector.text);
  } else if (location == Location::ssh_dst && selector.kind == SelectorKind::wildcard) {
    found.service_text = "wildcard (*) is not supported as SSH destination";
  }
  return false;
}

void note_members_spelling(Checker& c, const Selector& selector) {
  if (selector.autogroup != Autogroup::member) return;
  if (selector.plural && !c.plural_members) {
    c.findings.add(Code::W0211, selector.span, "\"autogroup:members\" is the old spelling of \"autogroup:member\"",
                   "write \"autogroup:member\", everywhere in the file: the two spellings must not be mixed");
  }
  (selector.plural ? c.plural_members : c.singular_members) = true;
}

bool check_autogroup(Checker& c, const Selector& selector, const Preface& prefix, Location location) {
  note_members_spelling(c, selector);
  if (selector.autogroup != Autogroup::unknown) return true;
  const std::string usable = autogroups_at(location, c.policy.dialect);
  c.findings.add(Code::E0306, selector.span, fmt::format("{}unknown autogroup: \"{}\"", prefix, selector.text),
                 usable.empty() ? std::string() : fmt::format("autogroups that may stand here: {}", usable));
  return false;
}

bool check_service(Checker& c, const Selector& selector, const Preface& prefix) {
  const auto is_label_byte = [](char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-';
  };
  const std::string_view name = selector.name;
  const bool label = name.size() <= 63 && std::all_of(name.begin(), name.end(), is_label_byte) && name.front() != '-' &&
                     name.back() != '-';
  if (label) return true;
  c.findings.add(Code::E0336, selector.span, fmt::format("{}\"{}\" is no service name", prefix, selector.text),
                 "svc: is followed by a DNS label: at most 63 letters, digits and hyphens");
  return false;
}

}  // namespace

bool Checker::selector(const Selector& selector, Location location, const Preface& prefix) {
  if (looks_like_template(selector.text)) {
    report_template({selector.text, selector.span});
    return false;
  }
  // An unknown autogroup is an unknown name before it is a wrong one.
  if (selector.kind == SelectorKind::autogroup && !check_autogroup(*this, selector, prefix, location)) return false;
  const Allowed allowed = allowed_at(selector, location, policy.dialect);
  if (allowed == Allowed::no) {
    mark_used(selector);
    return refuse_place(*this, selector, location, prefix);
  }
  if (!check_form(*this, selector, prefix)) return false;
  if (allowed == Allowed::unsettled) {
    findings.add(Code::I0335, selector.span,
                 fmt::format("\"{}\": whether {} can be {} is not documented", selector.text,
                             selector_kind_name(selector.kind), location_name(location)));
  }
  if (selector.odd_case) {
    findings.add(Code::W0327, selector.span,
                 fmt::format("{}: the word before the colon is written in lower case",
                             file.source.text().substr(selector.span.begin, selector.span.end - selector.span.begin)));
  }
  switch (selector.kind) {
    case SelectorKind::user: login(selector, prefix); return true;
    case SelectorKind::user_domain: return domain(selector.name, selector.span, prefix);
    case SelectorKind::group: return defined(NameKind::group, selector, prefix);
    case SelectorKind::tag: return defined(NameKind::tag, selector, prefix);
    case SelectorKind::ipset: return defined(NameKind::ipset, selector, prefix);
    case SelectorKind::host: return defined(NameKind::host, selector, prefix);
    case SelectorKind::service: return check_service(*this, selector, prefix);
    default: return true;
  }
}

void Checker::mark_used(const Selector& selector) {
  const auto mark = [&](NameKind kind, std::string_view name) {
    if (Definition* found = names.find(kind, name)) found->used = true;
  };
  switch (selector.kind) {
    case SelectorKind::group: return mark(NameKind::group, selector.text);
    case SelectorKind::tag: return mark(NameKind::tag, selector.text);
    case SelectorKind::ipset: return mark(NameKind::ipset, selector.text);
    case SelectorKind::posture: return mark(NameKind::posture, selector.text);
    case SelectorKind::host: return mark(NameKind::host, selector.name);
    default: return;
  }
}

void Checker::report_template(const Text& text) {
  findings.add(Code::E0319, text.span, fmt::format("\"{}\" looks like a template, not like a policy", text.value),
               "check the text that the template makes: its placeholders must be filled in first");
}

void Checker::selectors(const std::vector<Selector>& list, Location location, const Preface& prefix) {
  for (const Selector& item : list) selector(item, location, prefix);
}

bool Checker::defined(NameKind kind, const Selector& selector, const Preface& prefix) {
  const std::string_view name = kind == NameKind::host ? selector.name : selector.text;
  if (Definition* found = names.find(kind, name)) {
    found->used = true;
    if (selector.prefixed) {
      findings.add(Code::W0338, selector.span,
                   fmt::format("\"{}\": rules name a host without \"host:\"", selector.text),
                   fmt::format("write \"{}\"", name));
    }
    return true;
  }
  if (is_synced_group(selector) && !headscale() && facts != nullptr &&
      facts->synced_groups.count(std::string(selector.text)) != 0) {
    return true;
  }
  if (is_synced_group(selector) && !headscale()) {
    findings.add(Code::I0321, selector.span,
                 fmt::format("\"{}\" is not defined here: taken for a group of the identity provider", selector.text));
    return true;
  }
  const Undefined what = undefined(kind);
  std::string help = suggestion(kind, name);
  if (kind == NameKind::host && help.empty()) {
    help =
        headscale()
            ? trailing_at_help(name)
            : "A bare name is an entry of \"hosts\"; device names are not host aliases, people are written as logins.";
  } else {
    help += fmt::format("{}{} are declared in \"{}\".", help.empty() ? "" : " ", what.plural, what.section);
  }
  std::string message = fmt::format("{}{} not found: \"{}\"", prefix, what.word, name);
  if (headscale() && kind == NameKind::group) message = fmt::format("group not defined in policy: \"{}\"", name);
  if (headscale() && kind == NameKind::host) message = fmt::format("host not defined in policy: \"{}\"", name);
  Diagnostic& found = findings.add(what.code, selector.span, std::move(message), std::move(help));
  // The service's words for bare names: https://github.com/tailscale/tailscale/issues/12370 and /16614.
  if (!headscale() && kind == NameKind::host && found.service_text.empty()) {
    const bool colon = name.find(':') != std::string_view::npos;
    found.service_text = colon ? fmt::format("{}host name must not contain colon (:)", prefix)
                               : fmt::format("{}unknown user or host: \"{}\"", prefix, name);
  }
  return false;
}

void Checker::posture_names(const std::optional<std::vector<Text>>& list) {
  if (!list) return;
  for (const Text& text : *list) {
    const Selector selector = parse_selector(text.value, text.span);
    if (selector.kind == SelectorKind::posture && selector.fault == SelectorFault::none) {
      defined(NameKind::posture, selector, "");
    } else if (looks_like_template(text.value)) {
      report_template({selector.text, selector.span});
    } else {
      findings.add(Code::E0305, text.span, fmt::format("\"{}\" is no posture", text.value),
                   "postures are named posture:NAME and declared in \"postures\"");
    }
  }
}

void Checker::login(const Selector& selector, const Preface& prefix) {
  if (facts != nullptr && facts->logins.contains(selector.text)) return;
  if (!logins.insert(selector.text).second || facts == nullptr) return;
  findings.add(Code::W0343, selector.span, fmt::format("{}user not found: \"{}\"", prefix, selector.text),
               "the inventory lists no such user; the name matches nobody");
}

bool Checker::domain(std::string_view name, Span span, const Preface& prefix) {
  const bool possible = !name.empty() && std::all_of(name.begin(), name.end(), [](char ch) {
    return static_cast<unsigned char>(ch) >= 0x80 || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
           (ch >= '0' && ch <= '9') || ch == '-' || ch == '.';
  });
  const auto refuse = [&](std::string help) {
    findings.add(
        Code::E0318, span,
        fmt::format("{}{} is not associated with this Tailnet and cannot be used in user:*@<domain> expressions",
                    prefix, name),
        std::move(help));
  };
  if (!possible) {
    refuse("name a mail domain of the tailnet");
    return false;
  }
  domains.insert(name);
  if (facts != nullptr && std::find(facts->domains.begin(), facts->domains.end(), name) == facts->domains.end()) {
    refuse(fmt::format("the tailnet's domains: {}", fmt::join(facts->domains, ", ")));
    return false;
  }
  if (std::any_of(name.begin(), name.end(), [](char ch) { return ch >= 'A' && ch <= 'Z'; })) {
    findings.add(Code::W0337, span, fmt::format("the domain \"{}\" is compared as written", name),
                 fmt::format("write \"{}\"", lower_case(name)));
  }
  return true;
}

std::string Checker::suggestion(NameKind kind, std::string_view name) {
  const Definition* found = names.nearest(kind, name);
  if (found == nullptr) return {};
  return fmt::format("did you mean \"{}\" (line {})?", found->name, findings.place(found->span).start.line);
}

void check(PolicyFile& file, Findings& findings, const Facts* facts, std::vector<std::string>& skipped) {
  Checker c(file, findings, facts);
  check_groups(c);
  check_hosts(c);
  check_ipsets(c);
  check_tag_owners(c);
  check_postures(c);
  check_grants(c);
  check_acls(c);
  check_auto_approvers(c);
  check_node_attrs(c);
  check_settings(c);
  check_ssh(c);
  const std::size_t before_tests = findings.errors();
  check_ssh_tests(c);
  check_tests(c);
  const bool tests_fail = findings.errors() != before_tests;
  check_unused(c);
  if (facts != nullptr) return;

  const auto count = [](std::size_t n, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", n, n == 1 ? one : many);
  };
  if (!c.logins.empty()) {
    skipped.push_back(fmt::format("whether {} named here exist{}", count(c.logins.size(), "login", "logins"),
                                  c.logins.size() == 1 ? "s" : ""));
  }
  if (!c.domains.empty()) {
    skipped.push_back(fmt::format("whether {} of user:*@… or localpart:*@… belong{} to the tailnet",
                                  count(c.domains.size(), "domain", "domains"), c.domains.size() == 1 ? "s" : ""));
  }
  const Policy& policy = file.policy;
  if (!policy.tests.empty() && !tests_fail) {
    skipped.push_back(fmt::format("the outcome of {} in tests", count(policy.tests.size(), "entry", "entries")));
  }
  if (!policy.ssh_tests.empty() && !tests_fail) {
    skipped.push_back(fmt::format("the outcome of {} in sshTests", count(policy.ssh_tests.size(), "entry", "entries")));
  }
}

}  // namespace acl::policy
