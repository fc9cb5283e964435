#include "node/daemon/waiting_room.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AcceptedConnection from(const char* source, std::uint16_t port) {
  AcceptedConnection out;
  out.fd = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  out.source = {*net::Address::parse(source), port};
  return out;
}

std::vector<std::uint16_t> ports(const std::vector<AcceptedConnection>& taken) {
  std::vector<std::uint16_t> out;
  for (const AcceptedConnection& one : taken) out.push_back(one.source.port);
  return out;
}

TEST(WaitingRoom, LetsThemOutInTheirOrderAsFarAsTheLimitsGo) {
  LoginLimits limits(3, 2);
  WaitingRoom room;
  for (std::uint16_t i = 1; i <= 3; ++i) ASSERT_TRUE(room.add(from("100.64.0.1", i), 1000));
  ASSERT_TRUE(room.add(from("100.64.0.2", 4), 1000));
  EXPECT_THAT(ports(room.take(limits)), ElementsAre(1, 2, 4));
  EXPECT_THAT(ports(room.take(limits)), IsEmpty());
  limits.end(*net::Address::parse("100.64.0.2"));
  EXPECT_THAT(ports(room.take(limits)), IsEmpty());  // the first source has as many as it may have
  limits.end(*net::Address::parse("100.64.0.1"));
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
