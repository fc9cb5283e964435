// tests and sshTests: what fails whatever the inventory says. The service answers "test(s) failed" and no more; here
// the report says why.
#include <gtest/gtest.h>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

constexpr std::string_view failed = "test(s) failed";

Checked dst(const std::string& target) { return policy_test(R"("src":"tag:server","accept":[")" + target + "\"]"); }

TEST(Tests, NeedASource) {
  EXPECT_TRUE(policy_test(R"("src":"tag:server","accept":["tag:db:22"])").accepted());
  for (const std::string members :
       {R"("accept":["tag:db:22"])", R"("src":"","accept":["tag:db:22"])", R"("src":null,"accept":["tag:db:22"])"}) {
    const Checked c = policy_test(members);
    EXPECT_EQ(c.message(), failed) << members;
    EXPECT_EQ(c.said(Code::E0601), "tests[0] has no src") << members;
  }
}

TEST(Tests, AssertSomething) {
  for (const std::string members : {R"("src":"tag:server")", R"("src":"tag:server","accept":[],"deny":[])",
                                    R"("src":"tag:server","accept":null)"}) {
    const Checked c = policy_test(members);
    EXPECT_EQ(c.message(), failed) << members;
    EXPECT_EQ(c.said(Code::E0601), "tests[0] has neither accept nor deny") << members;
  }
  EXPECT_TRUE(policy_test(R"("src":"tag:server","deny":["tag:db:22"])").accepted());
}

TEST(Tests, AskAboutOnePort) {
  for (const std::string port : {"*", "22,80", "22-23", "1-65535", "0", "-1", "65536", "https", ""}) {
    EXPECT_EQ(dst("tag:db:" + port).message(), failed) << port;
    EXPECT_EQ(policy_test(R"("src":"tag:server","deny":["tag:db:)" + port + "\"]").message(), failed) << port;
    EXPECT_EQ(dst("tag:db:" + port).errors(), "E0601") << port;
  }
  EXPECT_EQ(dst("tag:db").message(), failed);
}

TEST(Tests, AskAboutOneHost) {
  for (const std::string host :
       {"tag:db", "ana@example.com", "group:eng", "vault", "10.20.0.8", "198.51.100.8", "[fd7a::1]", "svc:wiki"}) {
    EXPECT_TRUE(dst(host + ":22").accepted()) << host;
  }
  for (const std::string host : {"*", "10.0.0.0/8", "10.0.0.1/32", "lan", "autogroup:internet", "autogroup:self"}) {
    EXPECT_EQ(dst(host + ":22").message(), failed) << host;
  }
  const Checked alias = dst("lan:22");
  EXPECT_EQ(alias.said(Code::E0601), "tests[0]: \"lan:22\": \"lan\" is a prefix: a test asks about one host");
  EXPECT_EQ(alias.related(Code::E0601), "\"10.20.0.0/16\"");
}

// A /32 fails as a prefix. Whether an alias of one does is not known, so it is taken for the address it means.
TEST(Tests, AnAliasOfASlash32IsOneHost) {
  EXPECT_TRUE(
      checked(R"({"acls":[],"hosts":{"a":"10.0.0.1/32"},"tests":[{"src":"ana@example.com","accept":["a:22"]}]})")
          .accepted());
}

TEST(Tests, NameWhatExists) {
  EXPECT_EQ(policy_test(R"("src":"tag:x","accept":["tag:db:22"])").message(), failed);
  EXPECT_EQ(policy_test(R"("src":"group:x","accept":["tag:db:22"])").message(), failed);
  EXPECT_EQ(policy_test(R"("src":"nowhere","accept":["tag:db:22"])").message(), failed);
  EXPECT_EQ(dst("nowhere:22").message(), failed);
  EXPECT_EQ(policy_test(R"("src":"tag:server","deny":["tag:x:22"])").message(), failed) << "under deny too";
  const Checked c = policy_test(R"("src":"tag:servr","accept":["tag:db:22"])");
  EXPECT_EQ(c.errors(), "E0301");
  EXPECT_EQ(c.help(Code::E0301), "did you mean \"tag:server\" (line 1)? Tags are declared in \"tagOwners\".");
}

TEST(Tests, HaveAProtocol) {
  const auto proto = [](const std::string& name) {
    return policy_test(R"("src":"tag:server","accept":["tag:db:22"],"proto":")" + name + "\"");
  };
  for (const std::string name : {"tcp", "udp", "sctp", "17", ""}) EXPECT_TRUE(proto(name).accepted()) << name;
  EXPECT_EQ(proto("x").message(), failed);
}

TEST(Tests, OfAProtocolWithoutPortsAskAboutPortZero) {
  const auto ask = [](const std::string& proto, const std::string& target) {
    return policy_test(R"("src":"tag:server","accept":[")" + target + R"("],"proto":")" + proto + "\"");
  };
  for (const std::string proto : {"icmp", "1", "ipv6-icmp"}) {
    EXPECT_TRUE(ask(proto, "tag:db:0").accepted()) << proto;
    EXPECT_EQ(ask(proto, "tag:db:*").errors(), "E0601") << proto;
  }
  EXPECT_EQ(ask("icmp", "tag:db:0").policy().tests[0].accept[0].ports, (std::vector<PortRange>{{0, 0}}));
  EXPECT_EQ(ask("icmp", "tag:db:*").help(Code::E0601), "icmp has no ports: write \"tag:db:0\"");
  EXPECT_EQ(ask("tcp", "tag:db:0").errors(), "E0601");
  EXPECT_EQ(ask("icmp", "tag:x:0").errors(), "E0301");
}

TEST(Tests, HelpWithAForgottenPort) {
  EXPECT_EQ(dst("tag:db").help(Code::E0601), "a test destination needs a port: \"tag:db:22\"");
  EXPECT_EQ(dst("vault").help(Code::E0601), "a test destination needs a port: \"vault:22\"");
}

// https://github.com/tailscale/tailscale/issues/12370 (as a source), /4416 (as a destination).
TEST(Tests, OfAutogroupsFail) {
  for (const std::string autogroup : {"autogroup:member", "autogroup:admin", "autogroup:tagged"}) {
    EXPECT_EQ(policy_test("\"src\":\"" + autogroup + R"(","accept":["tag:db:22"])").message(), failed) << autogroup;
    EXPECT_EQ(policy_test("\"src\":\"" + autogroup + R"(","deny":["tag:db:22"])").message(), failed) << autogroup;
    EXPECT_EQ(dst(autogroup + ":22").message(), failed) << autogroup;
    EXPECT_EQ(dst(autogroup + ":22").errors(), "E0308") << autogroup;
  }
  EXPECT_EQ(policy_test(R"("src":"autogroup:member","accept":["tag:db:22"])").help(Code::E0308),
            "name a user, a group, a tag or a host");
  EXPECT_TRUE(policy_test(R"("src":"autogroup:member","accept":["tag:db:22"])", headscale).accepted());
}

TEST(Tests, MayRepeatThemselves) {
  EXPECT_TRUE(in_tailnet(R"("tests":[{"src":"tag:server","accept":["tag:db:22","tag:db:22"]},
                                     {"src":"tag:server","accept":["tag:db:22"]}])")
                  .accepted());
}

TEST(Tests, EachMistakeIsReportedUnderItsOwnText) {
  const Checked c = in_tailnet(R"("tests":[{"src":"tag:x","accept":["tag:db:*","tag:y:22"],"deny":["tag:db:22"]},{}])");
  EXPECT_EQ(c.errors(), "E0301 E0601 E0301 E0601 E0601");
  EXPECT_EQ(c.message(), failed);
}

// --- Headscale's words ---

TEST(HeadscaleTests, AreRefusedInItsWords) {
  const auto message = [](const std::string& members) { return policy_test(members, headscale).message(); };
  EXPECT_EQ(message(R"("src":"tag:server")"), "test entry must have at least one of \"accept\" or \"deny\"");
  EXPECT_EQ(message(R"("src":"tag:server","accept":["tag:db:22"],"proto":"icmp")"),
            "test protocol must be tcp, udp, sctp, or empty");
  EXPECT_EQ(message(R"("src":"tag:server","accept":["tag:db:22-23"])"), "test destination port must be a single port");
  EXPECT_EQ(message(R"("src":"tag:server","accept":["10.0.0.0/8:22"])"),
            "test destination must be a single host, not a CIDR range");
  EXPECT_EQ(message(R"("src":"tag:server","accept":["autogroup:internet:22"])"),
            "autogroup:internet not valid as a test destination");
  EXPECT_TRUE(policy_test(R"("src":"tag:server","accept":["tag:db:22"],"proto":"udp")", headscale).accepted());
}

TEST(HeadscaleSshTests, AreRefusedInItsWords) {
  const auto message = [](const std::string& members) { return ssh_test(members, headscale).message(); };
  EXPECT_EQ(message(R"("dst":["tag:db"],"accept":["root"])"), "SSH tests entry must have a non-empty src");
  EXPECT_EQ(message(R"("src":"tag:server","accept":["root"])"), "SSH tests entry must have at least one dst");
  EXPECT_EQ(message(R"("src":"tag:server","dst":["tag:x"],"accept":["root"])"),
            "SSH tests dst contains unknown tag \"tag:x\"");
  EXPECT_EQ(message(R"("src":"tag:server","dst":["10.0.0.0/8"],"accept":["root"])"),
            "SSH tests dst contains disallowed element \"10.0.0.0/8\"");
}

// --- sshTests ---

Checked login(const std::string& target) {
  return ssh_test(R"("src":"ana@example.com","dst":[")" + target + R"("],"accept":["root"])");
}

TEST(SshTests, NeedASourceADestinationAndAnAssertion) {
  EXPECT_TRUE(ssh_test(R"("src":"ana@example.com","dst":["tag:db"],"accept":["root"])").accepted());
  EXPECT_TRUE(ssh_test(R"("src":"ana@example.com","dst":["tag:db"],"check":["root"])").accepted());
  EXPECT_TRUE(ssh_test(R"("src":"ana@example.com","dst":["tag:db"],"deny":["root"])").accepted());
  for (const std::string members :
       {R"("dst":["tag:db"],"accept":["root"])", R"("src":"","dst":["tag:db"],"accept":["root"])",
        R"("src":"ana@example.com","accept":["root"])", R"("src":"ana@example.com","dst":[],"accept":["root"])",
        R"("src":"ana@example.com","dst":["tag:db"])",
        R"("src":"ana@example.com","dst":["tag:db"],"accept":[],"deny":[])",
        R"("src":"ana@example.com","dst":["tag:db"],"accept":[""])"}) {
    EXPECT_EQ(ssh_test(members).message(), failed) << members;
    EXPECT_EQ(ssh_test(members).errors(), "E0601") << members;
  }
}

TEST(SshTests, DestinationsAreIdentitiesHostsAndAddresses) {
  for (const std::string target : {"tag:db", "ana@example.com", "group:eng", "vault", "100.64.0.7", "fd7a::7"}) {
    EXPECT_TRUE(login(target).accepted()) << target;
  }
}

TEST(SshTests, SomeDestinationsAreRefusedInTheServicesWords) {
  EXPECT_EQ(login("autogroup:internet").message(), "SSH tests dst contains disallowed element \"autogroup:internet\"");
  EXPECT_EQ(login("100.64.0.0/24").message(), "SSH tests dst contains disallowed element \"100.64.0.0/24\"");
  EXPECT_EQ(login("100.64.0.0/24").errors(), "E0602");
  EXPECT_EQ(login("tag:server:22").message(), "SSH tests dst contains unknown tag \"tag:server:22\"");
  EXPECT_EQ(login("tag:server:22").errors(), "E0603");
  EXPECT_EQ(login("tag:server:22").help(Code::E0603), "a login has no port: write \"tag:server\"");
  EXPECT_EQ(login("tag:servr").help(Code::E0603), "did you mean \"tag:server\" (line 1)?");
}

TEST(SshTests, WhatMayNeverStandInThemIsRefusedInTheServicesWords) {
  const auto source = [](const std::string& src, Dialect dialect = Dialect::tailscale) {
    return ssh_test("\"src\":\"" + src + R"(","dst":["tag:db"],"accept":["root"])", dialect);
  };
  for (const std::string element : {"autogroup:admin", "autogroup:member", "autogroup:tagged", "autogroup:self", "*",
                                    "10.0.0.0/8", "10.0.0.1/32", "ipset:dc", "svc:wiki"}) {
    EXPECT_EQ(source(element).message(), "SSH tests src contains disallowed element \"" + element + "\"");
    EXPECT_EQ(login(element).message(), "SSH tests dst contains disallowed element \"" + element + "\"");
    EXPECT_EQ(source(element).errors(), "E0602") << element;
  }
  EXPECT_EQ(source("tag:x").message(), "SSH tests src contains unknown tag \"tag:x\"");
  EXPECT_EQ(source("tag:x").errors(), "E0603");
  EXPECT_EQ(source("group:x").message(), failed);
  EXPECT_EQ(source("nowhere").message(), failed);
  EXPECT_TRUE(source("autogroup:member", headscale).accepted());
  // It is said before anything else about any of them.
  EXPECT_EQ(in_tailnet(R"("sshTests":[{"src":"ana@example.com","dst":["tag:db"]},
                                      {"src":"ana@example.com","dst":["10.0.0.0/8"],"accept":["root"]}])")
                .message(),
            "SSH tests dst contains disallowed element \"10.0.0.0/8\"");
}

TEST(SshTests, AccountsAreNotBothAllowedAndDenied) {
  const auto lists = [](const std::string& rest) {
    return ssh_test(R"("src":"ana@example.com","dst":["tag:db"],)" + rest);
  };
  EXPECT_EQ(lists(R"("accept":["root"],"deny":["root"])").message(), failed);
  EXPECT_EQ(lists(R"("check":["root"],"deny":["root"])").message(), failed);
  EXPECT_TRUE(lists(R"("accept":["root"],"deny":["ubuntu"])").accepted());
  EXPECT_TRUE(lists(R"("accept":["root","root"])").accepted());
}

TEST(SshTests, DestinationsMayRepeat) {
  EXPECT_TRUE(ssh_test(R"("src":"ana@example.com","dst":["tag:db","tag:db"],"accept":["root"])").accepted());
}

}  // namespace
}  // namespace acl::policy
