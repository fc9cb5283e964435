// Opening, requests and refusals, and forwards. What goes through channels and how they end: channel_flow_test.cc.
#include "node/ssh/channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "node/protocol/login_conversation.h"
#include "node/ssh/channels_testing.h"

namespace acl::node::ssh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(ChannelsTest, ASessionIsConfirmedWithOurWindow) {
  hear(msg_channel_open, open_session());
  ASSERT_THAT(types(), ElementsAre(msg_channel_open_confirmation));
  PacketReader reader(ByteView(last.packets[0]).subspan(1));
  EXPECT_EQ(reader.number(), peer);
  EXPECT_EQ(reader.number(), 0U);
  EXPECT_EQ(reader.number(), window_size);
  EXPECT_EQ(reader.number(), packet_size);
}

TEST_F(ChannelsTest, AProcessIsAskedForWithAllThatWasCollected) {
  hear(msg_channel_open, open_session());
  Bytes modes = PacketWriter().byte(53).number(1).byte(0).take();
  hear(msg_channel_request,
       request(0, "pty-req", true,
               PacketWriter().string("xterm").number(80).number(24).number(640).number(480).string(modes).take()));
  EXPECT_THAT(types(), ElementsAre(msg_channel_success));
  hear(msg_channel_request, request(0, "env", false, PacketWriter().string("LANG").string("C").take()));
  EXPECT_THAT(types(), IsEmpty());
  hear(msg_channel_request, exec("vi"));
  EXPECT_THAT(types(), IsEmpty());  // the reply comes when there is a process
  ASSERT_THAT(last.messages, SizeIs(1));
  const auto& open = std::get<protocol::OpenChannel>(last.messages[0]);
  EXPECT_EQ(open.kind, protocol::OpenKind::exec);
  EXPECT_EQ(open.command, "vi");
  EXPECT_TRUE(open.has_terminal);
  EXPECT_EQ(open.terminal.name, "xterm");
  EXPECT_EQ(open.terminal.columns, 80U);
  EXPECT_EQ(open.terminal.height, 480U);
  EXPECT_EQ(open.terminal.modes, modes);
  EXPECT_THAT(open.environment, ElementsAre(std::pair<std::string, std::string>("LANG", "C")));
  EXPECT_FALSE(open.agent);
  const Process process = give_pipes();
  EXPECT_THAT(types(), ElementsAre(msg_channel_success));
}

TEST_F(ChannelsTest, ChannelsAreNumberedForTheSessionInTheOrderOfTheirProcesses) {
  hear(msg_channel_open, open_session(1));
  hear(msg_channel_open, open_session(2));
  hear(msg_channel_request, request(1, "shell", true));
  EXPECT_EQ(std::get<protocol::OpenChannel>(last.messages.at(0)).channel, 0U);
  hear(msg_channel_request, request(0, "shell", true));
  EXPECT_EQ(std::get<protocol::OpenChannel>(last.messages.at(0)).channel, 1U);
}

TEST_F(ChannelsTest, AWindowChangeReachesTheTerminal) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "shell", true));
  const Fd held = give_terminal();
  const Bytes size = PacketWriter().number(132).number(70'000).number(0).number(0).take();
  hear(msg_channel_request, request(0, "window-change", false, size));
  winsize now{};
  ASSERT_EQ(ioctl(held.get(), TIOCGWINSZ, &now), 0);
  EXPECT_EQ(now.ws_col, 132);
  EXPECT_EQ(now.ws_row, UINT16_MAX);
  hear(msg_channel_request, request(0, "break", true, PacketWriter().number(500).take()));
  EXPECT_THAT(types(), ElementsAre(msg_channel_success));
}

// In a login that is recorded the terminal is the recorder's, and this program has a stream to it.
TEST_F(ChannelsTest, ASizeOfATerminalThatIsElsewhereIsHandedOn) {
  hear(msg_channel_open, open_session());
  const Bytes wanted = PacketWriter().string("xterm").number(80).number(24).number(0).number(0).string("").take();
  hear(msg_channel_request, request(0, "pty-req", true, wanted));
  hear(msg_channel_request, request(0, "shell", true));
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  channels.opened({0, protocol::ChannelKind::terminal}, std::span(&ours, 1), last);
  const Bytes size = PacketWriter().number(100).number(40).number(7).number(8).take();
  hear(msg_channel_request, request(0, "window-change", false, size));
  ASSERT_EQ(last.messages.size(), 1U);
  const auto& resize = std::get<protocol::Resize>(last.messages[0]);
  EXPECT_EQ(resize.channel, 0U);
  EXPECT_EQ(resize.columns, 100U);
  EXPECT_EQ(resize.rows, 40U);
  EXPECT_EQ(resize.height, 8U);
}

TEST_F(ChannelsTest, AClosedChannelWhoseProcessIsOnItsWayIsToldAndItsDescriptorsAreDropped) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, exec("x"));
  hear(msg_channel_close, only(0));
  EXPECT_THAT(types(), ElementsAre(msg_channel_close));
  EXPECT_THAT(settle().messages, SizeIs(1));
  const Process process = give_pipes();
  EXPECT_THAT(last.packets, IsEmpty());
  EXPECT_TRUE(at_end(process.in));
}

TEST_F(ChannelsTest, RequestsDuringTheStartAreAnsweredInTheirOrder) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, exec("x"));
  hear(msg_channel_request, request(0, "x11-req", true));
  EXPECT_THAT(types(), IsEmpty());
  hear(msg_channel_request, request(0, "signal", false, PacketWriter().string("TERM").take()));
  const Process process = give_pipes();
  EXPECT_THAT(types(), ElementsAre(msg_channel_success, msg_channel_failure));
  ASSERT_THAT(last.messages, SizeIs(1));
  EXPECT_EQ(std::get<protocol::Signal>(last.messages[0]).name, "TERM");
}

TEST_F(ChannelsTest, TooManyRequestsDuringTheStartEndTheConnection) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, exec("x"));
  const Bytes large = PacketWriter().string("A").string(std::string(30'000, 'b')).take();
  EXPECT_FALSE(hear(msg_channel_request, request(0, "env", true, large)).over);
  EXPECT_FALSE(hear(msg_channel_request, request(0, "env", true, large)).over);
  EXPECT_TRUE(hear(msg_channel_request, request(0, "env", true, large)).over);
}

// OpenSSH's client shows nothing of a channel whose request fails.
TEST_F(ChannelsTest, ARefusedProcessBeginsSaysWhyNotAndHasFailed) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, exec("x"));
  last = {};
  channels.refused({0, "there is no shell"}, last);
  ASSERT_THAT(types(), ElementsAre(msg_channel_success, msg_channel_extended_data, msg_channel_request, msg_channel_eof,
                                   msg_channel_close));
  EXPECT_THAT(std::string(text(last.packets[1])), HasSubstr("there is no shell"));
  PacketReader status(ByteView{last.packets[2]}.subspan(5));
  EXPECT_EQ(status.string(), "exit-status");
  hear(msg_channel_close, only(0));
  EXPECT_THAT(settle().messages, SizeIs(1));
}

TEST_F(ChannelsTest, ARefusedSubsystemFails) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "subsystem", true, PacketWriter().string("netconf").take()));
  last = {};
  channels.refused({0, "there is no such subsystem"}, last);
  ASSERT_THAT(types(), ElementsAre(msg_channel_failure));
  EXPECT_THAT(settle().messages, IsEmpty());
  hear(msg_channel_close, only(0));
  EXPECT_THAT(settle().messages, SizeIs(1));
}

TEST_F(ChannelsTest, AChannelHasOneProcess) {
  const Process process = running();
  hear(msg_channel_request, exec("another"));
  EXPECT_THAT(types(), ElementsAre(msg_channel_failure));
  EXPECT_THAT(last.messages, IsEmpty());
}

TEST_F(ChannelsTest, WhatIsNotThereIsRefusedAndAnswersOnlyWhoAsks) {
  hear(msg_channel_open, open_session());
  for (const char* name : {"x11-req", "keepalive@openssh.com", "nobody-knows"}) {
    hear(msg_channel_request, request(0, name, true));
    EXPECT_THAT(types(), ElementsAre(msg_channel_failure)) << name;
    hear(msg_channel_request, request(0, name, false));
    EXPECT_THAT(types(), IsEmpty()) << name;
  }
  for (const char* name :
       {"tcpip-forward", "cancel-tcpip-forward", "hostkeys-prove-00@openssh.com", "streamlocal-forward@openssh.com"}) {
    hear(msg_global_request, PacketWriter().string(name).boolean(true).take());
    EXPECT_THAT(types(), ElementsAre(msg_request_failure)) << name;
    hear(msg_global_request, PacketWriter().string(name).boolean(false).take());
    EXPECT_THAT(types(), IsEmpty()) << name;
  }
  for (const char* type : {"x11", "forwarded-tcpip", "auth-agent@openssh.com", "tun@openssh.com"}) {
    hear(msg_channel_open, PacketWriter().string(type).number(5).number(1).number(1).take());
    EXPECT_THAT(types(), ElementsAre(msg_channel_open_failure)) << type;
  }
}

TEST_F(ChannelsTest, VariablesTerminalsAndCommandsHaveBounds) {
  hear(msg_channel_open, open_session());
  const auto env = [&](std::string_view name, std::string_view value) {
    hear(msg_channel_request, request(0, "env", true, PacketWriter().string(name).string(value).take()));
    return types();
  };
  EXPECT_THAT(env("", "x"), ElementsAre(msg_channel_failure));
  EXPECT_THAT(env(std::string("A\0B", 3), "x"), ElementsAre(msg_channel_failure));
  EXPECT_THAT(env("A", std::string(protocol::longest_variable + 1, 'x')), ElementsAre(msg_channel_failure));
  unsigned taken = 0;
  for (int i = 0; i < 10; ++i)
    taken += env("A", std::string(protocol::longest_variable, 'x')) == std::vector<int>{msg_channel_success} ? 1 : 0;
  EXPECT_EQ(taken, 5U);  // 24 KiB in all
  hear(msg_channel_request, exec(std::string(protocol::longest_command + 1, 'x')));
  EXPECT_THAT(types(), ElementsAre(msg_channel_extended_data, msg_channel_failure));
  hear(msg_channel_request, exec(std::string("a\0b", 3)));
  EXPECT_THAT(types(), ElementsAre(msg_channel_extended_data, msg_channel_failure));
  hear(msg_channel_request, exec(std::string(protocol::longest_command, 'x')));
  EXPECT_THAT(last.messages, SizeIs(1));
  EXPECT_TRUE(protocol::encode(last.messages.at(0)));
}

TEST_F(ChannelsTest, ThereAreNoMoreChannelsThanTheConversationTakes) {
  for (std::size_t i = 0; i < protocol::most_sessions; ++i) hear(msg_channel_open, open_session());
  EXPECT_THAT(types(), ElementsAre(msg_channel_open_confirmation));
  hear(msg_channel_open, open_session());
  EXPECT_THAT(types(), ElementsAre(msg_channel_open_failure));
  for (std::size_t i = 0; i < protocol::most_forwards; ++i) hear(msg_channel_open, open_forward("db", 5432));
  EXPECT_THAT(types(), IsEmpty());
  hear(msg_channel_open, open_forward("db", 5432));
  EXPECT_THAT(types(), ElementsAre(msg_channel_open_failure));
}

TEST_F(ChannelsTest, NoMoreSessionsMeansNone) {
  const Bytes none = PacketWriter().string("no-more-sessions@openssh.com").boolean(false).take();
  hear(msg_global_request, none);
  EXPECT_FALSE(last.over);
  EXPECT_TRUE(hear(msg_channel_open, open_session()).over);
}

TEST_F(ChannelsTest, PacketsForChannelsThatAreNotOpenEndTheConnection) {
  for (std::uint8_t type = 91; type <= 100; ++type) {
    EXPECT_TRUE(hear(type, only(0)).over) << int{type};
    EXPECT_TRUE(hear(type, {}).over) << int{type};
  }
  const Process process = running();
  hear(msg_channel_close, only(0));
  EXPECT_TRUE(hear(msg_channel_data, carrying("x")).over);
}

TEST_F(ChannelsTest, EndIsToldOnEverySession) {
  const Process process = running();
  last = {};
  channels.tell_all("policy no longer allows this login", last);
  ASSERT_THAT(types(), ElementsAre(msg_channel_extended_data));
  EXPECT_THAT(std::string(text(last.packets[0])), HasSubstr("policy no longer allows"));
}

TEST_F(ChannelsTest, AForwardIsConfirmedWhenItIsConnectedAndCarriesBothWays) {
  hear(msg_channel_open, open_forward("db", 5432));
  EXPECT_THAT(types(), IsEmpty());
  const auto& connect = std::get<protocol::Connect>(last.messages.at(0));
  EXPECT_EQ(connect.host, "db");
  EXPECT_EQ(connect.port, 5432);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  last = {};
  channels.opened({0, protocol::ChannelKind::socket}, std::span(&ours, 1), last);
  EXPECT_THAT(types(), ElementsAre(msg_channel_open_confirmation));
  hear(msg_channel_data, carrying("query"));
  hear(msg_channel_eof, only(0));
  EXPECT_EQ(read_from(theirs), "query");
  EXPECT_TRUE(at_end(theirs));
  write_to(theirs, "answer");
  theirs = Fd();
  read_all();
  ASSERT_THAT(sent, SizeIs(1));
  settle();
  EXPECT_THAT(types(), ElementsAre(msg_channel_eof, msg_channel_close));
  hear(msg_channel_close, only(0));
  settle();
  EXPECT_THAT(channels.all(), IsEmpty());
}

TEST_F(ChannelsTest, AForwardThatCannotConnectFailsInWords) {
  hear(msg_channel_open, open_forward("db", 5432));
  last = {};
  channels.refused({0, "connection refused"}, last);
  ASSERT_THAT(types(), ElementsAre(msg_channel_open_failure));
  EXPECT_THAT(settle().messages, SizeIs(1));
  EXPECT_THAT(channels.all(), IsEmpty());
}

TEST_F(ChannelsTest, DescriptorsThatDoNotFitTheChannelEndTheConnection) {
  hear(msg_channel_open, open_forward("db", 5432));
  give_pipes();
  EXPECT_TRUE(last.over);
}

TEST_F(ChannelsTest, AForwardThatIsNotConfirmedYetTakesNothing) {
  hear(msg_channel_open, open_forward("db", 5432));
  EXPECT_TRUE(hear(msg_channel_close, only(0)).over);
}

class NoForwarding : public ChannelsTest {
 protected:
  NoForwarding() : ChannelsTest(false) {}
};

TEST_F(NoForwarding, IsProhibitedInTheWordsOfTheSession) {
  hear(msg_channel_open, open_forward("db", 5432));
  ASSERT_THAT(last.messages, SizeIs(1));
  last = {};
  channels.refused({0, "allow_local is false"}, last);
  ASSERT_THAT(types(), ElementsAre(msg_channel_open_failure));
  PacketReader reader(ByteView(last.packets[0]).subspan(5));
  EXPECT_EQ(reader.number(), 1U);  // administratively prohibited
  EXPECT_EQ(reader.string(), "allow_local is false");
}

}  // namespace
}  // namespace acl::node::ssh
