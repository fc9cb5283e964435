// What comes from this machine to the client: ports, sockets, an agent, a display.
#include "node/ssh/forwards.h"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <set>

#include "node/protocol/login_conversation.h"
#include "node/ssh/channels_testing.h"

namespace acl::node::ssh {
namespace {

using protocol::ListenKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Bytes port_request(std::string_view name, std::string_view host, std::uint32_t port, bool reply = true) {
  return PacketWriter().string(name).boolean(reply).string(host).number(port).take();
}
Bytes path_request(std::string_view name, std::string_view path) {
  return PacketWriter().string(name).boolean(true).string(path).take();
}
Bytes display_request(bool single, std::uint32_t screen = 0) {
  return request(0, "x11-req", true,
                 PacketWriter().boolean(single).string("MIT-MAGIC-COOKIE-1").string("0011").number(screen).take());
}

class Forwarded : public ChannelsTest {
 protected:
  void listening(std::uint32_t listener, bool there, std::uint16_t port = 0, std::string words = {}) {
    last = {};
    channels.listening({listener, there, port, std::move(words)}, last);
  }
  // Somebody connects: the other end.
  Fd accepted(std::uint32_t listener, std::string source = "127.0.0.1", std::uint16_t port = 4242) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    Fd ours(ends[0]);
    last = {};
    channels.accepted({listener, std::move(source), port}, std::span(&ours, 1), last);
    return Fd(ends[1]);
  }
  void confirm(std::uint32_t number, std::uint32_t window = 1 << 20) {
    hear(msg_channel_open_confirmation, PacketWriter().number(number).number(peer).number(window).number(32768).take());
  }
  template <class T>
  T message(std::size_t at = 0) const {
    return std::get<T>(last.messages.at(at));
  }
};

TEST_F(Forwarded, APortIsToldOnceItIsThereAndOnlyWhereItWasNotNamed) {
  hear(msg_global_request, port_request("tcpip-forward", "", 8080));
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(message<protocol::Listen>().port, 8080);
  EXPECT_EQ(message<protocol::Listen>().what, ListenKind::port);
  listening(0, true, 8080);
  ASSERT_THAT(types(), ElementsAre(msg_request_success));
  EXPECT_THAT(last.packets[0], SizeIs(1));
  hear(msg_global_request, port_request("tcpip-forward", "localhost", 0));
  listening(1, true, 40001);
  ASSERT_THAT(types(), ElementsAre(msg_request_success));
  PacketReader reader(ByteView(last.packets[0]).subspan(1));
  EXPECT_EQ(reader.number(), 40001U);
}

TEST_F(Forwarded, GlobalRequestsAreAnsweredInTheirOrder) {
  hear(msg_global_request, port_request("tcpip-forward", "", 1));
  hear(msg_global_request, PacketWriter().string("keepalive@openssh.com").boolean(true).take());
  hear(msg_global_request, port_request("tcpip-forward", "", 2));
  hear(msg_global_request, PacketWriter().string("no-more-sessions@openssh.com").boolean(true).take());
  EXPECT_THAT(last.packets, IsEmpty());
  listening(0, true, 1);
  EXPECT_THAT(types(), ElementsAre(msg_request_success, msg_request_failure));
  EXPECT_EQ(message<protocol::Listen>().port, 2);
  listening(1, true, 2);
  EXPECT_THAT(types(), ElementsAre(msg_request_success, msg_request_success));
}

TEST_F(Forwarded, AProcessFindsThePortsThatWereAskedForBeforeIt) {
  hear(msg_channel_open, open_session());
  hear(msg_global_request, port_request("tcpip-forward", "", 1));
  hear(msg_global_request, port_request("tcpip-forward", "", 2));
  hear(msg_channel_request, exec("curl localhost:2"));
  EXPECT_THAT(last.messages, IsEmpty());
  listening(0, true, 1);
  EXPECT_THAT(last.messages, SizeIs(1)) << "the second port";
  listening(1, true, 2);
  EXPECT_EQ(message<protocol::OpenChannel>().command, "curl localhost:2");
  hear(msg_global_request, port_request("tcpip-forward", "", 3));
  const Process process = give_pipes();
  hear(msg_channel_request, request(0, "signal", false, PacketWriter().string("INT").take()));
  EXPECT_THAT(last.messages, SizeIs(1)) << "one that runs does not wait";
}

TEST_F(Forwarded, WhatWaitsHasABound) {
  hear(msg_global_request, port_request("tcpip-forward", "", 1));
  for (int i = 0; i < 10'000 && !last.over; ++i) hear(msg_global_request, port_request("tcpip-forward", "", 1));
  EXPECT_TRUE(last.over);
}

TEST_F(Forwarded, AConnectionIsOfferedUnderTheNameThatTheClientGaveAndCarriesBothWays) {
  hear(msg_global_request, port_request("tcpip-forward", "*", 0));
  listening(0, true, 40001);
  Fd theirs = accepted(0, "::1", 9);
  ASSERT_THAT(types(), ElementsAre(msg_channel_open));
  PacketReader reader(ByteView(last.packets[0]).subspan(1));
  EXPECT_EQ(reader.string(), "forwarded-tcpip");
  const std::uint32_t number = reader.number();
  EXPECT_EQ(reader.number(), forward_window);
  EXPECT_EQ(reader.number(), packet_size);
  EXPECT_EQ(reader.string(), "*");
  EXPECT_EQ(reader.number(), 40001U);
  EXPECT_EQ(reader.string(), "::1");
  EXPECT_EQ(reader.number(), 9U);
  EXPECT_TRUE(reader.done());
  write_to(theirs, "hello");
  EXPECT_FALSE(channel(number).may_read()) << "the client has not taken it yet";
  confirm(number);
  EXPECT_THAT(last.messages, SizeIs(1));
  static_cast<void>(message<protocol::Taken>());
  read_all();
  EXPECT_THAT(sent, SizeIs(1));
  hear(msg_channel_data, carrying("answer"));
  EXPECT_EQ(read_from(theirs), "answer");
  theirs = Fd();
  read_all();
  settle();
  EXPECT_THAT(types(), ElementsAre(msg_channel_eof));
  hear(msg_channel_close, only(number));
  settle();
  EXPECT_THAT(last.messages, IsEmpty()) << "aclnode-session knows of no such channel";
  EXPECT_THAT(channels.all(), IsEmpty());
}

TEST_F(Forwarded, WhatTheClientDoesNotTakeIsClosed) {
  hear(msg_global_request, port_request("tcpip-forward", "", 1));
  listening(0, true, 1);
  const Fd theirs = accepted(0);
  hear(msg_channel_open_failure, PacketWriter().number(0).number(1).string("no").string("").take());
  static_cast<void>(message<protocol::Taken>());
  EXPECT_TRUE(at_end(theirs));
  EXPECT_THAT(channels.all(), IsEmpty());
}

TEST_F(Forwarded, OfAnOfferNothingElseIsSaid) {
  hear(msg_global_request, port_request("tcpip-forward", "", 1));
  listening(0, true, 1);
  for (std::uint8_t type = 93; type <= 100; ++type) {
    const Fd theirs = accepted(0);
    EXPECT_TRUE(hear(type, only(0)).over) << int{type};
  }
  EXPECT_TRUE(hear(msg_channel_open_confirmation, only(0)).over) << "not in its form";
  confirm(1);
  EXPECT_TRUE(hear(msg_channel_open_confirmation, only(1)).over) << "twice";
}

TEST_F(Forwarded, ACancelledListenerOffersNothingMore) {
  hear(msg_global_request, port_request("tcpip-forward", "localhost", 0));
  listening(0, true, 40001);
  hear(msg_global_request, port_request("cancel-tcpip-forward", "", 40001));
  EXPECT_THAT(types(), ElementsAre(msg_request_failure)) << "under another name there is none";
  hear(msg_global_request, port_request("cancel-tcpip-forward", "localhost", 40001));
  EXPECT_THAT(types(), ElementsAre(msg_request_success));
  EXPECT_EQ(message<protocol::Unlisten>().listener, 0U);
  const Fd theirs = accepted(0);
  EXPECT_THAT(types(), IsEmpty());
  static_cast<void>(message<protocol::Taken>());
  EXPECT_TRUE(at_end(theirs));
}

TEST_F(Forwarded, ASocketInTheFileSystemIsListenedAtAndConnectedTo) {
  hear(msg_global_request, path_request("streamlocal-forward@openssh.com", "/run/x"));
  EXPECT_EQ(message<protocol::Listen>().path, "/run/x");
  listening(0, true);
  EXPECT_THAT(types(), ElementsAre(msg_request_success));
  const Fd theirs = accepted(0, "", 0);
  PacketReader reader(ByteView(last.packets.at(0)).subspan(1));
  EXPECT_EQ(reader.string(), "forwarded-streamlocal@openssh.com");
  reader.raw(12);
  EXPECT_EQ(reader.string(), "/run/x");
  EXPECT_EQ(reader.string(), "");
  EXPECT_TRUE(reader.done());
  hear(msg_global_request, path_request("cancel-streamlocal-forward@openssh.com", "/run/x"));
  EXPECT_THAT(types(), ElementsAre(msg_request_success));

  hear(msg_channel_open, PacketWriter()
                             .string("direct-streamlocal@openssh.com")
                             .number(peer)
                             .number(1 << 20)
                             .number(32768)
                             .string("/run/y")
                             .string("")
                             .number(0)
                             .take());
  EXPECT_EQ(message<protocol::ConnectPath>().path, "/run/y");
}

TEST_F(Forwarded, ARefusedListenerIsExplainedToWhoeverIsThereOrComes) {
  hear(msg_global_request, port_request("tcpip-forward", "", 80));
  listening(0, false, 0, "cannot listen on port 80: Permission denied");
  EXPECT_THAT(types(), ElementsAre(msg_debug, msg_request_failure));
  EXPECT_EQ(message<protocol::Unlisten>().listener, 0U);
  const Process process = running();
  ASSERT_THAT(types(), ElementsAre(msg_channel_success, msg_channel_extended_data));
  EXPECT_THAT(std::string(text(last.packets[1])), HasSubstr("Permission denied"));
  hear(msg_global_request, port_request("tcpip-forward", "", 81));
  listening(1, false, 0, "no");
  EXPECT_THAT(types(), ElementsAre(msg_debug, msg_channel_extended_data, msg_request_failure));
}

TEST_F(Forwarded, AnAgentIsListenedForOnceAndGivenToTheSessionsThatAsked) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "auth-agent-req@openssh.com", true));
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_EQ(message<protocol::Listen>().what, ListenKind::agent);
  hear(msg_channel_request, exec("a"));
  EXPECT_THAT(last.messages, IsEmpty()) << "the process waits for the agent";
  listening(0, true, 0);
  EXPECT_THAT(types(), ElementsAre(msg_channel_success));
  EXPECT_EQ(message<protocol::OpenChannel>().agent, 0U);
  const Process first = give_pipes();
  hear(msg_channel_open, open_session(peer + 1));
  hear(msg_channel_request, request(1, "auth-agent-req@openssh.com", true));
  EXPECT_THAT(types(), ElementsAre(msg_channel_success)) << "it is there";
  EXPECT_THAT(last.messages, IsEmpty());
  hear(msg_channel_open, open_session(peer + 2));
  hear(msg_channel_request, request(2, "shell", true));
  EXPECT_FALSE(message<protocol::OpenChannel>().agent) << "it has not asked";
  const Fd theirs = accepted(0, "", 0);
  PacketReader reader(ByteView(last.packets.at(0)).subspan(1));
  EXPECT_EQ(reader.string(), "auth-agent@openssh.com");
  reader.raw(12);
  EXPECT_TRUE(reader.done());
}

TEST_F(Forwarded, ARefusedAgentIsExplainedAndTheSessionGoesOn) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, request(0, "auth-agent-req@openssh.com", false));
  hear(msg_channel_request, exec("a"));
  listening(0, false, 0, "agent forwarding is not allowed");
  EXPECT_THAT(types(), IsEmpty()) << "no reply was asked for";
  EXPECT_FALSE(message<protocol::OpenChannel>(1).agent);
  const Process process = give_pipes();
  ASSERT_THAT(types(), ElementsAre(msg_channel_success, msg_channel_extended_data));
  EXPECT_THAT(std::string(text(last.packets[1])), HasSubstr("not allowed"));
}

TEST_F(Forwarded, ADisplayIsOfItsSessionAndGoesWithIt) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, display_request(true, 1));
  const auto wanted = message<protocol::Listen>();
  EXPECT_EQ(wanted.what, ListenKind::display);
  EXPECT_TRUE(wanted.single);
  EXPECT_EQ(wanted.protocol, "MIT-MAGIC-COOKIE-1");
  EXPECT_EQ(wanted.cookie, "0011");
  EXPECT_EQ(wanted.screen, 1U);
  listening(0, true, 6010);
  EXPECT_THAT(types(), ElementsAre(msg_channel_success));
  hear(msg_channel_request, display_request(false));
  EXPECT_THAT(types(), ElementsAre(msg_channel_failure)) << "one is enough";
  hear(msg_channel_request, exec("xeyes"));
  EXPECT_EQ(message<protocol::OpenChannel>().display, 0U);
  const Process process = give_pipes();
  const Fd theirs = accepted(0);
  PacketReader reader(ByteView(last.packets.at(0)).subspan(1));
  EXPECT_EQ(reader.string(), "x11");
  reader.raw(12);
  EXPECT_EQ(reader.string(), "127.0.0.1");
  EXPECT_EQ(reader.number(), 4242U);
  EXPECT_TRUE(reader.done());
  hear(msg_channel_close, only(0));
  settle();
  ASSERT_THAT(last.messages, SizeIs(2));
  EXPECT_EQ(message<protocol::Unlisten>(1).listener, 0U);
}

TEST_F(Forwarded, ASessionThatIsClosedBeforeItsDisplayIsThereGivesItUp) {
  hear(msg_channel_open, open_session());
  hear(msg_channel_request, display_request(false));
  hear(msg_channel_close, only(0));
  settle();
  EXPECT_EQ(message<protocol::Unlisten>().listener, 0U);
  listening(0, true, 6010);
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_THAT(last.messages, IsEmpty());
}

TEST_F(Forwarded, ListenersAndConnectionsHaveBounds) {
  for (std::size_t i = 0; i < protocol::most_listeners; ++i) {
    hear(msg_global_request, port_request("tcpip-forward", "", 0));
    listening(static_cast<std::uint32_t>(i), true, 1);
    EXPECT_THAT(types(), ElementsAre(msg_request_success));
  }
  hear(msg_global_request, port_request("tcpip-forward", "", 0));
  EXPECT_THAT(types(), ElementsAre(msg_debug, msg_request_failure));
  std::vector<Fd> all;
  for (std::size_t i = 0; i < protocol::most_forwards; ++i) {
    hear(msg_channel_open, open_forward("db", 5432));
    EXPECT_THAT(types(), IsEmpty());
  }
  const Fd theirs = accepted(0);
  EXPECT_THAT(types(), IsEmpty());
  EXPECT_TRUE(at_end(theirs));
}

// A forward begins with a small window, as there may be a thousand; what is taken as it comes makes it grow, all together to a bound.
TEST_F(Forwarded, WindowsGrowWithWhatGoesThroughThem) {
  hear(msg_channel_open, open_forward("db", 5432));
  int ends[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  last = {};
  channels.opened({0, protocol::ChannelKind::socket}, std::span(&ours, 1), last);
  std::set<std::uint32_t> sizes{channel().window};
  const std::string piece(packet_size, 'x');
  for (int i = 0; i < 100; ++i) {
    ASSERT_FALSE(hear(msg_channel_data, carrying(piece)).over);
    EXPECT_EQ(read_from(theirs).size(), piece.size());
    sizes.insert(channel().window);
  }
  EXPECT_EQ(*sizes.begin(), forward_window);
  EXPECT_EQ(*sizes.rbegin(), window_size);
  EXPECT_LE(channel().may_receive, window_size);
  // Of what nobody reads it grows no more.
  hear(msg_channel_open, open_forward("db", 5432));
  EXPECT_EQ(channel(1).window, forward_window);
}

}  // namespace
}  // namespace acl::node::ssh
