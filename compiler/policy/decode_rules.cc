// The sections that hold rules and tests.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/policy/decoder.h"
#include "compiler/policy/duration.h"

namespace acl::policy {

using hujson::Kind;
using hujson::Value;

namespace {

std::optional<std::uint8_t> read_protocol(Decoder& d, const Text& text) {
  if (text.empty()) return std::nullopt;
  const auto parsed = parse_protocol(text.value, d.headscale() ? ProtocolNames::headscale : ProtocolNames::hosted);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

const Fields<Acl> acl_fields = {
    {"action", [](Decoder& d, Value value, Acl& out) { out.action = d.text(value); }},
    {"src", [](Decoder& d, Value value, Acl& out) { out.src = d.selectors(value); }},
    {"dst", [](Decoder& d, Value value, Acl& out) { out.dst = d.targets(value); }},
    {"proto",
     [](Decoder& d, Value value, Acl& out) {
       out.proto = d.text(value);
       out.protocol = read_protocol(d, *out.proto);
     }},
    {"srcPosture", [](Decoder& d, Value value, Acl& out) { out.src_posture = d.texts(value); }, FieldIn::tailscale},
    {"users", [](Decoder& d, Value value, Acl& out) { out.src = d.selectors(value); }, FieldIn::tailscale, "src"},
    {"ports", [](Decoder& d, Value value, Acl& out) { out.dst = d.targets(value); }, FieldIn::tailscale, "dst"},
};

const Fields<Grant> grant_fields = {
    {"src", [](Decoder& d, Value value, Grant& out) { out.src = d.selectors(value); }},
    {"dst", [](Decoder& d, Value value, Grant& out) { out.dst = d.selectors(value); }},
    {"ip",
     [](Decoder& d, Value value, Grant& out) {
       for (const Text& text : d.texts(value)) {
         const auto entry =
             parse_ip_entry(text.value, d.headscale() ? ProtocolNames::headscale : ProtocolNames::hosted);
         out.ip.push_back({text, entry ? std::optional(*entry) : std::nullopt});
       }
     }},
    {"app", [](Decoder& d, Value value, Grant& out) { out.app = d.capabilities(value); }},
    {"via", [](Decoder& d, Value value, Grant& out) { out.via = d.selectors(value); }},
    {"srcPosture", [](Decoder& d, Value value, Grant& out) { out.src_posture = d.texts(value); }, FieldIn::tailscale},
};

const Fields<SshRule> ssh_fields = {
    {"action", [](Decoder& d, Value value, SshRule& out) { out.action = d.text(value); }},
    {"src", [](Decoder& d, Value value, SshRule& out) { out.src = d.selectors(value); }},
    {"dst", [](Decoder& d, Value value, SshRule& out) { out.dst = d.selectors(value); }},
    {"users", [](Decoder& d, Value value, SshRule& out) { out.users = d.texts(value); }},
    {"checkPeriod",
     [](Decoder& d, Value value, SshRule& out) {
       out.check_period = d.text(value);
       out.check_duration = parse_duration(out.check_period->value);
     }},
    {"acceptEnv", [](Decoder& d, Value value, SshRule& out) { out.accept_env = d.texts(value); }},
    {"srcPosture", [](Decoder& d, Value value, SshRule& out) { out.src_posture = d.texts(value); }, FieldIn::tailscale},
    {"recorder", [](Decoder& d, Value value, SshRule& out) { out.recorder = d.selectors(value); }, FieldIn::tailscale},
    {"enforceRecorder", [](Decoder& d, Value value, SshRule& out) { out.enforce_recorder = d.boolean(value); },
     FieldIn::tailscale},
};

const Fields<PolicyTest> test_fields = {
    {"src", [](Decoder& d, Value value, PolicyTest& out) { out.src = d.selector(value); }},
    {"accept", [](Decoder& d, Value value, PolicyTest& out) { out.accept = d.targets(value); }},
    {"deny", [](Decoder& d, Value value, PolicyTest& out) { out.deny = d.targets(value); }},
    {"proto",
     [](Decoder& d, Value value, PolicyTest& out) {
       out.proto = d.text(value);
       out.protocol = read_protocol(d, *out.proto);
     }},
    {"srcPostureAttrs",
     [](Decoder& d, Value value, PolicyTest& out) { out.src_posture_attrs = d.posture_attributes(value); },
     FieldIn::tailscale},
    {"user", [](Decoder& d, Value value, PolicyTest& out) { out.src = d.selector(value); }, FieldIn::tailscale, "src"},
    {"allow", [](Decoder& d, Value value, PolicyTest& out) { out.accept = d.targets(value); }, FieldIn::tailscale,
     "accept"},
};

const Fields<SshTest> ssh_test_fields = {
    {"src", [](Decoder& d, Value value, SshTest& out) { out.src = d.selector(value); }},
    {"dst", [](Decoder& d, Value value, SshTest& out) { out.dst = d.selectors(value); }},
    {"accept", [](Decoder& d, Value value, SshTest& out) { out.accept = d.texts(value); }},
    {"check", [](Decoder& d, Value value, SshTest& out) { out.check = d.texts(value); }},
    {"deny", [](Decoder& d, Value value, SshTest& out) { out.deny = d.texts(value); }},
    {"srcPostureAttrs",
     [](Decoder& d, Value value, SshTest& out) { out.src_posture_attrs = d.posture_attributes(value); },
     FieldIn::tailscale},
};

bool has_member(Value object, std::string_view wanted) {
  std::string buffer;
  for (auto it = object.begin(); it != object.end(); ++it, ++it) {
    if (equal_ignoring_case((*it).string(buffer), wanted)) return true;
  }
  return false;
}

// The old pair of names and the new one do not mix within a rule.
void report_mixed_names(Decoder& d, Value array) {
  if (d.headscale() || !array.is(Kind::array)) return;
  for (const Value entry : array) {
    if (!entry.is(Kind::object)) continue;
    const bool modern = has_member(entry, "src") || has_member(entry, "dst");
    const bool old = has_member(entry, "users") || has_member(entry, "ports");
    if (modern && old) {
      d.findings().add(Code::E0206, entry.span(), "Only one of Src/Dst or Users/Ports may be specified",
                       "rename \"users\" to \"src\" and \"ports\" to \"dst\"");
    }
  }
}

}  // namespace

void read_acls(Decoder& d, Value value, Policy& policy) {
  report_mixed_names(d, value);
  policy.acls = d.objects(value, acl_fields, "an acls entry");
}

void read_grants(Decoder& d, Value value, Policy& policy) {
  policy.grants = d.objects(value, grant_fields, "a grants entry");
}

void read_ssh(Decoder& d, Value value, Policy& policy) { policy.ssh = d.objects(value, ssh_fields, "an ssh entry"); }

namespace {

// A test of a protocol without ports is written with port 0, which is none anywhere else.
void read_port_zero(Target& target) {
  constexpr std::string_view zero = ":0";
  const std::string_view text = target.text.value;
  const bool ends = text.size() > zero.size() && text.substr(text.size() - zero.size()) == zero;
  if (target.ports.empty() && ends && text.find(',') == std::string_view::npos) target.ports = {PortRange{0, 0}};
}

}  // namespace

void read_tests(Decoder& d, Value value, Policy& policy) {
  policy.tests = d.objects(value, test_fields, "a tests entry");
  for (PolicyTest& test : policy.tests) {
    if (d.headscale() || !test.protocol || protocol_has_ports(*test.protocol)) continue;
    for (auto* list : {&test.accept, &test.deny}) std::for_each(list->begin(), list->end(), read_port_zero);
  }
}

void read_ssh_tests(Decoder& d, Value value, Policy& policy) {
  policy.ssh_tests = d.objects(value, ssh_test_fields, "an sshTests entry");
}

}  // namespace acl::policy
