// tests and sshTests: what about them is wrong whatever the inventory says.
//
// A test that names something unknown, asserts nothing, or asks about more than one host and one port fails, and a failing
// test refuses the policy: the service answers "test(s) failed" and no more.
#include <unordered_set>

#include "compiler/policy/checker.h"
#include "compiler/policy/decode.h"

namespace acl::policy {
namespace {

constexpr std::string_view failed = "test(s) failed";

// What the control plane answers to an error in a test: the hosted service one text for all, Headscale the words given.
void answer(Checker& c, std::string_view headscale_words = {}) {
  c.findings.service_text(std::string(c.headscale() ? headscale_words : failed));
}

// Runs `judge`; whatever errors it finds are, in the service's words, a failed test.
template <class Judge>
void as_failed_test(Checker& c, Judge judge) {
  answer(c);
  judge();
  c.findings.service_text({});
}

void test_error(Checker& c, Span span, std::string message, std::string help, std::string_view headscale_words = {}) {
  answer(c, headscale_words);
  c.findings.add(Code::E0601, span, std::move(message), std::move(help));
  answer(c);
}

template <class Test>
void check_src(Checker& c, const Test& test, Location location, std::string_view name) {
  const std::optional<Selector>& src = test.src;
  if (!src || src->kind == SelectorKind::empty) {
    if (test.damaged) return;
    const bool ssh = location == Location::ssh_test_src;
    test_error(c, src ? src->span : test.span, fmt::format("{} has no src", name), "name one user, group, tag or host",
               ssh ? "SSH tests entry must have a non-empty src" : "");
    return;
  }
  c.selector(*src, location, fmt::format("{}: src=", name));
}

// A host alias stands for one address here, never for a prefix.
void check_single_host(Checker& c, const Selector& selector, std::string_view prefix) {
  if (selector.kind != SelectorKind::host) return;
  const auto host = c.prefix_hosts.find(selector.name);
  if (host == c.prefix_hosts.end()) return;
  Diagnostic& found =
      c.findings.add(Code::E0601, selector.span,
                     fmt::format("{}\"{}\" is a prefix: a test asks about one host", prefix, selector.text),
                     "name an address inside it");
  c.findings.relate(found, "defined here", host->second->value.span);
}

// How Headscale refuses a destination that it never takes.
std::string_view headscale_refusal(const Selector& dst) noexcept {
  if (dst.kind == SelectorKind::prefix) return "test destination must be a single host, not a CIDR range";
  if (dst.autogroup == Autogroup::internet) return "autogroup:internet not valid as a test destination";
  return {};
}

std::string target_help(const Target& target, const std::optional<std::uint8_t>& protocol) {
  const std::string_view text = target.text.value;
  const std::string_view port = protocol && !protocol_has_ports(*protocol) ? "0" : "22";
  const SelectorKind whole = parse_selector(text, {}).kind;
  const bool worded = whole == SelectorKind::tag || whole == SelectorKind::group || whole == SelectorKind::service ||
                      whole == SelectorKind::autogroup;
  const bool forgotten = text.find(':') == std::string_view::npos || (worded && text.find(':') == text.rfind(':'));
  if (forgotten) return fmt::format("a test destination needs a port: \"{}:{}\"", text, port);
  if (port == "0") {
    return fmt::format("{} has no ports: write \"{}:0\"", protocol_name(*protocol), text.substr(0, text.rfind(':')));
  }
  return "a test asks about one host and one port: \"tag:db:5432\"";
}

void check_target(Checker& c, const PolicyTest& test, const Target& target, std::string_view name) {
  Target again;
  const auto ports = read_target(target.text, again);
  const std::string prefix = fmt::format("{}: \"{}\": ", name, target.text.value);
  const bool zero = target.ports.size() == 1 && target.ports[0] == PortRange{0, 0};  // of a protocol without ports
  if (!ports && !zero) {
    c.mark_used(target.selector);
    return test_error(c, target.text.span, prefix + ports.error(), target_help(target, test.protocol));
  }
  if (!zero && (ports->ranges.size() != 1 || ports->ranges[0].first != ports->ranges[0].last)) {
    c.mark_used(target.selector);
    return test_error(c, target.text.span, prefix + "not one port", target_help(target, test.protocol),
                      "test destination port must be a single port");
  }
  answer(c, headscale_refusal(target.selector));
  const bool good = c.selector(target.selector, Location::test_dst, fmt::format("{}: dst=", name));
  answer(c);
  if (good) check_single_host(c, target.selector, prefix);
}

void check_protocol(Checker& c, const Text& proto, std::string_view name) {
  if (proto.empty()) return;
  const auto protocol = parse_protocol(proto.value, c.headscale() ? ProtocolNames::headscale : ProtocolNames::hosted);
  if (!protocol) {
    test_error(c, proto.span, fmt::format("{}: {}", name, protocol.error()), "name a protocol: tcp, udp");
  } else if (c.headscale() && !protocol_has_ports(*protocol)) {
    test_error(c, proto.span, "test protocol must be tcp, udp, sctp, or empty", "name tcp, udp or sctp");
  }
}

void check_test(Checker& c, const PolicyTest& test, std::size_t index) {
  const std::string name = rule_name("tests", index);
  if (test.accept.empty() && test.deny.empty() && !test.damaged) {
    test_error(c, test.span, fmt::format("{} has neither accept nor deny", name),
               "say what must be allowed (\"accept\") and what must not (\"deny\")",
               "test entry must have at least one of \"accept\" or \"deny\"");
  }
  check_src(c, test, Location::test_src, name);
  if (test.proto) check_protocol(c, *test.proto, name);
  for (const Target& target : test.accept) check_target(c, test, target, name);
  for (const Target& target : test.deny) check_target(c, test, target, name);
}

// What the service words apart from all other faults of a test: what may never stand in sshTests, and an unknown tag. It says
// both of sources (https://github.com/tailscale/tailscale/issues/14102) as of destinations, Headscale of destinations alone.
enum class ElementFault { none, disallowed, unknown_tag };

ElementFault element_fault(Checker& c, const Selector& element, Location location) {
  if (c.headscale() && location == Location::ssh_test_src) return ElementFault::none;
  if (element.kind == SelectorKind::empty || looks_like_template(element.text)) return ElementFault::none;
  const bool disallowed = c.headscale()
                              ? element.kind == SelectorKind::prefix || element.autogroup == Autogroup::internet
                              : allowed_at(element, location, Dialect::tailscale) == Allowed::no;
  if (disallowed) return ElementFault::disallowed;
  const bool tag = element.kind == SelectorKind::tag;
  return tag && c.names.find(NameKind::tag, element.text) == nullptr ? ElementFault::unknown_tag : ElementFault::none;
}

void report_element(Checker& c, const Selector& element, Location location) {
  const std::string_view side = location == Location::ssh_test_src ? "src" : "dst";
  switch (element_fault(c, element, location)) {
    case ElementFault::none: return;
    case ElementFault::disallowed:
      c.mark_used(element);
      c.findings.add(Code::E0602, element.span,
                     fmt::format("SSH tests {} contains disallowed element \"{}\"", side, element.text),
                     "name a user, a group, a tag, a host or the address of a device");
      return;
    case ElementFault::unknown_tag: break;
  }
  const std::string_view without_port = element.text.substr(0, element.text.rfind(':'));
  const bool port = c.names.find(NameKind::tag, without_port) != nullptr;
  c.findings.add(Code::E0603, element.span, fmt::format("SSH tests {} contains unknown tag \"{}\"", side, element.text),
                 port ? fmt::format("a login has no port: write \"{}\"", without_port)
                      : c.suggestion(NameKind::tag, element.text));
}

void check_logins(Checker& c, const SshTest& test, std::string_view name) {
  for (const auto* list : {&test.accept, &test.check, &test.deny}) {
    for (const Text& login : *list) {
      if (login.empty())
        test_error(c, login.span, fmt::format("{}: an empty login name", name), "name a local account");
    }
  }
  std::unordered_set<std::string_view> allowed;
  for (const auto* list : {&test.accept, &test.check}) {
    for (const Text& login : *list) allowed.insert(login.value);
  }
  for (const Text& denied : test.deny) {
    if (allowed.count(denied.value) == 0) continue;
    test_error(c, denied.span, fmt::format("{}: \"{}\" cannot be both allowed and denied", name, denied.value),
               "remove it from one of the lists");
  }
}

void check_ssh_test(Checker& c, const SshTest& test, std::size_t index) {
  const std::string name = rule_name("sshTests", index);
  for (const Selector& dst : test.dst) {
    if (element_fault(c, dst, Location::ssh_test_dst) != ElementFault::none) continue;
    c.selector(dst, Location::ssh_test_dst, fmt::format("{}: dst=", name));
  }
  if (!test.src || element_fault(c, *test.src, Location::ssh_test_src) == ElementFault::none) {
    check_src(c, test, Location::ssh_test_src, name);
  }
  if (test.dst.empty() && !test.damaged) {
    test_error(c, test.span, fmt::format("{} has no dst", name), "name at least one user, tag or host",
               "SSH tests entry must have at least one dst");
  }
  if (test.accept.empty() && test.check.empty() && test.deny.empty() && !test.damaged) {
    test_error(c, test.span, fmt::format("{} has neither accept, check nor deny", name),
               "list local accounts under accept, check or deny");
  }
  check_logins(c, test, name);
}

}  // namespace

void check_tests(Checker& c) {
  as_failed_test(c, [&] {
    for (std::size_t i = 0; i < c.policy.tests.size(); ++i) check_test(c, c.policy.tests[i], i);
  });
}

void check_ssh_tests(Checker& c) {
  // What may stand in them is settled for all before any is run.
  for (const SshTest& test : c.policy.ssh_tests) {
    for (const Selector& dst : test.dst) report_element(c, dst, Location::ssh_test_dst);
    if (test.src) report_element(c, *test.src, Location::ssh_test_src);
  }
  as_failed_test(c, [&] {
    for (std::size_t i = 0; i < c.policy.ssh_tests.size(); ++i) check_ssh_test(c, c.policy.ssh_tests[i], i);
  });
}

}  // namespace acl::policy
