// The verifying client against each attack of The Update Framework's list (section 1.5.2 of its specification), by name, and
// what it does when nobody attacks. In each attack the node must keep exactly what it had.
#include "engine/release/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/release/testing.h"

namespace acl::release {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

std::vector<SecretKey> new_keys(std::size_t count) {
  std::vector<SecretKey> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(must(SecretKey::generate()));
  return out;
}

// A network whose node has accepted release 1.1.
class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    network.publish(1);
    Client client = fetcher.run(network.store, first_state(network.trust));
    ASSERT_EQ(client.phase(), Phase::accepted) << client.refusal().diagnostic.message;
    state = client.take_release().state;
  }

  void expect_refused(Reason reason, Code code) {
    Client client = fetcher.run(network.store, state);
    ASSERT_EQ(client.phase(), Phase::refused) << reason_name(reason);
    EXPECT_EQ(reason_name(client.refusal().reason), reason_name(reason)) << client.refusal().diagnostic.message;
    EXPECT_EQ(code_name(client.refusal().diagnostic.code), code_name(code));
    EXPECT_EQ(client.state().accepted, state.accepted);
    EXPECT_EQ(client.state().trust, state.trust);
  }
  void expect_accepted(const Generation& generation) {
    Client client = fetcher.run(network.store, state);
    ASSERT_EQ(client.phase(), Phase::accepted) << client.refusal().diagnostic.message;
    Release release = client.take_release();
    EXPECT_EQ(release.head.generation, generation);
    state = release.state;
  }

  Network network;
  Fetcher fetcher;
  State state;
};

TEST_F(ClientTest, AcceptedReleaseIsWhole) {
  Plan plan;
  plan.tables = "second";
  network.publish(2, plan);
  Client client = fetcher.run(network.store, state);
  ASSERT_EQ(client.phase(), Phase::accepted) << client.refusal().diagnostic.message;
  const Release release = client.take_release();
  EXPECT_EQ(as_text(release.header), "header of 3 in second");
  ASSERT_EQ(release.parts.size(), 3U);
  EXPECT_EQ(as_text(*release.parts[0].bytes), "hot second");
  EXPECT_EQ(as_text(*release.parts[1].bytes), "ssh second");
  EXPECT_EQ(as_text(*release.parts[2].bytes), "names of 3 in second");
  EXPECT_EQ(as_text(*release.rules), "rules second");
  EXPECT_EQ(release.directory.size(), 5U);
  ASSERT_EQ(release.chunks.size(), 2U);
  EXPECT_EQ(as_text(*release.chunks[1].bytes), "chunk 3 in second");
  EXPECT_EQ(release.state.accepted, release.head);
}

TEST_F(ClientTest, NothingNewCostsTwoSmallObjects) {
  Client client = fetcher.run(network.store, state);
  EXPECT_EQ(client.phase(), Phase::unchanged);
  EXPECT_THAT(fetcher.asked, ::testing::ElementsAre("latest", "head/1.1"));
}

TEST_F(ClientTest, ANodeThatLostItsBytesFetchesTheSameReleaseAgain) {
  fetcher.goal = Goal::same_or_newer;
  fetcher.now.wall = first_day + 60 * day;  // expired meanwhile: it was accepted before
  expect_accepted({1, 1});
}

TEST_F(ClientTest, BlobsThatAreHeldAreNotFetched) {
  network.publish(2);  // the same contents under a new head
  std::size_t used = 0;
  fetcher.held = [&](const Reference& reference) -> std::optional<Bytes> {
    ++used;
    return bytes_of(network.store.at(blob_name(reference.digest)));
  };
  expect_accepted({1, 2});
  EXPECT_GT(used, 4U);
  for (const std::string& name : fetcher.asked) EXPECT_FALSE(name.starts_with("blob/")) << name;
}

TEST_F(ClientTest, AHeldBlobThatIsDamagedIsFetched) {
  network.publish(2);
  fetcher.held = [](const Reference&) { return bytes_of("damaged"); };
  expect_accepted({1, 2});
}

TEST_F(ClientTest, ChunksAreChosenFromTheNamesOnly) {
  network.publish(2);
  std::string seen;
  fetcher.choose = [&](ByteView names, std::size_t count) {
    seen = std::string(as_text(names)) + " " + std::to_string(count);
    return std::vector<std::uint32_t>{4, 4, 99};
  };
  Client client = fetcher.run(network.store, state);
  ASSERT_EQ(client.phase(), Phase::accepted);
  EXPECT_EQ(seen, "names of 3 in first 5");
  const Release release = client.take_release();
  ASSERT_EQ(release.chunks.size(), 1U) << "twice is once, and what is not there is left out";
  EXPECT_EQ(release.chunks[0].number, 4U);
}

TEST_F(ClientTest, AnswersMayComeInAnyOrderAndInPiecesOfAnySize) {
  network.publish(2);
  Client client({key_of_node(3), fetcher.choose, {}, {}}, state);
  std::vector<Request> open = client.begin(fetcher.now).requests;
  while (!open.empty()) {
    const Request request = open.front();  // the fetcher takes the last one
    open.erase(open.begin());
    const std::string& text = network.store.at(request.name);
    EXPECT_LE(text.size(), request.limit);
    for (const char& c : text) client.receive(request.name, as_bytes({&c, 1}), fetcher.now);
    for (Request& next : client.complete(request.name, fetcher.now).requests) open.push_back(std::move(next));
  }
  EXPECT_EQ(client.phase(), Phase::accepted);
}

TEST_F(ClientTest, WhatWasNotAskedForIsIgnored) {
  network.publish(2);
  Client client({key_of_node(3), {}, {}, {}}, state);
  client.begin(fetcher.now);
  client.receive("head/1.2", as_bytes("anything"), fetcher.now);
  client.complete("head/1.2", fetcher.now);
  client.absent("blob/x", fetcher.now);
  client.complete("", fetcher.now);
  EXPECT_EQ(client.phase(), Phase::fetching);
}

// Somebody who owns the store but no key puts a release of his own there.
TEST_F(ClientTest, ArbitrarySoftware) {
  Network other(3, 2);
  other.trust.version = 1;
  const Head head = other.publish(2);
  // Signed by other keys, under their own names and under the names of ours.
  for (const auto& [name, text] : other.store) {
    if (!name.starts_with("trust/")) network.store[name] = text;
  }
  expect_refused(Reason::wrong_trust, Code::E1030);  // the head names the other network's trust set
  Head forged = head;
  forged.trust = digest_of(as_bytes(print_trust(network.trust)));
  network.store[head_name(forged.generation)] = print_head(forged);
  for (std::size_t i = 0; i < 3; ++i) {
    network.store[head_signature_name({1, 2}, network.keys[i].public_key().id)] =
        print_signature(other.keys[i].sign(as_bytes(print_head(forged)), ""));
  }
  expect_refused(Reason::not_signed, Code::E1014);
}

TEST_F(ClientTest, ArbitrarySoftwareUnderSignaturesOfAnotherHead) {
  network.publish(2);
  Head changed = must(parse_head(network.store.at("head/1.2"), "head"));
  changed.contents.policy.bytes[0] ^= 1;
  network.store["head/1.2"] = print_head(changed);
  expect_refused(Reason::not_signed, Code::E1014);
}

// The store goes back to an older release, signed and all.
TEST_F(ClientTest, Rollback) {
  Plan plan;
  plan.tables = "second";
  network.publish(2, plan);
  expect_accepted({1, 2});
  network.store["latest"] = print_latest({1, 1});
  expect_refused(Reason::rollback, Code::E1015);
}

TEST_F(ClientTest, RollbackOverARestartIsRemembered) {
  network.publish(2);
  expect_accepted({1, 2});
  state = must(parse_state(print_state(state), "state"));
  network.store["latest"] = print_latest({1, 1});
  expect_refused(Reason::rollback, Code::E1015);
}

TEST_F(ClientTest, RollbackToAnOlderHeadUnderANewName) {
  network.publish(2);
  expect_accepted({1, 2});
  network.store["latest"] = print_latest({1, 3});
  network.store["head/1.3"] = network.store.at("head/1.1");
  expect_refused(Reason::mismatch, Code::E1018);
}

// A generation so high that nothing can follow it: without keys it moves nothing …
TEST_F(ClientTest, FastForward) {
  network.store["latest"] = print_latest({1, largest_number});
  expect_refused(Reason::unavailable, Code::E1013);
  network.store["latest"] = print_latest({largest_number, 1});
  expect_refused(Reason::unavailable, Code::E1013);
  network.store["latest"] = "1 18446744073709551616\n";
  expect_refused(Reason::malformed, Code::E1009);
  network.publish(2);
  expect_accepted({1, 2});
}

// … and with stolen keys it ends with their replacement.
TEST_F(ClientTest, FastForwardEndsWithTheRotationOfKeys) {
  network.publish(largest_number);
  expect_accepted({1, largest_number});
  network.rotate(new_keys(3), 2);
  for (const SecretKey& key : network.old_keys) Network::sign_trust(network.store, 2, key);
  for (const SecretKey& key : network.keys) Network::sign_trust(network.store, 2, key);
  network.publish(1);
  expect_accepted({2, 1});
}

// The store shows an old release for ever: one that has expired is not accepted, and the accepted one ends.
TEST_F(ClientTest, Freeze) {
  network.publish(2);
  fetcher.now.wall = first_day + 30 * day;
  expect_refused(Reason::expired, Code::E1016);
  EXPECT_EQ(standing(state, first_day + 30 * day - 1), Standing::current);
  EXPECT_EQ(standing(state, first_day + 30 * day), Standing::grace);
  EXPECT_EQ(standing(state, first_day + 33 * day), Standing::expired);
}

TEST_F(ClientTest, FreezeIsNotHelpedByAClockSetBack) {
  fetcher.now.wall = first_day + 40 * day;
  Client seen = fetcher.run(network.store, state);  // the time is noticed though nothing is new
  ASSERT_EQ(seen.phase(), Phase::unchanged);
  state = seen.state();
  fetcher.now.wall = 0;
  network.publish(2);
  expect_refused(Reason::expired, Code::E1016);
  EXPECT_EQ(standing(state, 0), Standing::expired);
}

TEST_F(ClientTest, FreezeIsNotHelpedByAFirstBootIn1970) {
  State fresh = first_state(network.trust);
  fresh.last_time = 0;
  fetcher.now.wall = 0;
  Client client = fetcher.run(network.store, fresh);
  ASSERT_EQ(client.phase(), Phase::accepted);
  EXPECT_EQ(client.take_release().state.last_time, first_day) << "it is at least the day the head was made";
}

// Objects of two releases in one: each is genuine, together they were never signed.
TEST_F(ClientTest, MixAndMatch) {
  Plan plan;
  plan.tables = "second";
  const Head second = network.publish(2, plan);
  const Head first = must(parse_head(network.store.at("head/1.1"), "head"));
  const Store whole = network.store;
  network.store[page_name(second.contents.root.digest)] = whole.at(page_name(first.contents.root.digest));
  expect_refused(Reason::mismatch, Code::E1018);
  network.store = whole;
  network.store[blob_name(second.contents.rules.digest)] = whole.at(blob_name(first.contents.rules.digest));
  expect_refused(Reason::mismatch, Code::E1018);
  network.store = whole;
  network.store[blob_name(second.contents.directory.digest)] = whole.at(blob_name(first.contents.directory.digest));
  expect_refused(Reason::mismatch, Code::E1018);
  network.store = whole;
  const std::string hot = blob_name(digest_of(as_bytes("hot second")));
  network.store[hot] = "hot first!";
  expect_refused(Reason::mismatch, Code::E1018);
  network.store = whole;
  network.store[blob_name(digest_of(as_bytes("chunk 1 in second")))] = "chunk 1 in first!";
  expect_refused(Reason::mismatch, Code::E1018);
  network.store = whole;
  expect_accepted({1, 2});
}

// A table that is genuine but another node's: the leaf is found by the own key and bound by digests.
TEST_F(ClientTest, WrongNodesTable) {
  network.publish(2);
  const Store whole = network.store;
  fetcher.run(whole, state);
  const std::vector<std::string> own = fetcher.asked;
  fetcher.node = 4;
  fetcher.run(whole, state);
  const std::vector<std::string> others = fetcher.asked;
  fetcher.node = 3;
  std::size_t swapped = 0;
  for (const std::string& name : own) {
    for (const std::string& other : others) {
      if (!name.starts_with("page/") || !other.starts_with("page/") || name == other) continue;
      network.store = whole;
      network.store[name] = whole.at(other);
      Client client = fetcher.run(network.store, state);
      ASSERT_EQ(client.phase(), Phase::refused);
      // Longer than the own page, or of another digest.
      EXPECT_THAT(client.refusal().reason, ::testing::AnyOf(Reason::too_long, Reason::mismatch));
      EXPECT_EQ(client.state().accepted, state.accepted);
      ++swapped;
    }
  }
  EXPECT_GT(swapped, 0U);
}

TEST_F(ClientTest, WrongNodesTableIsNotTakenByANodeThatIsNotListed) {
  network.publish(2);
  fetcher.node = 1000;
  expect_refused(Reason::not_listed, Code::E1019);
}

// The store never stops sending: every object has a limit, and nothing is kept beyond it.
TEST_F(ClientTest, EndlessData) {
  network.publish(2);
  const Store whole = network.store;
  fetcher.run(whole, state);
  const std::vector<std::string> asked = fetcher.asked;
  ASSERT_GT(asked.size(), 8U);
  for (const std::string& name : asked) {
    network.store = whole;
    network.store[name] += std::string(10'000, 'x');
    if (name.ends_with(".minisig")) network.store[name] += std::string(10'000, 'x');
    expect_refused(Reason::too_long, Code::E1011);
  }
}

TEST_F(ClientTest, EndlessDataThatIsSignedEndsAtTheNodesOwnLimit) {
  Plan plan;
  plan.tables = std::string(2000, 't');
  network.publish(2, plan);
  fetcher.limits.blob = 1000;
  expect_refused(Reason::beyond_limits, Code::E1011);
}

TEST_F(ClientTest, EndlessChainsOfTrustSetsEndForThisAttempt) {
  for (int i = 0; i < 5; ++i) {
    network.rotate(new_keys(1), 1);
    for (const SecretKey& key : network.old_keys) Network::sign_trust(network.store, network.trust.version, key);
    Network::sign_trust(network.store, network.trust.version, network.keys[0]);
  }
  network.publish(1, {}, 1);
  fetcher.limits.trust_steps = 3;
  Client client = fetcher.run(network.store, state);
  ASSERT_EQ(client.phase(), Phase::refused);
  EXPECT_EQ(client.refusal().reason, Reason::beyond_limits);
  EXPECT_EQ(client.state().trust.version, 4U);
  state = client.state();
  expect_accepted({6, 1});  // the next attempt goes on from there
}

// The store trickles: every request has an end, whether something still arrives or not.
TEST_F(ClientTest, SlowRetrieval) {
  network.publish(2);
  Client client({key_of_node(3), {}, {}, {}}, state);
  const Step first = client.begin({first_day, 0});
  ASSERT_EQ(first.requests.size(), 1U);
  const std::int64_t deadline = first.requests[0].deadline_ms;
  EXPECT_EQ(client.next_deadline_ms(), deadline);
  client.receive("latest", as_bytes("1"), {first_day, deadline});
  EXPECT_EQ(client.tick({first_day, deadline}).phase, Phase::fetching);
  EXPECT_EQ(client.receive("latest", as_bytes(" "), {first_day, deadline + 1}).phase, Phase::refused);
  EXPECT_EQ(client.refusal().reason, Reason::too_slow);
  EXPECT_EQ(client.next_deadline_ms(), std::nullopt);
}

TEST_F(ClientTest, SlowRetrievalIsNoticedWhereNothingArrivesAtAll) {
  for (const bool silent : {true, false}) {
    Client client({key_of_node(3), {}, {}, {}}, state);
    const std::int64_t deadline = client.begin({first_day, 0}).requests[0].deadline_ms;
    const Instant late{first_day, deadline + 1};
    const Step step = silent ? client.tick(late) : client.complete("latest", late);
    EXPECT_EQ(step.phase, Phase::refused);
    EXPECT_EQ(client.refusal().diagnostic.code, Code::E1012);
  }
}

TEST_F(ClientTest, TheDeadlineGrowsWithTheLengthAndWithWhatElseIsUnderWay) {
  Plan plan;
  plan.tables = std::string(50'000, 't');
  network.publish(2, plan);
  Client client({key_of_node(3), {}, {}, {}}, state);
  const Instant now{first_day, 0};
  std::vector<Request> open = client.begin(now).requests;
  std::int64_t last = Limits{}.patience_ms;
  while (!open.empty() && !open[0].name.starts_with("blob/")) {
    std::vector<Request> next;
    for (const Request& request : open) {
      client.receive(request.name, as_bytes(network.store.at(request.name)), now);
      for (Request& more : client.complete(request.name, now).requests) next.push_back(std::move(more));
    }
    open = std::move(next);
  }
  ASSERT_GT(open.size(), 3U) << "the parts, the rules, the index";
  for (const Request& request : open) {
    EXPECT_GE(request.deadline_ms, last + static_cast<std::int64_t>(request.limit) * 1000 / 4096);
    last = request.deadline_ms;
  }
}

// Two signed heads of one generation: a signer, or its key, is at fault. Reported with both digests.
TEST_F(ClientTest, Equivocation) {
  const std::string accepted = digest_of(as_bytes(network.store.at("head/1.1"))).text();
  Plan plan;
  plan.tables = "other";
  network.publish(1, plan);
  expect_refused(Reason::equivocation, Code::E1017);
  Client client = fetcher.run(network.store, state);
  const std::string& message = client.refusal().diagnostic.message;
  EXPECT_THAT(message, ::testing::HasSubstr(accepted));
  EXPECT_THAT(message, ::testing::HasSubstr(digest_of(as_bytes(network.store.at("head/1.1"))).text()));
}

TEST_F(ClientTest, EquivocationIsNotClaimedWithoutSignatures) {
  Plan plan;
  plan.tables = "other";
  network.publish(1, plan, 1);
  network.store.erase(head_signature_name({1, 1}, network.keys[1].public_key().id));
  expect_refused(Reason::not_signed, Code::E1014);
}

// One of three keys is stolen, two are needed.
TEST_F(ClientTest, KeyCompromiseBelowThreshold) {
  network.publish(2, {}, 1);
  expect_refused(Reason::not_signed, Code::E1014);
  // The stolen key's signature in place of all others counts once.
  const std::string& stolen = network.store.at(head_signature_name({1, 2}, network.keys[0].public_key().id));
  for (const SecretKey& key : network.keys) {
    network.store[head_signature_name({1, 2}, key.public_key().id)] = stolen;
  }
  expect_refused(Reason::not_signed, Code::E1014);
}

TEST_F(ClientTest, KeyCompromiseBelowThresholdDoesNotChangeTheTrustSet) {
  network.rotate(new_keys(1), 1);
  Network::sign_trust(network.store, 2, network.old_keys[0]);
  Network::sign_trust(network.store, 2, network.keys[0]);
  network.publish(1, {}, 1);
  expect_refused(Reason::not_signed, Code::E1014);
}

TEST_F(ClientTest, AnAbsentOrDamagedSignatureAmongEnoughOthersDoesNoHarm) {
  network.publish(2, {}, 3);
  const std::string damaged = head_signature_name({1, 2}, network.trust.keys[0].key.id);
  network.store[damaged] = "damaged";
  expect_accepted({1, 2});
  network.publish(3, {}, 3);
  network.store.erase(head_signature_name({1, 3}, network.trust.keys[1].key.id));
  expect_accepted({1, 3});
}

// The keys are replaced: both thresholds sign, and the count of generations begins anew.
TEST_F(ClientTest, KeyRotation) {
  network.publish(9);
  expect_accepted({1, 9});
  network.rotate(new_keys(2), 2);
  network.publish(1);
  expect_refused(Reason::not_signed, Code::E1014);
  Network::sign_trust(network.store, 2, network.old_keys[0]);
  Network::sign_trust(network.store, 2, network.old_keys[1]);
  expect_refused(Reason::not_signed, Code::E1014);  // the old keys alone
  Network::sign_trust(network.store, 2, network.keys[0]);
  expect_refused(Reason::not_signed, Code::E1014);  // one of the two new ones
  Network::sign_trust(network.store, 2, network.keys[1]);
  expect_accepted({2, 1});
  EXPECT_EQ(state.trust.version, 2U);
  // What the old keys sign from now on is nothing.
  network.store["latest"] = print_latest({1, 10});
  expect_refused(Reason::rollback, Code::E1015);
}

TEST_F(ClientTest, KeyRotationBySeveralVersionsAtOnce) {
  for (int i = 0; i < 3; ++i) {
    network.rotate(new_keys(2), 1);
    for (const SecretKey& key : network.old_keys) Network::sign_trust(network.store, network.trust.version, key);
    for (const SecretKey& key : network.keys) Network::sign_trust(network.store, network.trust.version, key);
  }
  network.publish(1, {}, 1);
  expect_accepted({4, 1});
}

// A trust set that both thresholds signed counts from then on, even if what should follow is missing.
TEST_F(ClientTest, KeyRotationCountsEvenIfTheHeadIsMissing) {
  network.rotate(new_keys(1), 1);
  for (const SecretKey& key : network.old_keys) Network::sign_trust(network.store, 2, key);
  Network::sign_trust(network.store, 2, network.keys[0]);
  network.store["latest"] = print_latest({2, 1});
  Client client = fetcher.run(network.store, state);
  ASSERT_EQ(client.phase(), Phase::refused);
  EXPECT_EQ(client.refusal().reason, Reason::unavailable);
  EXPECT_EQ(client.state().trust.version, 2U);
  EXPECT_EQ(client.state().accepted, state.accepted) << "what is enforced stays";
}

TEST_F(ClientTest, KeyRotationOfAnotherNetworkIsRefused) {
  network.trust.network[0] ^= 1;
  network.rotate(new_keys(1), 1);
  for (const SecretKey& key : network.old_keys) Network::sign_trust(network.store, 2, key);
  Network::sign_trust(network.store, 2, network.keys[0]);
  network.publish(1, {}, 1);
  expect_refused(Reason::wrong_trust, Code::E1030);
}

// A head for trust version 0 cannot be offered, whoever signs it.
TEST_F(ClientTest, TrustVersionZeroIsNoRelease) {
  network.store["latest"] = "0 2\n";
  expect_refused(Reason::malformed, Code::E1009);
}

TEST_F(ClientTest, AnythingMissingIsNamedAndChangesNothing) {
  network.publish(2);
  const Store whole = network.store;
  fetcher.run(whole, state);
  for (const std::string& name : std::vector<std::string>(fetcher.asked)) {
    if (name.ends_with(".minisig")) continue;  // another test
    network.store = whole;
    network.store.erase(name);
    expect_refused(Reason::unavailable, Code::E1013);
  }
}

TEST_F(ClientTest, AnyDamagedByteIsNoticed) {
  network.publish(2);
  const Store whole = network.store;
  fetcher.run(whole, state);
  const std::vector<std::string> asked = fetcher.asked;
  for (const std::string& name : asked) {
    if (name == "latest" || name.ends_with(".minisig")) continue;
    const std::size_t size = whole.at(name).size();
    for (std::size_t at = 0; at < size; at += 1 + size / 37) {
      network.store = whole;
      network.store[name][at] = static_cast<char>(network.store[name][at] ^ 4);
      Client client = fetcher.run(network.store, state);
      EXPECT_EQ(client.phase(), Phase::refused) << name << " at " << at;
      EXPECT_EQ(client.state().accepted, state.accepted);
    }
  }
}

}  // namespace
}  // namespace acl::release
