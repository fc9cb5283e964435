#include "node/session/connecting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>

#include "node/session/listeners.h"

namespace acl::node::session {
namespace {

using ::testing::HasSubstr;

// Steps, as a loop does, until so many have come to their end.
std::map<std::uint32_t, Connecting::Made> run(Connecting& connecting, std::size_t count) {
  std::map<std::uint32_t, Connecting::Made> all;
  while (all.size() < count) {
    std::vector<pollfd> polled;
    connecting.watch(polled);
    poll(polled.data(), polled.size(), connecting.patience(now_ms()));
    for (Connecting::Made& made : connecting.step(now_ms())) all.insert_or_assign(made.channel, std::move(made));
  }
  return all;
}

TEST(Connections, AreMadeByNumbersByNamesAndAtPaths) {
  const OpenedListener port = open_port(0), agent = open_agent();
  Connecting connecting;
  connecting.to_host(1, "127.0.0.1", port.port, now_ms());
  connecting.to_host(2, "localhost", port.port, now_ms());
  connecting.to_path(3, agent.name, now_ms());
  const auto all = run(connecting, 3);
  for (const auto& [channel, made] : all) EXPECT_TRUE(made.socket) << channel << made.words;
  EXPECT_EQ(connecting.patience(now_ms()), -1) << "nothing is left";
}

TEST(Connections, ThatCannotBeMadeSayWhy) {
  std::uint16_t closed = 0;
  { closed = open_port(0).port; }
  Connecting connecting;
  connecting.to_host(1, "127.0.0.1", closed, now_ms());
  connecting.to_path(2, "/nowhere/at/all", now_ms());
  connecting.to_path(3, "relative", now_ms());
  connecting.to_path(4, "/" + std::string(200, 'x'), now_ms());
  connecting.to_host(5, "no such name", 1, now_ms());
  const auto all = run(connecting, 5);
  EXPECT_THAT(all.at(1).words, HasSubstr("Connection refused"));
  EXPECT_THAT(all.at(2).words, HasSubstr("No such file"));
  EXPECT_THAT(all.at(3).words, HasSubstr("Invalid"));
  EXPECT_THAT(all.at(4).words, HasSubstr("too long"));
  EXPECT_FALSE(all.at(5).words.empty());
  for (const auto& [channel, made] : all) EXPECT_FALSE(made.socket) << channel;
}

TEST(Connections, WaitForASocketWhoseBacklogIsFull) {
  std::string folder = "/tmp/connecting-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  OpenedListener listener = open_path(folder + "/s");
  Connecting connecting;
  constexpr std::uint32_t count = 300;  // twice the backlog
  for (std::uint32_t i = 0; i < count; ++i) connecting.to_path(i, folder + "/s", now_ms());
  std::size_t made = 0, accepted = 0;
  std::vector<Connecting::Made> kept;
  while (made < count) {
    for (Connecting::Made& each : connecting.step(now_ms())) {
      EXPECT_TRUE(each.socket) << each.words;
      ++made;
      kept.push_back(std::move(each));
    }
    for (int fd = 0; (fd = accept(listener.sockets[0].get(), nullptr, nullptr)) >= 0; ++accepted) close(fd);
  }
  EXPECT_EQ(made, count);
  listener = {};
  rmdir(folder.c_str());
}

TEST(Connections, HaveADeadline) {
  Connecting connecting;
  // TEST-NET-1 (RFC 5737): nobody; where there is a route the attempt waits, else it is refused at once.
  connecting.to_host(1, "192.0.2.1", 9, 1000);
  std::vector<Connecting::Made> made = connecting.step(1000);
  if (made.empty()) {
    EXPECT_GT(connecting.patience(1000), 0);
    made = connecting.step(1000 + Connecting::longest_ms);
    ASSERT_EQ(made.size(), 1U);
    EXPECT_THAT(made[0].words, HasSubstr("timed out"));
  }
  ASSERT_EQ(made.size(), 1U);
  EXPECT_FALSE(made[0].socket);
}

}  // namespace
}  // namespace acl::node::session
