#include "node/session/daemon_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "node/protocol/channel.h"

namespace acl::node::session {
namespace {

using protocol::Bytes;
using What = DaemonLink::Heard::What;

constexpr Milliseconds patience = 60'000;

class DaemonLinks : public ::testing::Test {
 protected:
  DaemonLinks() : path_(::testing::TempDir() + "daemon_link." + std::to_string(getpid())) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    daemon_ = Fd(ends[0]);
    link_.emplace(Fd(ends[1]), path_, patience);
  }
  ~DaemonLinks() override { unlink(path_.c_str()); }

  void say(const protocol::ToSession& message) {
    const auto bytes = protocol::encode(message);
    ASSERT_EQ(protocol::send_message(daemon_.get(), *bytes, protocol::Wait::no), protocol::Sent::sent);
  }
  void listen_again() {
    listener_ = Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener_.get(), 8), 0);
  }
  std::optional<protocol::FromSession> next_of_daemon() {
    Bytes buffer(protocol::longest_session_message);
    const auto received = protocol::receive_message(daemon_.get(), buffer);
    if (received.state != protocol::Received::State::message) return std::nullopt;
    auto message = protocol::decode_from_session(received.message);
    return message ? std::optional(std::move(*message)) : std::nullopt;
  }
  protocol::Resume resume() const {
    return {7, {Bytes(4), 1}, {Bytes(4), 22}, "ann", false, 99, true, false, true, false, "ann@example.com"};
  }

  std::string path_;
  Fd daemon_, listener_;
  std::optional<DaemonLink> link_;
};

TEST_F(DaemonLinks, HandOnTheDecisionThatIsAwaited) {
  say(protocol::Decision{3, true, false, false, false, false, 0, "hello", {}, {}});
  const auto heard = link_->step(0, 3);
  EXPECT_EQ(heard.what, What::decision);
  EXPECT_EQ(heard.decision.tell, "hello");
  EXPECT_EQ(link_->step(0, std::nullopt).what, What::nothing);
  EXPECT_FALSE(link_->wait(0));
}

TEST_F(DaemonLinks, HandOnAChallengeToTheLoginThatIsAskedForAndEndAtAnyOther) {
  say(protocol::SessionChallenge{120, {3, "see", true, "sign", "> "}});
  const auto heard = link_->step(0, 3);
  EXPECT_EQ(heard.what, What::challenge);
  EXPECT_EQ(heard.challenge.wait_s, 120U);
  EXPECT_EQ(heard.challenge.challenge.instruction, "sign");
  say(protocol::SessionChallenge{120, {4, "see", false, "", ""}});
  EXPECT_EQ(link_->step(0, 3).what, What::end);
}

TEST_F(DaemonLinks, EndTheLoginAtADecisionThatIsNot) {
  say(protocol::Decision{3, true, false, false, false, false, 0, "", {}, {}});
  EXPECT_EQ(link_->step(0, 4).what, What::end);
}

TEST_F(DaemonLinks, EndTheLoginAtWhatIsNeverLegal) {
  say(protocol::GoOn{});
  EXPECT_EQ(link_->step(0, std::nullopt).what, What::end);
}

TEST_F(DaemonLinks, EndTheLoginWhenToldSo) {
  say(protocol::EndSession{"no more"});
  const auto heard = link_->step(0, 1);
  EXPECT_EQ(heard.what, What::end);
  EXPECT_EQ(heard.words, "no more");
}

TEST_F(DaemonLinks, EndALoginThatHasNotBegunWithTheConversation) {
  daemon_ = Fd();
  EXPECT_EQ(link_->step(0, 1).what, What::end);
}

TEST_F(DaemonLinks, AskTheNextDaemonEveryHalfSecondUntilItSaysGoOn) {
  link_->begun(resume());
  daemon_ = Fd();
  EXPECT_EQ(link_->step(1000, std::nullopt).what, What::nothing);
  EXPECT_EQ(link_->fd(), -1);
  EXPECT_EQ(link_->wait(1000), between_attempts_ms);
  EXPECT_EQ(link_->step(1500, std::nullopt).what, What::nothing);  // nobody listens
  EXPECT_EQ(link_->wait(1500), between_attempts_ms);
  listen_again();
  EXPECT_EQ(link_->step(1700, std::nullopt).what, What::nothing);
  EXPECT_EQ(link_->fd(), -1);
  EXPECT_EQ(link_->step(2000, std::nullopt).what, What::nothing);
  ASSERT_GE(link_->fd(), 0);
  daemon_ = Fd(accept(listener_.get(), nullptr, nullptr));
  const auto asked = next_of_daemon();
  ASSERT_TRUE(asked);
  ASSERT_TRUE(std::holds_alternative<protocol::Resume>(*asked));
  EXPECT_EQ(std::get<protocol::Resume>(*asked).user, "ann");
  EXPECT_TRUE(std::get<protocol::Resume>(*asked).agent_forwarding);
  EXPECT_EQ(std::get<protocol::Resume>(*asked).checked, "ann@example.com");
  EXPECT_FALSE(std::get<protocol::Resume>(*asked).local_forwarding);
  EXPECT_EQ(link_->wait(2000), patience - 1000);
  say(protocol::GoOn{});
  EXPECT_EQ(link_->step(3000, std::nullopt).what, What::nothing);
  EXPECT_FALSE(link_->wait(3000));
}

TEST_F(DaemonLinks, EndALoginThatFindsNoDaemonInTime) {
  link_->begun(resume());
  daemon_ = Fd();
  EXPECT_EQ(link_->step(1000, std::nullopt).what, What::nothing);
  EXPECT_EQ(link_->step(1000 + patience - 1, std::nullopt).what, What::nothing);
  EXPECT_EQ(link_->wait(1000 + patience - 1), 1);
  const auto heard = link_->step(1000 + patience, std::nullopt);
  EXPECT_EQ(heard.what, What::end);
  EXPECT_THAT(heard.words, ::testing::HasSubstr("60 s"));
}

// A daemon that connects and dies, again and again, is none.
TEST_F(DaemonLinks, CountTheTimeOnWhereADaemonAnswersWithNothing) {
  link_->begun(resume());
  daemon_ = Fd();
  listen_again();
  EXPECT_EQ(link_->step(0, std::nullopt).what, What::nothing);
  Milliseconds now = between_attempts_ms;
  for (; now < patience; now += between_attempts_ms) {
    ASSERT_EQ(link_->step(now, std::nullopt).what, What::nothing) << now;
    if (link_->fd() >= 0) daemon_ = Fd(accept(listener_.get(), nullptr, nullptr));
    daemon_ = Fd();
  }
  EXPECT_EQ(link_->step(now, std::nullopt).what, What::end);
}

}  // namespace
}  // namespace acl::node::session
