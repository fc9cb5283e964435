#include "node/session/connect.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "node/protocol/channel.h"

namespace acl::node::session {
namespace {

constexpr std::uint32_t channel = 7;

struct Pair {
  Pair() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) ours = Fd(ends[0]), helpers = Fd(ends[1]);
  }
  void say(const protocol::ToSsh& message, std::span<const int> along = {}) const {
    const auto bytes = protocol::encode(message);
    ASSERT_TRUE(bytes);
    ASSERT_EQ(protocol::send_message(helpers.get(), *bytes, along, protocol::Wait::no), protocol::Sent::sent);
  }
  Fd ours, helpers;
};

TEST(AHelpersAnswer, IsAwaitedUntilItComes) {
  const Pair pair;
  EXPECT_FALSE(take_connection(pair.ours.get(), channel));
  pair.say(protocol::Refused{channel, "no route"});
  const auto taken = take_connection(pair.ours.get(), channel);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->socket);
  EXPECT_EQ(taken->words, "no route");
  EXPECT_FALSE(take_connection(pair.ours.get(), channel));
}

TEST(AHelpersAnswer, IsARefusalWhereItEndsWithoutOne) {
  Pair pair;
  pair.helpers = Fd();
  const auto taken = take_connection(pair.ours.get(), channel);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->socket);
  EXPECT_FALSE(taken->words.empty());
}

TEST(AHelpersAnswer, IsATcpSocketForItsChannelAndNothingElse) {
  const Fd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), udp(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct Case {
    std::uint32_t channel;
    int descriptor;
    bool taken;
  };
  for (const Case& each :
       {Case{channel, tcp.get(), true}, Case{channel + 1, tcp.get(), false}, Case{channel, udp.get(), false}}) {
    const Pair pair;
    pair.say(protocol::Opened{each.channel, protocol::ChannelKind::socket}, std::span(&each.descriptor, 1));
    const auto taken = take_connection(pair.ours.get(), channel);
    ASSERT_TRUE(taken);
    EXPECT_EQ(static_cast<bool>(taken->socket), each.taken);
  }
}

}  // namespace
}  // namespace acl::node::session
