#include "compiler/policy/fixture.h"

#include <fmt/format.h>

#include "compiler/policy/decoder.h"

namespace acl::policy {

using hujson::Kind;
using hujson::Value;

namespace {

const Fields<Expectation> expectation_fields = {
    {"from", [](Decoder& d, Value value, Expectation& out) { out.from = d.text(value); }},
    {"to", [](Decoder& d, Value value, Expectation& out) { out.to = d.text(value); }},
    {"ssh", [](Decoder& d, Value value, Expectation& out) { out.ssh = d.text(value); }},
    {"verdict", [](Decoder& d, Value value, Expectation& out) { out.verdict = d.text(value); }},
    {"rule", [](Decoder& d, Value value, Expectation& out) { out.rule = d.text(value); }},
};

const Fields<Fixture> fixture_fields = {
    {"policy", [](Decoder& d, Value value, Fixture& out) { out.policy = d.text(value); }},
    {"inventory",
     [](Decoder& d, Value value, Fixture& out) {
       if (value.is(Kind::object) || d.expect(value, Kind::string, "a path or an object"))
         out.inventory = value.index();
     }},
    {"tests", [](Decoder& d, Value value, Fixture&) { read_tests(d, value, d.policy()); }},
    {"sshTests", [](Decoder& d, Value value, Fixture&) { read_ssh_tests(d, value, d.policy()); }},
    {"expect", [](Decoder& d, Value value,
                  Fixture& out) { out.expect = d.objects(value, expectation_fields, "an expect entry"); }},
};

void check_expectation(Findings& findings, const Expectation& expectation) {
  const auto error = [&](Span span, std::string message) {
    findings.add(
        Code::E0905, span, std::move(message),
        "an entry is {\"from\", \"to\", \"verdict\"[, \"rule\"]} or {\"from\", \"ssh\": \"user@node\", \"verdict\"}");
  };
  if (expectation.from.empty()) error(expectation.span, "the entry has no \"from\"");
  if (expectation.to.empty() == expectation.ssh.empty()) {
    error(expectation.span, "the entry needs either \"to\" or \"ssh\"");
  }
  const std::string_view verdict = expectation.verdict.value;
  const bool known = verdict == "accept" || verdict == "deny" || (verdict == "check" && !expectation.ssh.empty());
  if (known) return;
  findings.add(
      Code::E0905, expectation.verdict.empty() ? expectation.span : expectation.verdict.span,
      expectation.verdict.empty() ? "the entry has no \"verdict\"" : fmt::format("\"{}\" is no verdict", verdict),
      expectation.ssh.empty() ? "\"accept\" or \"deny\"" : "\"accept\", \"check\" or \"deny\"");
}

}  // namespace

void decode_fixture(PolicyFile& file, Findings& findings, Fixture& fixture) {
  Decoder decoder(file, findings);
  decoder.object(file.tree.root(), fixture_fields, "a fixture", fixture);
  for (const Expectation& expectation : fixture.expect) check_expectation(findings, expectation);
  if (!fixture.policy || fixture.policy->empty()) {
    findings.add(Code::E0905, file.tree.root().span(), "the fixture names no policy",
                 "add \"policy\": \"policy.hujson\"");
  }
}

}  // namespace acl::policy
