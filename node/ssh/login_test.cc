#include "node/ssh/login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::node::ssh {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Bytes request(std::string_view user, std::string_view method, std::string_view service = "ssh-connection") {
  PacketWriter writer;
  writer.string(user).string(service).string(method);
  if (method == "password") writer.boolean(false).string("secret");
  if (method == "keyboard-interactive") writer.string("").string("");
  return writer.take();
}

Bytes key_request(std::string_view user, bool with_signature) {
  PacketWriter writer;
  writer.string(user).string("ssh-connection").string("publickey").boolean(with_signature).string("ssh-ed25519");
  writer.string("blob");
  if (with_signature) writer.string("any");
  return writer.take();
}

protocol::LoginVerdict verdict(bool accept, std::string tell = {}) {
  protocol::LoginVerdict value;
  value.accept = accept;
  value.tell = std::move(tell);
  return value;
}

class LoginTest : public ::testing::Test {
 protected:
  LoginTest() { hear_service("ssh-userauth"); }
  void hear_service(std::string_view name) {
    Effects out;
    login.hear_service(PacketWriter().string(name).take(), out);
    last = std::move(out);
  }
  Effects& hear(const Bytes& packet) {
    last = {};
    login.hear_request(packet, last);
    return last;
  }
  Effects& answer(const protocol::LoginVerdict& value) {
    last = {};
    login.answered(value, last);
    return last;
  }
  Effects& challenge(bool asks, std::string text = {}) {
    last = {};
    login.challenged({1, std::move(text), asks, "sign this", "Signature: "}, last);
    return last;
  }
  Effects& respond(const Bytes& packet) {
    last = {};
    login.hear_info_response(packet, last);
    return last;
  }
  std::vector<int> types() const {
    std::vector<int> all;
    for (const Bytes& packet : last.packets) all.push_back(packet[0]);
    if (!last.question.empty()) all.push_back(last.question[0]);
    return all;
  }

  Login login{true};
  Effects last;
};

TEST_F(LoginTest, NoneAsksOnceAndSucceedsWhereItIsAccepted) {
  hear(request("ann", "none"));
  ASSERT_THAT(last.messages, SizeIs(1));
  const auto& asked = std::get<protocol::Login>(last.messages[0]);
  EXPECT_EQ(asked.user, "ann");
  EXPECT_EQ(asked.method, protocol::Method::none);
  EXPECT_FALSE(last.success);
  answer(verdict(true));
  EXPECT_TRUE(last.success);
  EXPECT_TRUE(login.done());
}

TEST_F(LoginTest, NothingSucceedsBeforeTheVerdict) {
  for (const char* method : {"none", "password", "keyboard-interactive"}) {
    hear(request("ann", method));
    EXPECT_FALSE(last.success) << method;
    EXPECT_THAT(last.packets, IsEmpty()) << method;
  }
  EXPECT_FALSE(login.done());
}

TEST_F(LoginTest, ARefusalIsToldOnceAndNamesNoMethodThatAsksForAPassword) {
  hear(request("ann", "none"));
  answer(verdict(false, "no rule lets you in"));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_banner, msg_userauth_failure));
  PacketReader failure(ByteView(last.packets[1]).subspan(1));
  EXPECT_EQ(failure.string(), "publickey");
  EXPECT_FALSE(failure.boolean());
  hear(key_request("ann", false));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  EXPECT_THAT(last.messages, IsEmpty());
  hear(key_request("ann", true));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  EXPECT_FALSE(last.success);
}

TEST_F(LoginTest, WhoeverIsAcceptedMayOfferAnythingAsAFormality) {
  for (const char* method : {"password", "keyboard-interactive"}) {
    login = Login(true);
    hear_service("ssh-userauth");
    hear(request("ann", method));
    answer(verdict(true));
    EXPECT_TRUE(last.success) << method;
  }
  login = Login(true);
  hear_service("ssh-userauth");
  hear(key_request("ann", false));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_pk_ok));
  hear(key_request("ann", true));
  answer(verdict(true));
  EXPECT_TRUE(last.success);
}

// A yes opens PAM's session, and lifts the limits for those who are not logged in.
TEST_F(LoginTest, NobodyIsAskedBeforeARequestThatCouldSucceed) {
  hear(request("ann", "gssapi-with-mic"));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  EXPECT_THAT(last.messages, IsEmpty());
  hear(key_request("ann", false));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_pk_ok));
  EXPECT_THAT(last.messages, IsEmpty());
  EXPECT_FALSE(login.verdict());
  hear(key_request("ann", true));
  ASSERT_THAT(last.messages, SizeIs(1));
  EXPECT_EQ(std::get<protocol::Login>(last.messages[0]).method, protocol::Method::publickey);
  // What comes now is answered in its order, also where that is clear.
  EXPECT_THAT(hear(request("ann", "gssapi-with-mic")).packets, IsEmpty());
  answer(verdict(false));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure, msg_userauth_failure));
}

TEST_F(LoginTest, WithoutTheFormalityNobodyIsAskedForAnythingButNone) {
  login = Login(false);
  hear_service("ssh-userauth");
  for (const Bytes& packet : {request("ann", "password"), request("ann", "keyboard-interactive"),
                              key_request("ann", false), key_request("ann", true)}) {
    EXPECT_THAT(hear(packet).messages, IsEmpty());
    EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  }
  hear(request("ann", "none"));
  EXPECT_THAT(last.messages, SizeIs(1));
}

TEST_F(LoginTest, WithoutTheFormalityOnlyNoneSucceeds) {
  login = Login(false);
  hear_service("ssh-userauth");
  hear(request("ann", "none"));
  hear(request("ann", "password"));
  answer(verdict(true));
  EXPECT_TRUE(last.success);

  login = Login(false);
  hear_service("ssh-userauth");
  hear(request("ann", "password"));
  EXPECT_FALSE(last.success);
  hear(key_request("ann", true));
  EXPECT_FALSE(last.success);
  hear(request("ann", "none"));
  answer(verdict(true));
  EXPECT_TRUE(last.success);
}

TEST_F(LoginTest, AMethodThatNobodyKnowsNeverSucceeds) {
  hear(request("ann", "gssapi-with-mic"));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  EXPECT_FALSE(last.success);
}

TEST_F(LoginTest, TheUserNameMayNotChange) {
  hear(request("ann", "none"));
  answer(verdict(false));
  hear(request("root", "none"));
  EXPECT_TRUE(last.over);
  EXPECT_THAT(last.messages, IsEmpty());
}

TEST_F(LoginTest, TheUserNameMayNotChangeWhileItIsAskedForEither) {
  hear(request("ann", "none"));
  hear(request("root", "none"));
  EXPECT_TRUE(last.over);
}

TEST_F(LoginTest, NamesThatCannotBeAskedForAreRefusedWithoutAsking) {
  for (const std::string& name : {std::string(), std::string("a\0b", 3), std::string(257, 'a')}) {
    login = Login(true);
    hear_service("ssh-userauth");
    hear(request(name, "none"));
    EXPECT_THAT(last.messages, IsEmpty());
    EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  }
}

TEST_F(LoginTest, NothingComesBeforeTheServiceIsAskedFor) {
  login = Login(true);
  hear(request("ann", "none"));
  EXPECT_TRUE(last.over);
}

TEST_F(LoginTest, OtherServicesAreRefused) {
  hear_service("ssh-connection");
  EXPECT_TRUE(last.over);
  hear(request("ann", "none", "other-service"));
  EXPECT_TRUE(last.over);
}

TEST_F(LoginTest, RequestsThatAreNotInTheirFormEndTheConnection) {
  for (std::size_t size = 0; size < 20; ++size) {
    login = Login(true);
    hear_service("ssh-userauth");
    Bytes cut = request("ann", "none");
    cut.resize(size);
    EXPECT_TRUE(hear(cut).over) << size;
  }
}

TEST_F(LoginTest, EndlessTriesAndEndlessWaitingEndTheConnection) {
  hear(request("ann", "none"));
  for (std::size_t i = 1; i < Login::most_waiting; ++i) EXPECT_FALSE(hear(request("ann", "password")).over);
  EXPECT_TRUE(hear(request("ann", "password")).over);

  login = Login(true);
  hear_service("ssh-userauth");
  hear(request("ann", "none"));
  answer(verdict(false));
  for (unsigned i = 1; i < Login::most_refused; ++i) EXPECT_FALSE(hear(request("ann", "none")).over) << i;
  EXPECT_TRUE(hear(request("ann", "none")).over);
  EXPECT_EQ(last.reason, Reason::too_many_failures);
}

// --- a check ------------------------------------------------------------------------------------------------------------------

Bytes response(std::string_view answer) { return PacketWriter().number(1).string(answer).take(); }

std::string failure_names(const Bytes& packet) {
  PacketReader reader(ByteView(packet).subspan(1));
  return std::string(reader.string());
}

TEST_F(LoginTest, AChallengeThatAsksNothingIsShownAtOnceAndTheRequestWaits) {
  hear(request("ann", "none"));
  challenge(false, "open https://id.example.com\nand wait\n");
  ASSERT_THAT(types(), ElementsAre(msg_userauth_banner));
  PacketReader reader(ByteView(last.packets[0]).subspan(1));
  EXPECT_EQ(reader.string(), "open https://id.example.com\r\nand wait\r\n");
  answer(verdict(true));
  EXPECT_TRUE(last.success);
}

TEST_F(LoginTest, AChallengeThatAsksIsPutByKeyboardInteractive) {
  hear(request("ann", "none"));
  challenge(true);
  ASSERT_THAT(types(), ElementsAre(msg_userauth_failure));
  EXPECT_EQ(failure_names(last.packets[0]), "keyboard-interactive");
  hear(request("ann", "keyboard-interactive"));
  ASSERT_THAT(types(), ElementsAre(msg_userauth_info_request));
  PacketReader reader(ByteView(last.question).subspan(1));
  EXPECT_EQ(reader.string(), "");
  EXPECT_EQ(reader.string(), "sign this");
  EXPECT_EQ(reader.string(), "");
  EXPECT_EQ(reader.number(), 1U);
  EXPECT_EQ(reader.string(), "Signature: ");
  EXPECT_TRUE(reader.boolean()) << "what is typed is no secret";
  EXPECT_TRUE(reader.done());
  respond(response("signed"));
  ASSERT_THAT(last.messages, SizeIs(1));
  EXPECT_EQ(std::get<protocol::ChallengeAnswer>(last.messages[0]).text, "signed");
  EXPECT_FALSE(last.success);
  answer(verdict(true));
  EXPECT_TRUE(last.success);
}

TEST_F(LoginTest, AnAnswerThatIsNotEnoughIsAskedForAgainAndThenRefused) {
  hear(request("ann", "none"));
  challenge(true);
  hear(request("ann", "keyboard-interactive"));
  respond(response("wrong"));
  challenge(true);
  EXPECT_THAT(types(), ElementsAre(msg_userauth_info_request));
  respond(response("wrong"));
  answer(verdict(false, "access denied"));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_banner, msg_userauth_failure));
  EXPECT_FALSE(last.success);
}

// What a client that had to be asked answers counts also where no formality is allowed; nothing else does.
TEST_F(LoginTest, WithoutTheFormalityAnAnswerStillCounts) {
  login = Login(false);
  hear_service("ssh-userauth");
  hear(request("ann", "none"));
  challenge(true);
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  hear(request("ann", "keyboard-interactive"));
  respond(response("signed"));
  answer(verdict(true));
  EXPECT_TRUE(last.success);
}

TEST_F(LoginTest, WhileItIsAskedNoOtherMethodDoes) {
  hear(request("ann", "none"));
  challenge(true);
  for (const char* method : {"none", "password", "hostbased"}) {
    hear(request("ann", method));
    ASSERT_THAT(types(), ElementsAre(msg_userauth_failure)) << method;
    EXPECT_EQ(failure_names(last.packets[0]), "keyboard-interactive");
  }
  hear(key_request("ann", false));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
}

// The client's turn is not over: an answer to its request that comes before it has answered would be one that it does not expect.
TEST_F(LoginTest, AVerdictInTheMiddleOfTheDialogueIsToldWhenItHasAnswered) {
  for (const bool accept : {true, false}) {
    login = Login(true);
    hear_service("ssh-userauth");
    hear(request("ann", "keyboard-interactive"));
    challenge(true);
    ASSERT_THAT(types(), ElementsAre(msg_userauth_info_request)) << "it began with it";
    answer(verdict(accept));
    EXPECT_THAT(last.packets, IsEmpty());
    EXPECT_FALSE(last.success);
    respond(response("late"));
    EXPECT_THAT(last.messages, IsEmpty()) << "nobody waits for it";
    EXPECT_EQ(last.success, accept);
  }
}

// RFC 4256 section 3.1.
TEST_F(LoginTest, ARequestInTheMiddleOfTheDialogueBeginsAnew) {
  hear(request("ann", "none"));
  challenge(true);
  hear(request("ann", "keyboard-interactive"));
  hear(request("ann", "keyboard-interactive"));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_info_request));
  hear(request("ann", "none"));
  EXPECT_THAT(types(), ElementsAre(msg_userauth_failure));
  EXPECT_TRUE(respond(response("to nothing")).over);
}

TEST_F(LoginTest, AnAnswerThatIsNotAskedForOrInNoFormEndsTheConnection) {
  const auto prompted = [&] {
    login = Login(true);
    hear_service("ssh-userauth");
    hear(request("ann", "keyboard-interactive"));
    challenge(true);
  };
  EXPECT_TRUE(respond(response("unasked")).over);
  for (const Bytes& packet :
       {Bytes(), PacketWriter().number(0).take(), PacketWriter().number(2).string("a").string("b").take(),
        PacketWriter().number(1).string("a").byte(0).take(), response(std::string_view("a\0b", 3)),
        response(std::string(protocol::longest_check_answer + 1, 'x'))}) {
    prompted();
    EXPECT_TRUE(respond(packet).over);
  }
  prompted();
  respond(response("once"));
  EXPECT_TRUE(respond(response("twice")).over);
}

// RFC 4252 section 5.1.
TEST_F(LoginTest, RequestsAfterSuccessAreIgnored) {
  hear(request("ann", "none"));
  answer(verdict(true));
  hear(request("root", "none"));
  EXPECT_FALSE(last.over);
  EXPECT_FALSE(last.success);
  EXPECT_THAT(last.packets, IsEmpty());
}

}  // namespace
}  // namespace acl::node::ssh
