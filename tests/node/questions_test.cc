// What a node answers (node/daemon/questions.h) against what the compiler answers for the whole tailnet: for every node of an example,
// every source that it knows, and ports inside and outside of what is granted, `aclnode why` says what `aclc can` says, by the
// same rule.
#include "node/daemon/questions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/questions/can.h"
#include "tests/node/example.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;

const Example& example() {
  static const Example one(ACL_SOURCE_DIR "/examples/policies/plain-wireguard");
  return one;
}

TEST(Why, SaysWhatAclcCanSays) {
  const Owner owner = example().owner();
  int asked = 0, allowed = 0;
  for (const auto& [number, table] : example().tables()) {
    for (const table::OwnAddress& own : table->header().own) {
      for (const inventory::Node& source : example().nodes()) {
        for (const Address& from : source.addresses) {
          if (from.family() != own.address.family() || table->header().find(from) != nullptr) continue;
          for (const char* what :
               {"22/tcp", "53/udp", "80/tcp", "443/tcp", "5432/tcp", "3000-3010/tcp", "*/icmp", "*"}) {
            const std::string target = own.address.is_v4() ? fmt::format("{}:{}", own.address.text(), what)
                                                           : fmt::format("[{}]:{}", own.address.text(), what);
            const auto can = questions::can_reach(example().views(), from.text(), target);
            const auto parsed = parse_target(target);
            ASSERT_TRUE(can && parsed) << target;
            const auto answer = why(*table, from.text(), *parsed, owner);
            ASSERT_TRUE(answer) << answer.error().message;
            ++asked;
            allowed += answer->allowed ? 1 : 0;
            ASSERT_EQ(answer->allowed, can->verdict != questions::Verdict::deny) << from.text() << " -> " << target;
            if (answer->allowed) {
              ASSERT_EQ(answer->rule, resolve::origin_name(can->origin)) << from.text() << " -> " << target;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(allowed, 100);
  EXPECT_GT(asked - allowed, 100);
}

TEST(Why, AnAddressThatWireguardHasElsewhereIsNobody) {
  const LoadedTable& table = example().table("web-1");
  const auto target = parse_target("self:22");
  const Owner thief = [](const Address&) { return std::optional<Key>(Key{1}); };
  const auto good = why(table, "jonas-laptop", *target, example().owner());
  const auto stolen = why(table, "jonas-laptop", *target, thief);
  ASSERT_TRUE(good && stolen);
  EXPECT_TRUE(good->allowed);
  EXPECT_GT(good->line, 1U);
  EXPECT_FALSE(stolen->allowed);
  EXPECT_TRUE(stolen->rule.empty());
  EXPECT_THAT(stolen->layers[1].reason, HasSubstr("it belongs to"));
}

TEST(Why, NamesWhatTheSourceMayDoInstead) {
  const LoadedTable& table = example().table("web-1");
  const auto answer = why(table, "jonas-laptop", *parse_target("self:1"), example().owner());
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->allowed);
  ASSERT_FALSE(answer->nearest.empty());
  EXPECT_THAT(answer->nearest[0].failed, HasSubstr("it allows"));
}

TEST(Why, AsksForWhatItCanAnswer) {
  const LoadedTable& table = example().table("web-1");
  EXPECT_EQ(why(table, "nobody-here", *parse_target("self"), example().owner()).error().code, Code::E1305);
  EXPECT_EQ(why(table, "jonas-laptop", *parse_target("elsewhere:22"), example().owner()).error().code, Code::E1305);
  const auto own = why(table, example().address("web-1").text(), *parse_target("self:22"), example().owner());
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->allowed);
  EXPECT_THAT(own->layers[0].reason, HasSubstr("nobody's identity"));
}

TEST(Whois, NamesThePersonAndTheirKey) {
  const Whois jonas = whois(example().table("web-1"), example().address("jonas-laptop"), example().owner());
  EXPECT_TRUE(jonas.known && jonas.bound);
  EXPECT_EQ(jonas.node, "jonas-laptop");
  EXPECT_EQ(jonas.user, "jonas@example.com");
  EXPECT_EQ(jonas.key.size(), 44U);
  const Whois own = whois(example().table("web-1"), example().address("web-1"), example().owner());
  EXPECT_TRUE(own.own);
  EXPECT_FALSE(own.bound);
  EXPECT_FALSE(whois(example().table("web-1"), *Address::parse("203.0.113.9"), example().owner()).known);
}

TEST(Target, IsReadAsEverywhere) {
  const auto text = [](const char* target) -> std::string {
    const auto t = parse_target(target);
    if (!t) return "no";
    return fmt::format("{} {} {}-{} {}", t->name, t->any_port, t->first_port, t->last_port, t->protocol);
  };
  EXPECT_EQ(text("100.64.0.7"), "100.64.0.7 true 0-65535 6");
  EXPECT_EQ(text("100.64.0.7:22"), "100.64.0.7 false 22-22 6");
  EXPECT_EQ(text("100.64.0.7:22-25/udp"), "100.64.0.7 false 22-25 17");
  EXPECT_EQ(text("self:*/icmp"), "self true 0-65535 1");
  EXPECT_EQ(text("fd7a::7"), "fd7a::7 true 0-65535 6");
  EXPECT_EQ(text("[fd7a::7]:53/udp"), "fd7a::7 false 53-53 17");
  EXPECT_EQ(text("self:22/132"), "self false 22-22 132");
  for (const char* odd : {"", ":22", "[fd7a::7", "self:22/ssh", "[]:22"}) EXPECT_EQ(text(odd), "no") << odd;
}

}  // namespace
}  // namespace acl::node
