#include "engine/release/digest_many.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "engine/release/text.h"

namespace acl::release {
namespace {

std::vector<Digest> together(const std::vector<Bytes>& messages) {
  std::vector<ByteView> views(messages.begin(), messages.end());
  std::vector<Digest> out(messages.size());
  digest_many(views, out);
  return out;
}

std::vector<Digest> one_by_one(const std::vector<Bytes>& messages) {
  std::vector<Digest> out;
  for (const Bytes& message : messages) out.push_back(digest_of(message));
  return out;
}

// Bytes that differ from message to message and from place to place.
Bytes message(std::size_t length, std::size_t seed) {
  Bytes out(length);
  for (std::size_t i = 0; i < length; ++i) out[i] = static_cast<std::uint8_t>((i * 131 + seed * 29 + i / 251) & 0xff);
  return out;
}

// The value is that of `printf abc | b2sum -l 256` (GNU coreutils).
TEST(DigestMany, GivesThePublishedDigestOfAbc) {
  const std::vector<Bytes> messages(5, Bytes{'a', 'b', 'c'});
  for (const Digest& digest : together(messages))
    EXPECT_EQ(digest.text(), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(DigestMany, OfNoMessagesThereAreNoDigests) { EXPECT_TRUE(together({}).empty()); }

// Around each bound of a block, where the last one is full, empty or has one byte; and so that lanes end at different times.
TEST(DigestMany, EveryLengthUpToFiveBlocksIsAsDigestedAlone) {
  std::vector<Bytes> messages;
  for (std::size_t length = 0; length <= 640; ++length) messages.push_back(message(length, length));
  EXPECT_EQ(together(messages), one_by_one(messages));
}

TEST(DigestMany, FewerMessagesThanLanesAreAsDigestedAlone) {
  for (std::size_t count = 1; count <= 5; ++count) {
    std::vector<Bytes> messages;
    for (std::size_t i = 0; i < count; ++i) messages.push_back(message(100'000 >> (2 * i), i));
    EXPECT_EQ(together(messages), one_by_one(messages)) << count;
  }
}

TEST(DigestMany, AnyMessagesAreAsDigestedAlone) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint16_t>& lengths, std::uint8_t seed) {
    std::vector<Bytes> messages;
    for (const std::uint16_t length : lengths) messages.push_back(message(length % 5000U, messages.size() + seed));
    RC_ASSERT(together(messages) == one_by_one(messages));
  }));
}

}  // namespace
}  // namespace acl::release
