// The sections that define names: groups, hosts, ipsets, tagOwners, postures; names that are missing and names that
// nobody uses.
#include <gtest/gtest.h>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

// Sections under test, in a policy that allows nothing.
Checked with(const std::string& sections, Dialect dialect = Dialect::tailscale) {
  return checked("{\"acls\":[]," + sections + "}", dialect);
}

// --- names that are used and not defined ---

TEST(UndefinedNames, AreRefusedInTheServicesWords) {
  EXPECT_EQ(acl(R"("tag:nonexistent")", R"("*:*")").message(), "src=tag not found: \"tag:nonexistent\"");
  EXPECT_EQ(grant(R"("tag:nonexistent")", R"("*")").message(), "src=tag not found: \"tag:nonexistent\"");
  EXPECT_EQ(acl(R"("*")", R"("tag:nonexistent:22")").message(),
            "dst=\"tag:nonexistent\": tag not found: \"tag:nonexistent\"");
  EXPECT_EQ(grant(R"("*")", R"("10.0.0.0/8")", R"(,"ip":["*"],"via":["tag:nonexistent"])").message(),
            "tag \"tag:nonexistent\" not found");
  EXPECT_EQ(ssh_test(R"("src":"tag:server","dst":["tag:nonexistent"],"accept":["root"])").message(),
            "SSH tests dst contains unknown tag \"tag:nonexistent\"");
}

TEST(UndefinedNames, HaveACodeForEachKind) {
  EXPECT_EQ(acl(R"("tag:x")", R"("*:*")").errors(), "E0301");
  EXPECT_EQ(acl(R"("group:x")", R"("*:*")").errors(), "E0302");
  EXPECT_EQ(acl(R"("x")", R"("*:*")").errors(), "E0303");
  EXPECT_EQ(acl(R"("ipset:x")", R"("*:*")").errors(), "E0304");
  EXPECT_EQ(acl(R"("*")", R"("*:*")", R"(,"srcPosture":["posture:x"])").errors(), "E0305");
  EXPECT_EQ(acl(R"("autogroup:x")", R"("*:*")").errors(), "E0306");
}

TEST(UndefinedNames, AreRefusedWhereverATagMayStand) {
  const std::string x = R"("tag:x")";
  for (const std::string section :
       {R"("ssh":[{"action":"accept","src":["tag:x"],"dst":["tag:db"],"users":["root"]}])",
        R"("ssh":[{"action":"accept","src":["group:eng"],"dst":["tag:x"],"users":["root"]}])",
        R"("ssh":[{"action":"accept","src":["group:eng"],"dst":["tag:db"],"users":["root"],"recorder":["tag:x"]}])",
        R"("autoApprovers":{"routes":{"10.0.0.0/8":["tag:x"]}})", R"("autoApprovers":{"exitNode":["tag:x"]})",
        R"("autoApprovers":{"services":{"tag:x":[]}})", R"("autoApprovers":{"services":{"svc:a":["tag:x"]}})",
        R"("nodeAttrs":[{"target":["tag:x"],"attr":["funnel"]}])",
        R"("grants":[{"src":["*"],"dst":["tag:x"],"ip":["*"]}])"}) {
    const Checked c = in_tailnet(section);
    EXPECT_EQ(c.errors(), "E0301") << section;
    EXPECT_EQ(c.under(Code::E0301), x);
  }
  EXPECT_EQ(with(R"("tagOwners":{"tag:a":["tag:x"]})").errors(), "E0301");
}

TEST(UndefinedNames, SuggestTheNearestWithItsLine) {
  const Checked c = checked(
      "{\"tagOwners\": {\n  \"tag:server\": []},\n\"acls\": [{\"action\": \"accept\", \"src\": "
      "[\"tag:servr\"], \"dst\": [\"*:*\"]}]}");
  EXPECT_EQ(c.said(Code::E0301), "src=tag not found: \"tag:servr\"");
  EXPECT_EQ(c.at(Code::E0301), "3:39");
  EXPECT_EQ(c.under(Code::E0301), "\"tag:servr\"");
  EXPECT_EQ(c.help(Code::E0301), "did you mean \"tag:server\" (line 2)? Tags are declared in \"tagOwners\".");
  EXPECT_EQ(acl(R"("group:enf")", R"("*:*")").help(Code::E0302),
            "did you mean \"group:eng\" (line 1)? Groups are declared in \"groups\".");
  EXPECT_EQ(acl(R"("valt")", R"("*:*")").help(Code::E0303),
            "did you mean \"vault\" (line 1)? Hosts are declared in \"hosts\".");
  EXPECT_EQ(acl(R"("*")", R"("*:*")", R"(,"srcPosture":["posture:manged"])").help(Code::E0305),
            "did you mean \"posture:managed\" (line 1)? Postures are declared in \"postures\".");
}

TEST(UndefinedNames, SuggestNothingFarFetched) {
  EXPECT_EQ(acl(R"("tag:zebra")", R"("*:*")").help(Code::E0301), "Tags are declared in \"tagOwners\".");
  EXPECT_EQ(acl(R"("zebra")", R"("*:*")").help(Code::E0303),
            "A bare name is an entry of \"hosts\"; device names are not host aliases, people are written as logins.");
}

// Synced groups come from the identity provider and are used without a definition.
TEST(UndefinedNames, AGroupWithAnAtIsTheIdentityProviders) {
  const Checked c = acl(R"("group:eng-team@example.com")", R"("*:*")");
  EXPECT_TRUE(c.accepted());
  EXPECT_TRUE(c.has(Code::I0321));
  EXPECT_FALSE(acl(R"("group:eng")", R"("*:*")").has(Code::I0321));
  EXPECT_EQ(acl(R"("group:eng-team@example.com")", R"("*:*")", "", headscale).errors(), "E0302");
}

TEST(UndefinedNames, HeadscaleHasItsOwnWords) {
  EXPECT_EQ(acl(R"("group:x")", R"("*:*")", "", headscale).message(), "group not defined in policy: \"group:x\"");
  EXPECT_EQ(acl(R"("x")", R"("*:*")", "", headscale).message(), "host not defined in policy: \"x\"");
  EXPECT_EQ(with(R"("tagOwners":{"tag:child":["tag:x"]})", headscale).message(),
            "tag \"tag:child\" references undefined tag \"tag:x\"");
}

// --- forms that are malformed wherever they stand ---

TEST(MalformedSelectors, AreRefused) {
  for (const std::string selector : {"user:ana@example.com", "user:", "*@example.com", "ana@*", "10.0.0.0/33",
                                     "fd7a::/129", "group:", "tag:", "autogroup:"}) {
    const Checked c = acl("\"" + selector + "\"", R"("*:*")");
    EXPECT_FALSE(c.accepted()) << selector;
    EXPECT_EQ(c.under(c.loaded->diagnostics.front().code), "\"" + selector + "\"");
  }
  EXPECT_EQ(acl(R"("10.0.0.0/33")", R"("*:*")").errors(), "E0307");
  EXPECT_EQ(acl(R"("*@example.com")", R"("*:*")").errors(), "E0307");
}

// Whether host bits are refused or masked is not known.
TEST(MalformedSelectors, HostBitsAreAWarningThatNamesBothReadings) {
  const Checked c = acl(R"("10.1.2.3/24")", R"("10.1.2.3/24:22")");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.count(Code::W0320), 2U);
  EXPECT_EQ(c.said(Code::W0320), "\"10.1.2.3/24\" has bits set beyond its length: it means 10.1.2.0/24");
  EXPECT_EQ(c.help(Code::W0320), "write \"10.1.2.0/24\", or \"10.1.2.3\" if the one address is meant");
  EXPECT_TRUE(with(R"("hosts":{"a":"10.1.2.3/24"})").has(Code::W0320));
  EXPECT_TRUE(with(R"("autoApprovers":{"routes":{"10.1.2.3/24":[]}})").has(Code::W0320));
  EXPECT_FALSE(acl(R"("10.1.2.0/24")", R"("*:*")").has(Code::W0320));
}

TEST(MalformedSelectors, PlaceholdersOfTemplatesAreToldAsSuch) {
  EXPECT_EQ(acl(R"("${tag}")", R"("*:*")").errors(), "E0319");
  EXPECT_EQ(acl(R"("*")", R"("{{ dst }}:22")").errors(), "E0319");
  EXPECT_EQ(acl(R"("*")", R"("*:*")", R"(,"srcPosture":["${posture}"])").errors(), "E0319");
}

// Whether capitals work is not known; the name behind the word decides.
TEST(MalformedSelectors, AWordInCapitalsIsAWarning) {
  for (const std::string selector : {"Tag:server", "Group:eng", "Ipset:dc", "Autogroup:member"}) {
    const Checked c = acl("\"" + selector + "\"", R"("*:*")");
    EXPECT_TRUE(c.accepted()) << selector << c.summary();
    EXPECT_TRUE(c.has(Code::W0327)) << selector;
  }
}

TEST(MalformedSelectors, ServicesAreDnsLabels) {
  EXPECT_TRUE(acl(R"("*")", R"("svc:wiki-2:443")").accepted());
  for (const std::string& name : std::vector<std::string>{"a_b", "-a", "a-", "a.b", std::string(64, 'a')}) {
    EXPECT_EQ(acl(R"("*")", "\"svc:" + name + ":443\"").errors(), "E0336") << name;
  }
  EXPECT_TRUE(acl(R"("*")", "\"svc:" + std::string(63, 'a') + ":443\"").accepted());
}

TEST(Domains, AreCheckedForBeingOneAtAll) {
  EXPECT_TRUE(acl(R"("user:*@example.com")", R"("*:*")").accepted());
  EXPECT_EQ(acl(R"("user:*@*")", R"("*:*")").errors(), "E0318");
  EXPECT_EQ(ssh("accept", R"("user:*@*")", R"("tag:db")").message(),
            "[ssh] * is not associated with this Tailnet and cannot be used in user:*@<domain> expressions");
  EXPECT_EQ(ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":["localpart:*@*"])").message(),
            "* is not associated with this Tailnet and cannot be used in user:*@<domain> expressions");
}

// Compared as written, and domains of a tailnet are in lower case.
TEST(Domains, InCapitalsAreAWarning) {
  EXPECT_TRUE(acl(R"("user:*@EXAMPLE.COM")", R"("*:*")").has(Code::W0337));
  EXPECT_FALSE(acl(R"("user:*@example.com")", R"("*:*")").has(Code::W0337));
}

TEST(Autogroups, HaveAnOldPluralThatMustNotBeMixedWithTheSingular) {
  EXPECT_EQ(acl(R"("autogroup:members")", R"("*:*")").count(Code::W0211), 1U);
  EXPECT_FALSE(acl(R"("autogroup:members")", R"("*:*")").has(Code::W0330));
  EXPECT_FALSE(acl(R"("autogroup:member")", R"("*:*")").has(Code::W0211));
  const Checked mixed = acl(R"("autogroup:members","autogroup:member")", R"("*:*")");
  EXPECT_TRUE(mixed.accepted());
  EXPECT_TRUE(mixed.has(Code::W0330));
}

TEST(Autogroups, ThatDoNotExistAreRefusedWithTheOnesThatDo) {
  const Checked c = acl(R"("autogroup:bogus")", R"("*:*")");
  EXPECT_EQ(c.said(Code::E0306), "src=unknown autogroup: \"autogroup:bogus\"");
  EXPECT_NE(c.help(Code::E0306).find("autogroup:member"), std::string::npos);
}

// --- groups ---

TEST(Groups, AreNamedGroupColonName) {
  EXPECT_TRUE(with(R"("groups":{"group:eng":[]})").accepted());
  for (const std::string key : {"eng", "group:", "", "tag:eng"}) {
    EXPECT_EQ(with("\"groups\":{\"" + key + "\":[]}").errors(), "E0310") << key;
  }
  EXPECT_EQ(with(R"("groups":{"eng":[]})").help(Code::E0310), "write \"group:eng\"");
}

TEST(Groups, MembersAreLogins) {
  EXPECT_TRUE(with(R"("groups":{"group:a":["ana@example.com","ana@github","ana@passkey","a+b@x.org"]})").accepted());
  for (const std::string member : {"tag:x", "autogroup:member", "*", "10.0.0.1", "10.0.0.0/8", "user:*@example.com",
                                   "svc:x", "ipset:x", "*@example.com", ""}) {
    EXPECT_EQ(with("\"groups\":{\"group:a\":[\"" + member + "\"]}").errors(), "E0311") << member;
  }
}

TEST(Groups, DoNotNest) {
  const Checked c = with(R"("groups":{"group:b":["group:c"],"group:c":[]})");
  EXPECT_EQ(c.message(), "groups[\"group:b\"]: \"group:c\": group members cannot be recursive");
  EXPECT_EQ(c.errors(), "E0312");
  EXPECT_EQ(c.related(Code::E0312), "\"group:c\"");
  EXPECT_FALSE(with(R"("groups":{"group:a":["group:a"]})").accepted());
  EXPECT_FALSE(with(R"("groups":{"group:a":["group:undefined"]})").accepted());
}

TEST(Groups, EveryNestingIsReported) {
  EXPECT_EQ(with(R"("groups":{"group:a":["group:b"],"group:b":["group:c"],"group:c":["ana@example.com"]})")
                .count(Code::E0312),
            2U);
}

// A member the service does not know is kept with a warning, and a name without @ is one.
TEST(Groups, AMemberWithoutAnAtIsAWarning) {
  const Checked c = with(R"("groups":{"group:a":["ana"]})");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.said(Code::W0340), "groups[\"group:a\"]: \"ana\": no login: it has no @");
}

TEST(Groups, AMemberThatIsATemplateIsAWarning) {
  EXPECT_TRUE(with(R"("groups":{"group:a":["${var.ana}"]})").accepted());
  EXPECT_TRUE(with(R"("groups":{"group:a":["${var.ana}"]})").has(Code::W0339));
}

TEST(Groups, AMemberListedTwiceIsAWarning) {
  const Checked c = with("\"groups\":{\"group:a\":[\"ana@example.com\",\n\"Ana@Example.com\"]}");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.at(Code::W0328), "2:1");
  EXPECT_EQ(c.related(Code::W0328), "\"ana@example.com\"");
}

// --- hosts ---

TEST(Hosts, AreAnAddressOrAPrefix) {
  for (const std::string value : {"10.0.0.1", "fd7a::1", "10.0.0.0/8", "fd7a::/48", "10.0.0.1/32", "0.0.0.0/0"}) {
    EXPECT_TRUE(with("\"hosts\":{\"a\":\"" + value + "\"}").accepted()) << value;
  }
  for (const std::string value :
       {"example.com", "10.0.0.1-10.0.0.9", "10.0.0.1,10.0.0.2", "10.0.0.0/33", "10.0.0", "", "*", "tag:x", "b"}) {
    EXPECT_EQ(with("\"hosts\":{\"a\":\"" + value + "\"}").errors(), "E0314") << value;
  }
}

TEST(Hosts, NamesArePlainWords) {
  EXPECT_TRUE(with(R"("hosts":{"db-1.internal_x":"10.0.0.1"})").accepted());
  for (const std::string name : {"", "*", "ana@x", "10.0.0.1", "10.0.0.0/8", "fd7a::1"}) {
    EXPECT_EQ(with("\"hosts\":{\"" + name + "\":\"10.0.0.1\"}").errors(), "E0313") << name;
  }
  EXPECT_EQ(with(R"("hosts":{"ana@x":"10.0.0.1"})").message(),
            "host names cannot include an @, please change the name for \"ana@x\"");
}

TEST(Hosts, AColonOrASlashInANameIsAWarningAndForHeadscaleAnError) {
  for (const std::string name : {"a:b", "a/b", "group:x"}) {
    EXPECT_TRUE(with("\"hosts\":{\"" + name + "\":\"10.0.0.1\"}").has(Code::W0341)) << name;
    EXPECT_TRUE(with("\"hosts\":{\"" + name + "\":\"10.0.0.1\"}").accepted()) << name;
  }
  EXPECT_EQ(with(R"("hosts":{"a:b":"10.0.0.1"})", headscale).errors(), "E0313");
}

// Headscale's rule is about @ and colons only.
TEST(Hosts, HeadscaleTakesASlash) { EXPECT_TRUE(with(R"("hosts":{"a/b":"10.0.0.1"})", headscale).accepted()); }

// --- ipsets ---

TEST(Ipsets, AreNamedIpsetColonName) {
  EXPECT_EQ(with(R"("ipsets":{"dc":[]})").errors(), "E0315");
  EXPECT_EQ(with(R"("ipsets":{"ipset:":[]})").errors(), "E0315");
  EXPECT_TRUE(with(R"("ipsets":{"ipset:dc":[]})").accepted());
}

TEST(Ipsets, AddAndRemoveTargets) {
  const std::string names = R"("hosts":{"h":"10.0.0.1"},"ipsets":{"ipset:a":[],"ipset:b":[)";
  for (const std::string operation :
       {"10.0.0.1", "10.0.0.0/8", "10.0.0.1-10.0.0.9", "fd7a::1-fd7a::9", "host:h", "ipset:a", "autogroup:internet"}) {
    EXPECT_TRUE(with(names + "\"" + operation + "\"]}").accepted()) << operation;
    EXPECT_TRUE(with(names + "\"add " + operation + "\"]}").accepted()) << operation;
    EXPECT_TRUE(with(names + "\"remove " + operation + "\"]}").accepted()) << operation;
  }
}

TEST(Ipsets, TakeNoOtherTargets) {
  for (const std::string target : {"tag:t", "ana@example.com", "group:g", "svc:s", "autogroup:member", "*",
                                   "user:*@example.com", "", "10.0.0.9-10.0.0.1", "10.0.0.0/33", "sub 10.0.0.1"}) {
    const Checked c =
        with(R"("tagOwners":{"tag:t":[]},"groups":{"group:g":[]},"ipsets":{"ipset:a":[")" + target + "\"]}");
    EXPECT_FALSE(c.accepted()) << target;
  }
}

TEST(Ipsets, ABareTargetNeedsASetThatOnlyAdds) {
  EXPECT_TRUE(with(R"("ipsets":{"ipset:a":["10.0.0.0/8","add 10.0.0.1"]})").accepted());
  EXPECT_EQ(with(R"("ipsets":{"ipset:a":["10.0.0.0/8","remove 10.0.0.1"]})").errors(), "E0316");
  EXPECT_TRUE(with(R"("ipsets":{"ipset:a":["add 10.0.0.0/8","remove 10.0.0.1"]})").accepted());
}

TEST(Ipsets, NameAHostWithItsWord) {
  const Checked c = with(R"("hosts":{"h":"10.0.0.1"},"ipsets":{"ipset:a":["add h"]})");
  EXPECT_EQ(c.errors(), "E0316");
  EXPECT_EQ(c.help(Code::E0316), "write \"host:h\"");
  EXPECT_EQ(with(R"("ipsets":{"ipset:a":["add host:x"]})").errors(), "E0303");
  EXPECT_EQ(with(R"("ipsets":{"ipset:a":["add ipset:x"]})").errors(), "E0304");
}

TEST(Ipsets, DoNotContainEachOther) {
  const Checked c = with(R"("ipsets":{"ipset:a":["add ipset:b"],"ipset:b":["remove ipset:c"],"ipset:c":["ipset:a"]})");
  EXPECT_EQ(c.errors(), "E0317");
  EXPECT_EQ(c.related(Code::E0317), "\"ipset:a\"");
  EXPECT_EQ(with(R"("ipsets":{"ipset:a":["ipset:a"]})").errors(), "E0317");
  // Two ways to the same set are no cycle.
  EXPECT_TRUE(
      with(R"("ipsets":{"ipset:a":["ipset:b","ipset:c"],"ipset:b":["ipset:c"],"ipset:c":["10.0.0.1"]})").accepted());
}

// --- tagOwners ---

TEST(TagOwners, TagsAreALetterThenLettersDigitsHyphens) {
  for (const std::string tag : {"tag:a", "tag:web-2", "tag:Web", "tag:a-"}) {
    EXPECT_TRUE(with("\"tagOwners\":{\"" + tag + "\":[]}").accepted()) << tag;
  }
  for (const std::string tag :
       {"tag:", "tag:-x", "tag:9x", "tag:a_b", "tag:a.b", "tag:a b", "tag:\u00e9", "tag:a:b", "web", ""}) {
    const Checked c = with("\"tagOwners\":{\"" + tag + "\":[]}");
    EXPECT_EQ(c.errors(), "E0309") << tag;
    EXPECT_NE(c.said(Code::E0309).find("\"" + tag + "\""), std::string::npos) << "names the key";
  }
}

TEST(TagOwners, MayBeNobodyPeopleAndTags) {
  EXPECT_TRUE(with(R"("groups":{"group:g":[]},"tagOwners":{"tag:a":[],"tag:b":["ana@example.com","group:g","tag:a",
                      "autogroup:member","autogroup:admin","autogroup:tagged","user:*@example.com"]})")
                  .accepted());
}

TEST(TagOwners, AnUndeclaredGroupIsAWarningOnTheHostedServiceOnly) {
  const std::string section = R"("groups":{"group:eng":[]},"tagOwners":{"tag:a":["group:engs"]})";
  EXPECT_TRUE(with(section).accepted());
  EXPECT_EQ(with(section).said(Code::W0344), "tagOwners[\"tag:a\"]: group not found: \"group:engs\"");
  EXPECT_EQ(with(section).help(Code::W0344), "did you mean \"group:eng\" (line 1)? Groups are declared in \"groups\".");
  EXPECT_EQ(with(section, headscale).errors(), "E0302");
  EXPECT_EQ(acl(R"("group:x")", R"("*:*")").errors(), "E0302");
}

TEST(Templates, AsAKeyAreToldOnce) {
  EXPECT_EQ(with(R"("tagOwners":{"tag:${env}":[]})").errors(), "E0319");
  EXPECT_EQ(with(R"("hosts":{"${host}":"${address}"})").errors(), "E0319");
}

// The hosted service takes circles; Headscale does not.
TEST(TagOwners, MayOwnEachOtherOnTheHostedServiceOnly) {
  for (const std::string owners : {R"({"tag:a":["tag:a"]})", R"({"tag:a":["tag:b"],"tag:b":["tag:a"]})",
                                   R"({"tag:x":["tag:a"],"tag:a":["tag:b"],"tag:b":["tag:c"],"tag:c":["tag:a"]})"}) {
    EXPECT_TRUE(with("\"tagOwners\":" + owners).accepted()) << owners;
    EXPECT_EQ(with("\"tagOwners\":" + owners, headscale).errors(), "E0331") << owners;
  }
  EXPECT_TRUE(
      with(R"("tagOwners":{"tag:a":["tag:b","tag:c"],"tag:b":["tag:c"],"tag:c":["tag:d"],"tag:d":[]})", headscale)
          .accepted());
  EXPECT_EQ(with(R"("tagOwners":{"tag:a":["tag:b"],"tag:b":["tag:a"],"tag:c":["tag:c"]})", headscale).errors(),
            "E0331 E0331");
}

// --- postures ---

TEST(Postures, AreNamedPostureColonName) {
  EXPECT_EQ(with(R"("postures":{"managed":["node:os == 'linux'"]})").errors(), "E0332");
  EXPECT_TRUE(with(R"("postures":{"posture:managed":["node:os == 'linux'"]})").accepted());
}

TEST(Postures, AreListsOfAssertions) {
  const Checked c = with(R"("postures":{"posture:p":["node:os = 'linux'"]})");
  EXPECT_EQ(c.errors(), "E0333");
  EXPECT_EQ(c.said(Code::E0333), "postures[\"posture:p\"]: \"node:os = 'linux'\" is no assertion");
  EXPECT_NE(c.help(Code::E0333), "");
}

TEST(Postures, AnAttributeAloneIsAWarning) {
  const Checked c = with(R"("postures":{"posture:p":["node:tsAutoUpdate"]})");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.help(Code::W0345), "write \"node:tsAutoUpdate == true\"");
  EXPECT_EQ(with(R"("postures":{"posture:p":["node:os"]})").help(Code::W0345), "write \"node:os IS SET\"");
}

TEST(Postures, EntriesAreNotJoinedWithinAString) {
  EXPECT_EQ(with(R"("postures":{"posture:p":["node:os == 'linux' && node:tsAutoUpdate == true"]})").help(Code::E0333),
            "all entries of a posture must hold: split into two strings");
}

TEST(Postures, UseTheIpsetsTheyName) {
  const std::string set = R"("ipsets":{"ipset:i":[]},)";
  EXPECT_FALSE(with(set + R"("postures":{"posture:p":["ip:publicAddress IN ['ipset:i']"]})").has(Code::W0324));
  EXPECT_FALSE(with(set + R"("postures":{"posture:p":["ip:publicAddress IN ['ipset:i']"]})").has(Code::W0334));
  EXPECT_TRUE(with(set + R"("postures":{"posture:p":["ip:publicAddress IN ['ipset:ii']"]})").has(Code::W0324));
}

TEST(Postures, AnUnknownAttributeIsAWarning) {
  EXPECT_TRUE(with(R"("postures":{"posture:p":["node:bogus == 'x'"]})").has(Code::W0334));
  EXPECT_FALSE(with(R"("postures":{"posture:p":["custom:bogus == 'x'"]})").has(Code::W0334));
}

TEST(Postures, AConditionOfTheWrongTypeIsAWarning) {
  for (const std::string assertion : {"node:os == 1", "node:os > 'linux'", "node:tsAutoUpdate == 'yes'",
                                      "node:tsVersion >= 1.7", "node:tsAutoUpdate < true", "ip:country IN ['DE', 1]"}) {
    EXPECT_TRUE(with("\"postures\":{\"posture:p\":[\"" + assertion + "\"]}").has(Code::W0342)) << assertion;
  }
  for (const std::string assertion : {"node:os == 'linux'", "node:tsVersion >= '1.70'", "node:tsAutoUpdate == true",
                                      "falcon:score > 75", "node:osVersion < '15'", "node:os IS SET"}) {
    EXPECT_FALSE(with("\"postures\":{\"posture:p\":[\"" + assertion + "\"]}").has(Code::W0342)) << assertion;
  }
}

TEST(Postures, ListsOfPosturesNameDefinedOnes) {
  EXPECT_EQ(with(R"("defaultSrcPosture":["posture:x"])").errors(), "E0305");
  EXPECT_TRUE(with(R"("postures":{"posture:x":[]},"defaultSrcPosture":["posture:x"])").accepted());
  EXPECT_EQ(grant(R"("*")", R"("*")", R"(,"ip":["*"],"srcPosture":["posture:x"])").errors(), "E0305");
  EXPECT_EQ(ssh("accept", R"("group:eng")", R"("tag:db")", R"(,"users":["root"],"srcPosture":["managed"])").errors(),
            "E0305");
}

// --- names that nobody uses ---

TEST(UnusedNames, AreWarningsAndForTagsANote) {
  const Checked c = with(R"("groups":{"group:g":[]},"hosts":{"h":"10.0.0.1"},"ipsets":{"ipset:i":[]},
                            "tagOwners":{"tag:t":[]},"postures":{"posture:p":[]})");
  EXPECT_TRUE(c.accepted());
  EXPECT_EQ(c.codes(), "W0322 W0323 W0324 I0325 W0326");
  EXPECT_EQ(c.said(Code::W0322), "group \"group:g\" is defined but never used");
  EXPECT_EQ(c.under(Code::I0325), "\"tag:t\"");
}

TEST(UnusedNames, OfTagsShareOneNote) {
  const std::string two = R"("tagOwners":{"tag:a":[],"tag:b":[]})";
  EXPECT_EQ(with(two).said(Code::I0325), "2 tags are defined but never used: \"tag:a\", \"tag:b\"");
  std::string ten;
  for (const char c : std::string("abcdefghij")) ten += std::string(ten.empty() ? "" : ",") + "\"tag:" + c + "\":[]";
  EXPECT_EQ(with("\"tagOwners\":{" + ten + "}").count(Code::I0325), 1U);
  EXPECT_NE(with("\"tagOwners\":{" + ten + "}").said(Code::I0325).find("\"tag:h\" and 2 more"), std::string::npos);
}

TEST(UnusedNames, OfTagsAreNoNewsWhereARuleReachesAllDevices) {
  EXPECT_FALSE(acl(R"("group:eng")", R"("*:22")").has(Code::I0325));
  EXPECT_FALSE(grant(R"("group:eng")", R"("autogroup:tagged")").has(Code::I0325));
  EXPECT_TRUE(grant(R"("group:eng")", R"("tag:db")").has(Code::I0325));
}

TEST(UnusedNames, DoNotCountWhereTheirEntryIsRefused) {
  const std::string base = R"("groups":{"group:g":[]},"hosts":{"h":"10.0.0.1"},)";
  const Checked c = with(base + R"("ssh":[{"action":"accept","src":["h"],"dst":["group:g"],"users":["root"]}])");
  EXPECT_FALSE(c.accepted());
  EXPECT_FALSE(c.has(Code::W0322) || c.has(Code::W0323)) << c.summary();
}

TEST(UnusedNames, AnyUseCounts) {
  const std::vector<std::string> uses = {
      R"("acls":[{"action":"accept","src":["group:eng"],"dst":["tag:db:22","vault:1","ipset:dc:1"]}])",
      R"("grants":[{"src":["tag:db","vault","ipset:dc"],"dst":["group:eng"],"ip":["*"]}])",
      R"("nodeAttrs":[{"target":["group:eng","tag:db","vault"],"attr":["funnel"]}])",
      R"("tests":[{"src":"group:eng","accept":["tag:db:22","vault:22"]}])",
      R"("sshTests":[{"src":"group:eng","dst":["tag:db","vault"],"accept":["root"]}])",
  };
  for (const std::string& use : uses) {
    const Checked c = in_tailnet(use);
    for (const Diagnostic& d : c.loaded->diagnostics) {
      for (const std::string name : {"\"group:eng\" is", "\"tag:db\" is", "\"vault\" is"}) {
        EXPECT_EQ(d.message.find(name), std::string::npos) << use << d.message;
      }
    }
  }
  EXPECT_FALSE(with(R"("tagOwners":{"tag:t":["tag:t"]})").has(Code::I0325)) << "as an owner";
  EXPECT_FALSE(with(R"("tagOwners":{"tag:t":[]},"autoApprovers":{"exitNode":["tag:t"]})").has(Code::I0325));
  EXPECT_FALSE(with(R"("hosts":{"h":"10.0.0.1"},"ipsets":{"ipset:i":["host:h"]})").has(Code::W0323));
  EXPECT_FALSE(with(R"("tagOwners":{"tag:t":[]},"nodeAttrs":[{"target":["*"],
                      "app":{"tailscale.com/app-connectors":[{"connectors":["tag:t"]}]}}])")
                   .has(Code::I0325));
  EXPECT_FALSE(with(R"("postures":{"posture:p":[]},"defaultSrcPosture":["posture:p"])").has(Code::W0326));
}

}  // namespace
}  // namespace acl::policy
