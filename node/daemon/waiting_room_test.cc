#include "node/daemon/waiting_room.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LoginOrigin at(const char* source) { return {std::nullopt, *net::Address::parse(source)}; }

WaitingConnection from(const char* source, std::uint16_t port) {
  WaitingConnection out;
  out.connection.fd = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  out.connection.source = {*net::Address::parse(source), port};
  out.origin = at(source);
  return out;
}

std::vector<std::uint16_t> ports(const std::vector<WaitingConnection>& taken) {
  std::vector<std::uint16_t> out;
  for (const WaitingConnection& one : taken) out.push_back(one.connection.source.port);
  return out;
}

TEST(WaitingRoom, LetsThemOutInTheirOrderAsFarAsTheLimitsGo) {
  LoginLimits limits(3, 2);
  WaitingRoom room;
  for (std::uint16_t i = 1; i <= 3; ++i) ASSERT_TRUE(room.add(from("100.64.0.1", i), 1000));
  ASSERT_TRUE(room.add(from("100.64.0.2", 4), 1000));
  EXPECT_THAT(ports(room.take(limits)), ElementsAre(1, 2, 4));
  EXPECT_THAT(ports(room.take(limits)), IsEmpty());
  limits.end(at("100.64.0.2"));
  EXPECT_THAT(ports(room.take(limits)), IsEmpty());  // the first source has as many as it may have
  limits.end(at("100.64.0.1"));
  EXPECT_THAT(ports(room.take(limits)), ElementsAre(3));
  EXPECT_EQ(room.size(), 0U);
}

TEST(WaitingRoom, OneSourceCannotFillIt) {
  WaitingRoom room;
  for (std::size_t i = 0; i < most_waiting_of_one; ++i) ASSERT_TRUE(room.add(from("100.64.0.1", 1), 1000));
  EXPECT_FALSE(room.add(from("100.64.0.1", 1), 1000));
  EXPECT_TRUE(room.add(from("100.64.0.2", 1), 1000));
}

TEST(WaitingRoom, ForgetsThoseWhoseTurnDoesNotCome) {
  LoginLimits limits(0, 0);
  WaitingRoom room;
  ASSERT_TRUE(room.add(from("100.64.0.1", 1), 1000));
  ASSERT_TRUE(room.add(from("100.64.0.2", 2), 2000));
  EXPECT_THAT(ports(room.take(limits)), IsEmpty());
  EXPECT_THAT(room.give_up(999), IsEmpty());
  EXPECT_THAT(room.give_up(1000), ElementsAre(*net::Address::parse("100.64.0.1")));
  EXPECT_EQ(room.size(), 1U);
}

}  // namespace
}  // namespace acl::node
