// Conditions on devices: https://tailscale.com/docs/features/device-posture
#include "compiler/resolve/posture.h"

#include <rapidcheck.h>

#include "compiler/resolve/testing.h"

namespace acl::resolve {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- versions -----------------------------------------------------------------------------------------------------------

TEST(Versions, RunsOfDigitsCompareAsNumbers) {
  EXPECT_LT(compare_versions("1.9", "1.10"), 0);
  EXPECT_LT(compare_versions("9", "10"), 0);
  EXPECT_GT(compare_versions("1.70.1", "1.70.0"), 0);
  EXPECT_EQ(compare_versions("1.07", "1.7"), 0);
  EXPECT_LT(compare_versions("1.99999999999999999999", "1.100000000000000000000"), 0);  // of any length
}

TEST(Versions, WhatIsLongerIsLater) {
  EXPECT_LT(compare_versions("12", "12.0"), 0);
  EXPECT_LT(compare_versions("1.70", "1.70.0"), 0);
  EXPECT_LT(compare_versions("", "0.1"), 0);
  EXPECT_LT(compare_versions("1.70.0", "1.70.0-rc1"), 0);
}

TEST(Versions, RunsOfTextCompareAsText) {
  EXPECT_LT(compare_versions("1.70-alpha9", "1.70-beta1"), 0);
  EXPECT_LT(compare_versions("1.70-rc9", "1.70-rc10"), 0);
  EXPECT_LT(compare_versions("a", "b"), 0);
  EXPECT_EQ(compare_versions("", ""), 0);
}

TEST(Versions, AMissingNumberCountsAsZero) {
  EXPECT_EQ(compare_versions("1.", "1.0"), 0);
  EXPECT_LT(compare_versions("1.", "1.1"), 0);
}

TEST(Versions, AreInALine) {
  const auto version = rc::gen::container<std::string>(rc::gen::elementOf(std::string("0019.-a")));
  EXPECT_TRUE(rc::check([&] {
    const auto a = *version, b = *version, c = *version;
    RC_ASSERT(compare_versions(a, a) == 0);
    RC_ASSERT(compare_versions(a, b) == -compare_versions(b, a));
    if (compare_versions(a, b) <= 0 && compare_versions(b, c) <= 0) RC_ASSERT(compare_versions(a, c) <= 0);
  }));
}

// --- assertions ---------------------------------------------------------------------------------------------------------

bool meets(const Attributes& attributes, std::string_view assertion) {
  const auto parsed = policy::parse_assertion(assertion);
  EXPECT_TRUE(parsed) << assertion;
  return parsed && holds(*parsed, attributes);
}

const Attributes linux{
    {"node:os", "linux"}, {"node:osVersion", "6.10"}, {"custom:score", 80.0}, {"custom:managed", true}};

TEST(Assertions, Equality) {
  EXPECT_TRUE(meets(linux, "node:os == 'linux'"));
  EXPECT_FALSE(meets(linux, "node:os == 'Linux'"));  // case matters
  EXPECT_FALSE(meets(linux, "node:os != 'linux'"));
  EXPECT_TRUE(meets(linux, "node:os != 'windows'"));
  EXPECT_TRUE(meets(linux, "custom:score == 80"));
  EXPECT_TRUE(meets(linux, "custom:managed == true"));
  EXPECT_TRUE(meets(linux, "custom:managed != false"));
}

TEST(Assertions, Lists) {
  EXPECT_TRUE(meets(linux, "node:os IN ['macos', 'linux']"));
  EXPECT_FALSE(meets(linux, "node:os IN ['macos', 'windows']"));
  EXPECT_TRUE(meets(linux, "node:os NOT IN ['macos', 'windows']"));
  EXPECT_FALSE(meets(linux, "node:os NOT IN ['macos', 'linux']"));
}

TEST(Assertions, Order) {
  EXPECT_TRUE(meets(linux, "custom:score > 79.5"));
  EXPECT_FALSE(meets(linux, "custom:score > 80"));
  EXPECT_TRUE(meets(linux, "custom:score >= 80"));
  EXPECT_TRUE(meets(linux, "custom:score <= 80"));
  EXPECT_FALSE(meets(linux, "custom:score < 80"));
  // Strings are in the order of versions: as text 6.10 would come before 6.9.
  EXPECT_TRUE(meets(linux, "node:osVersion > '6.9'"));
  EXPECT_TRUE(meets(linux, "node:osVersion >= '6.10'"));
  EXPECT_FALSE(meets(linux, "node:osVersion >= '6.10.0'"));
  EXPECT_FALSE(meets(linux, "node:osVersion < '6.9'"));
}

TEST(Assertions, WhatIsNotSetMeetsNothingButNotSet) {
  EXPECT_FALSE(meets(linux, "custom:tier == 'gold'"));
  EXPECT_FALSE(meets(linux, "custom:tier != 'gold'"));
  EXPECT_FALSE(meets(linux, "custom:tier IN ['gold']"));
  EXPECT_FALSE(meets(linux, "custom:tier NOT IN ['gold']"));
  EXPECT_FALSE(meets(linux, "custom:tier < 'gold'"));
  EXPECT_FALSE(meets(linux, "custom:tier IS SET"));
  EXPECT_TRUE(meets(linux, "custom:tier NOT SET"));
  EXPECT_TRUE(meets(linux, "node:os IS SET"));
  EXPECT_FALSE(meets(linux, "node:os NOT SET"));
}

// A number is never compared with a text: neither is it equal to it nor, of all things, different from it.
TEST(Assertions, AValueOfAnotherTypeMeetsNothing) {
  for (const char* assertion : {"custom:score == '80'", "custom:score != '80'", "custom:score IN ['80']",
                                "custom:score NOT IN ['80', true]", "custom:score < '90'", "custom:score >= '0'",
                                "node:os == true", "node:os != true", "custom:managed == 'true'"}) {
    EXPECT_FALSE(meets(linux, assertion)) << assertion;
  }
  EXPECT_TRUE(meets(linux, "custom:score NOT IN ['gold', 81]"));
}

// --- in rules -----------------------------------------------------------------------------------------------------------

// A managed laptop, an unmanaged one, and one that is shared in.
Net laptops() {
  return Net{}
      .node("good", "ana@example.com")
      .posture(R"("custom:managed":true,"node:os":"linux")")
      .node("bad", "ana@example.com")
      .posture(R"("custom:managed":false,"node:os":"linux")")
      .node("guest", "eve@example.org")
      .shared()
      .node("db", "tag:db")
      .posture(R"("node:os":"linux")");
}

const std::string postures = R"("postures":{
  "posture:managed":["custom:managed == true"],
  "posture:linux":["node:os == 'linux'"],
  "posture:mac":["node:os == 'macos'"],
  "posture:both":["custom:managed == true", "node:os == 'macos'"]},)";

std::string asked(const std::string& src, const std::string& src_posture, const std::string& sections = "") {
  const auto world = laptops().under(postures + sections +
                                     grant(src, R"("tag:db")", R"(,"ip":["22"],"srcPosture":[)" + src_posture + "]"));
  return world.rules("db").empty() ? "(nobody)" : world.rules("db").at(0);
}

TEST(Posture, LeavesOutDevicesThatDoNotMeetIt) {
  EXPECT_EQ(asked(R"("ana@example.com")", R"("posture:managed")"), "good -> db:22");
  EXPECT_EQ(asked(R"("ana@example.com")", R"("posture:linux")"), "good,bad -> db:22");
}

TEST(Posture, OfSeveralOneIsEnough) {
  EXPECT_EQ(asked(R"("ana@example.com")", R"("posture:mac","posture:managed")"), "good -> db:22");
}

TEST(Posture, NeedsAllOfItsAssertions) { EXPECT_EQ(asked(R"("ana@example.com")", R"("posture:both")"), "(nobody)"); }

TEST(Posture, IsNotAskedOfDevicesSharedIn) {
  EXPECT_EQ(asked(R"("autogroup:shared")", R"("posture:mac")"), "guest -> db:22");
}

TEST(Posture, TheDefaultHoldsForRulesWithoutTheirOwn) {
  const std::string by_default = postures + R"("defaultSrcPosture":["posture:managed"],)";
  const auto rule = [&](const std::string& more) {
    return laptops().under(by_default + acl(R"("ana@example.com")", R"("tag:db:22")", more)).rules("db");
  };
  EXPECT_THAT(rule(""), ElementsAre("good -> db:22"));
  EXPECT_THAT(rule(R"(,"srcPosture":["posture:linux"])"), ElementsAre("good,bad -> db:22"));  // replaced, not joined
  EXPECT_THAT(rule(R"(,"srcPosture":[])"), ElementsAre("good,bad -> db:22"));
}

// What the ranges of a `*` would let in would be every device: they are taken apart into the devices that pass.
TEST(Posture, NarrowsAStarToTheDevicesThatPass) {
  EXPECT_EQ(asked(R"("*")", R"("posture:managed")"), "good,guest -> db:22");
  EXPECT_EQ(asked(R"("*")", R"("posture:linux")"), "good,bad,guest,db -> db:22");
}

TEST(Posture, LeavesSubnetsBehindRoutersAlone) {
  auto net = laptops().node("router", "tag:router").approved(R"("10.0.0.0/16")");
  const std::string rule = grant(R"("*")", R"("tag:db")", R"(,"ip":["22"],"srcPosture":["posture:managed"])");
  EXPECT_THAT(net.under(postures + rule).rules("db"), ElementsAre("10.0.0.0/16,good,guest -> db:22"));
}

TEST(Posture, LeavesLiteralPrefixesAloneButNotTheAddressOfADevice) {
  EXPECT_EQ(asked(R"("192.0.2.0/24")", R"("posture:managed")"), "192.0.2.0/24 -> db:22");
  EXPECT_EQ(asked(R"("192.0.2.7")", R"("posture:managed")"), "192.0.2.7 -> db:22");
  EXPECT_EQ(asked(R"("100.64.0.1","100.64.0.2")", R"("posture:managed")"), "good.v4 -> db:22");
}

TEST(Posture, NobodyLeftIsNoRule) {
  const auto world =
      laptops().under(postures + acl(R"("ana@example.com")", R"("tag:db:22")", R"(,"srcPosture":["posture:mac"])"));
  EXPECT_THAT(world.everyone(), IsEmpty());
  EXPECT_EQ(world.peers("good"), "");
}

TEST(Posture, IsAskedOfTheSourceAndNotOfTheDestination) {
  const auto world =
      laptops().under(postures + acl(R"("tag:db")", R"("ana@example.com:22")", R"(,"srcPosture":["posture:linux"])"));
  EXPECT_THAT(world.rules("bad"), ElementsAre("db -> bad:22"));
}

TEST(Posture, NarrowsTheOwnDevicesOfAutogroupSelf) {
  const auto world = laptops().under(
      postures + acl(R"("autogroup:member")", R"("autogroup:self:22")", R"(,"srcPosture":["posture:managed"])"));
  EXPECT_THAT(world.rules("bad"), ElementsAre("good -> bad:22"));
  EXPECT_THAT(world.rules("good"), ElementsAre("good -> good:22"));
}

TEST(Posture, NarrowsTheSourcesOfSshRules) {
  const std::string rule =
      R"("acls":[],)" + ssh(R"("ana@example.com")", R"("tag:db")", R"("root")", R"(,"srcPosture":["posture:managed"])");
  EXPECT_THAT(laptops().under(postures + rule).ssh("db"), ElementsAre("accept good -> root"));
}

}  // namespace
}  // namespace acl::resolve
