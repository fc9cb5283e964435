#include "node/net/notices.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/protocol/conversation.h"

namespace acl::node::net {
namespace {

using protocol::Changed;
using protocol::FromNet;
using protocol::Trouble;
using protocol::Well;

template <class T>
bool is_just(const std::vector<FromNet>& messages) {
  return messages.size() == 1 && std::holds_alternative<T>(messages[0]);
}

TEST(Notices, TellAFirstChangeAtOnceAndFurtherOnesAfterAGap) {
  Notices notices;
  EXPECT_FALSE(notices.next_ms());
  notices.saw_change();
  EXPECT_TRUE(is_just<Changed>(notices.take(1000)));
  notices.saw_change();
  notices.saw_change();
  EXPECT_TRUE(notices.take(1049).empty());
  EXPECT_EQ(notices.next_ms(), 1050);
  EXPECT_TRUE(is_just<Changed>(notices.take(1050)));
  EXPECT_FALSE(notices.next_ms());
  EXPECT_TRUE(notices.take(5000).empty());
}

TEST(Notices, TellTroubleAndItsEndOnce) {
  Notices notices;
  notices.saw_trouble("E1102");
  EXPECT_TRUE(is_just<Trouble>(notices.take(0)));
  notices.saw_trouble("E1102");
  EXPECT_TRUE(notices.take(5000).empty());
  notices.saw_trouble(std::nullopt);
  EXPECT_TRUE(is_just<Well>(notices.take(5000)));
  EXPECT_TRUE(notices.take(9000).empty());
}

TEST(Notices, DoNotTellTroubleThatIsOverBeforeItIsTold) {
  Notices notices;
  notices.saw_trouble("one");
  notices.take(0);
  notices.saw_trouble("two");
  EXPECT_TRUE(notices.take(500).empty());
  notices.saw_trouble("one");
  EXPECT_FALSE(notices.next_ms());
  EXPECT_TRUE(notices.take(5000).empty());
}

// aclnode would end a process that says more.
RC_GTEST_PROP(Notices, StayWithinWhatAclnodeBears, (std::vector<std::uint8_t> waits)) {
  Notices notices;
  std::int64_t now = 0;
  std::vector<std::int64_t> told;
  bool flip = false;
  for (const std::uint8_t wait : waits) {
    for (int i = 0; i < 50; ++i) {
      now += wait % 8;
      notices.saw_change();
      notices.saw_trouble((flip = !flip) ? std::optional<std::string>("x") : std::nullopt);
      told.insert(told.end(), notices.take(now).size(), now);
    }
  }
  for (std::size_t i = protocol::most_chatter; i < told.size(); ++i) {
    RC_ASSERT(told[i] - told[i - protocol::most_chatter] >= protocol::chatter_span_ms);
  }
}

RC_GTEST_PROP(Notices, LoseNoChange, (std::vector<std::uint8_t> waits)) {
  Notices notices;
  std::int64_t now = 0;
  for (const std::uint8_t wait : waits) {
    now += wait;
    notices.saw_change();
    notices.take(now);
  }
  notices.saw_change();
  const auto next = notices.next_ms();
  RC_ASSERT(next.has_value());
  RC_ASSERT(is_just<Changed>(notices.take(std::max(now, *next))));
}

}  // namespace
}  // namespace acl::node::net
