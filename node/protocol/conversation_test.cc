#include "node/protocol/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::node::protocol {
namespace {

using ::testing::HasSubstr;

Verdict after(Asked& asked, const FromNet& message, std::int64_t now_ms = 0) {
  return asked.hear(message, now_ms).verdict;
}

TEST(Answers, ArePiecesAndOneEnd) {
  Asked asked;
  const auto id = *asked.ask(6);
  const Bytes three(3);
  EXPECT_EQ(after(asked, Piece{id, three}), Verdict::take);
  EXPECT_EQ(after(asked, Piece{id, three}), Verdict::take);
  EXPECT_EQ(after(asked, Complete{id}), Verdict::take);
  EXPECT_EQ(after(asked, Complete{id}), Verdict::late);
  EXPECT_EQ(after(asked, Piece{id, three}), Verdict::late);
  EXPECT_EQ(asked.open(), 0U);
}

TEST(Answers, OfMoreThanWasAskedForBreakTheConversation) {
  Asked asked;
  const auto id = *asked.ask(5);
  EXPECT_EQ(after(asked, Piece{id, Bytes(5)}), Verdict::take);
  EXPECT_EQ(after(asked, Piece{id, Bytes(1)}), Verdict::broken);
}

TEST(Answers, ToWhatWasNeverAskedBreakTheConversation) {
  Asked asked;
  EXPECT_EQ(after(asked, Complete{1}), Verdict::broken);
  const auto id = *asked.ask(5);
  EXPECT_EQ(after(asked, Absent{0}), Verdict::broken);
  EXPECT_EQ(after(asked, Failed{id + 1, ""}), Verdict::broken);
  EXPECT_EQ(after(asked, Absent{UINT64_MAX}), Verdict::broken);
}

TEST(Answers, CannotSayThatWhatHasComeIsAbsent) {
  Asked asked;
  const auto id = *asked.ask(5);
  EXPECT_EQ(after(asked, Piece{id, Bytes(1)}), Verdict::take);
  EXPECT_EQ(after(asked, Absent{id}), Verdict::broken);
}

TEST(Answers, ThatCrossACancelAreLate) {
  Asked asked;
  const auto id = *asked.ask(5);
  asked.cancel(id);
  EXPECT_EQ(after(asked, Piece{id, Bytes(5)}), Verdict::late);
  EXPECT_EQ(after(asked, Failed{id, "x"}), Verdict::late);
}

TEST(Answers, AreAwaitedForABoundedNumberOfRequests) {
  Asked asked;
  for (std::size_t i = 0; i < most_open; ++i) EXPECT_TRUE(asked.ask(1));
  EXPECT_FALSE(asked.ask(1));
  EXPECT_EQ(after(asked, Absent{1}), Verdict::take);
  EXPECT_TRUE(asked.ask(1));
}

TEST(Answers, TalkThatNobodyWaitsForHasItsMeasure) {
  Asked asked;
  for (unsigned i = 0; i < most_chatter; ++i) ASSERT_EQ(after(asked, Changed{}, 100), Verdict::take);
  const Judged one_more = asked.hear(Well{}, 100);
  EXPECT_EQ(one_more.verdict, Verdict::broken);
  EXPECT_THAT(one_more.fault, HasSubstr("512"));
  EXPECT_EQ(after(asked, Changed{}, 100 + chatter_span_ms), Verdict::take);
}

TEST(Requests, BeginWithOneOpen) {
  Told told;
  EXPECT_EQ(told.hear(Get{1, 1, 1, "latest"}).verdict, Verdict::broken);
  EXPECT_EQ(told.hear(Open{}).verdict, Verdict::take);
  EXPECT_TRUE(told.opened());
  EXPECT_EQ(told.hear(Open{}).verdict, Verdict::broken);
}

TEST(Requests, HaveNumbersThatGrow) {
  Told told;
  told.hear(Open{});
  EXPECT_EQ(told.hear(Get{2, 1, 1, "latest"}).verdict, Verdict::take);
  EXPECT_EQ(told.hear(Get{2, 1, 1, "latest"}).verdict, Verdict::broken);
  EXPECT_EQ(told.hear(Get{1, 1, 1, "latest"}).verdict, Verdict::broken);
  EXPECT_EQ(told.hear(Cancel{2}).verdict, Verdict::take);
  EXPECT_EQ(told.hear(Cancel{2}).verdict, Verdict::late);
  EXPECT_EQ(told.hear(Cancel{3}).verdict, Verdict::broken);
}

TEST(Requests, AreFewAtATime) {
  Told told;
  told.hear(Open{});
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < most_open; ++i) ASSERT_EQ(told.hear(Get{++id, 1, 1, "x"}).verdict, Verdict::take);
  EXPECT_EQ(told.hear(Get{++id, 1, 1, "x"}).verdict, Verdict::broken);
  told.answered(1);
  EXPECT_EQ(told.hear(Get{++id, 1, 1, "x"}).verdict, Verdict::take);
}

// Whatever is said, no more bytes are taken for an object than were asked for, and its end is taken once.
RC_GTEST_PROP(Answers, NeverComeToMoreThanWasAskedFor, ()) {
  Asked asked;
  std::vector<std::uint64_t> limits, taken;
  std::vector<unsigned> ends;
  const Bytes bytes(100);
  for (const int act : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000))) {
    if (act % 5 == 0) {
      const auto limit = static_cast<std::uint64_t>(act % 7 * 40);
      if (asked.ask(limit)) limits.push_back(limit), taken.push_back(0), ends.push_back(0);
      continue;
    }
    const std::uint64_t id = static_cast<std::uint64_t>(act / 5) % (limits.size() + 2);
    FromNet message = Changed{};
    if (act % 5 == 1) message = Piece{id, ByteView(bytes).first(static_cast<std::size_t>(act % 99 + 1))};
    if (act % 5 == 2) message = Complete{id};
    if (act % 5 == 3) message = Absent{id};
    if (act % 5 == 4) message = Failed{id, "x"};
    const Verdict verdict = after(asked, message);
    if (id == 0 || id > limits.size()) RC_ASSERT(verdict == Verdict::broken);
    if (verdict != Verdict::take) continue;
    if (const auto* piece = std::get_if<Piece>(&message)) {
      taken[id - 1] += piece->bytes.size();
      RC_ASSERT(ends[id - 1] == 0U);
    } else {
      ++ends[id - 1];
    }
    RC_ASSERT(taken[id - 1] <= limits[id - 1]);
    RC_ASSERT(ends[id - 1] <= 1U);
  }
}

}  // namespace
}  // namespace acl::node::protocol
