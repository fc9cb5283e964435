#include "node/session/forwarding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/protocol/channel.h"
#include "node/protocol/login_conversation.h"

namespace acl::node::session {
namespace {

using protocol::ListenKind;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The process that forwards is one that sleeps; what it says, the test says.
class ForwardingTest : public ::testing::Test {
 protected:
  ForwardingTest()
      : forwarding(
            {true, true, true, true, 0},
            [this](int socket) -> Expected<pid_t> {
              process = Fd(dup(socket));
              ++started;
              const pid_t pid = fork();
              if (pid == 0) {
                for (;;) pause();
              }
              return pid;
            },
            "ann") {}
  ~ForwardingTest() override { forwarding.kill(); }

  void connect(std::uint32_t channel) { EXPECT_FALSE(forwarding.connect(protocol::Connect{channel, "db", 1})); }
  void listen(std::uint32_t listener, ListenKind what = ListenKind::port) {
    protocol::Listen wanted;
    wanted.listener = listener;
    wanted.what = what;
    EXPECT_FALSE(forwarding.listen(wanted));
  }
  void say(const protocol::ToSsh& message, int along = -1) const {
    const auto bytes = protocol::encode(message);
    ASSERT_TRUE(bytes);
    protocol::send_message(process.get(), *bytes, std::span<const int>(&along, along >= 0 ? 1 : 0), protocol::Wait::no);
  }
  // What the process was told next.
  std::optional<protocol::FromSsh> told() const {
    std::vector<std::uint8_t> buffer(4096);
    const auto received = protocol::receive_message(process.get(), buffer);
    if (received.state != protocol::Received::State::message) return std::nullopt;
    return *protocol::decode_from_ssh(received.message);
  }
  void become_listening(std::uint32_t listener, ListenKind what = ListenKind::port, const char* name = "") {
    listen(listener, what);
    say(protocol::Listening{listener, true, 8080, name});
    EXPECT_THAT(forwarding.ready(), SizeIs(1));
  }
  bool was_killed() const { return forwarding.is_gone(); }

  Fd process;
  int started = 0;
  Forwarding forwarding;
};

Fd tcp() { return Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

TEST_F(ForwardingTest, StartsItsProcessWhenItIsNeededAndOnce) {
  EXPECT_EQ(forwarding.socket(), -1);
  connect(0);
  connect(1);
  EXPECT_EQ(started, 1);
  EXPECT_EQ(std::get<protocol::Connect>(*told()).channel, 0U);
  EXPECT_EQ(std::get<protocol::Connect>(*told()).channel, 1U);
  EXPECT_THAT(forwarding.ready(), IsEmpty());
}

TEST_F(ForwardingTest, HandsOnAConnectionAndWhyThereIsNone) {
  connect(7);
  connect(8);
  const Fd socket = tcp();
  say(protocol::Opened{8, protocol::ChannelKind::socket}, socket.get());
  say(protocol::Refused{7, "no\nroute"});
  const auto answers = forwarding.ready();
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(std::get<protocol::Opened>(answers[0].message).channel, 8U);
  EXPECT_TRUE(answers[0].descriptors[0]);
  EXPECT_EQ(std::get<protocol::Refused>(answers[1].message).words, "no route");
  EXPECT_FALSE(was_killed());
}

// It is the user's, and says what he likes.
TEST_F(ForwardingTest, BelievesNoDescriptorThatIsNoConnection) {
  const Fd datagram(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), listener = tcp(), file(dup(STDERR_FILENO));
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const Fd packets(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  for (const int wrong : {datagram.get(), listener.get(), file.get(), packets.get(), -1}) {
    connect(3);
    say(protocol::Opened{3, protocol::ChannelKind::socket}, wrong);
    const auto answers = forwarding.ready();
    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_TRUE(std::holds_alternative<protocol::Refused>(answers[0].message));
    EXPECT_TRUE(was_killed());
    EXPECT_EQ(forwarding.socket(), -1);
  }
  const Fd unix_stream(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  connect(3);
  say(protocol::Opened{3, protocol::ChannelKind::socket}, unix_stream.get());
  EXPECT_TRUE(std::holds_alternative<protocol::Opened>(forwarding.ready().at(0).message));
}

TEST_F(ForwardingTest, BelievesNoAnswerToWhatWasNotAsked) {
  const Fd socket = tcp();
  const std::pair<protocol::ToSsh, int> all[] = {
      {protocol::Opened{4, protocol::ChannelKind::socket}, socket.get()},
      {protocol::Refused{4, "x"}, -1},
      {protocol::Refused{3, "x"}, socket.get()},
      {protocol::Listening{3, true, 1, ""}, -1},
      {protocol::Accepted{3, "", 1}, -1},
      {protocol::End{"x"}, -1},
      {protocol::Signature{}, -1},
  };
  for (const auto& [message, along] : all) {
    connect(3);
    say(message, along);
    const auto answers = forwarding.ready();
    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_EQ(std::get<protocol::Refused>(answers[0].message).channel, 3U);
    EXPECT_TRUE(was_killed());
  }
  connect(3);
  ASSERT_EQ(send(process.get(), "\xff", 1, 0), 1);
  EXPECT_THAT(forwarding.ready(), SizeIs(1));
  EXPECT_TRUE(was_killed());
}

TEST_F(ForwardingTest, WhereItsProcessEndsWhatItWasAskedIsRefusedAndTheNextRequestStartsAnother) {
  connect(0);
  listen(0);
  become_listening(1);
  forwarding.kill();
  process = Fd();
  // It is not waited for: its end is seen when it comes.
  std::vector<Answer> answers;
  for (int i = 0; i < 500 && answers.empty(); ++i) {
    answers = forwarding.ready();
    if (answers.empty()) usleep(10'000);
  }
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(std::get<protocol::Refused>(answers[0].message).channel, 0U);
  EXPECT_FALSE(std::get<protocol::Listening>(answers[1].message).there);
  forwarding.unlisten({1});
  EXPECT_EQ(started, 1) << "what is gone needs no process to be given up";
  connect(1);
  EXPECT_EQ(started, 2);
}

TEST_F(ForwardingTest, KnowsTheNamesOfAgentsAndDisplaysAndKeepsThemFromAclnodeSsh) {
  listen(0, ListenKind::agent);
  EXPECT_EQ(forwarding.name_of(0), "");
  say(protocol::Listening{0, true, 0, "/tmp/ssh-x/agent.1"});
  const auto answers = forwarding.ready();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(std::get<protocol::Listening>(answers[0].message).words, "");
  EXPECT_EQ(forwarding.name_of(0), "/tmp/ssh-x/agent.1");
  EXPECT_EQ(forwarding.name_of(std::nullopt), "");
  forwarding.unlisten({0});
  EXPECT_EQ(forwarding.name_of(0), "");
}

TEST_F(ForwardingTest, AListenerThatIsGivenUpBeforeItIsThereIsNotToldOf) {
  listen(0);
  forwarding.unlisten({0});
  say(protocol::Listening{0, true, 8080, ""});
  EXPECT_THAT(forwarding.ready(), IsEmpty());
  EXPECT_FALSE(was_killed());
}

TEST_F(ForwardingTest, AcceptedConnectionsAreNoMoreThanThereIsRoomFor) {
  become_listening(0);
  const Fd socket = tcp();
  const auto accept_one = [&] {
    say(protocol::Accepted{0, "::1", 9}, socket.get());
    return forwarding.ready();
  };
  for (std::size_t i = 0; i < protocol::most_untaken; ++i) ASSERT_THAT(accept_one(), SizeIs(1));
  forwarding.taken({});
  EXPECT_THAT(accept_one(), SizeIs(1));
  EXPECT_FALSE(was_killed());
  EXPECT_THAT(accept_one(), IsEmpty());
  EXPECT_TRUE(was_killed());
}

TEST_F(ForwardingTest, AConnectionToWhatIsGivenUpCountsAsTaken) {
  become_listening(0);
  forwarding.unlisten({0});
  while (told()) continue;
  const Fd socket = tcp();
  say(protocol::Accepted{0, "::1", 9}, socket.get());
  EXPECT_THAT(forwarding.ready(), IsEmpty());
  EXPECT_TRUE(std::holds_alternative<protocol::Taken>(*told()));
}

TEST_F(ForwardingTest, WhatTheSocketHasNoRoomForIsSentLater) {
  std::uint32_t channel = 0;
  while (!forwarding.has_outgoing()) connect(channel++);
  connect(channel++);
  for (std::uint32_t i = 0; i < channel; ++i) {
    auto next = told();
    if (!next) {
      forwarding.flush();
      next = told();
    }
    ASSERT_TRUE(next);
    EXPECT_EQ(std::get<protocol::Connect>(*next).channel, i);
  }
}

TEST(ForwardingRights, AreAskedForEachAndARefusalSaysWhoseItIs) {
  int started = 0;
  const auto refused = [&](ForwardingRights rights, ListenKind what) {
    Forwarding forwarding(
        rights, [&](int) { return ++started, Expected<pid_t>(fail(Code::E1404, "none")); }, "ann");
    protocol::Listen wanted;
    wanted.what = what;
    return std::get<protocol::Listening>(forwarding.listen(wanted)->message).words;
  };
  const ForwardingRights none{};
  EXPECT_THAT(refused(none, ListenKind::port), HasSubstr("policy does not give it"));
  for (const auto& [what, bit, setting] : {std::tuple{ListenKind::port, protocol::narrowed_remote, "allow_remote"},
                                           std::tuple{ListenKind::path, protocol::narrowed_remote, "allow_remote"},
                                           std::tuple{ListenKind::agent, protocol::narrowed_agent, "allow_agent"},
                                           std::tuple{ListenKind::display, protocol::narrowed_x11, "allow_x11"}}) {
    EXPECT_THAT(refused({false, false, false, false, bit}, what), HasSubstr(std::string(setting) + " is false"));
  }
  Forwarding local(
      {true, false, true, true, protocol::narrowed_local},
      [&](int) { return ++started, Expected<pid_t>(fail(Code::E1404, "none")); }, "ann");
  for (const auto& answer :
       {local.connect(protocol::Connect{0, "db", 1}), local.connect(protocol::ConnectPath{0, "/x"})})
    EXPECT_THAT(std::get<protocol::Refused>(answer->message).words, HasSubstr("allow_local is false"));
  EXPECT_EQ(started, 0);
  EXPECT_THAT(refused({true, true, true, true, 0}, ListenKind::port), HasSubstr("cannot be started"));
}

}  // namespace
}  // namespace acl::node::session
