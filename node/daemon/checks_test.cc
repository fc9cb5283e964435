#include "node/daemon/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "engine/release/text.h"
#include "engine/table/layout.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr release::Time noon = 1'800'000'000, hour = 3600;

CheckSubject subject(std::uint8_t number, std::string person = "ann@example.com") {
  Key key{};
  key[0] = number;
  return {key, std::move(person)};
}

bool counts(const Checks& checks, std::uint32_t period, release::Time now, const CheckSubject& whose = subject(1)) {
  return checks.find(whose, period, now).has_value();
}

bool all(const CheckSubject&) { return true; }
bool no_subject(const CheckSubject&) { return false; }
bool anybody(const std::string&) { return true; }

TEST(Checks, NobodyIsRememberedAtFirst) {
  EXPECT_FALSE(counts({}, acl_ssh_always, noon));
  EXPECT_FALSE(counts({}, 12 * hour, noon));
}

TEST(Checks, EachRuleComparesItsOwnPeriod) {
  Checks checks;
  checks.remember(subject(1), {noon, "fido2"});
  EXPECT_TRUE(counts(checks, hour, noon));
  EXPECT_TRUE(counts(checks, hour, noon + hour - 1));
  EXPECT_FALSE(counts(checks, hour, noon + hour));
  EXPECT_TRUE(counts(checks, 2 * hour, noon + hour));
  EXPECT_FALSE(counts(checks, acl_ssh_always, noon)) << "always is never remembered";
}

TEST(Checks, AnotherKeyAndAnotherPersonAreOthers) {
  Checks checks;
  checks.remember(subject(1), {noon, "fido2"});
  EXPECT_FALSE(counts(checks, hour, noon, subject(2)));
  EXPECT_FALSE(counts(checks, hour, noon, subject(1, "bob@example.com")));
}

TEST(Checks, WhatLiesAheadIsNotBelieved) {
  Checks checks;
  checks.remember(subject(1), {noon, "openid"});
  EXPECT_FALSE(counts(checks, hour, noon - 1));
}

TEST(Checks, ALaterCheckTakesThePlaceOfAnEarlierOneAndNotTheOtherWayRound) {
  Checks checks;
  checks.remember(subject(1), {noon, "openid"});
  checks.remember(subject(1), {noon - hour, "fido2"});
  EXPECT_EQ(checks.find(subject(1), hour, noon)->by, "openid");
  checks.remember(subject(1), {noon + 1, "fido2"});
  EXPECT_EQ(checks.find(subject(1), hour, noon + 1)->by, "fido2");
}

TEST(Checks, AnApprovalCountsWithinItsTimeForEveryRule) {
  Checks checks;
  ASSERT_TRUE(checks.approve(subject(1), {noon, noon + hour, "root"}));
  EXPECT_FALSE(counts(checks, acl_ssh_always, noon - 1));
  EXPECT_TRUE(counts(checks, acl_ssh_always, noon));
  EXPECT_TRUE(counts(checks, 60, noon + hour - 1));
  EXPECT_FALSE(counts(checks, acl_ssh_always, noon + hour));
  EXPECT_EQ(checks.find(subject(1), 60, noon)->by, "approval of root");
}

TEST(Checks, RevokedIsNeitherCheckedNorApproved) {
  Checks checks;
  checks.remember(subject(1), {noon, "fido2"});
  checks.approve(subject(1), {noon, noon + hour, "root"});
  EXPECT_TRUE(checks.revoke(subject(1), noon));
  EXPECT_FALSE(counts(checks, hour, noon));
  EXPECT_FALSE(checks.revoke(subject(1), noon));
}

TEST(Checks, WhatRootSaidSettlesApprovalsFromBefore) {
  Checks checks;
  ASSERT_TRUE(checks.approve(subject(1), {noon, noon + hour, "9C4A"}));
  EXPECT_FALSE(checks.is_settled(subject(1), noon));
  ASSERT_TRUE(checks.revoke(subject(1), noon + 60));
  EXPECT_TRUE(checks.is_settled(subject(1), noon));
  EXPECT_TRUE(checks.is_settled(subject(1), noon + 60));
  EXPECT_FALSE(checks.is_settled(subject(1), noon + 61));
  EXPECT_FALSE(checks.is_settled(subject(2), noon));
  // As long as one that was signed before can last; also where the source is gone for a while.
  EXPECT_FALSE(checks.prune(noon + hour, no_subject, anybody));
  EXPECT_TRUE(checks.is_settled(subject(1), noon));
  EXPECT_TRUE(checks.prune(noon + 60 + Checks::longest_period, all, anybody));
  EXPECT_TRUE(checks.entries().empty());
}

TEST(Checks, AnApprovalGoesWithTheTrustInWhoGaveIt) {
  Checks checks;
  checks.approve(subject(1), {noon, noon + hour, "root"});
  checks.approve(subject(2), {noon, noon + hour, "9C4A"});
  EXPECT_TRUE(checks.prune(noon, all, [](const std::string& by) { return by == "root"; }));
  EXPECT_TRUE(counts(checks, 60, noon, subject(1)));
  EXPECT_FALSE(counts(checks, 60, noon, subject(2)));
}

TEST(Checks, WhatCanCountNoMoreIsTakenAway) {
  Checks checks;
  checks.remember(subject(1), {noon, "fido2"});
  checks.remember(subject(2), {noon + 1, "fido2"});
  checks.approve(subject(3), {noon, noon + hour, "root"});
  EXPECT_FALSE(checks.prune(noon, all, anybody));
  EXPECT_TRUE(checks.prune(noon + Checks::longest_period, all, anybody));
  ASSERT_EQ(checks.entries().size(), 1U);
  EXPECT_EQ(checks.entries().begin()->first, subject(2));
  EXPECT_TRUE(checks.prune(noon, no_subject, anybody)) << "a key that has gone";
  EXPECT_TRUE(checks.entries().empty());
}

TEST(Checks, TheOldestMakesRoomAndApprovalsDoNot) {
  Checks checks;
  const auto numbered = [](std::size_t i) { return subject(1, "user" + std::to_string(i) + "@example.com"); };
  for (std::size_t i = 0; i < Checks::most_subjects; ++i)
    checks.remember(numbered(i), {noon + static_cast<release::Time>(i), "fido2"});
  checks.remember(numbered(Checks::most_subjects), {noon + 10'000, "fido2"});
  EXPECT_EQ(checks.entries().size(), Checks::most_subjects);
  EXPECT_EQ(checks.entries().count(numbered(0)), 0U);
  Checks approved;
  for (std::size_t i = 0; i < Checks::most_subjects; ++i)
    ASSERT_TRUE(approved.approve(numbered(i), {noon, noon + hour, "root"}));
  EXPECT_FALSE(approved.approve(subject(9), {noon, noon + hour, "root"}));
  approved.remember(subject(9), {noon, "fido2"});
  EXPECT_FALSE(counts(approved, hour, noon, subject(9)));
}

TEST(Checks, LoginsThatAreNoLineAreNotKept) {
  Checks checks;
  for (const char* odd : {"", "a\nb", "a\x1b"}) {
    checks.remember(subject(1, odd), {noon, "fido2"});
    EXPECT_FALSE(checks.approve(subject(1, odd), {noon, noon + hour, "root"}));
  }
  checks.remember(subject(1, std::string(321, 'a')), {noon, "fido2"});
  checks.remember(subject(1), {noon, "two words"});
  EXPECT_TRUE(checks.entries().empty());
}

RC_GTEST_PROP(Checks, ReadBackAsTheyWereWritten, ()) {
  Checks checks;
  for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
    const CheckSubject whose =
        subject(*rc::gen::arbitrary<std::uint8_t>(), *rc::gen::element<std::string>("ann", "a b"));
    const auto at = *rc::gen::inRange<release::Time>(0, 2'000'000'000);
    const int kind = *rc::gen::inRange(0, 3);
    if (kind == 0)
      checks.remember(whose, {at, "fido2"});
    else if (kind == 1)
      checks.settle(whose, at);
    else
      checks.approve(whose, {at, at + *rc::gen::inRange<release::Time>(1, 1000), "root"});
  }
  const std::string text = print_checks(checks);
  const auto read = parse_checks(text, "checks");
  RC_ASSERT(read.has_value());
  RC_ASSERT(print_checks(*read) == text);
}

// A byte of it changed, or a beginning of it: nothing is believed.
RC_GTEST_PROP(Checks, ThatAreDamagedCountForNothing, ()) {
  Checks checks;
  checks.remember(subject(1), {noon, "fido2"});
  checks.approve(subject(2), {noon, noon + hour, "root"});
  std::string text = print_checks(checks);
  if (*rc::gen::arbitrary<bool>()) {
    text.resize(*rc::gen::inRange<std::size_t>(0, text.size()));
  } else {
    char& one = text[*rc::gen::inRange<std::size_t>(0, text.size())];
    one = static_cast<char>(one ^ *rc::gen::inRange(1, 127));
  }
  const auto read = parse_checks(text, "checks");
  RC_ASSERT(!read.has_value());
  RC_ASSERT(read.error().code == Code::E1423);
}

TEST(Checks, WithLinesThatAreNoneAreNotRead) {
  const auto sealed = [](const std::string& body) {
    return body + "checksum " + release::digest_of(release::as_bytes(body)).text() + "\n";
  };
  const std::string key = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  EXPECT_TRUE(parse_checks(sealed("aclnode checks 1\n"), "f"));
  EXPECT_TRUE(parse_checks(sealed("aclnode checks 1\nchecked " + key + " 2026-11-26T15:55:55Z fido2 ann\n"), "f"));
  for (const std::string& odd : std::vector<std::string>{
           std::string("aclnode checks 2\n"), "aclnode checks 1\nseen " + key + " 2026-11-26T15:55:55Z fido2 ann\n",
           "aclnode checks 1\nchecked " + key + " 2026-11-26T15:55:55Z fido2 \n",
           "aclnode checks 1\nchecked " + key + " yesterday fido2 ann\n",
           "aclnode checks 1\nchecked AQ== 2026-11-26T15:55:55Z fido2 ann\n",
           "aclnode checks 1\napproved " + key + " 2026-11-26T15:55:55Z root ann\n"})
    EXPECT_FALSE(parse_checks(sealed(odd), "f")) << odd;
}

class CheckFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "aclnode-checks-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string folder_;
};

TEST_F(CheckFile, IsReadAsItWasWritten) {
  Checks checks;
  checks.remember(subject(1), {noon, "fido2"});
  const std::string path = folder_ + "/checks";
  ASSERT_TRUE(read_checks(path)) << "none is nobody";
  ASSERT_TRUE(write_checks(path, checks));
  EXPECT_TRUE(counts(*read_checks(path), hour, noon));
  std::ofstream(path, std::ios::app) << "x";
  EXPECT_THAT(read_checks(path).error().message, HasSubstr("torn or damaged"));
  EXPECT_EQ(write_checks(folder_ + "/none/checks", checks).error().code, Code::E1423);
}

}  // namespace
}  // namespace acl::node
