// acls and grants: what they may say, and in which words they are refused.
#include <gtest/gtest.h>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

const std::string any = R"("*")";

// --- acls: the action ---

TEST(Acls, OnlyAccept) {
  EXPECT_TRUE(acl(any, R"("*:*")").accepted());
  const auto action = [](const std::string& text) {
    return checked(R"({"acls":[{"action":)" + text + R"(,"src":["*"],"dst":["*:*"]}]})");
  };
  EXPECT_EQ(action(R"("deny")").message(), "action=\"deny\" is not supported");
  EXPECT_EQ(action(R"("deny")").under(Code::E0401), "\"deny\"");
  EXPECT_EQ(action(R"("Accept")").message(), "action=\"Accept\" is not supported");
  EXPECT_EQ(action(R"("")").errors(), "E0401");
  EXPECT_EQ(checked(R"({"acls":[{"src":["*"],"dst":["*:*"]}]})").message(), "action=\"\" is not supported");
}

// --- acls: destinations ---

Checked dst(const std::string& text, const std::string& more = "") { return acl(any, "\"" + text + "\"", more); }

TEST(AclDestinations, HaveAllFormsOfPorts) {
  for (const std::string text :
       {"*:*", "tag:db:22", "tag:db:8000-8010", "tag:db:22,80,8000-8010", "10.0.0.0/8:*", "[fd7a::5]:443",
        "vault:1-65535", "user:*@example.com:22", "ana@example.com:22", "autogroup:internet:*", "0.0.0.0/0:*"}) {
    EXPECT_TRUE(dst(text).accepted()) << text << dst(text).summary();
  }
}

TEST(AclDestinations, SayWhatIsWrongBehindTheEntry) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"100.64.0.1", "hostport must contain a colon (\":\")"},
      {"vault:0", "port range \"0\": first port must be >0, or use '*' for wildcard"},
      {"tag:web:https", "port range \"https\": invalid first integer"},
      {"tag:web", "port range \"web\": invalid first integer"},
      {"vault:90-80", "port range \"90-80\": first port must be >= last port"},
      {"vault:70000", "port range \"70000\": invalid first integer"},
      {"vault:80-x", "port range \"80-x\": invalid last integer"},
      {"vault:80-70000", "port range \"80-70000\": invalid last integer"},
      {"vault:1-2-3", "port range \"1-2-3\": too many dashes(-)"},
      {"vault:", "invalid port list: \"\""},
      {"a,b:22", "host cannot contain a comma (\",\")"},
      {"autogroup:self", "port range \"self\": invalid first integer"},
  };
  for (const auto& [text, message] : wrong) {
    const Checked c = dst(text);
    EXPECT_EQ(c.message(), "dst=\"" + text + "\": " + message);
    EXPECT_TRUE(c.errors() == "E0402" || c.errors() == "E0403") << c.errors();
    EXPECT_EQ(c.under(c.loaded->diagnostics.front().code), "\"" + text + "\"");
  }
  EXPECT_EQ(dst("100.64.0.1").errors(), "E0402");
  EXPECT_EQ(dst("vault:0").errors(), "E0403");
}

TEST(AclDestinations, HelpWithAForgottenPort) {
  EXPECT_EQ(dst("tag:web").help(Code::E0403), "the port is missing: \"tag:web:443\", or \"tag:web:*\" for all");
  EXPECT_EQ(dst("100.64.0.1").help(Code::E0402),
            "add the ports behind a colon: \"100.64.0.1:443\", or \"100.64.0.1:*\" for all");
}

TEST(AclDestinations, HelpWithAProtocolInPlaceOfThePorts) {
  EXPECT_EQ(dst("tag:db:icmp").help(Code::E0403), "icmp is a protocol: \"proto\": \"icmp\" and \"tag:db:*\"");
}

TEST(AclDestinations, OddListsOfPortsAreWarnings) {
  EXPECT_TRUE(dst("vault:22,*").has(Code::W0415));
  EXPECT_TRUE(dst("vault:22, 80").has(Code::W0417));
  EXPECT_TRUE(dst("vault:22,*").accepted() && dst("vault:22, 80").accepted());
  EXPECT_FALSE(dst("vault:22,80").has(Code::W0415) || dst("vault:22,80").has(Code::W0417));
}

TEST(AclDestinations, Ipv6WithoutBracketsIsAWarning) {
  EXPECT_TRUE(dst("fd00::1:443").has(Code::W0416));
  EXPECT_EQ(dst("fd00::1:443").help(Code::W0416), "write \"[fd00::1]:443\"");
  EXPECT_TRUE(dst("fd00::1/128:443").accepted());
  EXPECT_FALSE(dst("[fd00::1]:443").has(Code::W0416));
}

TEST(AclDestinations, TheSelectorIsNamedWithoutItsPorts) {
  EXPECT_EQ(dst("tag:x:22").message(), "dst=\"tag:x\": tag not found: \"tag:x\"");
}

// --- acls: protocols ---

TEST(AclProtocols, AreNamesOrNumbers) {
  for (const std::string proto : {"tcp", "UDP", "6", "0", "255", "icmp", "ipv6-icmp", "gre", ""}) {
    EXPECT_TRUE(dst("vault:*", ",\"proto\":\"" + proto + "\"").accepted()) << proto;
  }
  EXPECT_EQ(dst("vault:*", R"(,"proto":"x")").message(), "proto name \"x\" not known; use protocol number 0-255");
  EXPECT_EQ(dst("vault:*", R"(,"proto":"256")").errors(), "E0404");
  EXPECT_EQ(dst("vault:*", R"(,"proto":"*")").errors(), "E0404");
}

TEST(AclProtocols, WithoutPortsTakeTheStarOnly) {
  for (const std::string proto : {"icmp", "gre", "1", "47", "igmp"}) {
    EXPECT_TRUE(dst("vault:*", ",\"proto\":\"" + proto + "\"").accepted()) << proto;
    EXPECT_EQ(dst("vault:22", ",\"proto\":\"" + proto + "\"").errors(), "E0405") << proto;
    EXPECT_EQ(dst("vault:1-65535", ",\"proto\":\"" + proto + "\"").errors(), "E0405") << proto;
  }
  for (const std::string proto : {"tcp", "udp", "sctp", "6"}) {
    EXPECT_TRUE(dst("vault:22", ",\"proto\":\"" + proto + "\"").accepted()) << proto;
  }
  EXPECT_EQ(acl(any, R"("vault:22")", R"(,"proto":"icmp")", headscale).message(),
            "protocol does not support specific ports: \"icmp\", only \"*\" is allowed");
}

TEST(AclProtocols, HeadscaleHasItsOwnNames) {
  EXPECT_TRUE(acl(any, R"("*:*")", R"(,"proto":"fc")", headscale).accepted());
  EXPECT_FALSE(acl(any, R"("*:*")", R"(,"proto":"fc")").accepted());
  EXPECT_FALSE(acl(any, R"("*:*")", R"(,"proto":"06")", headscale).accepted());
  EXPECT_TRUE(acl(any, R"("*:*")", R"(,"proto":"06")").accepted());
}

// --- autogroup:self ---

constexpr std::string_view self_text = "autogroup:self can only be used with users, groups, or supported autogroups";

TEST(Self, NeedsPeopleAsSources) {
  for (const std::string source : {"ana@example.com", "group:eng", "user:*@example.com", "autogroup:member",
                                   "autogroup:owner", "autogroup:admin", "autogroup:auditor", "group:x@example.com"}) {
    EXPECT_TRUE(acl("\"" + source + "\"", R"("autogroup:self:*")").accepted()) << source;
    EXPECT_TRUE(grant("\"" + source + "\"", R"("autogroup:self")").accepted()) << source;
  }
  for (const std::string source :
       {"tag:server", "autogroup:tagged", "10.0.0.1", "10.0.0.0/8", "vault", "ipset:dc", "autogroup:shared"}) {
    EXPECT_EQ(acl("\"" + source + "\"", R"("autogroup:self:*")").message(), self_text) << source;
    EXPECT_EQ(grant("\"" + source + "\"", R"("autogroup:self")").message(), self_text) << source;
  }
}

TEST(Self, OneBadSourceRefusesTheRule) {
  const Checked c = acl(R"("group:eng","tag:server","autogroup:member")", R"("autogroup:self:*")");
  EXPECT_EQ(c.message(), self_text);
  EXPECT_EQ(c.under(Code::E0406), "\"tag:server\"");
  EXPECT_EQ(c.related(Code::E0406), "\"autogroup:self:*\"");
}

TEST(Self, OneSelfAmongOtherDestinationsIsEnough) {
  EXPECT_EQ(acl(R"("tag:server")", R"("tag:db:22","autogroup:self:*")").message(), self_text);
  EXPECT_EQ(grant(R"("tag:server")", R"("tag:db","autogroup:self")").message(), self_text);
}

// "*" is narrowed to the node's own user in acls; grants refuse it, for ip and app alike.
TEST(Self, TheWildcardIsASourceInAclsOnly) {
  EXPECT_TRUE(acl(any, R"("autogroup:self:*")").accepted());
  EXPECT_EQ(grant(any, R"("autogroup:self")").message(), self_text);
  EXPECT_EQ(grant(any, R"("autogroup:self")", R"(,"app":{"example.com/x":[]})").message(), self_text);
}

TEST(Self, IsNoSourceAndNeitherIsTheInternet) {
  for (const std::string name : {"autogroup:self", "autogroup:internet"}) {
    const std::string source = "\"" + name + "\"";
    EXPECT_EQ(acl(source, R"("*:*")").message(), name + " not valid on the src side of a rule");
    EXPECT_EQ(grant(source, any).message(), name + " not valid on the src side of a rule");
    EXPECT_EQ(grant(source, any).errors(), "E0308");
  }
}

TEST(Self, WithoutAPortIsReadAsAPort) {
  EXPECT_EQ(acl(R"("group:eng")", R"("autogroup:self")").message(),
            "dst=\"autogroup:self\": port range \"self\": invalid first integer");
}

// --- autogroup:danger-all, autogroup:internet ---

TEST(DangerAll, IsASourceOnly) {
  EXPECT_TRUE(acl(R"("autogroup:danger-all")", R"("*:*")").accepted());
  EXPECT_TRUE(grant(R"("autogroup:danger-all")", any).accepted());
  EXPECT_EQ(acl(any, R"("autogroup:danger-all:*")").message(), "cannot use autogroup:danger-all as a dst");
  EXPECT_EQ(grant(any, R"("autogroup:danger-all")").message(), "cannot use autogroup:danger-all as a dst");
}

TEST(Internet, TakesNoCapabilities) {
  EXPECT_TRUE(grant(any, R"("autogroup:internet")").accepted());
  EXPECT_EQ(grant(any, R"("autogroup:internet")", R"(,"app":{"example.com/x":[]})").message(),
            "cannot use app grants with autogroup:internet");
  EXPECT_EQ(grant(any, R"("autogroup:internet")", R"(,"ip":["*"],"app":{"example.com/x":[]})").message(),
            "cannot use app grants with autogroup:internet");
}

// --- grants ---

TEST(Grants, GrantSomething) {
  for (const std::string nothing : {"", R"(,"ip":[])", R"(,"app":{})", R"(,"ip":[],"app":{})", R"(,"ip":null)"}) {
    const Checked c = grant(any, any, nothing);
    EXPECT_EQ(c.message(), "ip and app can not both be empty") << nothing;
    EXPECT_EQ(c.errors(), "E0410");
  }
  EXPECT_TRUE(grant(any, any, R"(,"ip":["*"])").accepted());
  EXPECT_TRUE(grant(any, any, R"(,"app":{"example.com/cap/x":[]})").accepted());
  EXPECT_TRUE(grant(any, any, R"(,"ip":["*"],"app":{"example.com/cap/x":[]})").accepted());
}

TEST(Grants, EverythingIsAStar) {
  EXPECT_EQ(grant(any, R"("0.0.0.0/0")").message(),
            "dst \"0.0.0.0/0\": to allow all IP addresses, use \"*\" or \"autogroup:internet\"");
  EXPECT_EQ(grant(any, R"("::/0")").message(),
            "dst \"::/0\": to allow all IP addresses, use \"*\" or \"autogroup:internet\"");
  EXPECT_EQ(grant(any, R"("::/0","0.0.0.0/0")").message(),
            "dst \"::/0\": to allow all IP addresses, use \"*\" or \"autogroup:internet\"")
      << "the first is named";
  EXPECT_TRUE(grant(any, R"("0.0.0.0/1")").accepted());
  EXPECT_TRUE(grant(R"("0.0.0.0/0")", any).accepted());
}

TEST(BareNames, ThatAreNoHostsAreRefusedInTheServicesWords) {
  EXPECT_EQ(acl(R"("nowhere")", R"("*:*")").message(), "src=unknown user or host: \"nowhere\"");
  EXPECT_EQ(acl(any, R"("nowhere:22")").message(), "dst=\"nowhere\": unknown user or host: \"nowhere\"");
  EXPECT_EQ(grant(R"("nowhere")", any).errors(), "E0303");
  EXPECT_EQ(grant(R"("nowhere")", any, R"(,"ip":["*"])", headscale).message(),
            "host not defined in policy: \"nowhere\"");
}

TEST(Grants, DestinationsHaveNoPorts) {
  EXPECT_FALSE(grant(any, R"("tag:db:22")").accepted());
  EXPECT_FALSE(grant(any, R"("vault:22")").accepted());
  EXPECT_EQ(grant(any, R"("192.0.2.1:22")").message(), "dst=\"192.0.2.1:22\": host name must not contain colon (:)");
}

Checked ip(const std::string& entry, Dialect dialect = Dialect::tailscale) {
  return grant(any, any, ",\"ip\":[\"" + entry + "\"]", dialect);
}

TEST(Grants, HelpWithAPortInADestination) {
  const auto help = [](const std::string& dst, Code code) { return grant(any, "\"" + dst + "\"").help(code); };
  EXPECT_EQ(help("tag:db:22", Code::E0301), "a grant's dst has no port: write \"tag:db\" and \"ip\": [\"22\"]");
  EXPECT_EQ(help("192.0.2.1:*", Code::E0303), "a grant's dst has no port: write \"192.0.2.1\" and \"ip\": [\"*\"]");
  EXPECT_EQ(help("vault:22,80-81", Code::E0303),
            "a grant's dst has no port: write \"vault\" and \"ip\": [\"22\", \"80-81\"]");
  EXPECT_EQ(help("autogroup:self:22", Code::E0306),
            "a grant's dst has no port: write \"autogroup:self\" and \"ip\": [\"22\"]");
  for (const std::string dst : {"10.0.0.0/8:443", "192.0.2.0/24:*"}) {
    const Checked c = grant(any, "\"" + dst + "\"");
    ASSERT_FALSE(c.accepted()) << dst;
    EXPECT_EQ(c.loaded->diagnostics.front().help.substr(0, 26), "a grant's dst has no port:") << dst;
  }
}

TEST(GrantIp, HasAllItsForms) {
  for (const std::string entry : {"*", "443", "8000-8010", "tcp:*", "tcp:443", "udp:4000-4010", "icmp:*", "47:*", "47",
                                  "*:443", "*:*", "TCP:443"}) {
    EXPECT_TRUE(ip(entry).accepted()) << entry;
  }
}

TEST(GrantIp, SaysWhatIsWrongWithoutAPrefix) {
  EXPECT_EQ(ip("icmp").message(), "port range \"icmp\": invalid first integer");
  EXPECT_EQ(ip("icmp").help(Code::E0403), "a protocol needs its ports: \"icmp:*\"");
  EXPECT_EQ(ip("tcp:0").message(), "port range \"0\": first port must be >0, or use '*' for wildcard");
  EXPECT_EQ(ip("").message(), "empty string");
  EXPECT_EQ(ip(":443").message(), "empty protocol");
  EXPECT_EQ(ip("x:443").message(), "proto name \"x\" not known; use protocol number 0-255");
  EXPECT_EQ(ip("x:443").errors(), "E0404");
  EXPECT_EQ(ip("90-80").message(), "port range \"90-80\": first port must be >= last port");
}

TEST(GrantIp, ProtocolsWithoutPortsTakeTheStarOnly) {
  EXPECT_EQ(ip("icmp:8").errors(), "E0405");
  EXPECT_EQ(ip("icmp:8", headscale).message(),
            "protocol does not support specific ports: \"icmp\", only \"*\" is allowed");
  EXPECT_TRUE(ip("icmp:*").accepted());
}

// Headscale documents lists; what the hosted service does with them is not known.
TEST(GrantIp, ListsAreAWarningOnTheHostedServiceOnly) {
  EXPECT_TRUE(ip("tcp:80,443").accepted());
  EXPECT_TRUE(ip("tcp:80,443").has(Code::W0419));
  EXPECT_EQ(ip("80,443", headscale).count(Code::W0419), 0U);
  EXPECT_TRUE(ip("80,443", headscale).accepted());
  EXPECT_EQ(ip("tcp:80,x").errors(), "E0403");
}

TEST(GrantApp, NamesAreDomainAndPath) {
  const auto app = [](const std::string& name) { return grant(any, any, ",\"app\":{\"" + name + "\":[]}"); };
  for (const std::string name : {"example.com/x", "example.com/cap/x/y", "a.b/c"})
    EXPECT_TRUE(app(name).accepted()) << name;
  for (const std::string name : {"x", "example.com", "/x", "example.com/", "https://example.com/x", "example/x", ""}) {
    EXPECT_EQ(app(name).errors(), "E0411") << name;
    EXPECT_EQ(app(name).message(), "capability name must have the form {domain}/{path}") << name;
  }
}

TEST(GrantApp, TheServicesDomainHasAFixedList) {
  const auto app = [](const std::string& name) {
    return grant(any, any, ",\"app\":{\"tailscale.com/cap/" + name + "\":[]}");
  };
  for (const std::string name : {"drive", "relay", "webui", "kubernetes", "tsidp", "secrets", "golink", "tailsql",
                                 "pam", "databases", "aperture"}) {
    EXPECT_FALSE(app(name).has(Code::E0411) || app(name).has(Code::W0421)) << name;
  }
  for (const std::string name : {"relay-target", "drive-sharer", "ingress", "funnel", "service-proxy", "drive/x", ""}) {
    EXPECT_EQ(app(name).message(), "capability name must not be in the tailscale.com domain") << name;
  }
  EXPECT_EQ(grant(any, any, R"(,"app":{"tailscale.com/drive":[]})").errors(), "E0411") << "not below cap/";
  EXPECT_TRUE(app("databses").accepted());
  EXPECT_EQ(app("databses").help(Code::W0421).substr(0, 86),
            "use a domain of your own; of tailscale.com are allowed: tailscale.com/cap/databases, t")
      << "the nearest first";
  EXPECT_TRUE(grant(any, any, R"(,"app":{"tailscale.io/x":[]})").has(Code::W0420));
  EXPECT_FALSE(grant(any, any, R"(,"app":{"example.com/x":[]})").has(Code::W0420));
}

TEST(GrantVia, IsTagsOnly) {
  const auto via = [](const std::string& list) {
    return grant(any, R"("10.20.0.0/16")", ",\"ip\":[\"*\"],\"via\":[" + list + "]");
  };
  EXPECT_TRUE(via(R"("tag:router")").accepted());
  EXPECT_TRUE(via("").accepted());
  for (const std::string other : {"ana@example.com", "group:eng", "*", "10.0.0.1", "autogroup:tagged", "vault"}) {
    EXPECT_EQ(via("\"" + other + "\"").message(), "via can only be a tag") << other;
  }
  EXPECT_EQ(via(R"("tag:nonexistent")").message(), "tag \"tag:nonexistent\" not found");
  EXPECT_EQ(via(R"("tag:routr")").help(Code::E0301),
            "did you mean \"tag:router\" (line 1)? Tags are declared in \"tagOwners\".");
}

// --- rules that do nothing ---

TEST(IdleRules, WithoutASourceOrADestinationAreAWarning) {
  EXPECT_EQ(acl("", R"("*:*")").said(Code::W0413), "acls[0] can never match: it has no src");
  EXPECT_EQ(acl(any, "").said(Code::W0413), "acls[0] can never match: it has no dst");
  EXPECT_EQ(grant("", any).said(Code::W0413), "grants[0] can never match: it has no src");
  EXPECT_TRUE(acl("", R"("*:*")").accepted() && grant("", any).accepted());
  EXPECT_TRUE(checked(R"({"acls":[{"action":"accept"}]})").has(Code::W0413));
  EXPECT_FALSE(acl(any, R"("*:*")").has(Code::W0413));
}

TEST(IdleRules, AreNotToldOfARuleWithAnError) {
  EXPECT_FALSE(acl("", R"("tag:x:22")").has(Code::W0413));
  EXPECT_FALSE(grant("", R"("tag:x")").has(Code::W0413));
  EXPECT_FALSE(ssh("accept", "", R"("tag:x")").has(Code::W0413));
}

TEST(IdleRules, FromEmptyGroupsOnlyAreAWarning) {
  EXPECT_TRUE(acl(R"("group:empty")", R"("*:*")").has(Code::W0413));
  EXPECT_FALSE(acl(R"("group:empty","group:eng")", R"("*:*")").has(Code::W0413));
}

TEST(IdleRules, ThatRepeatAnotherAreAWarning) {
  const std::string rule = R"({"action":"accept","src":["*"],"dst":["*:22"]})";
  const Checked c = checked("{\"acls\":[" + rule + ",\n" + rule + "]}");
  EXPECT_EQ(c.said(Code::W0414), "acls[1] repeats acls[0]");
  EXPECT_EQ(c.at(Code::W0414), "2:1");
  EXPECT_EQ(c.related(Code::W0414), rule);
  for (const std::string other : {R"({"action":"accept","src":["*"],"dst":["*:23"]})",
                                  R"({"action":"accept","src":["*"],"dst":["*:22"],"proto":"tcp"})",
                                  R"({"action":"accept","src":["*","*"],"dst":["*:22"]})"}) {
    EXPECT_FALSE(checked("{\"acls\":[" + rule + "," + other + "]}").has(Code::W0414)) << other;
  }
  const std::string grant = R"({"src":["*"],"dst":["*"],"app":{"example.com/x":[{"a":1}]}})";
  EXPECT_TRUE(checked("{\"grants\":[" + grant + "," + grant + "]}").has(Code::W0414));
  EXPECT_FALSE(checked("{\"grants\":[" + grant + R"(,{"src":["*"],"dst":["*"],"app":{"example.com/x":[{"a":2}]}}]})")
                   .has(Code::W0414));
}

// srcPosture replaces the default, so none, an empty list and one posture are three different rules.
TEST(IdleRules, PosturesTellRulesApart) {
  const std::string rule = R"({"action":"accept","src":["*"],"dst":["*:22"])";
  EXPECT_FALSE(
      in_tailnet("\"acls\":[" + rule + "}," + rule + R"(,"srcPosture":["posture:managed"]}])").has(Code::W0414));
  EXPECT_FALSE(in_tailnet("\"acls\":[" + rule + "}," + rule + R"(,"srcPosture":[]}])").has(Code::W0414));
}

TEST(AllowAll, IsAWarningWhereNeitherSectionExists) {
  EXPECT_TRUE(checked("{}").has(Code::W0418));
  EXPECT_TRUE(checked(R"({"ssh":[]})").has(Code::W0418));
  EXPECT_TRUE(checked(R"({"acls":null})").has(Code::W0418));
  EXPECT_FALSE(checked(R"({"acls":[]})").has(Code::W0418));
  EXPECT_FALSE(checked(R"({"grants":[]})").has(Code::W0418));
}

}  // namespace
}  // namespace acl::policy
