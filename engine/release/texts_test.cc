// The texts of a release: each value has one text, and nothing else is read.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "engine/release/head.h"
#include "engine/release/names.h"
#include "engine/release/state.h"
#include "engine/release/testing.h"
#include "engine/release/time.h"
#include "engine/release/trust.h"

namespace acl::release {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

Digest any_digest() {
  Digest out;
  out.bytes[0] = 1;
  for (std::size_t i = 1; i < out.bytes.size(); ++i) out.bytes[i] = *rc::gen::arbitrary<std::uint8_t>();
  return out;
}

Reference any_reference() { return {any_digest(), *rc::gen::inRange<std::uint64_t>(0, largest_number + 1)}; }

Head any_head() {
  Head out;
  out.generation.trust = *rc::gen::inRange<std::uint64_t>(0, 5);
  out.generation.number = *rc::gen::inRange<std::uint64_t>(1, largest_number + 1);
  if (out.generation.trust != 0) out.trust = any_digest();
  out.created = *rc::gen::inRange<Time>(0, last_time_there_is);
  out.expires = *rc::gen::inRange<Time>(out.created + 1, last_time_there_is + 1);
  out.on_expiry = *rc::gen::element(OnExpiry::keep, OnExpiry::ssh_restricted, OnExpiry::deny);
  out.grace = *rc::gen::inRange<std::int64_t>(0, longest_duration + 1);
  out.contents = {any_reference(), any_reference(), any_reference(), any_digest(), any_digest()};
  return out;
}

// Some other text: a byte changed, removed, or put in, or a line twice.
std::string damaged(const std::string& text) {
  std::string out = text;
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  switch (*rc::gen::inRange(0, 4)) {
    case 0: out[at] = static_cast<char>(out[at] ^ *rc::gen::inRange(1, 256)); break;
    case 1: out.erase(at, 1); break;
    case 2: out.insert(at, 1, *rc::gen::element(' ', '\n', '0', 'a', '\t', '\r', '\0')); break;
    default: out.insert(at, text.substr(at, text.find('\n', at) + 1 - at)); break;
  }
  return out;
}

TEST(Time, IsOneTextOfTwentyCharacters) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2026-11-26T15:55:55Z"), 1795708555);
  EXPECT_EQ(parse_time("2000-02-29T23:59:59Z"), 951868799);
  EXPECT_EQ(parse_time("9999-12-31T23:59:59Z"), last_time_there_is);
  for (const char* const text :
       {"", "1969-12-31T23:59:59Z", "2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-06-30T23:59:60Z", "2026-01-01t00:00:00z", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.0Z", "2026-01-01T00:00:00Z ", "+026-01-01T00:00:00Z"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

RC_GTEST_PROP(Time, GoesThroughItsTextUnchanged, ()) {
  const Time time = *rc::gen::inRange<Time>(0, last_time_there_is + 1);
  RC_ASSERT(parse_time(print_time(time)) == time);
}

TEST(Names, AreThoseOfTheLayoutAndNoOthers) {
  const KeyId key = *KeyId::parse("0123456789ABCDEF");
  const Digest digest = digest_of(as_bytes("x"));
  for (const std::string& name :
       {trust_name(7), trust_signature_name(7, key), head_name({2, 17}), head_name({0, 1}),
        head_signature_name({2, 17}, key), page_name(digest), blob_name(digest), std::string(latest_name)}) {
    EXPECT_TRUE(parse_name(name)) << name;
  }
  EXPECT_EQ(trust_signature_name(7, key), "trust/7.0123456789ABCDEF.minisig");
  EXPECT_EQ(head_signature_name({2, 17}, key), "head/2.17.0123456789ABCDEF.minisig");
  for (const std::string& name : {std::string(),
                                  std::string("latest "),
                                  std::string("trust/"),
                                  std::string("trust/0"),
                                  std::string("trust/01"),
                                  std::string("trust/-1"),
                                  std::string("head/1"),
                                  std::string("head/1."),
                                  std::string("head/1.0"),
                                  std::string("head/1.2.3"),
                                  std::string("head/../latest"),
                                  std::string("../trust/1"),
                                  std::string("/latest"),
                                  std::string("page/") + std::string(64, 'A'),
                                  std::string("blob/") + std::string(63, 'a'),
                                  std::string("blob/") + std::string(62, 'a') + "/x",
                                  std::string("trust/9007199254740992"),
                                  std::string("trust/1.0123456789abcdef.minisig"),
                                  std::string("trust/1.minisig"),
                                  std::string("head/1.2.0123456789ABCDEF.sig"),
                                  std::string("latest\0", 7)}) {
    EXPECT_FALSE(parse_name(name)) << name;
  }
}

RC_GTEST_PROP(Names, OfAnyTextAreReadOnlyIfTheyPrintTheSame, (const std::string& rest)) {
  const std::string name = *rc::gen::element<std::string>("trust/", "head/", "page/", "blob/", "") + rest;
  const auto parsed = parse_name(name);
  if (!parsed) return;
  const ObjectName& object = *parsed;
  std::string again;
  switch (object.kind) {
    case NameKind::trust: again = trust_name(object.generation.trust); break;
    case NameKind::trust_signature: again = trust_signature_name(object.generation.trust, object.key); break;
    case NameKind::head: again = head_name(object.generation); break;
    case NameKind::head_signature: again = head_signature_name(object.generation, object.key); break;
    case NameKind::page: again = page_name(object.digest); break;
    case NameKind::blob: again = blob_name(object.digest); break;
    case NameKind::latest: again = latest_name; break;
  }
  RC_ASSERT(again == name);
}

TEST(Latest, IsOneLineOfTwoNumbers) {
  EXPECT_EQ(parse_latest("2 17\n").value(), (Generation{2, 17}));
  EXPECT_EQ(print_latest({2, 17}), "2 17\n");
  for (const char* const text : {"", "2 17", "2 17\n\n", "2  17\n", "02 17\n", "2 0\n", "0 17\n", "2 -1\n", " 2 17\n",
                                 "2 17 \n", "2\n", "2 17\r\n", "2 9007199254740992\n"}) {
    const auto parsed = parse_latest(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::E1009);
  }
  EXPECT_LE(print_latest({largest_number, largest_number}).size(), latest_limit);
}

TEST(Generation, OrdersByTrustVersionFirst) {
  EXPECT_LT((Generation{1, 99}), (Generation{2, 1}));
  EXPECT_LT((Generation{2, 1}), (Generation{2, 2}));
}

RC_GTEST_PROP(Head, GoesThroughItsTextUnchanged, ()) {
  const Head head = any_head();
  const std::string text = print_head(head);
  RC_ASSERT(text.size() <= head_limit);
  const auto parsed = parse_head(text, "head");
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(*parsed == head);
}

RC_GTEST_PROP(Head, OfADamagedTextIsRefusedOrAnotherHead, ()) {
  const std::string text = print_head(any_head());
  const std::string other = damaged(text);
  const auto parsed = parse_head(other, "head");
  // One text for each head: whatever is read prints as it was.
  if (parsed) RC_ASSERT(print_head(*parsed) == other);
  if (!parsed) RC_ASSERT(parsed.error().code == Code::E1001);
}

TEST(Head, SaysWhereItIsWrong) {
  Head head;
  head.generation = {0, 1};
  head.expires = 10;
  std::string text = print_head(head);
  EXPECT_TRUE(parse_head(text, "head/0.1"));
  text.replace(text.find("on-expiry ssh-restricted"), 24, "on-expiry never");
  EXPECT_EQ(parse_head(text, "head/0.1").error().message,
            "\"head/0.1\": line 6: on-expiry \"never\" is not keep, ssh-restricted or deny");
  head.expires = head.created;
  EXPECT_EQ(parse_head(print_head(head), "h").error().message, "\"h\": line 5: it expires before it was created");
}

TEST(Head, OfATrustVersionNeedsItsDigestAndVersionZeroNone) {
  Head head;
  head.generation = {1, 1};
  head.expires = 10;
  EXPECT_FALSE(parse_head(print_head(head), "h"));
  head.generation.trust = 0;
  head.trust.bytes[5] = 1;
  EXPECT_FALSE(parse_head(print_head(head), "h"));
}

TrustSet trust_of(std::size_t keys, std::uint32_t threshold) {
  const Network network(keys, threshold);
  return network.trust;
}

TEST(Trust, GoesThroughItsTextUnchanged) {
  const TrustSet trust = trust_of(most_keys, 20);
  const std::string text = print_trust(trust);
  EXPECT_LE(text.size(), trust_limit);
  EXPECT_EQ(parse_trust(text, "trust").value(), trust);
  TrustSet longest = trust;
  for (TrustedKey& key : longest.keys) key.label = std::string(longest_label, 'x');
  EXPECT_LE(print_trust(longest).size(), trust_limit) << "the largest set can be fetched";
}

TEST(Trust, OfADamagedTextIsRefusedOrAnotherSet) {
  const std::string text = print_trust(trust_of(3, 2));
  EXPECT_TRUE(rc::check([&] {
    const std::string other = damaged(text);
    const auto parsed = parse_trust(other, "trust");
    if (parsed) RC_ASSERT(print_trust(*parsed) == other);
    if (!parsed) RC_ASSERT(parsed.error().code == Code::E1002);
  }));
}

// What would let fewer people make a release than the threshold says.
TEST(Trust, CountsEachKeyOnce) {
  const TrustSet good = trust_of(3, 2);
  EXPECT_EQ(trust_fault(good), "");
  TrustSet twice = good;
  twice.keys.push_back(twice.keys.back());
  EXPECT_FALSE(parse_trust(print_trust(twice), "t"));
  TrustSet renamed = good;
  renamed.keys.back().key.key = renamed.keys.front().key.key;  // one secret under two numbers
  EXPECT_FALSE(parse_trust(print_trust(renamed), "t"));
  for (const std::uint32_t threshold : {0U, 4U}) {
    TrustSet bad = good;
    bad.threshold = threshold;
    EXPECT_FALSE(parse_trust(print_trust(bad), "t")) << threshold;
  }
  TrustSet unordered = good;
  std::swap(unordered.keys[0], unordered.keys[1]);
  EXPECT_FALSE(parse_trust(print_trust(unordered), "t"));
  TrustSet empty = good;
  empty.keys.clear();
  EXPECT_FALSE(parse_trust(print_trust(empty), "t"));
}

TEST(Trust, FollowsOnlyBySignaturesOfBothThresholds) {
  Network network(3, 2);
  const TrustSet first = network.trust;
  network.rotate(keys_of_signers(50, 2), 2);
  const std::string text = network.store.at("trust/2");
  const auto sign = [&](const SecretKey& key) { return key.sign(as_bytes(text), ""); };
  const Signature old0 = sign(network.old_keys[0]), old1 = sign(network.old_keys[1]);
  const Signature own0 = sign(network.keys[0]), own1 = sign(network.keys[1]);
  EXPECT_EQ(follow_trust(first, text, {old0, old1, own0, own1}).value(), network.trust);
  for (const auto& too_few : std::vector<std::vector<Signature>>{
           {}, {old0, old1}, {own0, own1}, {old0, own0, own1}, {old0, old1, own0}, {old0, old0, own0, own1}}) {
    EXPECT_EQ(follow_trust(first, text, too_few).error().code, Code::E1014);
  }
  TrustSet later = network.trust;
  later.version = 3;
  EXPECT_EQ(follow_trust(first, print_trust(later), {}).error().code, Code::E1030);
}

State any_state() {
  State out = first_state(trust_of(2, 1));
  out.last_time = first_day;
  return out;
}

TEST(State, GoesThroughItsTextUnchanged) {
  State state = any_state();
  EXPECT_EQ(parse_state(print_state(state), "state").value(), state);
  Head head;
  head.generation = {1, 5};
  head.trust = digest_of(as_bytes(print_trust(state.trust)));
  head.expires = 10;
  state.accepted = head;
  const std::string text = print_state(state);
  EXPECT_LE(text.size(), state_limit);
  EXPECT_EQ(parse_state(text, "state").value(), state);
}

// A torn write must not be taken for a younger node, which would accept what is older.
TEST(State, DamagedAnywhereIsRefused) {
  const std::string text = print_state(any_state());
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string other = text;
    other[at] = static_cast<char>(other[at] ^ 1);
    EXPECT_FALSE(parse_state(other, "state")) << at;
    const auto cut = parse_state(text.substr(0, at), "state");
    ASSERT_FALSE(cut) << at;
    EXPECT_EQ(cut.error().code, Code::E1010);
  }
}

TEST(State, OfAHeadThatItsTrustSetCannotHaveIsRefused) {
  State state = any_state();
  Head head;
  head.generation = {2, 1};
  head.trust.bytes[0] = 1;
  head.expires = 10;
  state.accepted = head;
  EXPECT_FALSE(parse_state(print_state(state), "state"));
}

TEST(State, FloorStartsOverWithANewTrustSet) {
  State state = any_state();
  EXPECT_EQ(state.floor(), (Generation{1, 0}));
  Head head;
  head.generation = {1, 5};
  state.accepted = head;
  EXPECT_EQ(state.floor(), (Generation{1, 5}));
  state.trust.version = 2;
  EXPECT_EQ(state.floor(), (Generation{2, 0}));
}

}  // namespace
}  // namespace acl::release
