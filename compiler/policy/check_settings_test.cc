// autoApprovers, nodeAttrs and the network-wide settings.
#include <gtest/gtest.h>

#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

Checked approvers(const std::string& members) { return in_tailnet("\"autoApprovers\":{" + members + "}"); }
Checked attribute(const std::string& members, Dialect dialect = Dialect::tailscale) {
  return in_tailnet("\"nodeAttrs\":[{" + members + "}]", dialect);
}
Checked attr(const std::string& name, Dialect dialect = Dialect::tailscale) {
  return attribute(R"("target":["*"],"attr":[")" + name + "\"]", dialect);
}

// --- autoApprovers ---

TEST(AutoApprovers, RoutesArePrefixes) {
  for (const std::string route : {"10.0.0.0/8", "fd7a::/48", "0.0.0.0/0", "::/0", "10.0.0.1/32"}) {
    EXPECT_TRUE(approvers("\"routes\":{\"" + route + "\":[\"tag:router\"]}").accepted()) << route;
  }
  for (const std::string route : {"lan", "10.0.0.0/33", "*", "", "autogroup:internet", "${net}"}) {
    EXPECT_EQ(approvers("\"routes\":{\"" + route + "\":[\"tag:router\"]}").errors(), "E0701") << route;
  }
}

TEST(AutoApprovers, ServicesAreServicesOrTags) {
  EXPECT_TRUE(approvers(R"("services":{"svc:wiki":["tag:db"],"tag:server":["tag:db"]})").accepted());
  EXPECT_EQ(approvers(R"("services":{"wiki":["tag:db"]})").errors(), "E0702");
  EXPECT_EQ(approvers(R"("services":{"tag:x":["tag:db"]})").errors(), "E0301");
  EXPECT_EQ(approvers(R"("services":{"svc:a_b":["tag:db"]})").errors(), "E0336");
}

TEST(AutoApprovers, AreIdentities) {
  EXPECT_TRUE(approvers(R"("exitNode":["ana@example.com","group:eng","tag:router","autogroup:admin","autogroup:member",
                           "autogroup:tagged","user:*@example.com"])")
                  .accepted());
  EXPECT_EQ(approvers(R"("exitNode":["*"])").errors(), "E0308");
  EXPECT_EQ(approvers(R"("exitNode":["*"])").help(Code::E0308), "list tags, groups or users");
  EXPECT_EQ(approvers(R"("exitNodes":[])").help(Code::E0201), "did you mean \"exitNode\"?");
}

// --- nodeAttrs ---

TEST(NodeAttrs, TargetsAreNodesThatCanBeNamed) {
  const Checked c = attribute(R"("target":["autogroup:self"],"attr":["funnel"])");
  EXPECT_EQ(c.message(), "internal server error");
  EXPECT_EQ(c.errors(), "E0703");
  EXPECT_NE(c.said(Code::E0703), "internal server error") << "people are told more than the service tells";
  EXPECT_TRUE(attribute(R"("target":["*","ana@example.com","group:eng","tag:db","autogroup:member","vault","10.0.0.1",
                            "10.0.0.0/8"],"attr":["funnel"])")
                  .accepted());
}

TEST(NodeAttrs, KnownOnesPassAndOthersAreAWarning) {
  for (const std::string name :
       {"funnel", "nextdns:abc123", "nextdns:no-device-info", "randomize-client-port", "disable-ipv4", "magicdns-aaaa",
        "drive:share", "drive:access", "ssh-env-vars", "linux-netfilter?v=nftables", "mullvad", "one-cgnat?v=true",
        "debug-x", "https://tailscale.com/cap/x", "controld:x", "tailscale.com/visible-groups"}) {
    EXPECT_FALSE(attr(name).has(Code::W0705)) << name;
  }
  for (const std::string name : {"funnels", "", "linux-netfilter?v=x"}) {
    EXPECT_TRUE(attr(name).has(Code::W0705)) << name;
    EXPECT_TRUE(attr(name).accepted()) << name;
  }
}

TEST(NodeAttrs, TemplatesAreToldAsSuch) { EXPECT_EQ(attr("nextdns:${ID}").errors(), "E0319"); }

TEST(NodeAttrs, WithoutEffectAreAWarning) {
  EXPECT_TRUE(attribute(R"("target":["*"])").has(Code::W0710));
  EXPECT_TRUE(attribute(R"("target":[],"attr":["funnel"])").has(Code::W0710));
  EXPECT_TRUE(attribute(R"("target":["*"])").accepted());
  EXPECT_FALSE(attr("funnel").has(Code::W0710));
  EXPECT_TRUE(in_tailnet(R"("nodeAttrs":[])").accepted());
}

TEST(NodeAttrs, PoolsLieInTheTailnetsRangeOutsideReservedBlocks) {
  const auto pool = [](const std::string& prefix) {
    return attribute(R"("target":["*"],"ipPool":[")" + prefix + "\"]");
  };
  for (const std::string prefix : {"100.81.0.0/16", "100.64.0.0/10", "100.100.0.0/16"}) {
    EXPECT_TRUE(pool(prefix).accepted()) << prefix;
  }
  for (const std::string prefix : {"10.0.0.0/8", "100.0.0.0/8", "fd7a::/48", "x", "100.100.100.0/24",
                                   "100.100.100.7/32", "100.100.0.0/24", "100.115.92.0/23"}) {
    EXPECT_EQ(pool(prefix).errors(), "E0704") << prefix;
  }
}

TEST(NodeAttrs, AppConnectorsTargetEverything) {
  const std::string app = R"(,"app":{"tailscale.com/app-connectors":[{"name":"x","connectors":["tag:router"]}]})";
  EXPECT_FALSE(attribute(R"("target":["*"])" + app).has(Code::W0707));
  EXPECT_TRUE(attribute(R"("target":["tag:db"])" + app).has(Code::W0707));
}

TEST(NodeAttrs, HeadscaleServesFewer) {
  EXPECT_EQ(attr("funnel", headscale).errors(), "E0709");
  EXPECT_TRUE(attr("nextdns:abc", headscale).accepted());
  EXPECT_EQ(attribute(R"("target":["*"],"ipPool":["100.81.0.0/16"])", headscale).errors(), "E0704");
}

// --- settings ---

TEST(Settings, OneCgnatRouteHasThreeValues) {
  for (const std::string value : {"", "mac-always", "mac-never"}) {
    EXPECT_TRUE(checked("{\"acls\":[],\"OneCGNATRoute\":\"" + value + "\"}").accepted()) << value;
  }
  EXPECT_EQ(checked(R"({"acls":[],"OneCGNATRoute":"always"})").errors(), "E0706");
}

TEST(Settings, TheRelayMapIsSpeltInAnyCase) {
  EXPECT_TRUE(checked(R"({"acls":[],"derpMap":{"omitDefaultRegions":true,"regions":{"900":{"regionID":900,"nodes":[
                          {"name":"a","regionID":900,"hostName":"x.example.com"}]}}}})")
                  .accepted());
  EXPECT_EQ(checked(R"({"acls":[],"derpMap":{"OmitDefaultRegions":"yes"}})").errors(), "E0203");
  EXPECT_EQ(checked(R"({"acls":[],"derpMap":{"Regions":{"900":{"Nodes":[{"HostName":1}]}}}})").errors(), "E0203");
}

}  // namespace
}  // namespace acl::policy
