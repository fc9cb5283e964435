#include "engine/store/etcd_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// As etcd 3.4 answers.
TEST(EtcdReplies, ARangeHasValuesWithTheirRevisions) {
  const auto range = parse_etcd_range(
      R"({"header":{"cluster_id":"1","member_id":"2","revision":"2","raft_term":"2"},)"
      R"("kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"7","version":"1","value":"aGVsbG8="}],"count":"1"})");
  ASSERT_TRUE(range);
  ASSERT_EQ(range->values.size(), 1U);
  EXPECT_EQ(range->values[0].key, "a");
  EXPECT_EQ(range->values[0].value, "hello");
  EXPECT_EQ(range->values[0].revision, 7U);
  EXPECT_EQ(range->count, 1U);
  EXPECT_FALSE(range->more);
}

TEST(EtcdReplies, ARangeOfNothingIsEmpty) {
  const auto range = parse_etcd_range(R"({"header":{"revision":"1"}})");
  ASSERT_TRUE(range);
  EXPECT_TRUE(range->values.empty());
  EXPECT_EQ(range->count, 0U);
}

TEST(EtcdReplies, ATransactionTellsOfEachOperation) {
  const auto txn = parse_etcd_txn(
      R"({"succeeded":true,"responses":[{"response_txn":{"header":{"revision":"3"},"succeeded":true,)"
      R"("responses":[{"response_put":{"header":{"revision":"3"}}}]}},{"response_txn":{"header":{"revision":"3"}}},)"
      R"({"response_range":{"header":{"revision":"3"},"count":"1"}},{"response_put":{"header":{"revision":"3"}}}]})");
  ASSERT_TRUE(txn);
  EXPECT_TRUE(txn->succeeded);
  ASSERT_EQ(txn->answers.size(), 4U);
  EXPECT_EQ(txn->answers[0].succeeded, true);
  EXPECT_EQ(txn->answers[1].succeeded, false);
  EXPECT_EQ(txn->answers[2].range->count, 1U);
  EXPECT_FALSE(txn->answers[3].succeeded);
  EXPECT_FALSE(txn->answers[3].range);
}

TEST(EtcdReplies, AWatchSaysThatItStandsThatSomethingHappenedThatItIsOver) {
  EXPECT_TRUE(parse_etcd_watch_line(R"({"result":{"header":{"revision":"4"},"created":true}})")->created);
  const auto event =
      parse_etcd_watch_line(R"({"result":{"header":{"revision":"4"},"events":[{"kv":{"key":"YQ=="}}]}})");
  EXPECT_EQ(event->events, 1U);
  EXPECT_FALSE(event->created);
  EXPECT_TRUE(parse_etcd_watch_line(R"({"result":{"canceled":true,"compact_revision":"4"}})")->canceled);
  EXPECT_EQ(parse_etcd_watch_line(R"({"error":{"grpc_code":16,"message":"etcdserver: invalid auth token"}})")->error,
            "etcdserver: invalid auth token");
}

TEST(EtcdReplies, ErrorsAreInEtcdsWords) {
  EXPECT_EQ(etcd_error_text(R"({"error":"etcdserver: request is too large","message":"m","code":3})"),
            "etcdserver: request is too large");
  EXPECT_EQ(etcd_error_text("<html>"), "<html>");
  EXPECT_EQ(etcd_error_text(std::string(1000, 'x')).size(), 200U);
}

TEST(EtcdReplies, TokensAreOfVisibleCharactersBecauseTheyAreSentInAHeader) {
  EXPECT_EQ(*parse_etcd_token(R"({"token":"abc.7"})"), "abc.7");
  EXPECT_FALSE(parse_etcd_token(R"({"token":"a\r\nX: y"})"));
  EXPECT_FALSE(parse_etcd_token(R"({"token":""})"));
  EXPECT_FALSE(parse_etcd_token(R"({})"));
}

TEST(EtcdReplies, ALeaseHasANumberAndATimeToLive) {
  EXPECT_EQ(*parse_etcd_lease(R"({"ID":"7587862094871234567","TTL":"60"})"), "7587862094871234567");
  EXPECT_EQ(*parse_etcd_keepalive("{\"result\":{\"ID\":\"7\",\"TTL\":\"60\"}}\n"), 60);
  EXPECT_EQ(*parse_etcd_keepalive("{\"result\":{\"ID\":\"7\"}}\n"), 0);
  EXPECT_FALSE(parse_etcd_lease(R"({"TTL":"60"})"));
}

TEST(EtcdReplies, WhatIsNotInTheFormIsRefused) {
  for (const char* text : {"", "null", "[]", "{", "{\"kvs\":7}", "{\"kvs\":[7]}", "{\"kvs\":[{\"key\":\"!\"}]}",
                           "{\"kvs\":[{\"key\":\"YQ\"}]}", "{\"count\":\"-1\"}", "{\"count\":\"x\"}",
                           "{\"more\":\"yes\"}", "{\"kvs\":[{\"mod_revision\":1.5}]}", "<html></html>"}) {
    const auto range = parse_etcd_range(text);
    ASSERT_FALSE(range) << text;
    EXPECT_EQ(range.error().code, Code::E1106) << text;
  }
  EXPECT_FALSE(parse_etcd_txn(R"({"responses":[7]})"));
  EXPECT_FALSE(parse_etcd_watch_line(R"({"result":7})"));
}

TEST(EtcdReplies, DeepNestingIsRefusedAndNotFollowed) {
  const std::string deep = R"({"kvs":)" + std::string(100'000, '[');
  EXPECT_FALSE(parse_etcd_range(deep));
  const std::string closed = R"({"kvs":)" + std::string(50, '[') + std::string(50, ']') + "}";
  const auto range = parse_etcd_range(closed);
  ASSERT_FALSE(range);
  EXPECT_THAT(range.error().message, HasSubstr("deep"));
}

RC_GTEST_PROP(EtcdReplies, ValuesOfAnyBytesComeBack, (const std::string& key, const std::string& value)) {
  // What we write as an operation has the members that a reply has.
  const std::string put = etcd::op_put(key, value);
  const std::string inner = put.substr(put.find(":{") + 1);
  const auto range = parse_etcd_range("{\"kvs\":[" + inner.substr(0, inner.size() - 1) + "]}");
  RC_ASSERT(range.has_value());
  RC_ASSERT(range->values.size() == 1U);
  RC_ASSERT(range->values[0].key == key);
  RC_ASSERT(range->values[0].value == value);
}

TEST(EtcdRequests, APrefixEndsBeforeTheNextOne) {
  EXPECT_EQ(etcd::end_of_prefix("acl/page/"), "acl/page0");
  EXPECT_EQ(etcd::end_of_prefix("a\xff"), "b");
}

TEST(EtcdRequests, NamesAndPasswordsAreEscaped) {
  EXPECT_EQ(etcd::authenticate("a\"b", "c\\d\n"), R"({"name":"a\"b","password":"c\\d\n"})");
}

}  // namespace
}  // namespace acl::store
