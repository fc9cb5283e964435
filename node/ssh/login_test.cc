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
  std::vector<int> types() const {
    std::vector<int> all;
    for (const Bytes& packet : last.packets) all.push_back(packet[0]);
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
