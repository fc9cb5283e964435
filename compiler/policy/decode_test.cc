// The structure of a policy: sections, keys, types, letter case, escapes.
#include "compiler/policy/decode.h"

#include <gtest/gtest.h>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

// --- sections ---

TEST(Decode, EverySectionIsReadInAnyOrder) {
  const Checked c = checked(R"({
    "randomizeClientPort": true, "OneCGNATRoute": "mac-always", "disableIPv4": true,
    "derpMap": {"OmitDefaultRegions": true, "Regions": {"901": {"RegionID": 901, "RegionCode": "x", "RegionName": "X",
      "Avoid": true, "Nodes": [{"Name": "1", "RegionID": 901, "HostName": "d.example.com", "CertName": "c",
      "IPv4": "none", "IPv6": "none", "STUNPort": -1, "STUNOnly": false, "DERPPort": 443, "InsecureForTests": true,
      "STUNTestIP": "x", "CanPort80": true}]}, "1": null}},
    "defaultSrcPosture": ["posture:p"],
    "postures": {"posture:p": ["node:os == 'linux'"]},
    "sshTests": [{"src": "ana@example.com", "dst": ["tag:t"], "accept": ["root"], "check": ["a"], "deny": ["b"],
                  "srcPostureAttrs": {"node:os": "linux"}}],
    "tests": [{"src": "ana@example.com", "accept": ["tag:t:22"], "deny": ["h:22"], "proto": "tcp",
               "srcPostureAttrs": {"node:os": "linux", "custom:n": 1, "custom:b": true}}],
    "nodeAttrs": [{"target": ["*"], "attr": ["funnel"], "app": {"example.com/x": [{}]}, "ipPool": ["100.81.0.0/16"]}],
    "autoApprovers": {"routes": {"10.0.0.0/8": ["tag:t"]}, "exitNode": ["tag:t"], "services": {"svc:s": ["tag:t"]}},
    "ssh": [{"action": "check", "src": ["group:g"], "dst": ["tag:t"], "users": ["root"], "checkPeriod": "1h",
             "acceptEnv": ["A_*"], "srcPosture": ["posture:p"], "recorder": ["tag:t"], "enforceRecorder": true}],
    "grants": [{"src": ["group:g"], "dst": ["ipset:i"], "ip": ["tcp:22"], "app": {"example.com/cap/x": [{"a": 1}]},
                "srcPosture": ["posture:p"], "via": ["tag:t"]}],
    "acls": [{"action": "accept", "src": ["group:g"], "dst": ["h:22,80"], "proto": "tcp", "srcPosture": ["posture:p"]}],
    "tagOwners": {"tag:t": ["group:g"]}, "ipsets": {"ipset:i": ["add host:h", "remove 10.0.0.2"]},
    "hosts": {"h": "10.0.0.1"}, "groups": {"group:g": ["ana@example.com"]},
  })");
  EXPECT_TRUE(c.accepted()) << c.summary();
  const Policy& policy = c.policy();
  EXPECT_TRUE(policy.randomize_client_port && policy.disable_ipv4 && policy.derp_map.has_value());
  EXPECT_EQ(policy.one_cgnat_route->value, "mac-always");
  ASSERT_EQ(policy.groups.size(), 1U);
  EXPECT_EQ(policy.groups[0].members[0].text, "ana@example.com");
  EXPECT_EQ(policy.hosts[0].prefix->text(), "10.0.0.1");
  ASSERT_EQ(policy.ipsets[0].operations.size(), 2U);
  EXPECT_EQ(policy.ipsets[0].operations[0].target.name, "h");
  EXPECT_TRUE(policy.ipsets[0].operations[1].remove);
  ASSERT_TRUE(policy.acls && policy.grants);
  const Acl& acl = policy.acls->at(0);
  EXPECT_EQ(acl.dst[0].selector.text, "h");
  EXPECT_EQ(acl.dst[0].ports, (std::vector<PortRange>{{22, 22}, {80, 80}}));
  EXPECT_EQ(acl.protocol, 6);
  EXPECT_EQ(acl.src_posture->at(0).value, "posture:p");
  const Grant& grant = policy.grants->at(0);
  EXPECT_EQ(grant.ip[0].entry->protocol, 6);
  EXPECT_EQ(hujson::Value(c.loaded->file->tree, grant.app[0].node).text(), R"([{"a": 1}])");
  EXPECT_EQ(grant.via[0].text, "tag:t");
  const SshRule& rule = policy.ssh.at(0);
  EXPECT_EQ(rule.check_duration, std::chrono::hours(1));
  EXPECT_TRUE(rule.enforce_recorder);
  EXPECT_EQ(rule.accept_env[0].value, "A_*");
  EXPECT_EQ(policy.tests.at(0).src_posture_attrs.size(), 3U);
  EXPECT_EQ(policy.tests.at(0).deny[0].ports[0], (PortRange{22, 22}));
  EXPECT_EQ(policy.ssh_tests.at(0).check[0].value, "a");
  EXPECT_EQ(policy.auto_approvers.routes.at(0).prefix->text(), "10.0.0.0/8");
  EXPECT_EQ(policy.auto_approvers.services.at(0).service.name, "s");
  EXPECT_EQ(policy.node_attrs.at(0).ip_pool[0].value, "100.81.0.0/16");
  EXPECT_EQ(policy.postures.at(0).assertions[0]->attribute, "node:os");
}

// Without acls and grants everything is allowed; an empty list allows nothing.
TEST(Decode, AbsentIsNotEmpty) {
  EXPECT_TRUE(checked("{}").policy().allows_everything());
  EXPECT_TRUE(checked(R"({"ssh":[]})").policy().allows_everything());
  EXPECT_FALSE(checked(R"({"acls":[]})").policy().allows_everything());
  EXPECT_FALSE(checked(R"({"grants":[]})").policy().allows_everything());
}

// What the control plane does with null is not documented: it is told, and counts as absent.
TEST(Decode, NullIsAbsent) {
  const Checked c = checked(R"({"acls":null})");
  EXPECT_TRUE(c.accepted());
  EXPECT_TRUE(c.policy().allows_everything());
  EXPECT_EQ(c.said(Code::W0208), "\"acls\" is null, which counts as absent");
  EXPECT_EQ(c.under(Code::W0208), "null");
  for (const std::string section :
       {"groups", "hosts", "ipsets", "tagOwners", "ssh", "tests", "sshTests", "autoApprovers", "nodeAttrs", "postures",
        "defaultSrcPosture", "derpMap", "disableIPv4", "OneCGNATRoute", "randomizeClientPort", "grants"}) {
    const Checked each = checked(R"({")" + section + R"(":null})");
    EXPECT_TRUE(each.accepted()) << section;
    EXPECT_TRUE(each.has(Code::W0208)) << section;
  }
}

TEST(Decode, NullInsideARuleIsAbsentToo) {
  EXPECT_TRUE(acl(R"("*")", R"("*:*")", R"(,"proto":null,"srcPosture":null)").accepted());
  EXPECT_TRUE(grant(R"("*")", R"("*")", R"(,"ip":["*"],"app":null,"via":null)").accepted());
  EXPECT_TRUE(ssh("check", R"("group:eng")", R"("tag:db")",
                  R"(,"users":["root"],"checkPeriod":null,"acceptEnv":null,"recorder":null)")
                  .accepted());
  EXPECT_FALSE(acl(R"("*")", R"("*:*")", R"(,"proto":null)").policy().acls->at(0).proto.has_value());
  EXPECT_FALSE(acl(R"("*")", R"("*:*")", R"(,"srcPosture":null)").policy().acls->at(0).src_posture.has_value());
  EXPECT_TRUE(acl(R"("*")", R"("*:*")", R"(,"srcPosture":[])").policy().acls->at(0).src_posture.has_value());
}

TEST(Decode, AGroupATagAndASetMayBeNull) {
  const Checked c =
      checked(R"({"acls":[],"groups":{"group:g":null},"tagOwners":{"tag:t":null},"ipsets":{"ipset:i":null}})");
  EXPECT_TRUE(c.accepted()) << c.summary();
}

// --- unknown keys ---

TEST(Decode, UnknownKeysAreRefusedInTheServicesWords) {
  EXPECT_EQ(checked(R"({"bogus":1})").message(), "json: unknown field \"bogus\"");
  EXPECT_EQ(checked(R"({"bogus":1})", headscale).message(), "unknown field: \"bogus\"");
}

TEST(Decode, UnknownKeysAreRefusedAtEveryLevel) {
  const std::vector<std::string> policies = {
      R"({"acls":[{"action":"accept","src":["*"],"dst":["*:*"],"x":1}]})",
      R"({"grants":[{"src":["*"],"dst":["*"],"ip":["*"],"x":1}]})",
      R"({"ssh":[{"action":"accept","src":["a@b.c"],"dst":["autogroup:self"],"users":["root"],"x":1}]})",
      R"({"tests":[{"src":"a@b.c","accept":["10.0.0.1:1"],"x":1}]})",
      R"({"sshTests":[{"src":"a@b.c","dst":["a@b.c"],"accept":["root"],"x":1}]})",
      R"({"autoApprovers":{"x":1}})",
      R"({"nodeAttrs":[{"target":["*"],"attr":["funnel"],"x":1}]})",
      R"({"derpMap":{"x":1}})",
      R"({"derpMap":{"Regions":{"1":{"x":1}}}})",
      R"({"derpMap":{"Regions":{"1":{"Nodes":[{"x":1}]}}}})",
  };
  for (const std::string& policy : policies) {
    const Checked c = checked(policy);
    EXPECT_EQ(c.errors(), "E0201") << policy;
    EXPECT_EQ(c.message(), "json: unknown field \"x\"") << policy;
    EXPECT_EQ(c.under(Code::E0201), "\"x\"") << policy;
  }
}

TEST(Decode, SectionsThatDoNotExistAreUnknownKeys) {
  for (const std::string key :
       {"nodeVisibility", "exitNode", "users", "devices", "deny", "policies", "version", "Users", "Ports"}) {
    EXPECT_EQ(checked("{\"" + key + "\":[]}").message(), "json: unknown field \"" + key + "\"");
  }
}

TEST(Decode, KeysThatAreDataAreNeverUnknown) {
  EXPECT_TRUE(checked(R"({"acls":[],"hosts":{"x":"10.0.0.1"},"nodeAttrs":[{"target":["*"],
                          "app":{"example.com/any":[{"x":{"y":[1,null,true]}}]}}]})")
                  .accepted());
}

TEST(Decode, AnUnknownKeySuggestsTheNearest) {
  EXPECT_EQ(checked(R"({"tagOwner":{}})").help(Code::E0201), "did you mean \"tagOwners\"?");
  EXPECT_EQ(acl(R"("*")", R"("*:*")", R"(,"srcPostures":[])").help(Code::E0201), "did you mean \"srcPosture\"?");
  EXPECT_EQ(checked(R"({"zzzzzzzz":1})").help(Code::E0201).substr(0, 27), "the policy has the keys gro");
}

// Notes in keys, and the answer of an API saved as if it were the policy.
TEST(Decode, CommonMistakesGetAdviceOfTheirOwn) {
  const std::string comments = "HuJSON has comments: write // and the text on a line of its own";
  EXPECT_EQ(checked(R"({"comment":"x"})").help(Code::E0201), comments);
  EXPECT_EQ(checked(R"({"//":"x"})").help(Code::E0201), comments);
  EXPECT_EQ(checked(R"({"# note":"x"})").help(Code::E0201), comments);
  EXPECT_EQ(checked(R"({"acl":"…"})").help(Code::E0201),
            "this looks like the answer of an API: check the document inside it");
}

TEST(Decode, EveryUnknownKeyIsReportedInOneRun) {
  EXPECT_EQ(checked(R"({"a1":1,"acls":[{"action":"accept","src":["*"],"dst":["*:*"],"b1":1}],"c1":1})").errors(),
            "E0201 E0201 E0201");
}

// --- repeated keys ---

TEST(Decode, AKeyMayStandOnceInAnObject) {
  const Checked c = checked("{\"acls\":[],\n\"acls\":[]}");
  EXPECT_EQ(c.errors(), "E0202");
  EXPECT_EQ(c.said(Code::E0202), "duplicate key \"acls\"");
  EXPECT_EQ(c.at(Code::E0202), "2:1");
  const Diagnostic found = c.of(Code::E0202);
  ASSERT_EQ(found.related.size(), 1U);
  EXPECT_EQ(found.related[0].message, "first defined here");
  EXPECT_EQ(found.related[0].place.start, (Position{1, 2}));
}

TEST(Decode, KeysOfTheLanguageAreTheSameInAnyCase) {
  const Checked c = checked(R"({"acls":[],"ACLs":[]})");
  EXPECT_EQ(c.errors(), "E0202");
  EXPECT_EQ(c.said(Code::E0202), "duplicate key \"ACLs\" (in another spelling)");
  EXPECT_EQ(acl(R"("*")", R"("*:*")", R"(,"SRC":["*"])").errors(), "E0202");
}

TEST(Decode, KeysThatAreDataAreExact) {
  EXPECT_FALSE(checked(R"({"acls":[],"hosts":{"a":"10.0.0.1","A":"10.0.0.2"}})").has(Code::E0202));
  EXPECT_FALSE(checked(R"({"acls":[],"groups":{"group:a":[],"group:A":[]}})").has(Code::E0202));
  for (const std::string section :
       {R"("hosts":{"a":"10.0.0.1","a":"10.0.0.2"})", R"("groups":{"group:a":[],"group:a":[]})",
        R"("ipsets":{"ipset:a":[],"ipset:a":[]})", R"("postures":{"posture:a":[],"posture:a":[]})",
        R"("autoApprovers":{"routes":{"10.0.0.0/8":[],"10.0.0.0/8":[]}})",
        R"("derpMap":{"Regions":{"1":null,"1":null}})"}) {
    EXPECT_EQ(checked("{\"acls\":[]," + section + "}").errors(), "E0202") << section;
  }
}

TEST(Decode, TagsAreTheSameInAnyCase) {
  EXPECT_EQ(checked(R"({"acls":[],"tagOwners":{"tag:web":[],"tag:WEB":[]}})").errors(), "E0202");
}

TEST(Decode, RepeatedKeysAreSeenThroughEscapes) {
  EXPECT_EQ(checked(R"({"acls":[],"\u0061cls":[]})").errors(), "E0202");
  EXPECT_EQ(checked(R"({"acls":[],"hosts":{"a":"10.0.0.1","\u0061":"10.0.0.2"}})").errors(), "E0202");
}

TEST(Decode, HeadscaleRefusesRepeatedKeysToo) {
  EXPECT_EQ(checked(R"({"acls":[],"acls":[]})", headscale).errors(), "E0202");
}

// --- letter case ---

TEST(Decode, KeysMatchInAnyCaseWithAWarning) {
  const Checked c = checked(R"({"ACLs":[{"Action":"accept","SRC":["*"],"Dst":["*:*"]}]})");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.policy().acls->size(), 1U);
  EXPECT_EQ(c.count(Code::W0207), 4U);
  EXPECT_EQ(c.said(Code::W0207), "\"ACLs\" is documented as \"acls\"");
  EXPECT_FALSE(checked(R"({"OneCGNATRoute":""})").has(Code::W0207));
  EXPECT_TRUE(checked(R"({"oneCGNATRoute":""})").has(Code::W0207));
  EXPECT_TRUE(checked(R"({"TAGOWNERS":{}})", headscale).accepted());
}

TEST(Decode, AKeyInAnotherCaseIsToldOnce) {
  const Checked c = checked(R"({"acls":[{"Action":"accept","src":["*"],"dst":["*:1"]},
                                        {"Action":"accept","src":["*"],"dst":["*:2"]}]})");
  EXPECT_EQ(c.count(Code::W0207), 1U);
  EXPECT_EQ(c.said(Code::W0207), "\"Action\" is documented as \"action\" (2 times in this file)");
}

TEST(Decode, AListUnderAKeyIsNamedByTheKey) {
  EXPECT_EQ(checked(R"({"acls":[],"groups":{"group:x":"ana@example.com"}})").said(Code::E0203),
            "groups[\"group:x\"] must be an array of strings, not a string");
  EXPECT_EQ(checked(R"({"acls":[],"groups":[]})").said(Code::E0203).substr(0, 8), "\"groups\"");
}

TEST(Decode, DnsIsNoMatterOfThePolicy) {
  EXPECT_EQ(checked(R"({"acls":[],"dns":{}})").help(Code::E0201), "DNS is set in the admin console, not in the policy");
}

TEST(Decode, AnUndocumentedSectionIsAWarning) {
  EXPECT_TRUE(checked(R"({"acls":[],"attrConfig":{"x":1}})").accepted());
  EXPECT_TRUE(checked(R"({"acls":[],"attrConfig":{"x":1}})").has(Code::W0711));
  EXPECT_EQ(checked(R"({"acls":[],"attrConfig":{}})", headscale).errors(), "E0201");
}

// --- old names ---

TEST(Decode, OldNamesOfFieldsAreReadWithAWarning) {
  const Checked c = checked(R"({"acls":[{"action":"accept","users":["*"],"ports":["*:22"]}],
                                "tests":[{"user":"a@b.c","allow":["10.0.0.1:22"]}]})");
  EXPECT_TRUE(c.accepted()) << c.summary();
  EXPECT_EQ(c.count(Code::W0209), 4U);
  EXPECT_EQ(c.said(Code::W0209), "\"users\" is the old name of \"src\"");
  EXPECT_EQ(c.policy().acls->at(0).src[0].kind, SelectorKind::wildcard);
  EXPECT_EQ(c.policy().acls->at(0).dst[0].ports[0], (PortRange{22, 22}));
  EXPECT_EQ(c.policy().tests[0].accept.size(), 1U);
}

TEST(Decode, OldAndNewNamesDoNotMixInARule) {
  for (const std::string pair : {R"("src":["*"],"ports":["*:*"])", R"("users":["*"],"dst":["*:*"])",
                                 R"("users":["*"],"ports":["*:*"],"src":["*"])"}) {
    const Checked c = checked(R"({"acls":[{"action":"accept",)" + pair + "}]}");
    EXPECT_EQ(c.message(), "Only one of Src/Dst or Users/Ports may be specified") << pair;
    EXPECT_EQ(c.errors(), "E0206") << pair;
  }
  EXPECT_TRUE(checked(R"({"acls":[{"action":"accept","src":["*"],"dst":["*:1"]},
                                  {"action":"accept","users":["*"],"ports":["*:2"]}]})")
                  .accepted());
}

// --- types ---

TEST(Decode, ValuesHaveTheTypeOfTheirKey) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {R"({"acls":{}})", "\"acls\" must be an array of objects, not an object"},
      {R"({"acls":[1]})", "\"acls\" must be an object, not a number"},
      {R"({"groups":[]})", "\"groups\" must be an object of groups, not an array"},
      {R"({"groups":{"group:a":"ana@example.com"}})", "groups[\"group:a\"] must be an array of strings, not a string"},
      {R"({"groups":{"group:a":[1]}})", "groups[\"group:a\"] must be an array of strings, not a number"},
      {R"({"hosts":{"a":["10.0.0.1"]}})",
       "\"hosts\" must be an object whose values are addresses or prefixes, as strings, not an array"},
      {R"({"disableIPv4":"true"})", "\"disableIPv4\" must be true or false, not a string"},
      {R"({"OneCGNATRoute":true})", "\"OneCGNATRoute\" must be a string, not a boolean"},
      {R"([])", "the policy must be an object, not an array"},
      {R"("x")", "the policy must be an object, not a string"},
      {"null", "the policy must be an object, not null"},
  };
  for (const auto& [policy, message] : wrong) {
    const Checked c = checked(policy);
    EXPECT_EQ(c.errors(), "E0203") << policy;
    EXPECT_EQ(c.message(), message);
  }
}

TEST(Decode, AStringForAListGetsAdvice) {
  const Checked c = in_tailnet(R"("acls":[{"action":"accept","src":"*","dst":["*:*"]}])");
  EXPECT_EQ(c.errors(), "E0203");
  EXPECT_EQ(c.said(Code::E0203), "\"src\" must be an array of strings, not a string");
  EXPECT_EQ(c.help(Code::E0203), "put it in brackets: [ … ]");
  EXPECT_EQ(c.under(Code::E0203), "\"*\"");
}

// A protocol number is a string.
TEST(Decode, ANumberForAStringGetsAdvice) {
  const Checked c = acl(R"("*")", R"("*:*")", R"(,"proto":6)");
  EXPECT_EQ(c.errors(), "E0203");
  EXPECT_EQ(c.help(Code::E0203), "put it in double quotes: \"6\"");
}

// One mistake, one error: what follows only from it is not told.
TEST(Decode, AWrongTypeIsReportedOnce) {
  EXPECT_EQ(in_tailnet(R"("acls":[{"action":1,"src":["*"],"dst":["*:*"]}])").errors(), "E0203");
  EXPECT_EQ(in_tailnet(R"("ssh":[{"action":1,"src":["group:eng"],"dst":["tag:db"],"users":["root"]}])").errors(),
            "E0203");
  EXPECT_EQ(ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":"root")").errors(), "E0203");
  EXPECT_EQ(ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":[1])").errors(), "E0203");
  EXPECT_EQ(ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":["root"],"acceptEnv":[1])").errors(), "E0203");
  EXPECT_EQ(ssh("check", R"("group:eng")", R"("tag:db")", R"(,"users":["root"],"checkPeriod":12)").errors(), "E0203");
  EXPECT_EQ(grant(R"("*")", R"("*")", R"(,"ip":"*")").errors(), "E0203");
  EXPECT_EQ(grant(R"("*")", R"("*")", R"(,"ip":[443])").errors(), "E0203");
  EXPECT_EQ(policy_test(R"("src":1,"accept":["tag:db:22"])").errors(), "E0203");
  EXPECT_EQ(policy_test(R"("src":"tag:server","accept":"tag:db:22")").errors(), "E0203");
  EXPECT_EQ(ssh_test(R"("src":"tag:server","dst":"tag:db","accept":["root"])").errors(), "E0203");
  EXPECT_EQ(ssh_test(R"("src":"tag:server","dst":["tag:db"],"accept":"root")").errors(), "E0203");
}

TEST(Decode, CapabilitiesAreListsOfAnyJson) {
  EXPECT_TRUE(grant(R"("*")", R"("*")", R"(,"app":{"example.com/x":[]})").accepted());
  EXPECT_TRUE(grant(R"("*")", R"("*")", R"(,"app":{"example.com/x":[{"a":[1,{"b":null}]}]})").accepted());
  EXPECT_EQ(grant(R"("*")", R"("*")", R"(,"app":{"example.com/x":{}})").errors(), "E0203");
  EXPECT_EQ(grant(R"("*")", R"("*")", R"(,"app":["example.com/x"])").errors(), "E0203");
}

TEST(Decode, PostureAttributesAreScalars) {
  EXPECT_EQ(
      policy_test(R"("src":"tag:server","accept":["tag:db:22"],"srcPostureAttrs":{"node:os":["linux"]})").errors(),
      "E0203");
}

// --- text ---

TEST(Decode, EscapesAreUndoneInValuesAndKeys) {
  const Checked c =
      checked(R"({"\u0061cls":[{"action":"a\u0063cept","src":["tag:\u0073erver"],"dst":["tag:server\u003a22"]}],
                                "tagOwners":{"tag:s\u0065rver":[]}})");
  EXPECT_EQ(c.codes(), "");
  EXPECT_EQ(c.policy().acls->at(0).src[0].text, "tag:server");
}

TEST(Decode, AnEscapedNameIsQuotedAsItIsMeant) {
  EXPECT_EQ(acl(R"("tag:\u0078")", R"("*:*")").message(), "src=tag not found: \"tag:x\"");
}

TEST(Decode, TagsAreInLowerCase) {
  const Checked c = checked(R"({"acls":[{"action":"accept","src":["tag:SERVER"],"dst":["tag:Server:22"]}],
                                "tagOwners":{"tag:sErver":["tag:SerVer"]}})");
  EXPECT_EQ(c.codes(), "");
  EXPECT_EQ(c.policy().acls->at(0).src[0].text, "tag:server");
  EXPECT_EQ(c.policy().acls->at(0).dst[0].selector.text, "tag:server");
  EXPECT_EQ(c.policy().tag_owners[0].name.value, "tag:server");
}

TEST(Decode, GroupsAndHostsKeepTheirCase) {
  EXPECT_EQ(acl(R"("group:Eng")", R"("*:*")").errors(), "E0302");
  EXPECT_EQ(acl(R"("Vault")", R"("*:*")").errors(), "E0303");
}

TEST(Decode, SpaceAroundValuesIsRemovedWithAWarning) {
  const Checked c =
      checked(R"({"acls":[{"action":" accept ","src":["\ttag:server\n"],"dst":[" tag:server:22"],"proto":"tcp "}],
                                "tagOwners":{"tag:server":[]}})");
  EXPECT_TRUE(c.accepted()) << c.summary();
  EXPECT_EQ(c.count(Code::W0210), 4U);
  EXPECT_EQ(c.policy().acls->at(0).src[0].text, "tag:server");
  EXPECT_EQ(c.policy().acls->at(0).dst[0].text.value, "tag:server:22");
  EXPECT_TRUE(ssh(" check ", R"(" group:eng")", R"("tag:db ")", R"(,"users":[" root"])").accepted());
  EXPECT_FALSE(acl(R"("tag:server")", R"("tag:db:22")").has(Code::W0210));
}

// --- targets: selector and ports ---

std::pair<std::string, std::string> target(std::string_view text) {
  Target target;
  const auto ports = read_target({text, {}}, target);
  return {std::string(target.selector.text), ports ? "" : ports.error()};
}

TEST(Target, IsSplitAtTheLastColon) {
  EXPECT_EQ(target("tag:web:443"), (std::pair<std::string, std::string>("tag:web", "")));
  EXPECT_EQ(target("vault:22,80-90"), (std::pair<std::string, std::string>("vault", "")));
  EXPECT_EQ(target("*:*"), (std::pair<std::string, std::string>("*", "")));
  EXPECT_EQ(target("tag:web"),
            (std::pair<std::string, std::string>("tag", "port range \"web\": invalid first integer")));
}

TEST(Target, Ipv6StandsInBracketsOrNot) {
  EXPECT_EQ(target("[fd7a::5]:443").first, "fd7a::5");
  EXPECT_EQ(target("fd7a::5:443").first, "fd7a::5");
  EXPECT_EQ(target("fd00::/64:443").first, "fd00::/64");
  EXPECT_EQ(parse_selector(target("[fd7a::5]:443").first, {}).kind, SelectorKind::address);
}

// Headscale's form, which shows in older policies too.
TEST(Target, ABracketedAddressMayHaveALengthBehindIt) {
  EXPECT_EQ(target("[fd7a::]/48:443").second, "");
  EXPECT_TRUE(acl(R"("*")", R"("[fd7a::]/48:443")", "", headscale).accepted());
}

TEST(Target, SaysWhatIsWrongInTheServicesWords) {
  EXPECT_EQ(target("100.64.0.1").second, "hostport must contain a colon (\":\")");
  EXPECT_EQ(target("web:").second, "invalid port list: \"\"");
  EXPECT_EQ(target("a,b:22").second, "host cannot contain a comma (\",\")");
}

// --- Headscale ---

TEST(DecodeHeadscale, HasFewerSections) {
  for (const std::string key : {"postures", "defaultSrcPosture", "ipsets", "derpMap", "disableIPv4", "OneCGNATRoute"}) {
    const Checked c = checked("{\"acls\":[],\"" + key + "\":null}", headscale);
    EXPECT_EQ(c.message(), "unknown field: \"" + key + "\"");
    EXPECT_EQ(c.help(Code::E0201), "the hosted service knows it, Headscale does not");
  }
  for (const std::string section : {R"("groups":{})", R"("hosts":{})", R"("tagOwners":{})", R"("acls":[])",
                                    R"("grants":[])", R"("ssh":[])", R"("nodeAttrs":[])", R"("tests":[])",
                                    R"("sshTests":[])", R"("autoApprovers":{})", R"("randomizeClientPort":true)"}) {
    EXPECT_TRUE(checked("{" + section + "}", headscale).accepted()) << section;
  }
}

TEST(DecodeHeadscale, HasFewerFields) {
  const std::vector<std::pair<std::string, Checked>> wrong = {
      {"srcPosture", acl(R"("*")", R"("*:*")", R"(,"srcPosture":[])", headscale)},
      {"srcPosture", grant(R"("*")", R"("*")", R"(,"ip":["*"],"srcPosture":[])", headscale)},
      {"srcPosture", ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":["root"],"srcPosture":[])", headscale)},
      {"recorder", ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":["root"],"recorder":[])", headscale)},
      {"enforceRecorder",
       ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":["root"],"enforceRecorder":true)", headscale)},
      {"services", in_tailnet(R"("autoApprovers":{"services":{}})", headscale)},
      {"app", in_tailnet(R"("nodeAttrs":[{"target":["*"],"attr":["nextdns:x"],"app":{}}])", headscale)},
      {"srcPostureAttrs", policy_test(R"("src":"tag:server","accept":["tag:db:22"],"srcPostureAttrs":{})", headscale)},
      {"srcPostureAttrs",
       ssh_test(R"("src":"tag:server","dst":["tag:db"],"accept":["root"],"srcPostureAttrs":{})", headscale)},
      {"users", in_tailnet(R"("acls":[{"action":"accept","users":["*"],"dst":["*:*"]}])", headscale)},
      {"ports", in_tailnet(R"("acls":[{"action":"accept","src":["*"],"ports":["*:*"]}])", headscale)},
  };
  for (const auto& [field, c] : wrong) {
    EXPECT_EQ(c.errors(), "E0201") << field << c.summary();
    EXPECT_EQ(c.message(), "unknown field: \"" + field + "\"");
  }
}

// Comments of a time before HuJSON, in entries of acls only.
TEST(DecodeHeadscale, SkipsKeysOfAclsThatBeginWithAHash) {
  EXPECT_TRUE(acl(R"("*")", R"("*:*")", R"(,"#ha-meta":{"name":"x"})", headscale).accepted());
  EXPECT_FALSE(acl(R"("*")", R"("*:*")", R"(,"#ha-meta":{"name":"x"})").accepted());
  EXPECT_FALSE(checked(R"({"#x":1})", headscale).accepted());
}

// --- syntax ---

TEST(Decode, ATextThatIsNoHujsonHasSyntaxErrorsOnly) {
  const Checked c = checked("{\"acls\": [}\n");
  EXPECT_FALSE(c.accepted());
  EXPECT_EQ(c.message(), "hujson: line 1, column 11: invalid character '}' at start of value");
  EXPECT_EQ(c.errors(), "E0101");
}

}  // namespace
}  // namespace acl::policy
