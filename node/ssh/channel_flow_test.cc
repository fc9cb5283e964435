// What goes through channels, the windows, and how a channel ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "node/ssh/channels_testing.h"

namespace acl::node::ssh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using ChannelFlow = ChannelsTest;

TEST_F(ChannelFlow, InputGoesToTheProcessAndItsEndClosesThatAlone) {
  const Process process = running();
  hear(msg_channel_data, carrying("hello"));
  EXPECT_EQ(read_from(process.in), "hello");
  hear(msg_channel_eof, only(0));
  EXPECT_TRUE(at_end(process.in));
  write_to(process.out, "still here");
  read_all();
  EXPECT_THAT(sent, SizeIs(1));
}

TEST_F(ChannelFlow, InputBeforeTheProcessWaitsForIt) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_data, carrying("early"));
  hear(msg_channel_request, exec("cat"));
  hear(msg_channel_data, carrying(" bird"));
  hear(msg_channel_eof, only(0));
  const Process process = give_pipes();
  EXPECT_EQ(read_from(process.in), "early bird");
  EXPECT_TRUE(at_end(process.in));
}

// Back-pressure: the window is given back only for what the process has taken.
TEST_F(ChannelFlow, AProcessThatDoesNotReadHoldsTheClientBackAndLosesNothing) {
  const Process process = running();
  std::string all;
  unsigned adjusts = 0;
  while (channel().may_receive >= packet_size) {
    const std::string piece(packet_size, static_cast<char>('a' + all.size() / packet_size % 26));
    all += piece;
    hear(msg_channel_data, carrying(piece));
    ASSERT_FALSE(last.over);
    adjusts += static_cast<unsigned>(last.packets.size());
  }
  EXPECT_LE(channel().input.size(), window_size);
  EXPECT_EQ(adjusts, 0U);  // the pipe took 64 KiB, less than is worth a packet
  std::string got;
  for (int i = 0; i < 1000 && got.size() < all.size(); ++i) {
    got += read_from(process.in);
    last = {};
    channels.write_input(channel(), last);
    for (const Bytes& packet : last.packets) EXPECT_EQ(packet[0], msg_channel_window_adjust);
  }
  EXPECT_EQ(got, all);
  EXPECT_GT(channel().may_receive, window_size - 3 * packet_size);
}

TEST_F(ChannelFlow, DataBeyondTheWindowEndsTheConnection) {
  const Process process = running();
  const std::string piece(packet_size, 'x');
  for (std::uint32_t i = 0; i < window_size / packet_size; ++i) hear(msg_channel_data, carrying(piece));
  EXPECT_FALSE(last.over);
  EXPECT_TRUE(hear(msg_channel_data, carrying(piece)).over);
}

TEST_F(ChannelFlow, NoMoreIsReadThanTheClientsWindowAndPiecesAllow) {
  hear(msg_channel_open, open_session(peer, 10, 4));
  hear(msg_channel_request, exec("x"));
  const Process process = give_pipes();
  write_to(process.out, "0123456789abcdef");
  read_all();
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_EQ(text(ByteView(sent[0]).subspan(9)), "0123");
  EXPECT_EQ(text(ByteView(sent[2]).subspan(9)), "89");
  EXPECT_FALSE(channel().may_read());
  hear(msg_channel_window_adjust, PacketWriter().number(0).number(3).take());
  read_all();
  ASSERT_THAT(sent, SizeIs(4));
  EXPECT_EQ(text(ByteView(sent[3]).subspan(9)), "abc");
}

TEST_F(ChannelFlow, AWindowBeyondItsBoundEndsTheConnection) {
  const Process process = running();
  EXPECT_TRUE(hear(msg_channel_window_adjust, PacketWriter().number(0).number(UINT32_MAX).take()).over);
}

TEST_F(ChannelFlow, StandardErrorIsItsOwnStream) {
  const Process process = running();
  write_to(process.err, "oops");
  read_all(true);
  ASSERT_THAT(sent, SizeIs(1));
  PacketReader reader(ByteView{sent[0]}.subspan(1));
  EXPECT_EQ(sent[0][0], msg_channel_extended_data);
  EXPECT_EQ(reader.number(), peer);
  EXPECT_EQ(reader.number(), 1U);
  EXPECT_EQ(reader.string(), "oops");
}

TEST_F(ChannelFlow, TheStatusComesAfterAllOutputAndBeforeEofAndClose) {
  Process process = running();
  write_to(process.out, "last words");
  process = {};
  exited(7);
  EXPECT_THAT(settle().packets, IsEmpty());  // output is still there
  read_all();
  EXPECT_THAT(settle().packets, IsEmpty());
  read_all(true);
  settle();
  ASSERT_THAT(types(), ElementsAre(msg_channel_request, msg_channel_eof, msg_channel_close));
  PacketReader status(ByteView(last.packets[0]).subspan(1));
  EXPECT_EQ(status.number(), peer);
  EXPECT_EQ(status.string(), "exit-status");
  EXPECT_FALSE(status.boolean());
  EXPECT_EQ(status.number(), 7U);
  EXPECT_TRUE(status.done());
  // Then the client closes, and aclnode-session hears of it once.
  hear(msg_channel_close, only(0));
  EXPECT_THAT(types(), IsEmpty());
  settle();
  ASSERT_THAT(last.messages, SizeIs(1));
  EXPECT_EQ(std::get<protocol::Closed>(last.messages[0]).channel, 0U);
  EXPECT_THAT(channels.all(), IsEmpty());
}

TEST_F(ChannelFlow, ASignalThatEndedTheProcessIsNamed) {
  Process process = running();
  process = {};
  read_all();
  read_all(true);
  protocol::Exited message;
  message.signalled = true;
  message.signal = "SEGV";
  message.core = true;
  channels.exited(message, 0, last);
  settle();
  PacketReader status(ByteView(last.packets.at(0)).subspan(5));
  EXPECT_EQ(status.string(), "exit-signal");
  EXPECT_FALSE(status.boolean());
  EXPECT_EQ(status.string(), "SEGV");
  EXPECT_TRUE(status.boolean());
}

TEST_F(ChannelFlow, AProcessThatOnlyClosesItsOutputGetsEofSentAfterAWhile) {
  Process process = running();
  process.out = Fd();
  process.err = Fd();
  read_all(false, 1000);
  read_all(true, 1000);
  EXPECT_THAT(settle(1000).packets, IsEmpty());
  EXPECT_EQ(again, Channels::eof_alone_ms);
  settle(1000 + Channels::eof_alone_ms);
  EXPECT_THAT(types(), ElementsAre(msg_channel_eof));
  exited(0, 5000);
  settle(5000);
  EXPECT_THAT(types(), ElementsAre(msg_channel_request, msg_channel_close));
}

// OpenSSH's client, when sessions share a connection, closes at the EOF and waits.
TEST_F(ChannelFlow, AClientThatClosesAfterTheEofIsStillToldHowTheProcessEnds) {
  Process process = running();
  process.out = Fd();
  process.err = Fd();
  read_all();
  read_all(true);
  settle(Channels::eof_alone_ms);
  ASSERT_THAT(types(), ElementsAre(msg_channel_eof));
  hear(msg_channel_data, carrying("still for the process"));
  hear(msg_channel_close, only(0));
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(read_from(process.in), "still for the process");
  EXPECT_THAT(settle(5000).packets, IsEmpty());
  EXPECT_THAT(last.messages, IsEmpty());
  last = {};
  channels.tell_all("the policy has changed", last);
  EXPECT_THAT(types(), IsEmpty());  // nothing may follow an EOF
  exited(4, 6000);
  settle(6000);
  ASSERT_THAT(types(), ElementsAre(msg_channel_request, msg_channel_close));
  PacketReader status(ByteView(last.packets[0]).subspan(5));
  EXPECT_EQ(status.string(), "exit-status");
  EXPECT_FALSE(status.boolean());
  EXPECT_EQ(status.number(), 4U);
  EXPECT_THAT(last.messages, SizeIs(1));
  EXPECT_THAT(channels.all(), IsEmpty());
}

// `ssh -t host 'exec <&- >&- 2>&-; …'`: the kernel would hang it up, were the terminal's other end closed.
TEST_F(ChannelFlow, AProcessThatClosesItsTerminalGoesOnUntilTheClientCloses) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "shell", true));
  { const Fd closed = give_terminal(); }
  read_all();
  settle(Channels::eof_alone_ms);
  ASSERT_THAT(types(), ElementsAre(msg_channel_eof));
  EXPECT_TRUE(bool{channel().from});
  hear(msg_channel_close, only(0));
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_FALSE(bool{channel().from});
  EXPECT_THAT(settle(5000).packets, IsEmpty());
  exited(4, 6000);
  settle(6000);
  EXPECT_THAT(types(), ElementsAre(msg_channel_request, msg_channel_close));
  EXPECT_THAT(channels.all(), IsEmpty());
}

// `sleep 1000 &` in an interactive shell that then exits.
TEST_F(ChannelFlow, ATerminalThatSomebodyStillHoldsIsLetGoAfterItsProcess) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "shell", true));
  const Fd held = give_terminal();
  write_to(held, "bye");
  exited(0, 1000);
  EXPECT_THAT(settle(1000).packets, IsEmpty());
  EXPECT_EQ(again, Channels::terminal_quiet_ms);
  read_all(false, 1000);
  EXPECT_THAT(sent, SizeIs(1));
  settle(1000 + Channels::terminal_quiet_ms);
  EXPECT_THAT(types(), ElementsAre(msg_channel_request, msg_channel_eof, msg_channel_close));
}

// `ssh -t host command | less`: the command is long over, and who reads it has only now gone on.
TEST_F(ChannelFlow, ATerminalIsNotQuietWhileTheClientsWindowIsClosed) {
  hear(msg_channel_open, open_session(peer, 4));
  hear(msg_channel_request, request(0, "shell", true));
  const Fd held = give_terminal();
  write_to(held, "last words");
  read_all(false, 1000);
  EXPECT_THAT(sent, SizeIs(1));
  exited(0, 1000);
  EXPECT_THAT(settle(1000).packets, IsEmpty());
  EXPECT_EQ(again, std::nullopt);  // the client's turn
  EXPECT_THAT(settle(5000).packets, IsEmpty());
  hear(msg_channel_window_adjust, PacketWriter().number(0).number(1000).take());
  EXPECT_THAT(settle(5000).packets, IsEmpty());
  EXPECT_EQ(again, Channels::terminal_quiet_ms);
  read_all(false, 5001);
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(text(ByteView(sent[1]).subspan(9)), " words");
  settle(5001 + Channels::terminal_quiet_ms);
  EXPECT_THAT(types(), ElementsAre(msg_channel_request, msg_channel_eof, msg_channel_close));
}

// The client is slow, or keys are exchanged.
TEST_F(ChannelFlow, ATerminalIsNotQuietWhileNothingIsReadFromProcesses) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "shell", true));
  const Fd held = give_terminal();
  write_to(held, "last words");
  exited(0, 1000);
  EXPECT_THAT(settle(1000, false).packets, IsEmpty());
  EXPECT_EQ(again, std::nullopt);
  EXPECT_THAT(settle(5000, false).packets, IsEmpty());
  EXPECT_THAT(settle(6000).packets, IsEmpty());
  EXPECT_EQ(again, Channels::terminal_quiet_ms);
  read_all(false, 6001);
  EXPECT_THAT(sent, SizeIs(1));
  settle(6001 + Channels::terminal_quiet_ms);
  EXPECT_THAT(types(), ElementsAre(msg_channel_request, msg_channel_eof, msg_channel_close));
}

TEST_F(ChannelFlow, CloseStillWritesWhatTheClientHadSent) {
  const Process process = running();
  const std::string much(1 << 20, 'x');
  for (std::size_t at = 0; at < much.size(); at += packet_size)
    hear(msg_channel_data, carrying(std::string_view(much).substr(at, packet_size)));
  hear(msg_channel_eof, only(0));
  hear(msg_channel_close, only(0));
  EXPECT_THAT(types(), ElementsAre(msg_channel_close));
  EXPECT_THAT(settle().messages, IsEmpty());  // not closed yet
  std::string got;
  while (!channels.all().empty()) {
    got += read_from(process.in);
    last = {};
    channels.write_input(channel(), last);
    settle();
  }
  got += read_from(process.in);
  EXPECT_EQ(got, much);
  ASSERT_THAT(last.messages, SizeIs(1));
}

TEST_F(ChannelFlow, CloseHangsATerminalUpWhateverWaitsForIt) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "shell", true));
  const Fd held = give_terminal();
  const std::string piece(packet_size, '\n');
  for (int i = 0; i < 8; ++i) hear(msg_channel_data, carrying(piece));
  ASSERT_FALSE(channel().input.empty());
  hear(msg_channel_close, only(0));
  EXPECT_THAT(types(), ElementsAre(msg_channel_close));
  EXPECT_EQ(write(held.get(), "x", 1), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_THAT(settle().messages, SizeIs(1));
  EXPECT_THAT(channels.all(), IsEmpty());
}

TEST_F(ChannelFlow, AClientThatClosesStopsTheProcessesOutput) {
  const Process process = running();
  hear(msg_channel_close, only(0));
  settle();
  EXPECT_THAT(channels.all(), IsEmpty());
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(write(process.out.get(), "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(ChannelFlow, AProcessThatClosesItsInputGetsNoMoreAndTheClientIsTold) {
  std::signal(SIGPIPE, SIG_IGN);
  Process process = running();
  process.in = Fd();
  hear(msg_channel_data, carrying("nobody reads this"));
  ASSERT_THAT(types(), ElementsAre(msg_channel_request));
  EXPECT_THAT(std::string(text(last.packets[0])), HasSubstr("eow@openssh.com"));
  const std::string piece(packet_size, 'x');
  unsigned adjusts = 0;
  for (int i = 0; i < 200; ++i) {
    ASSERT_FALSE(hear(msg_channel_data, carrying(piece)).over);
    adjusts += static_cast<unsigned>(last.packets.size());
  }
  EXPECT_GT(adjusts, 0U);  // else the client would wait for ever
}

TEST_F(ChannelFlow, EndOfWriteFromTheClientClosesTheProcessesOutput) {
  const Process process = running();
  hear(msg_channel_request, request(0, "eow@openssh.com", false));
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(write(process.out.get(), "x", 1), -1);
}

}  // namespace
}  // namespace acl::node::ssh
