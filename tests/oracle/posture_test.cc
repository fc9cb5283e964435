// Postures, in small cases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/oracle/testing.h"

namespace acl::oracle {
namespace {

using testing::ElementsAre;

TEST(Posture, SomePostureMustHoldAndInItEveryCondition) {
  World world;
  using Operator = Condition::Operator;
  world.policy.postures["posture:linux"] = {{"node:os", Operator::equal, {Value(std::string("linux"))}},
                                            {"custom:tier", Operator::is_set, {}}};
  world.policy.postures["posture:kiosk"] = {{"node:os", Operator::equal, {Value(std::string("js"))}}};
  world.node("ana-laptop").attributes = {{"node:os", std::string("linux")}, {"custom:tier", std::string("gold")}};
  world.node("ana-phone").attributes = {{"node:os", std::string("linux")}};
  world.node("bo-desk").attributes = {{"node:os", std::string("js")}};
  world.grant({"autogroup:member"}, {"tag:db"}).posture = {{"posture:linux", "posture:kiosk"}};
  EXPECT_THAT(world.reaching("db"), ElementsAre("ana-laptop", "bo-desk"));
}

TEST(Posture, ARulesOwnReplacesTheDefault) {
  World world;
  world.policy.postures["posture:never"] = {{"node:os", Condition::Operator::equal, {Value(std::string("none"))}}};
  world.policy.postures["posture:always"] = {{"node:os", Condition::Operator::not_set, {}}};
  world.policy.default_posture = {{"posture:never"}};
  world.grant({"autogroup:member"}, {"tag:db"});
  world.grant({"autogroup:member"}, {"tag:exit"}).posture = {{"posture:always"}};
  world.grant({"autogroup:member"}, {"bo@example.com"}).posture = {std::vector<std::string>()};
  EXPECT_THAT(world.reached_from("ana-laptop"), ElementsAre("bo-desk", "exit"));
}

TEST(Posture, ItIsAskedOfDevicesOfTheTailnetOnly) {
  World world;
  world.policy.postures["posture:never"] = {{"node:os", Condition::Operator::equal, {Value(std::string("none"))}}};
  world.grant({"*", "10.33.0.0/16", "100.64.0.0/24", "autogroup:danger-all"}, {"tag:db"}).posture = {{"posture:never"}};
  EXPECT_THAT(world.reaching("db"), ElementsAre("guest")) << "nor do literal prefixes let the others in";
  EXPECT_TRUE(world.through(address("10.33.1.1"), "100.64.0.4", "db")) << "behind a subnet router";
}

TEST(Posture, AnUnsetAttributeFailsEveryConditionButNotSet) {
  World world;
  using Operator = Condition::Operator;
  const auto meets = [&](Operator op, std::vector<Value> operands) {
    world.policy.postures["posture:p"] = {{"custom:x", op, std::move(operands)}};
    return meets_posture(world.policy, world.node("db"), std::vector<std::string>{"posture:p"});
  };
  EXPECT_FALSE(meets(Operator::not_equal, {Value(std::string("a"))}));
  EXPECT_FALSE(meets(Operator::not_in, {Value(std::string("a"))}));
  EXPECT_TRUE(meets(Operator::not_set, {}));
  world.node("db").attributes["custom:x"] = 2.5;
  EXPECT_TRUE(meets(Operator::at_least, {Value(2.5)}));
  EXPECT_TRUE(meets(Operator::not_equal, {Value(3.0)}));
  EXPECT_FALSE(meets(Operator::not_equal, {Value(std::string("a"))})) << "of another type";
  EXPECT_FALSE(meets(Operator::not_set, {}));
}

TEST(Posture, AValueOfAnotherTypeThanAllOperandsIsNotOutsideOfThem) {
  World world;
  using Operator = Condition::Operator;
  world.node("db").attributes["custom:x"] = 2.5;
  const auto meets = [&](std::vector<Value> operands) {
    world.policy.postures["posture:p"] = {{"custom:x", Operator::not_in, std::move(operands)}};
    return meets_posture(world.policy, world.node("db"), std::vector<std::string>{"posture:p"});
  };
  EXPECT_FALSE(meets({Value(std::string("a")), Value(true)}));
  EXPECT_FALSE(meets({Value(std::string("a")), Value(2.5)}));
  EXPECT_TRUE(meets({Value(std::string("a")), Value(3.0)}));
}

TEST(Posture, VersionsCompareByTheirNumbers) {
  EXPECT_LT(compare_versions("1.9", "1.10"), 0);
  EXPECT_LT(compare_versions("12", "12.0"), 0);
  EXPECT_GT(compare_versions("1.70.0", "1.70"), 0);
  EXPECT_EQ(compare_versions("1.070", "1.70"), 0);
  EXPECT_LT(compare_versions("1.70.1", "1.72.0-pre3"), 0);
}

}  // namespace
}  // namespace acl::oracle
