// Built hot parts answer packets as their rules say: ports, protocols, the rule that is told.
#include "compiler/table/hot_builder.h"

#include <gmock/gmock.h>

#include "compiler/resolve/testing.h"
#include "compiler/table/testing.h"
#include "engine/table/hot.h"

namespace acl::tables {
namespace {

using resolve::Net;

const std::string owners = R"({"tagOwners":{"tag:db":["ana@example.com"],"tag:router":["ana@example.com"]},)";

Net company() {
  return Net{}
      .node("laptop", "ana@example.com")
      .posture(R"("node:os":"linux")")
      .node("desk", "bo@example.com")
      .posture(R"("node:os":"macos")")
      .node("db", "tag:db")
      .node("db-2", "tag:db")
      .node("router", "tag:router")
      .approved(R"("10.1.0.0/16")");
}

class Built {
 public:
  Built(const std::string& policy, const char* node, const Net& net = company())
      : setting_(net.inventory(), owners + policy + "}"),
        part_(*setting_.hot(setting_.id(node))),
        hot_(*table::Hot::open(part_.bytes)),
        own_(setting_.reader().own(setting_.id(node))) {
    EXPECT_TRUE(setting_.ok());
  }
  // The rule's name; "" if nothing allows the packet.
  [[nodiscard]] std::string ask(const char* source, const char* destination, std::uint8_t protocol,
                                std::uint16_t port) const {
    const net::Address to = *net::Address::parse(destination);
    const auto own = std::find(own_.begin(), own_.end(), to);
    const std::uint32_t number = own != own_.end() ? part_.own_classes[static_cast<std::size_t>(own - own_.begin())]
                                                   : hot_.destination_class(to);
    const auto rule = hot_.decide(hot_.source_class(*net::Address::parse(source)), number, protocol, port);
    return rule ? resolve::origin_name(part_.rules.at(*rule)) : "";
  }
  [[nodiscard]] const HotPart& part() const { return part_; }

 private:
  Setting setting_;
  HotPart part_;
  table::Hot hot_;
  std::vector<net::Address> own_;
};

constexpr const char *laptop = "100.64.0.1", *desk = "100.64.0.2", *db = "100.64.0.3", *laptop6 = "fd7a:115c:a1e0::1",
                     *db6 = "fd7a:115c:a1e0::3";

TEST(BuiltHotPart, AllowsThePortsOfTheRuleAndTheirEnds) {
  const Built built(R"("acls":[{"action":"accept","src":["ana@example.com"],"dst":["tag:db:22,8000-8010"]}])", "db");
  for (const std::uint16_t port : std::vector<std::uint16_t>{22, 8000, 8005, 8010}) {
    EXPECT_EQ(built.ask(laptop, db, 6, port), "acls[0]") << port;
    EXPECT_EQ(built.ask(laptop, db, 17, port), "acls[0]") << port;  // without a protocol: TCP, UDP and ICMP
    EXPECT_EQ(built.ask(laptop6, db6, 6, port), "acls[0]") << port;
  }
  for (const std::uint16_t port : std::vector<std::uint16_t>{0, 21, 23, 7999, 8011, 65535})
    EXPECT_EQ(built.ask(laptop, db, 6, port), "") << port;
  EXPECT_EQ(built.ask(desk, db, 6, 22), "");
  EXPECT_EQ(built.ask(laptop, db, 132, 22), "");
}

TEST(BuiltHotPart, ProtocolsWithoutPortsPassWhateverThePorts) {
  const Built some(R"("acls":[{"action":"accept","src":["ana@example.com"],"dst":["tag:db:22"]}])", "db");
  for (const std::uint16_t number : std::vector<std::uint16_t>{0, 8, 65535}) {
    EXPECT_EQ(some.ask(laptop, db, 1, number), "acls[0]") << number;
    EXPECT_EQ(some.ask(laptop6, db6, 58, number), "acls[0]") << number;
  }
  EXPECT_EQ(some.ask(laptop, db, 47, 0), "");
  const Built gre(R"("acls":[{"action":"accept","proto":"gre","src":["ana@example.com"],"dst":["tag:db:*"]}])", "db");
  EXPECT_EQ(gre.ask(laptop, db, 47, 5), "acls[0]");
  EXPECT_EQ(gre.ask(laptop, db, 6, 22), "");
  EXPECT_EQ(gre.ask(laptop, db, 1, 0), "");
}

TEST(BuiltHotPart, TellsTheFirstRuleThatAllows) {
  const Built built(R"("acls":[
    {"action":"accept","proto":"tcp","src":["ana@example.com"],"dst":["tag:db:100-200"]},
    {"action":"accept","proto":"tcp","src":["ana@example.com"],"dst":["tag:db:150-300"]},
    {"action":"accept","proto":"tcp","src":["ana@example.com"],"dst":["tag:db:50-400"]}])",
                    "db");
  for (const auto& [port, rule] : std::vector<std::pair<std::uint16_t, const char*>>{{49, ""},
                                                                                     {50, "acls[2]"},
                                                                                     {99, "acls[2]"},
                                                                                     {100, "acls[0]"},
                                                                                     {200, "acls[0]"},
                                                                                     {201, "acls[1]"},
                                                                                     {300, "acls[1]"},
                                                                                     {301, "acls[2]"},
                                                                                     {401, ""}})
    EXPECT_EQ(built.ask(laptop, db, 6, port), rule) << port;
}

TEST(BuiltHotPart, ManyRangesAreFoundInALongList) {
  std::string ports;
  for (int port = 1; port <= 999; port += 2) ports += (ports.empty() ? "" : ",") + std::to_string(port);
  const Built built(
      R"("acls":[{"action":"accept","proto":"tcp","src":["ana@example.com"],"dst":["tag:db:)" + ports + R"("]}])",
      "db");
  for (std::uint16_t port = 0; port < 1010; ++port)
    ASSERT_EQ(built.ask(laptop, db, 6, port), port % 2 == 1 && port < 1000 ? "acls[0]" : "") << port;
}

TEST(BuiltHotPart, SourcesMayBeNetworksAndAnAddressInOneHasBoth) {
  const Built built(R"("acls":[
    {"action":"accept","src":["100.64.0.0/24"],"dst":["tag:db:80"]},
    {"action":"accept","src":["bo@example.com"],"dst":["tag:db:22"]}])",
                    "db");
  EXPECT_EQ(built.ask("100.64.0.200", db, 6, 80), "acls[0]");
  EXPECT_EQ(built.ask("100.64.1.0", db, 6, 80), "");
  EXPECT_EQ(built.ask(desk, db, 6, 80), "acls[0]");
  EXPECT_EQ(built.ask(desk, db, 6, 22), "acls[1]");
  EXPECT_EQ(built.ask(laptop, db, 6, 22), "");
}

TEST(BuiltHotPart, ADeviceThatMissesThePostureIsNoSource) {
  const Built built(R"("postures":{"posture:linux":["node:os == 'linux'"]},
    "acls":[{"action":"accept","src":["autogroup:member"],"srcPosture":["posture:linux"],"dst":["tag:db:22"]}])",
                    "db");
  EXPECT_EQ(built.ask(laptop, db, 6, 22), "acls[0]");
  EXPECT_EQ(built.ask(desk, db, 6, 22), "");
}

TEST(BuiltHotPart, BehindARouterItsRouteAloneIsADestination) {
  const Built built(R"("acls":[{"action":"accept","src":["*"],"dst":["*:443"]}])", "router");
  EXPECT_EQ(built.ask(laptop, "10.1.0.0", 6, 443), "acls[0]");
  EXPECT_EQ(built.ask(laptop, "10.1.255.255", 6, 443), "acls[0]");
  EXPECT_EQ(built.ask(laptop, "100.64.0.5", 6, 443), "acls[0]");
  for (const char* elsewhere : {"10.0.255.255", "10.2.0.0", "8.8.8.8", db})
    EXPECT_EQ(built.ask(laptop, elsewhere, 6, 443), "") << elsewhere;
}

TEST(BuiltHotPart, WithoutRulesNothingIsThere) {
  const Built built(R"("acls":[])", "db");
  EXPECT_EQ(built.part().bytes.size(), sizeof(acl_hot));
  EXPECT_EQ(built.ask(laptop, db, 6, 22), "");
}

TEST(BuiltHotPart, IsTheSameForNodesOfEqualRights) {
  const std::string policy = R"("acls":[{"action":"accept","src":["autogroup:member"],"dst":["tag:db:22"]}])";
  EXPECT_EQ(Built(policy, "db").part().bytes, Built(policy, "db-2").part().bytes);
}

}  // namespace
}  // namespace acl::tables
