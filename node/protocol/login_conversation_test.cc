#include "node/protocol/login_conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::node::protocol {
namespace {

using ::testing::HasSubstr;

Verdict after(SshStates& states, const FromSsh& message) { return states.hear(message).verdict; }
Verdict after(SessionStates& states, const FromSession& message) { return states.hear(message).verdict; }

OpenChannel open_of(std::uint32_t channel) {
  OpenChannel open;
  open.channel = channel;
  return open;
}

SshStates logged_in() {
  SshStates states;
  states.hear(Login{1, "ann", Method::none});
  states.answered(true);
  return states;
}

// --- aclnode-ssh, as aclnode-session sees it -------------------------------------------------------------------------------

TEST(AclnodeSsh, OpensNothingBeforeTheLoginIsAccepted) {
  const FromSsh messages[] = {open_of(0), Connect{0, "db", 1}, Signal{0, "TERM"}, Closed{0},
                              Listen{},   Unlisten{},          ConnectPath{},     Taken{}};
  for (const FromSsh& message : messages) {
    SshStates fresh;
    EXPECT_EQ(after(fresh, message), Verdict::broken);
    SshStates asking;
    asking.hear(Login{1, "ann", Method::none});
    EXPECT_EQ(after(asking, message), Verdict::broken);
    SshStates refused;
    refused.hear(Login{1, "ann", Method::none});
    refused.answered(false);
    EXPECT_EQ(after(refused, message), Verdict::broken);
    EXPECT_FALSE(refused.accepted());
  }
}

TEST(AclnodeSsh, AsksForOneLoginAtATimeAndForNoneAfterOneWasAccepted) {
  SshStates states;
  EXPECT_EQ(after(states, Login{1, "ann", Method::none}), Verdict::take);
  EXPECT_EQ(after(states, Login{2, "bob", Method::none}), Verdict::broken);
  SshStates in = logged_in();
  EXPECT_TRUE(in.accepted());
  EXPECT_EQ(after(in, Login{2, "root", Method::none}), Verdict::broken);
}

TEST(AclnodeSsh, AsksAFewTimes) {
  SshStates states;
  for (unsigned i = 1; i <= most_logins; ++i) {
    ASSERT_EQ(after(states, Login{i, "ann", Method::none}), Verdict::take);
    states.answered(false);
  }
  EXPECT_THAT(states.hear(Login{most_logins + 1, "ann", Method::none}).fault, HasSubstr("more than 20 logins"));
}

TEST(AclnodeSsh, CountsItsRequestsUp) {
  SshStates states;
  EXPECT_EQ(after(states, Sign{5, 0, {}}), Verdict::take);
  EXPECT_EQ(after(states, Sign{5, 0, {}}), Verdict::broken);
  EXPECT_EQ(after(states, Login{4, "ann", Method::none}), Verdict::broken);
  EXPECT_EQ(after(states, Login{6, "ann", Method::none}), Verdict::take);
  SshStates zero;
  EXPECT_EQ(after(zero, Sign{0, 0, {}}), Verdict::broken);
}

TEST(AclnodeSsh, HasFewSignedBeforeTheLoginAndMoreAfterIt) {
  SshStates states;
  std::uint32_t request = 0;
  for (unsigned i = 0; i < most_signs_before; ++i) ASSERT_EQ(after(states, Sign{++request, 0, {}}), Verdict::take);
  EXPECT_EQ(after(states, Sign{++request, 0, {}}), Verdict::broken);
  SshStates in = logged_in();
  for (unsigned i = 0; i < 1000; ++i) ASSERT_EQ(after(in, Sign{i + 2, 0, {}}), Verdict::take);
}

TEST(AclnodeSsh, UsesTheNumberOfAChannelOnce) {
  SshStates states = logged_in();
  EXPECT_EQ(after(states, open_of(0)), Verdict::take);
  EXPECT_EQ(after(states, open_of(0)), Verdict::broken);
  EXPECT_EQ(after(states, Connect{3, "db", 1}), Verdict::take);
  EXPECT_EQ(after(states, open_of(2)), Verdict::broken);
  EXPECT_EQ(after(states, Closed{3}), Verdict::take);
  EXPECT_EQ(after(states, open_of(3)), Verdict::broken);
  EXPECT_EQ(after(states, open_of(4)), Verdict::take);
  EXPECT_EQ(after(states, open_of(UINT32_MAX)), Verdict::broken);
}

TEST(AclnodeSsh, NamesChannelsThatWereOpenAndIsLateForThoseThatAreClosed) {
  SshStates states = logged_in();
  states.hear(open_of(0));
  EXPECT_EQ(after(states, Signal{0, "INT"}), Verdict::take);
  EXPECT_EQ(after(states, Signal{1, "INT"}), Verdict::broken);
  EXPECT_EQ(after(states, Closed{1}), Verdict::broken);
  EXPECT_EQ(after(states, Closed{0}), Verdict::take);
  EXPECT_EQ(after(states, Closed{0}), Verdict::late);
  EXPECT_EQ(after(states, Signal{0, "INT"}), Verdict::late);
}

TEST(AclnodeSsh, HasABoundedNumberOfChannelsOpen) {
  SshStates states = logged_in();
  for (std::uint32_t i = 0; i < most_sessions; ++i) ASSERT_EQ(after(states, open_of(i)), Verdict::take);
  std::uint32_t next = most_sessions;
  EXPECT_EQ(after(states, open_of(next)), Verdict::broken);
  for (std::size_t i = 0; i < most_forwards; ++i) ASSERT_EQ(after(states, Connect{next++, "db", 1}), Verdict::take);
  EXPECT_EQ(after(states, ConnectPath{next, "/db"}), Verdict::broken);
  EXPECT_EQ(after(states, Closed{5}), Verdict::take);
  EXPECT_EQ(after(states, ConnectPath{next, "/db"}), Verdict::broken) << "a session's place is no connection's";
  EXPECT_EQ(after(states, open_of(next++)), Verdict::take);
  EXPECT_EQ(after(states, Closed{most_sessions}), Verdict::take);
  EXPECT_EQ(after(states, ConnectPath{next, "/db"}), Verdict::take);
}

Listen listener(std::uint32_t number) {
  Listen listen;
  listen.listener = number;
  return listen;
}

TEST(AclnodeSsh, UsesTheNumberOfAListenerOnceAndGivesUpTheOnesThatThereAre) {
  SshStates states = logged_in();
  EXPECT_EQ(after(states, listener(3)), Verdict::take);
  EXPECT_EQ(after(states, listener(3)), Verdict::broken);
  EXPECT_EQ(after(states, Unlisten{2}), Verdict::broken);
  EXPECT_EQ(after(states, Unlisten{3}), Verdict::take);
  EXPECT_EQ(after(states, Unlisten{3}), Verdict::broken);
  EXPECT_EQ(after(states, listener(3)), Verdict::broken);
  OpenChannel open = open_of(0);
  open.agent = 3;
  EXPECT_EQ(after(states, open), Verdict::take);
  open = open_of(1);
  open.display = 4;
  EXPECT_EQ(after(states, open), Verdict::broken) << "one that was never there";
}

TEST(AclnodeSsh, HasABoundedNumberOfListeners) {
  SshStates states = logged_in();
  for (std::uint32_t i = 0; i < most_listeners; ++i) ASSERT_EQ(after(states, listener(i)), Verdict::take);
  EXPECT_EQ(after(states, listener(most_listeners)), Verdict::broken);
  EXPECT_EQ(after(states, Unlisten{7}), Verdict::take);
  EXPECT_EQ(after(states, listener(most_listeners)), Verdict::take);
}

TEST(AclnodeSsh, TakesNoMoreConnectionsThanItWasHanded) {
  SshStates states = logged_in();
  EXPECT_EQ(after(states, Taken{}), Verdict::broken);
  states.handed();
  states.handed();
  EXPECT_EQ(after(states, Taken{}), Verdict::take);
  EXPECT_EQ(after(states, Taken{}), Verdict::take);
  EXPECT_EQ(after(states, Taken{}), Verdict::broken);
}

TEST(AclnodeSsh, SaysNothingAfterItsLastMessage) {
  SshStates states = logged_in();
  EXPECT_EQ(after(states, Over{"bye"}), Verdict::take);
  EXPECT_EQ(after(states, Over{"bye"}), Verdict::broken);
  EXPECT_EQ(after(states, Sign{9, 0, {}}), Verdict::broken);
}

// Whatever is said: nothing but signatures and questions before a login is accepted, never two questions at once, and never more open
// channels than there may be.
RC_GTEST_PROP(AclnodeSsh, GetsNoMoreThanTheStatesAllow, ()) {
  SshStates states;
  bool asked = false, accepted = false;
  unsigned logins = 0;
  std::set<std::uint32_t> open;
  for (const int act : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4000))) {
    const auto number = static_cast<std::uint32_t>(act / 8);
    if (act % 8 == 0) {
      if (asked) accepted = accepted || act % 16 == 0;
      states.answered(act % 16 == 0 && asked);
      asked = false;
      continue;
    }
    FromSsh message = Over{};
    if (act % 8 == 1) message = Login{number, "ann", Method::none};
    if (act % 8 == 2) message = Sign{number, 0, {}};
    if (act % 8 == 3) message = open_of(number);
    if (act % 8 == 4) message = Connect{number, "db", 1};
    if (act % 8 == 5) message = Closed{number};
    if (act % 8 == 6) message = Signal{number, "HUP"};
    const Judged judged = states.hear(message);
    RC_ASSERT((judged.verdict == Verdict::broken) == !judged.fault.empty());
    if (judged.verdict == Verdict::broken) return;
    if (act % 8 == 1) {
      RC_ASSERT(!asked);
      RC_ASSERT(!accepted);
      asked = true;
      RC_ASSERT(++logins <= most_logins);
    }
    if (act % 8 >= 3 && act % 8 <= 6) RC_ASSERT(accepted);
    if (act % 8 == 3 || act % 8 == 4) RC_ASSERT(open.insert(number).second);
    if (act % 8 == 5) RC_ASSERT((judged.verdict == Verdict::take) == (open.erase(number) == 1));
    RC_ASSERT(open.size() <= most_channels);
  }
}

TEST(AclnodeSsh, AnswersAChallengeOnceAndOnlyWhereItAsks) {
  const FromSsh answer = ChallengeAnswer{1, "x"};
  SshStates states;
  EXPECT_EQ(after(states, answer), Verdict::broken) << "before the login";
  states = {};
  states.challenged(true);
  EXPECT_EQ(after(states, answer), Verdict::broken) << "a challenge to nothing";
  states = {};
  states.hear(Login{1, "ann", Method::none});
  EXPECT_EQ(after(states, answer), Verdict::broken) << "without a challenge";
  states = {};
  states.hear(Login{1, "ann", Method::none});
  states.challenged(false);
  EXPECT_EQ(after(states, answer), Verdict::broken) << "to one that does not ask";
  states = {};
  states.hear(Login{1, "ann", Method::none});
  states.challenged(true);
  EXPECT_EQ(after(states, ChallengeAnswer{2, "x"}), Verdict::broken) << "of another request";
  EXPECT_EQ(after(states, answer), Verdict::take);
  EXPECT_EQ(after(states, answer), Verdict::broken) << "a second one";
  states.challenged(true);
  states.answered(false);
  EXPECT_EQ(after(states, answer), Verdict::broken) << "after the verdict";
  SshStates in = logged_in();
  in.challenged(true);
  EXPECT_EQ(after(in, answer), Verdict::broken) << "after the login";
}

TEST(AclnodeSsh, AnswersAFewChallenges) {
  SshStates states;
  states.hear(Login{1, "ann", Method::none});
  for (unsigned i = 0; i < most_check_answers; ++i) {
    states.challenged(true);
    ASSERT_EQ(after(states, ChallengeAnswer{1, "x"}), Verdict::take);
  }
  states.challenged(true);
  EXPECT_EQ(after(states, ChallengeAnswer{1, "x"}), Verdict::broken);
}

// --- aclnode-session, as aclnode sees it ------------------------------------------------------------------------------------

TEST(AclnodeSession, AsksOneQuestionAtATimeAndNoneAfterAYes) {
  SessionStates states(SessionStates::Start::fresh);
  EXPECT_EQ(after(states, May{1, "ann", true, false, Method::none}), Verdict::take);
  EXPECT_EQ(after(states, May{2, "ann", true, false, Method::none}), Verdict::broken);
  states.answered(false);
  EXPECT_EQ(after(states, May{2, "ann", true, false, Method::none}), Verdict::take);
  states.answered(true);
  EXPECT_EQ(after(states, May{3, "root", true, true, Method::none}), Verdict::broken);
}

TEST(AclnodeSession, CountsItsRequestsUpAndAsksAFewTimes) {
  SessionStates states(SessionStates::Start::fresh);
  EXPECT_EQ(after(states, May{0, "ann", true, false, Method::none}), Verdict::broken);
  for (unsigned i = 1; i <= most_logins; ++i) {
    ASSERT_EQ(after(states, May{i, "ann", true, false, Method::none}), Verdict::take);
    states.answered(false);
  }
  EXPECT_EQ(after(states, May{most_logins + 1, "ann", true, false, Method::none}), Verdict::broken);
}

TEST(AclnodeSession, AnswersAChallengeOnceAndAFewInAll) {
  SessionStates states(SessionStates::Start::fresh);
  EXPECT_EQ(after(states, SessionAnswer{1, "x"}), Verdict::broken);
  states = SessionStates(SessionStates::Start::fresh);
  states.hear(May{1, "ann", true, false, Method::none});
  for (unsigned i = 0; i < most_check_answers; ++i) {
    states.challenged(true);
    ASSERT_EQ(after(states, SessionAnswer{1, "x"}), Verdict::take);
  }
  SessionStates once = states;
  EXPECT_EQ(after(once, SessionAnswer{1, "x"}), Verdict::broken) << "a second answer to one";
  states.challenged(true);
  EXPECT_EQ(after(states, SessionAnswer{1, "x"}), Verdict::broken) << "one more than there may be";
  SessionStates accepted(SessionStates::Start::fresh);
  accepted.hear(May{1, "ann", true, false, Method::none});
  accepted.challenged(true);
  accepted.answered(true);
  EXPECT_EQ(after(accepted, SessionAnswer{1, "x"}), Verdict::broken) << "after the verdict";
}

TEST(AclnodeSession, LogsInOnceAndAsTheOneThatWasAccepted) {
  SessionStates states(SessionStates::Start::fresh);
  EXPECT_EQ(after(states, LoggedIn{"ann"}), Verdict::broken);
  states.hear(May{1, "ann", true, false, Method::none});
  EXPECT_EQ(after(states, LoggedIn{"ann"}), Verdict::broken);
  states.answered(true);
  EXPECT_EQ(after(states, LoggedIn{"root"}), Verdict::broken);
  EXPECT_FALSE(states.logged_in());
  EXPECT_EQ(after(states, LoggedIn{"ann"}), Verdict::take);
  EXPECT_TRUE(states.logged_in());
  EXPECT_EQ(after(states, LoggedIn{"ann"}), Verdict::broken);
}

TEST(AclnodeSession, ResumesWhereThatIsAwaitedAndFirst) {
  const Resume resume{1, {Bytes(4), 1}, {Bytes(4), 22}, "ann", false, 0, {}, {}, {}, {}, {}};
  SessionStates fresh(SessionStates::Start::fresh);
  EXPECT_EQ(after(fresh, resume), Verdict::broken);
  SessionStates resumed(SessionStates::Start::resumed);
  EXPECT_EQ(after(resumed, May{1, "ann", true, false, Method::none}), Verdict::broken);
  EXPECT_EQ(after(resumed, resume), Verdict::take);
  EXPECT_TRUE(resumed.logged_in());
  EXPECT_EQ(after(resumed, resume), Verdict::broken);
  EXPECT_EQ(after(resumed, LoggedIn{"ann"}), Verdict::broken);
}

// As an answer to one, what follows is judged like what follows a login.
TEST(AclnodeSession, AsksForNobodyElseOnceResumed) {
  SessionStates resumed(SessionStates::Start::resumed);
  resumed.hear(Resume{1, {Bytes(4), 1}, {Bytes(4), 22}, "ann", false, 0, {}, {}, {}, {}, {}});
  EXPECT_EQ(after(resumed, May{1, "root", true, true, Method::none}), Verdict::broken);
  EXPECT_EQ(after(resumed, SessionOver{"bye"}), Verdict::take);
  EXPECT_EQ(after(resumed, SessionOver{"bye"}), Verdict::broken);
}

}  // namespace
}  // namespace acl::node::protocol
