// What one node enforces: which of a rule's destinations are at the node, and nothing else.
#include "compiler/table/node_rules.h"

#include <gmock/gmock.h>

#include "compiler/resolve/testing.h"
#include "compiler/table/testing.h"

namespace acl::tables {
namespace {

using resolve::Net;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string owners =
    R"({"tagOwners":{"tag:db":["ana@example.com"],"tag:router":["ana@example.com"],"tag:exit":["ana@example.com"]},)";

// db, a router of 10.1.0.0/16, an exit, two people; db hosts a service.
Net company() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("phone", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("db", "tag:db")
      .node("router", "tag:router")
      .approved(R"("10.1.0.0/16")")
      .node("exit", "tag:exit")
      .approved(R"("0.0.0.0/0","::/0")")
      .also(R"("services":[{"name":"svc:wiki","addresses":["100.100.0.1"],"hosts":["db"]}])");
}

// "own 1: 100.64.0.4 100.64.0.5-100.64.0.9" for each packet rule: the bits of own addresses, what is behind.
std::vector<std::string> packets(const Setting& setting, const char* node) {
  std::vector<std::string> out;
  for (const PacketRule& rule : setting.reader().packets(setting.id(node))) {
    std::string text = resolve::origin_name(rule.origin) + " own " + std::to_string(rule.own);
    for (const Interval& interval : rule.behind) {
      text += " " + interval.first.text();
      if (interval.first != interval.last) text += "-" + interval.last.text();
    }
    out.push_back(std::move(text));
  }
  return out;
}

std::vector<std::string> under(const std::string& policy, const char* node) {
  const Setting setting(company().inventory(), owners + policy + "}");
  EXPECT_TRUE(setting.ok());
  return packets(setting, node);
}

std::string accept(const std::string& src, const std::string& dst) { return resolve::acl(src, dst); }

TEST(NodeRules, EverythingIsTheOwnAddressesTheRoutesAndTheServices) {
  const std::string policy = accept(R"("*")", R"("*:*")");
  EXPECT_THAT(under(policy, "laptop"), ElementsAre("acls[0] own 3"));
  EXPECT_THAT(under(policy, "db"), ElementsAre("acls[0] own 3 100.100.0.1"));
  EXPECT_THAT(under(policy, "router"), ElementsAre("acls[0] own 3 10.1.0.0-10.1.255.255"));
}

TEST(NodeRules, OnlyTheApprovedPartOfADestinationIsBehindARouter) {
  EXPECT_THAT(under(accept(R"("*")", R"("10.0.0.0/8:*")"), "router"),
              ElementsAre("acls[0] own 0 10.1.0.0-10.1.255.255"));
  EXPECT_THAT(under(accept(R"("*")", R"("10.1.2.0/24:*")"), "router"),
              ElementsAre("acls[0] own 0 10.1.2.0-10.1.2.255"));
  EXPECT_THAT(under(accept(R"("*")", R"("10.2.0.0/16:*")"), "router"), IsEmpty());
  EXPECT_THAT(under(accept(R"("*")", R"("10.0.0.0/8:*")"), "db"), IsEmpty());
}

TEST(NodeRules, AnAdvertisedRouteThatNobodyApprovedIsNowhere) {
  const auto net = Net{}.node("router", "tag:router").advertises(R"("10.1.0.0/16")");
  const Setting setting(net.inventory(), owners + accept(R"("*")", R"("10.0.0.0/8:*")") + "}");
  EXPECT_THAT(packets(setting, "router"), IsEmpty());
}

TEST(NodeRules, AnExitLeadsToTheInternetAndToNothingPrivate) {
  const auto exit = under(accept(R"("*")", R"("autogroup:internet:*")"), "exit");
  EXPECT_THAT(exit,
              ElementsAre("acls[0] own 0 0.0.0.0-9.255.255.255 11.0.0.0-100.63.255.255 100.128.0.0-169.253.255.255 "
                          "169.255.0.0-172.15.255.255 172.32.0.0-192.167.255.255 192.169.0.0-255.255.255.255 "
                          "2000::-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_THAT(under(accept(R"("*")", R"("autogroup:internet:*")"), "router"), IsEmpty());
  EXPECT_THAT(under(accept(R"("*")", R"("10.0.0.0/8:*")"), "exit"), IsEmpty());
}

TEST(NodeRules, OneAddressOfANodeIsThatAlone) {
  EXPECT_THAT(under(accept(R"("*")", R"("100.64.0.4:22")"), "db"), ElementsAre("acls[0] own 1"));
  EXPECT_THAT(under(accept(R"("*")", R"("fd7a:115c:a1e0::4:22")"), "db"), ElementsAre("acls[0] own 2"));
}

TEST(NodeRules, AServiceIsAtItsHosts) {
  const std::string policy = R"("grants":[{"src":["*"],"dst":["svc:wiki"],"ip":["443"]}])";
  EXPECT_THAT(under(policy, "db"), ElementsAre("grants[0] own 0 100.100.0.1"));
  EXPECT_THAT(under(policy, "laptop"), IsEmpty());
}

TEST(NodeRules, ViaIsForTheNamedRouterAndOnlyForWhatIsBehindIt) {
  const std::string policy = R"("grants":[{"src":["*"],"dst":["10.1.0.0/16"],"ip":["*"],"via":["tag:router"]}])";
  EXPECT_THAT(under(policy, "router"), ElementsAre("grants[0] own 0 10.1.0.0-10.1.255.255"));
  const std::string other = R"("grants":[{"src":["*"],"dst":["10.1.0.0/16"],"ip":["*"],"via":["tag:exit"]}])";
  EXPECT_THAT(under(other, "router"), IsEmpty());
}

TEST(NodeRules, OneselfIsForThePersonsOwnDevices) {
  const std::string policy = accept(R"("autogroup:member")", R"("autogroup:self:*")");
  const Setting setting(company().inventory(), owners + policy + "}");
  EXPECT_THAT(packets(setting, "laptop"), ElementsAre("acls[0] own 3"));
  EXPECT_THAT(packets(setting, "db"), IsEmpty());
  const PacketRule rule = setting.reader().packets(setting.id("desk")).at(0);
  EXPECT_THAT(setting.resolved().sources[rule.sources].nodes, ElementsAre(setting.id("desk")));
}

TEST(NodeRules, EqualRightsAreEqualValues) {
  const Setting setting(company().inventory(), owners + accept(R"("bo@example.com")", R"("ana@example.com:22")") + "}");
  const auto laptop = setting.reader().packets(setting.id("laptop")),
             phone = setting.reader().packets(setting.id("phone"));
  ASSERT_EQ(laptop.size(), 1U);
  EXPECT_EQ(laptop[0].sources, phone.at(0).sources);
  EXPECT_EQ(laptop[0].own, phone.at(0).own);
}

TEST(NodeRules, LoginsAreThoseOfTheDestinationAndOfPeopleToTheirOwn) {
  const std::string policy = R"("acls":[],"ssh":[
    {"action":"accept","src":["autogroup:member"],"dst":["autogroup:self"],"users":["root"]},
    {"action":"accept","src":["bo@example.com"],"dst":["tag:db"],"users":["root"]}])";
  const Setting setting(company().inventory(), owners + policy + "}");
  const auto logins = [&](const char* node) {
    std::vector<std::string> out;
    for (const LoginRule& rule : setting.reader().logins(setting.id(node))) {
      out.push_back("ssh[" + std::to_string(setting.resolved().ssh[rule.rule].index) + "]");
      for (const NodeId source : rule.sources) out.back() += " " + setting.resolved().inventory->nodes[source].name;
    }
    return out;
  };
  EXPECT_THAT(logins("laptop"), ElementsAre("ssh[0] laptop phone"));
  EXPECT_THAT(logins("desk"), ElementsAre("ssh[0] desk"));
  EXPECT_THAT(logins("db"), ElementsAre("ssh[1] desk"));
  EXPECT_THAT(logins("router"), IsEmpty());
}

}  // namespace
}  // namespace acl::tables
