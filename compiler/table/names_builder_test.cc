// Names: capabilities with their values and places, who is known, ids of rules that outlast their places, identities by age.
#include "compiler/table/names_builder.h"

#include <gmock/gmock.h>

#include "compiler/resolve/testing.h"
#include "compiler/table/testing.h"
#include "engine/table/names.h"

namespace acl::tables {
namespace {

using resolve::Net;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string owners = R"({"tagOwners":{"tag:db":["ana@example.com"],"tag:router":["ana@example.com"]},)";

Net company() {
  return Net{}
      .node("laptop", "ana@example.com")
      .node("desk", "bo@example.com")
      .node("db", "tag:db")
      .node("router", "tag:router")
      .approved(R"("10.1.0.0/16")");
}

// "cap=value" of a source at a destination of the node.
std::vector<std::string> capabilities(const Setting& setting, const char* node, const char* source,
                                      const char* destination) {
  const NodeId id = setting.id(node);
  const NamesPart part = *setting.names(id);
  const auto names = *table::Names::open(part.bytes);
  const net::Address to = *net::Address::parse(destination);
  const std::vector<net::Address> own = setting.reader().own(id);
  const auto place = std::find(own.begin(), own.end(), to);
  const std::uint32_t number = place != own.end() ? part.own_classes[static_cast<std::size_t>(place - own.begin())]
                                                  : names.destination_class(to);
  std::vector<std::string> out;
  for (const table::Capability& one : names.capabilities(*net::Address::parse(source), number))
    out.push_back(std::string(one.name) + "=" + (one.value.empty() ? "null" : std::string(one.value)));
  return out;
}

Setting with(const std::string& policy) { return {company().inventory(), owners + policy + "}"}; }

TEST(BuiltNamesPart, ACapabilityHasItsValuesInOrderOrNull) {
  const Setting setting = with(R"("grants":[{"src":["ana@example.com"],"dst":["tag:db"],
    "app":{"example.com/cap/a":[{"role": "admin"}, 7, "x"],"example.com/cap/b":[]}}])");
  EXPECT_THAT(capabilities(setting, "db", "100.64.0.1", "100.64.0.3"),
              ElementsAre(R"(example.com/cap/a={"role":"admin"})", "example.com/cap/a=7", R"(example.com/cap/a="x")",
                          "example.com/cap/b=null"));
  EXPECT_THAT(capabilities(setting, "db", "100.64.0.2", "100.64.0.3"), IsEmpty());
  EXPECT_THAT(capabilities(setting, "laptop", "100.64.0.1", "100.64.0.1"), IsEmpty());
}

TEST(BuiltNamesPart, ACapabilityMayBeForWhatIsBehindARouter) {
  const Setting setting =
      with(R"("grants":[{"src":["ana@example.com"],"dst":["10.1.2.0/24"],"app":{"example.com/cap/a":[1]}}])");
  EXPECT_THAT(capabilities(setting, "router", "100.64.0.1", "10.1.2.3"), ElementsAre("example.com/cap/a=1"));
  EXPECT_THAT(capabilities(setting, "router", "100.64.0.1", "10.1.3.0"), IsEmpty());
  EXPECT_THAT(capabilities(setting, "router", "100.64.0.1", "100.64.0.4"), IsEmpty());
}

std::vector<std::string> known(const Setting& setting, const char* node) {
  std::vector<std::string> out;
  const NamesPart part = *setting.names(setting.id(node));
  const std::vector<table::Identity> all = identities(setting.resolved());
  table::Names::open(part.bytes)->each_known([&](std::uint32_t number) { out.push_back(all.at(number).name); });
  return out;
}

TEST(BuiltNamesPart, ANodeKnowsWhomARuleMakesItSee) {
  const Setting setting = with(R"("acls":[{"action":"accept","src":["ana@example.com"],"dst":["tag:db:22"]}])");
  EXPECT_THAT(known(setting, "db"), ElementsAre("laptop"));
  EXPECT_THAT(known(setting, "laptop"), ElementsAre("db"));
  EXPECT_THAT(known(setting, "desk"), IsEmpty());
}

// More than a list has room for: a map of bits.
TEST(BuiltNamesPart, AllNodesAreKnownWhereEverythingIsAllowed) {
  Net net;
  for (int i = 1; i <= 59; ++i) net.node("n" + std::to_string(i), "ana@example.com");
  std::vector<std::string> names;
  for (int i = 1; i <= 59; ++i) names.push_back("n" + std::to_string(i));
  const Setting setting(net.inventory(), R"({"acls":[{"action":"accept","src":["*"],"dst":["*:*"]}]})");
  EXPECT_EQ(known(setting, "n7"), names);
}

TEST(Identities, AreByAgeAndSayWhoItIs) {
  const auto net =
      Net{}.node("young", "ana@example.com").joined(9).node("old", "tag:db").joined(1).approved(R"("10.0.0.0/8")");
  const Setting setting(net.inventory(), owners + R"("acls":[]})");
  const std::vector<table::Identity> all = identities(setting.resolved());
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "old");
  EXPECT_THAT(all[0].tags, ElementsAre("tag:db"));
  EXPECT_EQ(all[0].login, "");
  EXPECT_EQ(all[0].routes.at(0).text(), "10.0.0.0/8");
  EXPECT_EQ(all[1].login, "ana@example.com");
  EXPECT_FALSE(all[1].unbound);
  EXPECT_NE(all[0].key, all[1].key);
}

TEST(Identities, OfAUserSayHowACheckCanBeAnswered) {
  const auto net = Net{}.node("laptop", "ana@example.com").node("desk", "bo@example.com").node("db", "tag:db");
  Setting setting(net.inventory(), owners + R"("acls":[]})");
  for (inventory::User& user : setting.inventory().users) {
    if (user.login != "ana@example.com") continue;
    user.sub = "4711";
    user.security_keys = {"sk-ssh-ed25519@openssh.com AAAA"};
  }
  for (const table::Identity& one : identities(setting.resolved())) {
    const bool is_ana = one.name == "laptop";
    EXPECT_EQ(one.sub, is_ana ? "4711" : "") << one.name;
    EXPECT_EQ(one.security_keys.size(), is_ana ? 1U : 0U) << one.name;
  }
}

std::uint64_t id_of(const Setting& setting, resolve::Section section, std::uint32_t index) {
  return setting.ids().of({section, index});
}

TEST(RuleIds, OutlastARuleThatIsPutBeforeThemAndAnotherLayout) {
  const std::string rule = R"({"action":"accept","src":["ana@example.com"],"dst":["tag:db:22"]})";
  const Setting before = with(R"("acls":[)" + rule + "]");
  const Setting after =
      with("\"acls\":[\n{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:80\"]},\n// a comment\n" +
           std::string(R"({ "action": "accept", "src": ["ana@example.com"], "dst": ["tag:db:22"] },])"));
  EXPECT_EQ(id_of(before, resolve::Section::acls, 0), id_of(after, resolve::Section::acls, 1));
  EXPECT_NE(id_of(before, resolve::Section::acls, 0), id_of(after, resolve::Section::acls, 0));
  const table::RulePlace* place = after.ids().provenance().find(id_of(before, resolve::Section::acls, 0));
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(table::rule_name(*place), "acls[1]");
  EXPECT_EQ(place->line, 4U);
  EXPECT_EQ(after.ids().provenance().file, "policy.hujson");
}

TEST(RuleIds, OfEqualRulesAreDifferent) {
  const std::string rule = R"({"action":"accept","src":["ana@example.com"],"dst":["tag:db:22"]})";
  const Setting setting = with(R"("acls":[)" + rule + "," + rule + "]");
  EXPECT_NE(id_of(setting, resolve::Section::acls, 0), id_of(setting, resolve::Section::acls, 1));
}

TEST(RuleIds, EverythingAllowedHasOneToo) {
  const Setting setting = with(R"("hosts":{})");
  const table::RulePlace* place = setting.ids().provenance().find(id_of(setting, resolve::Section::allow_all, 0));
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(table::rule_name(*place), "*");
}

}  // namespace
}  // namespace acl::tables
