#include "node/ssh/channels.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <csignal>
#include <string>
#include <vector>

#include "node/protocol/login_conversation.h"

namespace acl::node::ssh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint32_t peer = 700;  // the client's number for its first channel

Bytes open_session(std::uint32_t number = peer, std::uint32_t window = 1 << 20, std::uint32_t piece = 32768) {
  return PacketWriter().string("session").number(number).number(window).number(piece).take();
}
Bytes request(std::uint32_t channel, std::string_view name, bool reply, const Bytes& rest = {}) {
  return PacketWriter().number(channel).string(name).boolean(reply).raw(rest).take();
}
Bytes exec(std::string_view command, bool reply = true) {
  return request(0, "exec", reply, PacketWriter().string(command).take());
}
Bytes carrying(std::string_view bytes) { return PacketWriter().number(0).string(bytes).take(); }
Bytes only(std::uint32_t channel) { return PacketWriter().number(channel).take(); }

// The other ends of what a channel was given.
struct Process {
  Fd in, out, err;
};

class ChannelsTest : public ::testing::Test {
 protected:
  explicit ChannelsTest(bool forwarding = true) : channels(allow(forwarding), true) {}
  static protocol::LoginVerdict allow(bool forwarding) {
    protocol::LoginVerdict verdict;
    verdict.accept = true;
    verdict.local_forwarding = forwarding;
    return verdict;
  }
  Effects& hear(std::uint8_t type, const Bytes& payload) {
    last = {};
    channels.hear(type, payload, last);
    return last;
  }
  Effects& settle(std::int64_t now = 0, bool room = true) {
    last = {};
    again = channels.settle(now, room, last);
    return last;
  }
  void exited(std::uint32_t status, std::int64_t now = 0) {
    protocol::Exited message;
    message.status = status;
    last = {};
    channels.exited(message, now, last);
  }
  Channel& channel(std::uint32_t number = 0) { return channels.all().at(number); }

  Process give_pipes(std::uint32_t asked = 0) {
    Process process;
    Fd ours[3];
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    process.in = Fd(ends[0]);
    ours[0] = Fd(ends[1]);
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ours[1] = Fd(ends[0]);
    process.out = Fd(ends[1]);
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ours[2] = Fd(ends[0]);
    process.err = Fd(ends[1]);
    last = {};
    channels.opened({asked, protocol::ChannelKind::pipes}, ours, last);
    return process;
  }
  // The end of the terminal that a process holds.
  Fd give_terminal() {
    int master = -1;
    int slave = -1;
    EXPECT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    Fd ours(master);
    last = {};
    channels.opened({0, protocol::ChannelKind::terminal}, std::span(&ours, 1), last);
    return Fd(slave);
  }
  Process running() {
    hear(msg_channel_open, open_session());
    hear(msg_channel_request, exec("cat"));
    return give_pipes();
  }
  // All packets that reading the process's output makes, until nothing more comes.
  void read_all(bool errors = false, std::int64_t now = 0) {
    Bytes buffer(packet_size);
    for (int i = 0; i < 100 && channel().may_read(); ++i) {
      const std::size_t before = sent.size();
      channels.read_output(channel(), errors, buffer, now, [this](ByteView head, ByteView bytes) {
        sent.push_back(PacketWriter().raw(head).raw(bytes).take());
      });
      if (sent.size() == before) return;
    }
  }
  std::vector<int> types() const {
    std::vector<int> all;
    for (const Bytes& packet : last.packets) all.push_back(packet[0]);
    return all;
  }
  static std::string read_from(const Fd& fd) {
    fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    std::string bytes(4 << 20, '\0');
    std::size_t have = 0;
    for (;;) {
      const ssize_t got = read(fd.get(), bytes.data() + have, bytes.size() - have);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }
  static bool at_end(const Fd& fd) {
    char byte = 0;
    return read(fd.get(), &byte, 1) == 0;
  }
  static void write_to(const Fd& fd, std::string_view bytes) {
    ASSERT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  Channels channels;
  Effects last;
  std::optional<std::int64_t> again;
  std::vector<Bytes> sent;
};

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
  EXPECT_FALSE(open.wants_agent);
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

TEST_F(ChannelsTest, InputGoesToTheProcessAndItsEndClosesThatAlone) {
  const Process process = running();
  hear(msg_channel_data, carrying("hello"));
  EXPECT_EQ(read_from(process.in), "hello");
  hear(msg_channel_eof, only(0));
  EXPECT_TRUE(at_end(process.in));
  write_to(process.out, "still here");
  read_all();
  EXPECT_THAT(sent, SizeIs(1));
}

TEST_F(ChannelsTest, InputBeforeTheProcessWaitsForIt) {
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
TEST_F(ChannelsTest, AProcessThatDoesNotReadHoldsTheClientBackAndLosesNothing) {
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

TEST_F(ChannelsTest, DataBeyondTheWindowEndsTheConnection) {
  const Process process = running();
  const std::string piece(packet_size, 'x');
  for (std::uint32_t i = 0; i < window_size / packet_size; ++i) hear(msg_channel_data, carrying(piece));
  EXPECT_FALSE(last.over);
  EXPECT_TRUE(hear(msg_channel_data, carrying(piece)).over);
}

TEST_F(ChannelsTest, NoMoreIsReadThanTheClientsWindowAndPiecesAllow) {
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

TEST_F(ChannelsTest, AWindowBeyondItsBoundEndsTheConnection) {
  const Process process = running();
  EXPECT_TRUE(hear(msg_channel_window_adjust, PacketWriter().number(0).number(UINT32_MAX).take()).over);
}

TEST_F(ChannelsTest, StandardErrorIsItsOwnStream) {
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

TEST_F(ChannelsTest, TheStatusComesAfterAllOutputAndBeforeEofAndClose) {
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

TEST_F(ChannelsTest, ASignalThatEndedTheProcessIsNamed) {
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

TEST_F(ChannelsTest, AProcessThatOnlyClosesItsOutputGetsEofSentAfterAWhile) {
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

// `sleep 1000 &` in an interactive shell that then exits.
TEST_F(ChannelsTest, ATerminalThatSomebodyStillHoldsIsLetGoAfterItsProcess) {
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
TEST_F(ChannelsTest, ATerminalIsNotQuietWhileTheClientsWindowIsClosed) {
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
TEST_F(ChannelsTest, ATerminalIsNotQuietWhileNothingIsReadFromProcesses) {
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

TEST_F(ChannelsTest, CloseStillWritesWhatTheClientHadSent) {
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

TEST_F(ChannelsTest, CloseHangsATerminalUpWhateverWaitsForIt) {
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

TEST_F(ChannelsTest, AClientThatClosesStopsTheProcessesOutput) {
  const Process process = running();
  hear(msg_channel_close, only(0));
  settle();
  EXPECT_THAT(channels.all(), IsEmpty());
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(write(process.out.get(), "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
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

TEST_F(ChannelsTest, AProcessThatClosesItsInputGetsNoMoreAndTheClientIsTold) {
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

TEST_F(ChannelsTest, EndOfWriteFromTheClientClosesTheProcessesOutput) {
  const Process process = running();
  hear(msg_channel_request, request(0, "eow@openssh.com", false));
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(write(process.out.get(), "x", 1), -1);
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
  for (const char* name : {"x11-req", "auth-agent-req@openssh.com", "keepalive@openssh.com", "nobody-knows"}) {
    hear(msg_channel_request, request(0, name, true));
    EXPECT_THAT(types(), ElementsAre(msg_channel_failure)) << name;
    hear(msg_channel_request, request(0, name, false));
    EXPECT_THAT(types(), IsEmpty()) << name;
  }
  for (const char* name : {"tcpip-forward", "hostkeys-prove-00@openssh.com", "streamlocal-forward@openssh.com"}) {
    hear(msg_global_request, PacketWriter().string(name).boolean(true).take());
    EXPECT_THAT(types(), ElementsAre(msg_request_failure)) << name;
    hear(msg_global_request, PacketWriter().string(name).boolean(false).take());
    EXPECT_THAT(types(), IsEmpty()) << name;
  }
  for (const char* type :
       {"x11", "forwarded-tcpip", "auth-agent@openssh.com", "direct-streamlocal@openssh.com", "tun@openssh.com"}) {
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
  for (std::size_t i = 0; i < protocol::most_channels; ++i) hear(msg_channel_open, open_session());
  EXPECT_THAT(types(), ElementsAre(msg_channel_open_confirmation));
  hear(msg_channel_open, open_session());
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

Bytes open_forward(std::string_view host, std::uint32_t port) {
  return PacketWriter()
      .string("direct-tcpip")
      .number(peer)
      .number(1 << 20)
      .number(32768)
      .string(host)
      .number(port)
      .string("127.0.0.1")
      .number(4242)
      .take();
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

TEST_F(NoForwarding, IsRefusedWithoutAskingAnybody) {
  hear(msg_channel_open, open_forward("db", 5432));
  ASSERT_THAT(types(), ElementsAre(msg_channel_open_failure));
  PacketReader reader(ByteView(last.packets[0]).subspan(5));
  EXPECT_EQ(reader.number(), 1U);  // administratively prohibited
  EXPECT_THAT(last.messages, IsEmpty());
}

}  // namespace
}  // namespace acl::node::ssh
