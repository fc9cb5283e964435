// What waits for a person, without the person: the processes that look at answers are stood in for by programs that say nothing. With real keys, a
// provider and clients: tests/e2e/node/check.py.
#include "node/daemon/check_prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <fstream>

#include "engine/table/layout.h"
#include "node/protocol/login_conversation.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class Prompts : public ::testing::Test {
 protected:
  Prompts() {
    settings_.name_space = "aclnode-check@example.com";
    settings_.program = {"/bin/false", "", {}};
  }
  void SetUp() override { ASSERT_TRUE(prompts_.set(settings_)); }

  static CheckWanted wanted(std::uint64_t login = 1) {
    CheckWanted out;
    out.login = login;
    out.connection = 100 + login;
    out.account = "root";
    out.asked.subject = {Key{1}, "ann@example.com"};
    out.asked.period_s = 3600;
    out.asked.security_keys = {"sk-ssh-ed25519@openssh.com AAAA"};
    return out;
  }
  // A provider, of whom `program` is to ask something.
  void use_openid(const char* program) {
    const std::string keys = ::testing::TempDir() + "check_prompts_test.keys";
    std::ofstream(keys) << R"({"keys":[]})";
    settings_.check.openid.issuer = "https://id.example.com";
    settings_.check.openid.client_id = "aclnode";
    settings_.check.openid.keys_file = keys;
    settings_.program.path = program;
    ASSERT_TRUE(prompts_.set(settings_));
  }
  static CheckWanted without_key(std::uint64_t login, std::uint32_t period_s = 3600) {
    CheckWanted out = wanted(login);
    out.asked.security_keys.clear();
    out.asked.period_s = period_s;
    return out;
  }
  // Of the one event that there is.
  template <class T>
  T event() {
    auto events = prompts_.step();
    EXPECT_EQ(events.size(), 1U);
    return events.size() == 1 && std::holds_alternative<T>(events[0]) ? std::get<T>(events[0]) : T{};
  }
  static std::string line_of(const CheckShow& show) {
    const std::string& text = show.challenge.instruction;
    const std::size_t begin = text.find("printf"), end = text.find('\n', begin);
    return begin == std::string::npos ? "" : text.substr(begin, end - begin);
  }
  // The process that looks at an answer ends, and says nothing.
  std::vector<CheckEvent> wait_for_verifier() {
    for (;;) {
      auto events = prompts_.step();
      if (!events.empty()) return events;
      pollfd one{prompts_.fd(), POLLIN, 0};
      if (poll(&one, 1, 60'000) <= 0) return {};
    }
  }

  std::int64_t now_ms_ = 1000;
  Clocks clocks_{[] { return release::Time{0}; }, [this] { return now_ms_; }, {}};
  CheckPrompts::Settings settings_;
  CheckPrompts prompts_{clocks_, [] { return release::Time{1'800'000'000}; }};
};

TEST_F(Prompts, WhoHasNoWayToBeCheckedIsToldAtOnce) {
  CheckWanted none = wanted();
  none.asked.security_keys.clear();
  EXPECT_EQ(prompts_.begin(none).error().code, Code::E1425);
  settings_.check.methods = {"openid"};
  ASSERT_TRUE(prompts_.set(settings_)) << "openid without a provider is no fault, and no way";
  EXPECT_EQ(prompts_.begin(wanted()).error().code, Code::E1425);
  EXPECT_THAT(prompts_.step(), IsEmpty());
}

TEST_F(Prompts, ASecurityKeyIsAskedForAtOnceWithTheTimeThatIsLeft) {
  ASSERT_TRUE(prompts_.begin(wanted()));
  const auto show = event<CheckShow>();
  EXPECT_EQ(show.login, 1U);
  EXPECT_EQ(show.wait_s, 120U);
  EXPECT_TRUE(show.challenge.asks);
  EXPECT_THAT(line_of(show), HasSubstr("connection=101 "));
}

TEST_F(Prompts, EachConnectionSignsAnotherText) {
  ASSERT_TRUE(prompts_.begin(wanted(1)));
  ASSERT_TRUE(prompts_.begin(wanted(2)));
  const auto events = prompts_.step();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_NE(line_of(std::get<CheckShow>(events[0])), line_of(std::get<CheckShow>(events[1])));
}

TEST_F(Prompts, AnEmptyAnswerIsAskedForAgainAndTheTextStays) {
  ASSERT_TRUE(prompts_.begin(wanted()));
  const std::string line = line_of(event<CheckShow>());
  now_ms_ += 20'000;
  prompts_.answer(1, " \r\n");
  const auto show = event<CheckShow>();
  EXPECT_EQ(line_of(show), line);
  EXPECT_EQ(show.wait_s, 100U) << "no longer than at first";
  EXPECT_EQ(show.challenge.text, "") << "shown already";
}

TEST_F(Prompts, TheFirstOfSeveralLinesIsToldApartAndTheTextIsAnotherOne) {
  ASSERT_TRUE(prompts_.begin(wanted()));
  const std::string line = line_of(event<CheckShow>());
  prompts_.answer(1, "-----BEGIN SSH SIGNATURE-----");
  const auto show = event<CheckShow>();
  EXPECT_THAT(show.challenge.instruction, StartsWith("Only the first of several lines"));
  EXPECT_NE(line_of(show), line);
}

TEST_F(Prompts, AnAnswerThatDoesNotCountUsesItsTextUp) {
  ASSERT_TRUE(prompts_.begin(wanted()));
  const std::string line = line_of(event<CheckShow>());
  prompts_.answer(1, "anything");
  const auto events = wait_for_verifier();
  ASSERT_THAT(events, SizeIs(1));
  ASSERT_TRUE(std::holds_alternative<CheckShow>(events[0]));
  EXPECT_NE(line_of(std::get<CheckShow>(events[0])), line);
}

TEST_F(Prompts, AfterTheLastAnswerItIsOver) {
  ASSERT_TRUE(prompts_.begin(wanted()));
  event<CheckShow>();
  for (unsigned i = 1; i < protocol::most_check_answers; ++i) {
    prompts_.answer(1, "");
    event<CheckShow>();
  }
  prompts_.answer(1, "");
  const auto end = event<CheckEnd>();
  EXPECT_EQ(end.login, 1U);
  EXPECT_FALSE(end.passed);
  prompts_.answer(1, "");
  EXPECT_THAT(prompts_.step(), IsEmpty()) << "gone";
}

TEST_F(Prompts, TheWaitEnds) {
  ASSERT_TRUE(prompts_.begin(wanted()));
  event<CheckShow>();
  EXPECT_EQ(prompts_.next_ms(), now_ms_ + 120'000);
  now_ms_ += 119'999;
  EXPECT_THAT(prompts_.step(), IsEmpty());
  ++now_ms_;
  EXPECT_EQ(event<CheckEnd>().reason, "nobody was checked within 120 s");
  EXPECT_EQ(prompts_.next_ms(), std::nullopt);
}

TEST_F(Prompts, TheWaitIsNoLongerThanTheCallerHas) {
  CheckWanted second = wanted();
  second.until_ms = now_ms_ + 20'000;
  ASSERT_TRUE(prompts_.begin(second));
  EXPECT_EQ(event<CheckShow>().wait_s, 20U);
  now_ms_ += 20'000;
  EXPECT_FALSE(event<CheckEnd>().passed);
}

TEST_F(Prompts, WhoGoesIsForgotten) {
  ASSERT_TRUE(prompts_.begin(wanted()));
  prompts_.answer(1, "anything");
  prompts_.step();
  prompts_.end(1);
  now_ms_ += 200'000;
  EXPECT_THAT(prompts_.step(), IsEmpty());
}

TEST_F(Prompts, APinnedKeySetThatIsNotThereLeavesSecurityKeys) {
  settings_.check.openid.issuer = "https://id.example.com";
  settings_.check.openid.client_id = "aclnode";
  settings_.check.openid.keys_file = "/nonexistent/keys.json";
  const auto set = prompts_.set(settings_);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, Code::E1434);
  EXPECT_TRUE(prompts_.begin(wanted()));
}

TEST_F(Prompts, WhereSecurityKeysAreNoLongerAWayWhoWaitsForOneEnds) {
  ASSERT_TRUE(prompts_.begin(wanted(1)));
  ASSERT_TRUE(prompts_.begin(wanted(2)));
  prompts_.answer(2, "anything");
  ASSERT_THAT(prompts_.step(), SizeIs(2));
  settings_.check.methods = {"openid"};
  ASSERT_TRUE(prompts_.set(settings_));
  const auto events = prompts_.step();
  ASSERT_THAT(events, SizeIs(2));
  for (const CheckEvent& event : events) {
    ASSERT_TRUE(std::holds_alternative<CheckEnd>(event));
    EXPECT_FALSE(std::get<CheckEnd>(event).passed);
    EXPECT_THAT(std::get<CheckEnd>(event).reason, HasSubstr("settings of this machine"));
  }
  EXPECT_EQ(prompts_.next_ms(), std::nullopt);
}

TEST_F(Prompts, WhereBothWaysGoThereIsOneEnd) {
  use_openid("/bin/false");
  ASSERT_TRUE(prompts_.begin(wanted()));
  settings_.check.methods = {};
  ASSERT_TRUE(prompts_.set(settings_));
  EXPECT_FALSE(event<CheckEnd>().passed);
}

TEST_F(Prompts, OfOpenidAreSharedByRulesOfOnePeriodOnly) {
  use_openid("/bin/false");
  for (std::uint64_t login = 1; login <= 10; ++login) EXPECT_TRUE(prompts_.begin(without_key(login))) << login;
  for (std::uint64_t login = 11; login <= 13; ++login)
    EXPECT_TRUE(prompts_.begin(without_key(login, static_cast<std::uint32_t>(60 * login)))) << login;
  EXPECT_EQ(prompts_.begin(without_key(14, 60)).error().code, Code::E1422) << "a fifth prompt";
  EXPECT_TRUE(prompts_.begin(without_key(15))) << "the first one";
}

TEST_F(Prompts, OfOpenidAreFewForOnePersonAtOneSource) {
  use_openid("/bin/false");
  for (std::uint64_t login = 1; login <= 4; ++login) EXPECT_TRUE(prompts_.begin(without_key(login, acl_ssh_always)));
  EXPECT_EQ(prompts_.begin(without_key(5, acl_ssh_always)).error().code, Code::E1422);
  CheckWanted by_key = wanted(6);
  by_key.asked.period_s = acl_ssh_always;
  EXPECT_TRUE(prompts_.begin(by_key)) << "by a security key";
  CheckWanted other = without_key(7, acl_ssh_always);
  other.asked.subject.source = Key{2};
  EXPECT_TRUE(prompts_.begin(other)) << "another source";
  prompts_.end(1);
  EXPECT_TRUE(prompts_.begin(without_key(8, acl_ssh_always)));
}

// The program stays, and says nothing.
TEST_F(Prompts, AnAnswerWhereNothingWasToBeSignedIsNoneOverTheEmptyText) {
  use_openid("/usr/bin/yes");
  ASSERT_TRUE(prompts_.begin(without_key(1)));
  for (const char* const text : {"anything", "-----BEGIN SSH SIGNATURE-----"}) {
    prompts_.answer(1, text);
    const auto show = event<CheckShow>();
    EXPECT_THAT(show.challenge.instruction + show.challenge.text, HasSubstr("no line that this could have signed"));
    EXPECT_EQ(line_of(show), "");
  }
}

TEST(LoginAge, IsAsLittleAsTheRulesPeriodAndTheSettingsSay) {
  EXPECT_EQ(login_age(12 * 3600, 300).taken_s, 300);
  EXPECT_EQ(login_age(12 * 3600, 300).told_s, 300U);
  EXPECT_EQ(login_age(120, 300).taken_s, 120);
  EXPECT_EQ(login_age(120, 300).told_s, 120U);
}

TEST(LoginAge, OfAlwaysIsNoneButForClocksThatDiffer) {
  EXPECT_EQ(login_age(acl_ssh_always, 86'400).told_s, 1U) << "0 would be no parameter";
  EXPECT_EQ(login_age(acl_ssh_always, 86'400).taken_s, check_skew_s);
}

}  // namespace
}  // namespace acl::node
