#include "node/ssh/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace acl::node::ssh {
namespace {

RC_GTEST_PROP(Wire, WhatIsWrittenIsRead,
              (std::uint8_t byte, bool flag, std::uint32_t number, const std::string& words)) {
  const Bytes packet = PacketWriter(byte).boolean(flag).number(number).string(words).take();
  PacketReader reader(packet);
  RC_ASSERT(reader.byte() == byte);
  RC_ASSERT(reader.boolean() == flag);
  RC_ASSERT(reader.number() == number);
  RC_ASSERT(reader.string() == words);
  RC_ASSERT(reader.done());
}

RC_GTEST_PROP(Wire, AnyBytesAreReadWithoutLeavingThem, (const Bytes& packet, const std::vector<std::uint8_t>& kinds)) {
  PacketReader reader(packet);
  std::size_t taken = 0;
  for (const std::uint8_t kind : kinds) {
    const bool before = reader.good();
    const std::size_t size = kind % 3 == 0   ? (reader.byte(), 1)
                             : kind % 3 == 1 ? (reader.number(), 4)
                                             : 4 + reader.bytes().size();
    if (reader.good()) taken += size;
    RC_ASSERT(before || !reader.good());
  }
  RC_ASSERT(taken <= packet.size());
}

// A length beyond the packet is the commonest lie.
TEST(Wire, AStringThatIsLongerThanItsPacketIsAFault) {
  const Bytes packet = PacketWriter().number(UINT32_MAX).byte('x').take();
  PacketReader reader(packet);
  EXPECT_EQ(reader.string(), "");
  EXPECT_FALSE(reader.good());
  EXPECT_EQ(reader.byte(), 0);
}

}  // namespace
}  // namespace acl::node::ssh
