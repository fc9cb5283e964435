// Every code that a policy can earn: a policy that earns it, and its neighbour that does not.
//
// The table is complete: a code of the registry about policies that is not here fails.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

struct Pair {
  std::string earns;
  std::string does_not;
  Dialect dialect = Dialect::tailscale;
};

std::string with(const std::string& sections) { return "{\"acls\":[]," + sections + "}"; }
std::string rule(const std::string& members) {
  return "{" + tailnet() + R"("acls":[{"action":"accept",)" + members + "}]}";
}
std::string grant_of(const std::string& members) {
  return "{" + tailnet() + R"("grants":[{"src":["group:eng"],)" + members + "}]}";
}
std::string ssh_rule(const std::string& members) { return "{" + tailnet() + R"("acls":[],"ssh":[{)" + members + "}]}"; }
std::string test_of(const std::string& members) {
  return "{" + tailnet() + R"("acls":[],"tests":[{)" + members + "}]}";
}
std::string login_test(const std::string& members) {
  return "{" + tailnet() + R"("acls":[],"sshTests":[{"src":"ana@example.com",)" + members + "}]}";
}
std::string attributes(const std::string& members) { return with("\"nodeAttrs\":[{" + members + "}]"); }

const std::string login = R"("action":"accept","src":["group:eng"],"dst":["tag:db"])";
const std::string members_of = R"("groups":{"group:g":[)";

std::string lists(std::size_t count, const std::string& item) {
  std::string out = item;
  for (std::size_t i = 1; i < count; ++i) out += "," + item;
  return out;
}

const std::map<Code, Pair>& table() {
  static const std::map<Code, Pair> pairs = {
      {Code::E0106,
       {rule("\"src\":[" + lists(1001, "\"x\"") + R"(],"dst":["*:*"])"),
        rule("\"src\":[" + lists(1001, "\"vault\"") + R"(],"dst":["*:*"])")}},
      {Code::I0107,
       {rule("\"src\":[" + lists(1001, "\" vault\"") + R"(],"dst":["*:*"])"),
        rule("\"src\":[" + lists(1001, "\"vault\"") + R"(],"dst":["*:*"])")}},
      {Code::E0201, {with(R"("bogus":1)"), with(R"("groups":{})")}},
      {Code::E0202, {R"({"acls":[],"acls":[]})", R"({"acls":[],"grants":[]})"}},
      {Code::E0203, {R"({"acls":{}})", R"({"acls":[]})"}},
      {Code::E0206,
       {R"({"acls":[{"action":"accept","src":["*"],"ports":["*:*"]}]})",
        R"({"acls":[{"action":"accept","users":["*"],"ports":["*:*"]}]})"}},
      {Code::W0207, {R"({"ACLs":[]})", R"({"acls":[]})"}},
      {Code::W0208, {R"({"acls":null})", R"({"acls":[]})"}},
      {Code::W0209,
       {R"({"acls":[{"action":"accept","users":["*"],"ports":["*:*"]}]})",
        R"({"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}]})"}},
      {Code::W0210, {rule(R"("src":[" vault"],"dst":["*:*"])"), rule(R"("src":["vault"],"dst":["*:*"])")}},
      {Code::W0211,
       {rule(R"("src":["autogroup:members"],"dst":["*:*"])"), rule(R"("src":["autogroup:member"],"dst":["*:*"])")}},

      {Code::E0301, {rule(R"("src":["tag:x"],"dst":["*:*"])"), rule(R"("src":["tag:db"],"dst":["*:*"])")}},
      {Code::E0302, {rule(R"("src":["group:x"],"dst":["*:*"])"), rule(R"("src":["group:eng"],"dst":["*:*"])")}},
      {Code::E0303, {rule(R"("src":["x"],"dst":["*:*"])"), rule(R"("src":["vault"],"dst":["*:*"])")}},
      {Code::E0304, {rule(R"("src":["ipset:x"],"dst":["*:*"])"), rule(R"("src":["ipset:dc"],"dst":["*:*"])")}},
      {Code::E0305,
       {rule(R"("src":["*"],"dst":["*:*"],"srcPosture":["posture:x"])"),
        rule(R"("src":["*"],"dst":["*:*"],"srcPosture":["posture:managed"])")}},
      {Code::E0306,
       {rule(R"("src":["autogroup:x"],"dst":["*:*"])"), rule(R"("src":["autogroup:admin"],"dst":["*:*"])")}},
      {Code::E0307, {rule(R"("src":["10.0.0.0/33"],"dst":["*:*"])"), rule(R"("src":["10.0.0.0/32"],"dst":["*:*"])")}},
      {Code::E0308, {rule(R"("src":["svc:wiki"],"dst":["*:*"])"), rule(R"("src":["*"],"dst":["svc:wiki:*"])")}},
      {Code::E0309, {with(R"("tagOwners":{"tag:a_b":[]})"), with(R"("tagOwners":{"tag:a-b":[]})")}},
      {Code::E0310, {with(R"("groups":{"eng":[]})"), with(R"("groups":{"group:eng":[]})")}},
      {Code::E0311, {with(members_of + R"("*"]})"), with(members_of + R"("ana@example.com"]})")}},
      {Code::E0312,
       {with(R"("groups":{"group:a":["group:b"],"group:b":[]})"),
        with(R"("groups":{"group:a":["b@example.com"],"group:b":[]})")}},
      {Code::E0313, {with(R"("hosts":{"a@b":"10.0.0.1"})"), with(R"("hosts":{"a-b":"10.0.0.1"})")}},
      {Code::E0314, {with(R"("hosts":{"a":"db.example.com"})"), with(R"("hosts":{"a":"10.0.0.1"})")}},
      {Code::E0315, {with(R"("ipsets":{"dc":[]})"), with(R"("ipsets":{"ipset:dc":[]})")}},
      {Code::E0316,
       {with(R"("ipsets":{"ipset:a":["10.0.0.0/8","remove 10.0.0.1"]})"),
        with(R"("ipsets":{"ipset:a":["add 10.0.0.0/8","remove 10.0.0.1"]})")}},
      {Code::E0317,
       {with(R"("ipsets":{"ipset:a":["ipset:b"],"ipset:b":["ipset:a"]})"),
        with(R"("ipsets":{"ipset:a":["ipset:b"],"ipset:b":["10.0.0.1"]})")}},
      {Code::E0318, {rule(R"("src":["user:*@*"],"dst":["*:*"])"), rule(R"("src":["user:*@x.org"],"dst":["*:*"])")}},
      {Code::E0319, {rule(R"("src":["${x}"],"dst":["*:*"])"), rule(R"("src":["vault"],"dst":["*:*"])")}},
      {Code::W0320, {rule(R"("src":["10.0.0.1/8"],"dst":["*:*"])"), rule(R"("src":["10.0.0.0/8"],"dst":["*:*"])")}},
      {Code::I0321,
       {rule(R"("src":["group:x@example.com"],"dst":["*:*"])"), rule(R"("src":["group:eng"],"dst":["*:*"])")}},
      {Code::W0322,
       {with(R"("groups":{"group:g":[]})"),
        R"({"groups":{"group:g":[]},"grants":[{"src":["group:g"],"dst":["*"],"ip":["*"]}]})"}},
      {Code::W0323,
       {with(R"("hosts":{"h":"10.0.0.1"})"),
        R"({"hosts":{"h":"10.0.0.1"},"grants":[{"src":["h"],"dst":["*"],"ip":["*"]}]})"}},
      {Code::W0324,
       {with(R"("ipsets":{"ipset:i":[]})"),
        R"({"ipsets":{"ipset:i":[]},"grants":[{"src":["ipset:i"],"dst":["*"],"ip":["*"]}]})"}},
      {Code::I0325,
       {with(R"("tagOwners":{"tag:t":[]})"),
        R"({"tagOwners":{"tag:t":[]},"grants":[{"src":["tag:t"],"dst":["*"],"ip":["*"]}]})"}},
      {Code::W0326,
       {with(R"("postures":{"posture:p":[]})"),
        with(R"("postures":{"posture:p":[]},"defaultSrcPosture":["posture:p"])")}},
      {Code::W0327, {rule(R"("src":["Tag:db"],"dst":["*:*"])"), rule(R"("src":["tag:DB"],"dst":["*:*"])")}},
      {Code::W0328, {with(members_of + R"("a@b.c","A@b.c"]})"), with(members_of + R"("a@b.c","a@b.d"]})")}},
      {Code::W0330,
       {rule(R"("src":["autogroup:member","autogroup:members"],"dst":["*:*"])"),
        rule(R"("src":["autogroup:members","autogroup:members"],"dst":["*:*"])")}},
      {Code::E0331,
       {with(R"("tagOwners":{"tag:a":["tag:a"]})"), with(R"("tagOwners":{"tag:a":["tag:b"],"tag:b":[]})"), headscale}},
      {Code::E0332, {with(R"("postures":{"p":[]})"), with(R"("postures":{"posture:p":[]})")}},
      {Code::E0333,
       {with(R"("postures":{"posture:p":["node:os == linux"]})"),
        with(R"("postures":{"posture:p":["node:os == 'linux'"]})")}},
      {Code::W0334,
       {with(R"("postures":{"posture:p":["node:bogus IS SET"]})"),
        with(R"("postures":{"posture:p":["custom:bogus IS SET"]})")}},
      {Code::I0335,
       {test_of(R"("src":"group:eng","accept":["user:*@example.com:22"])"),
        test_of(R"("src":"group:eng","accept":["tag:db:22"])")}},
      {Code::E0336, {rule(R"("src":["*"],"dst":["svc:a_b:22"])"), rule(R"("src":["*"],"dst":["svc:a-b:22"])")}},
      {Code::W0337, {rule(R"("src":["user:*@X.org"],"dst":["*:*"])"), rule(R"("src":["user:*@x.org"],"dst":["*:*"])")}},
      {Code::W0338, {rule(R"("src":["host:vault"],"dst":["*:*"])"), rule(R"("src":["vault"],"dst":["*:*"])")}},
      {Code::W0339, {with(members_of + R"("{{ ana }}"]})"), with(members_of + R"("ana@example.com"]})")}},
      {Code::W0340, {with(members_of + R"("ana"]})"), with(members_of + R"("ana@github"]})")}},
      {Code::W0341, {with(R"("hosts":{"a:b":"10.0.0.1"})"), with(R"("hosts":{"a_b":"10.0.0.1"})")}},
      {Code::W0342,
       {with(R"("postures":{"posture:p":["node:os == 1"]})"), with(R"("postures":{"posture:p":["custom:x == 1"]})")}},
      {Code::W0344,
       {with(R"("tagOwners":{"tag:a":["group:g"]})"),
        with(R"("groups":{"group:g":[]},"tagOwners":{"tag:a":["group:g"]})")}},
      {Code::W0345,
       {with(R"("postures":{"posture:p":["node:tsAutoUpdate"]})"),
        with(R"("postures":{"posture:p":["node:tsAutoUpdate == true"]})")}},

      {Code::E0401,
       {R"({"acls":[{"action":"deny","src":["*"],"dst":["*:*"]}]})",
        R"({"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}]})"}},
      {Code::E0402, {rule(R"("src":["*"],"dst":["vault"])"), rule(R"("src":["*"],"dst":["vault:1"])")}},
      {Code::E0403, {rule(R"("src":["*"],"dst":["vault:0"])"), rule(R"("src":["*"],"dst":["vault:1"])")}},
      {Code::E0404,
       {rule(R"("src":["*"],"dst":["*:*"],"proto":"256")"), rule(R"("src":["*"],"dst":["*:*"],"proto":"255")")}},
      {Code::E0405,
       {rule(R"("src":["*"],"dst":["*:22"],"proto":"gre")"), rule(R"("src":["*"],"dst":["*:*"],"proto":"gre")")}},
      {Code::E0406,
       {rule(R"("src":["tag:db"],"dst":["autogroup:self:*"])"),
        rule(R"("src":["group:eng"],"dst":["autogroup:self:*"])")}},
      {Code::E0407,
       {rule(R"("src":["*"],"dst":["autogroup:danger-all:*"])"),
        rule(R"("src":["autogroup:danger-all"],"dst":["*:*"])")}},
      {Code::E0408,
       {grant_of(R"("dst":["autogroup:internet"],"app":{"example.com/x":[]})"),
        grant_of(R"("dst":["*"],"app":{"example.com/x":[]})")}},
      {Code::E0409, {grant_of(R"("dst":["0.0.0.0/0"],"ip":["*"])"), grant_of(R"("dst":["*"],"ip":["*"])")}},
      {Code::E0410, {grant_of(R"("dst":["*"],"ip":[])"), grant_of(R"("dst":["*"],"ip":["*"])")}},
      {Code::E0411,
       {grant_of(R"("dst":["*"],"app":{"tailscale.com/cap/funnel":[]})"),
        grant_of(R"("dst":["*"],"app":{"tailscale.com/cap/drive":[]})")}},
      {Code::E0412,
       {grant_of(R"("dst":["lan"],"ip":["*"],"via":["vault"])"),
        grant_of(R"("dst":["lan"],"ip":["*"],"via":["tag:router"])")}},
      {Code::W0413, {rule(R"("src":[],"dst":["*:*"])"), rule(R"("src":["*"],"dst":["*:*"])")}},
      {Code::W0414,
       {R"({"grants":[{"src":["*"],"dst":["*"],"ip":["1"]},{"src":["*"],"dst":["*"],"ip":["1"]}]})",
        R"({"grants":[{"src":["*"],"dst":["*"],"ip":["1"]},{"src":["*"],"dst":["*"],"ip":["2"]}]})"}},
      {Code::W0415, {rule(R"("src":["*"],"dst":["vault:22,*"])"), rule(R"("src":["*"],"dst":["vault:*"])")}},
      {Code::W0416, {rule(R"("src":["*"],"dst":["fd00::1:22"])"), rule(R"("src":["*"],"dst":["[fd00::1]:22"])")}},
      {Code::W0417, {rule(R"("src":["*"],"dst":["vault:22, 23"])"), rule(R"("src":["*"],"dst":["vault:22,23"])")}},
      {Code::W0418, {"{}", R"({"grants":[]})"}},
      {Code::W0419,
       {grant_of(R"("dst":["*"],"ip":["tcp:80,443"])"), grant_of(R"("dst":["*"],"ip":["tcp:80","tcp:443"])")}},
      {Code::W0420,
       {grant_of(R"("dst":["*"],"app":{"tailscale.io/x":[]})"), grant_of(R"("dst":["*"],"app":{"example.io/x":[]})")}},
      {Code::W0421,
       {grant_of(R"("dst":["*"],"app":{"tailscale.com/cap/driv":[]})"),
        grant_of(R"("dst":["*"],"app":{"tailscale.com/cap/drive":[]})")}},

      {Code::E0501,
       {ssh_rule(R"("action":"deny","src":["group:eng"],"dst":["tag:db"],"users":["root"])"),
        ssh_rule(login + R"(,"users":["root"])")}},
      {Code::E0502, {ssh_rule(login), ssh_rule(login + R"(,"users":["root"])")}},
      {Code::E0503, {ssh_rule(login + R"(,"users":["*"])"), ssh_rule(login + R"(,"users":["autogroup:nonroot"])")}},
      {Code::W0506,
       {ssh_rule(R"("action":"check","src":["tag:db"],"dst":["tag:db"],"users":["root"])"),
        ssh_rule(R"("action":"accept","src":["tag:db"],"dst":["tag:db"],"users":["root"])")}},
      {Code::E0507,
       {ssh_rule(R"("action":"accept","src":["tag:db"],"dst":["autogroup:self"],"users":["root"])"),
        ssh_rule(R"("action":"accept","src":["group:eng"],"dst":["autogroup:self"],"users":["root"])")}},
      {Code::E0508,
       {ssh_rule(R"("action":"check","src":["group:eng"],"dst":["tag:db"],"users":["root"],"checkPeriod":"7d")"),
        ssh_rule(R"("action":"check","src":["group:eng"],"dst":["tag:db"],"users":["root"],"checkPeriod":"168h")")}},
      {Code::E0509,
       {ssh_rule(R"("action":"check","src":["group:eng"],"dst":["tag:db"],"users":["root"],"checkPeriod":"169h")"),
        ssh_rule(R"("action":"check","src":["group:eng"],"dst":["tag:db"],"users":["root"],"checkPeriod":"168h")")}},
      {Code::E0510,
       {ssh_rule(login + R"(,"users":["root"],"acceptEnv":[""])"),
        ssh_rule(login + R"(,"users":["root"],"acceptEnv":["*"])")}},
      {Code::W0511, {ssh_rule(login + R"(,"users":["autogroup:member"])"), ssh_rule(login + R"(,"users":["member"])")}},
      {Code::W0512,
       {ssh_rule(R"("action":"check","src":["group:eng"],"dst":["tag:db"],"users":["root"],"checkPeriod":"59s")"),
        ssh_rule(R"("action":"check","src":["group:eng"],"dst":["tag:db"],"users":["root"],"checkPeriod":"60s")")}},
      {Code::E0513,
       {with(R"("ssh":[{"action":"accept","src":["a@b"],"dst":["autogroup:self"],"users":["x"],"checkPeriod":"1h"}])"),
        with(R"("ssh":[{"action":"check","src":["a@b"],"dst":["autogroup:self"],"users":["x"],"checkPeriod":"1h"}])"),
        headscale}},
      {Code::W0514,
       {ssh_rule(login + R"(,"users":["root"],"checkPeriod":"1h")"), ssh_rule(login + R"(,"users":["root"])")}},
      {Code::E0515,
       {ssh_rule(login + R"(,"users":["root"],"recorder":["vault"])"),
        ssh_rule(login + R"(,"users":["root"],"recorder":["tag:db"])")}},
      {Code::W0516,
       {ssh_rule(login + R"(,"users":["root"],"enforceRecorder":true)"),
        ssh_rule(login + R"(,"users":["root"],"enforceRecorder":true,"recorder":["tag:db"])")}},
      {Code::W0517,
       {ssh_rule(login +
                 R"(,"users":["root"]},{"action":"check","src":["group:eng"],"dst":["tag:db"],"users":["root"])"),
        ssh_rule(login +
                 R"(,"users":["root"]},{"action":"check","src":["group:eng"],"dst":["tag:db"],"users":["ana"])")}},

      {Code::E0601, {test_of(R"("src":"group:eng")"), test_of(R"("src":"group:eng","deny":["tag:db:22"])")}},
      {Code::E0602,
       {login_test(R"("dst":["10.0.0.0/32"],"accept":["root"])"),
        login_test(R"("dst":["10.0.0.0"],"accept":["root"])")}},
      {Code::E0603,
       {login_test(R"("dst":["tag:db:22"],"accept":["root"])"), login_test(R"("dst":["tag:db"],"accept":["root"])")}},

      {Code::E0701,
       {with(R"("autoApprovers":{"routes":{"lan":[]}})"), with(R"("autoApprovers":{"routes":{"10.0.0.0/8":[]}})")}},
      {Code::E0702,
       {with(R"("autoApprovers":{"services":{"wiki":[]}})"), with(R"("autoApprovers":{"services":{"svc:wiki":[]}})")}},
      {Code::E0703,
       {attributes(R"("target":["autogroup:self"],"attr":["funnel"])"),
        attributes(R"("target":["autogroup:member"],"attr":["funnel"])")}},
      {Code::E0704,
       {attributes(R"("target":["*"],"ipPool":["10.0.0.0/8"])"),
        attributes(R"("target":["*"],"ipPool":["100.81.0.0/16"])")}},
      {Code::W0705,
       {attributes(R"("target":["*"],"attr":["funel"])"), attributes(R"("target":["*"],"attr":["funnel"])")}},
      {Code::E0706, {with(R"("OneCGNATRoute":"never")"), with(R"("OneCGNATRoute":"mac-never")")}},
      {Code::W0707,
       {attributes(R"("target":["a@b.c"],"app":{"tailscale.com/app-connectors":[]})"),
        attributes(R"("target":["*"],"app":{"tailscale.com/app-connectors":[]})")}},
      {Code::E0709,
       {attributes(R"("target":["*"],"attr":["funnel"])"), attributes(R"("target":["*"],"attr":["nextdns:x"])"),
        headscale}},
      {Code::W0710, {attributes(R"("target":["*"])"), attributes(R"("target":["*"],"attr":["funnel"])")}},
      {Code::W0711, {with(R"("attrConfig":{})"), with(R"("nodeAttrs":[])")}},
  };
  return pairs;
}

std::vector<Code> registry() {
  std::vector<Code> codes;
#define ACL_CODE(id, severity, slug, title, page) codes.push_back(Code::id);
#include "engine/net/codes.def"
#undef ACL_CODE
  return codes;
}

TEST(Codes, EachIsEarnedByAPolicyAndNotByItsNeighbour) {
  for (const auto& [code, pair] : table()) {
    const Checked earns = checked(pair.earns, pair.dialect);
    const Checked neighbour = checked(pair.does_not, pair.dialect);
    EXPECT_TRUE(earns.has(code)) << code_name(code) << ": " << earns.summary();
    EXPECT_FALSE(neighbour.has(code)) << code_name(code) << ": " << neighbour.summary();
    EXPECT_TRUE(neighbour.accepted()) << code_name(code) << ": " << neighbour.summary();
    EXPECT_EQ(earns.accepted(), code_severity(code) != Severity::error) << code_name(code) << ": " << earns.summary();
  }
}

// An error comes alone: the policy differs from its neighbour in one point.
TEST(Codes, AnErrorBringsNoOtherErrors) {
  for (const auto& [code, pair] : table()) {
    if (code_severity(code) != Severity::error || code == Code::E0106) continue;
    EXPECT_EQ(checked(pair.earns, pair.dialect).errors(), code_name(code));
  }
}

TEST(Codes, EachHasARow) {
  for (const Code code : registry()) {
    const std::string name(code_name(code));
    const int number = std::stoi(name.substr(1));
    if (code == Code::W0343 || code == Code::E0605) continue;  // told with an inventory only
    const bool of_policies = (number >= 200 && number < 800) || code == Code::E0106 || code == Code::I0107;
    if (!of_policies) continue;
    EXPECT_EQ(table().count(code), 1U) << name;
  }
}

TEST(Codes, EachDiagnosticHasThePlaceAndSeverityOfItsCode) {
  for (const auto& [code, pair] : table()) {
    const Checked c = checked(pair.earns, pair.dialect);
    for (const Diagnostic& d : c.loaded->diagnostics) {
      EXPECT_EQ(d.severity, code_severity(d.code));
      EXPECT_FALSE(d.message.empty());
      EXPECT_EQ(d.place.has_value(), d.code != Code::E0106 && d.code != Code::I0107) << code_name(d.code);
    }
  }
}

}  // namespace
}  // namespace acl::policy
