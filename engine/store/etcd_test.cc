// The etcd store against etcd itself, over TLS and with users, and against a server that is none.
#include "engine/store/etcd.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>

#include "engine/store/testing.h"

namespace acl::store {
namespace {

using namespace acl::store::testing;  // NOLINT(google-build-using-namespace): a program of tests
using release::Generation;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string name_of(std::string_view kind, int number) { return fmt::format("{}/{:064x}", kind, number); }

class EtcdStores : public ::testing::Test {
 protected:
  void start(bool users) {
    server_ = Etcd::start(folder_, users);
    if (!server_) GTEST_SKIP() << "etcd, etcdctl or openssl is not installed: the etcd store is not tested";
  }
  [[nodiscard]] std::unique_ptr<Target> open(std::string_view user = "aclc") const {
    StoreOptions options = server_->options(user);
    options.interval = std::chrono::hours(1);
    auto opened = open_target(server_->url(), options);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }

  TempFolder folder_;
  std::unique_ptr<Etcd> server_;
};

#define ACL_START(users) \
  start(users);          \
  if (IsSkipped()) return

TEST_F(EtcdStores, KeepWhatIsPutInFewTransactions) {
  ACL_START(true);
  const auto store = open();
  ASSERT_TRUE(store->lock(soon()));
  std::vector<Object> objects;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) {
    objects.push_back({name_of("blob", i), std::string(static_cast<std::size_t>(i), static_cast<char>(i))});
    names.push_back(objects.back().name);
  }
  EXPECT_EQ(*store->missing(names, soon()), names);
  const auto put = store->put(objects, Existing::keep, soon());
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(*put, 300U);
  EXPECT_EQ(*store->put(objects, Existing::keep, soon()), 0U);
  EXPECT_TRUE(store->missing(names, soon())->empty());
  const auto got = store->get(objects[299].name, 299, soon());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->bytes, objects[299].bytes);
  EXPECT_EQ(store->get(objects[299].name, 298, soon()).error().code, Code::E1105);
  EXPECT_EQ(store->get(name_of("page", 1), 10, soon())->state, Fetched::State::absent);

  EXPECT_EQ(store->list("blob/", soon())->size(), 300U);
  EXPECT_TRUE(store->remove(names, soon()));
  EXPECT_TRUE(store->list("", soon())->empty());
}

TEST_F(EtcdStores, KeepWhatIsThereUnlessItIsToBeReplaced) {
  ACL_START(false);
  const auto store = open();
  ASSERT_TRUE(store->lock(soon()));
  const std::string head = "head/1.7.E7620F1842B4E81F.minisig";
  ASSERT_TRUE(store->put(std::vector<Object>{{head, "one"}}, Existing::keep, soon()));
  EXPECT_EQ(*store->put(std::vector<Object>{{head, "two"}}, Existing::keep, soon()), 0U);
  EXPECT_EQ(store->get(head, 100, soon())->bytes, "one");
  EXPECT_EQ(*store->put(std::vector<Object>{{head, "two"}}, Existing::replace, soon()), 1U);
  EXPECT_EQ(store->get(head, 100, soon())->bytes, "two");
}

TEST_F(EtcdStores, TakeTheLongestObjectAndRefuseALongerOneBeforeSendingIt) {
  ACL_START(false);
  const auto store = open();
  ASSERT_TRUE(store->lock(soon()));
  const auto put = store->put(std::vector<Object>{{name_of("blob", 1), std::string(store->longest_object(), 'x')},
                                                  {name_of("blob", 2), std::string(store->longest_object(), 'y')}},
                              Existing::keep, soon());
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(*put, 2U);
  EXPECT_EQ(store->get(name_of("blob", 2), store->longest_object(), soon())->bytes.size(), store->longest_object());
  const auto longer = store->put(
      std::vector<Object>{{name_of("blob", 3), std::string(store->longest_object() + 1, 'x')}}, Existing::keep, soon());
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, Code::E1109);
  EXPECT_THAT(longer.error().help, HasSubstr("--blobs"));
}

TEST_F(EtcdStores, MoveLatestOnlyFromWhatItWas) {
  ACL_START(false);
  const auto store = open();
  ASSERT_TRUE(store->lock(soon()));
  ASSERT_TRUE(store->move_latest(std::nullopt, Generation{1, 7}, soon()));
  EXPECT_EQ(store->move_latest(std::nullopt, Generation{1, 8}, soon()).error().code, Code::E1026);
  EXPECT_EQ(store->move_latest(Generation{1, 6}, Generation{1, 8}, soon()).error().code, Code::E1026);
  const auto first = store->get("latest", 40, soon());
  EXPECT_EQ(first->bytes, "1 7\n");
  EXPECT_EQ(store->get("latest", 40, soon(), first->tag)->state, Fetched::State::unchanged);
  ASSERT_TRUE(store->move_latest(Generation{1, 7}, Generation{1, 8}, soon()));
  EXPECT_EQ(store->get("latest", 40, soon(), first->tag)->bytes, "1 8\n");
}

TEST_F(EtcdStores, HaveOnePublisherAtATime) {
  ACL_START(false);
  const auto first = open();
  const auto second = open();
  ASSERT_TRUE(first->lock(soon()));
  EXPECT_EQ(second->lock(within(milliseconds(600))).error().code, Code::E1111);
  first->unlock();
  EXPECT_TRUE(second->lock(soon()));
  // The lock is no object, and goes with the publisher.
  EXPECT_TRUE(second->list("", soon())->empty());
}

// A publisher that slept past its lease: somebody else may have taken away what it relies on.
TEST_F(EtcdStores, APublisherThatLostItsLockWritesNothingMore) {
  ACL_START(true);
  const auto store = open();
  ASSERT_TRUE(store->lock(soon()));
  ASSERT_EQ(server_->control({"del", "acl/lock"}), 0);
  const std::vector<Object> objects = {{name_of("page", 1), "a page"}};
  EXPECT_EQ(store->put(objects, Existing::keep, soon()).error().code, Code::E1111);
  EXPECT_EQ(store->move_latest(std::nullopt, Generation{1, 1}, soon()).error().code, Code::E1111);
  EXPECT_EQ(store->remove(std::vector{objects[0].name}, soon()).error().code, Code::E1111);
  EXPECT_TRUE(store->list("", soon())->empty());
}

TEST_F(EtcdStores, AWrongPasswordAndAUserWithoutTheRightAreToldApart) {
  ACL_START(true);
  StoreOptions wrong = server_->options();
  wrong.password_file = folder_ / "wrong";
  write_file(wrong.password_file, "guess\n");
  chmod(wrong.password_file.c_str(), 0600);
  EXPECT_EQ((*open_target(server_->url(), wrong))->get("latest", 40, soon()).error().code, Code::E1113);
  StoreOptions nobody = server_->options();
  nobody.user.clear();
  nobody.password_file.clear();
  EXPECT_EQ((*open_target(server_->url(), nobody))->get("latest", 40, soon()).error().code, Code::E1113);
  const auto denied = open("stranger")->get("latest", 40, soon());
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Code::E1103);
  EXPECT_THAT(denied.error().help, HasSubstr("grant-permission"));
}

TEST_F(EtcdStores, APasswordThatOthersCanReadIsRefused) {
  write_file(folder_ / "password", "secret\n");
  StoreOptions options;
  options.user = "aclc";
  options.password_file = folder_ / "password";
  for (const mode_t mode : {0644U, 0606U}) {
    ASSERT_EQ(chmod(options.password_file.c_str(), mode), 0);
    EXPECT_EQ(open_target("etcd://127.0.0.1/acl", options).error().code, Code::E1113);
  }
  ASSERT_EQ(chmod(options.password_file.c_str(), 0640), 0);
  EXPECT_TRUE(open_target("etcd://127.0.0.1/acl", options));
  options.password_file.clear();
  EXPECT_EQ(open_target("etcd://127.0.0.1/acl", options).error().code, Code::E1113);
}

TEST_F(EtcdStores, AMemberThatIsDownIsPassedOver) {
  ACL_START(true);
  const std::string url = server_->url();
  auto store = open_target(fmt::format("etcds://127.0.0.1:{},{}", free_port(), url.substr(8)), server_->options());
  ASSERT_TRUE(store);
  const auto got = (*store)->get("latest", 40, soon());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->state, Fetched::State::absent);
}

// Tokens are in the memory of etcd, so that a restart makes all of them invalid.
TEST_F(EtcdStores, ATokenThatIsNoLongerGoodIsFetchedAnew) {
  ACL_START(true);
  const auto store = open();
  ASSERT_TRUE(store->get("latest", 40, soon()));
  server_->stop();
  EXPECT_EQ(store->get("latest", 40, soon()).error().code, Code::E1102);
  server_->start_again();
  Expected<Fetched> got = store->get("latest", 40, soon());
  // It listens before it has a leader.
  for (int i = 0; i < 100 && !got; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    got = store->get("latest", 40, soon());
  }
  EXPECT_TRUE(got) << got.error().message;
}

TEST_F(EtcdStores, AWatchTellsThatLatestMovedAndOutlivesARestartAndACompaction) {
  ACL_START(true);
  const auto store = open();
  ASSERT_TRUE(store->lock(soon()));
  auto watch = store->watch();
  ASSERT_TRUE(watch);
  const auto quiet = [&] {
    while (wait_for_change(**watch, within(milliseconds(500)))) {
    }
  };
  quiet();
  EXPECT_FALSE((*watch)->trouble());
  ASSERT_TRUE(store->move_latest(std::nullopt, Generation{1, 1}, soon()));
  pollfd waiting{(*watch)->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 10'000), 1);
  EXPECT_TRUE(wait_for_change(**watch, soon()));
  quiet();
  // What is not `latest` is not told.
  ASSERT_TRUE(store->put(std::vector<Object>{{name_of("page", 1), "a page"}}, Existing::keep, soon()));
  EXPECT_FALSE(wait_for_change(**watch, within(milliseconds(100))));

  server_->stop();
  EXPECT_FALSE(wait_for_change(**watch, within(milliseconds(500))));
  ASSERT_TRUE((*watch)->trouble());
  EXPECT_EQ((*watch)->trouble()->code, Code::E1102);
  server_->start_again();
  EXPECT_TRUE(wait_for_change(**watch, soon())) << (*watch)->trouble().value_or(Diagnostic{}).message;
  ASSERT_EQ(server_->control({"compaction", "3"}), 0);
  quiet();
  EXPECT_FALSE((*watch)->trouble());
  ASSERT_EQ(server_->control({"put", "acl/latest", "1 9"}), 0);
  EXPECT_TRUE(wait_for_change(**watch, soon()));
}

// Servers that are none of etcd's.

std::unique_ptr<Target> open_false(const FalseServer& server) {
  EtcdOptions options;
  options.members = {server.url()};
  options.prefix = "acl";
  options.http.tls = false;
  options.interval = std::chrono::hours(1);
  return make_etcd_store("false", options);
}

FalseServer::Answer says(std::string body) {
  return [body = std::move(body)](std::string_view, const FalseServer::Send& send) {
    send(fmt::format("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  };
}

TEST(FalseEtcds, AnotherKeyThanAskedForIsNoAnswer) {
  const FalseServer server(says(R"({"kvs":[{"key":"YQ==","value":"MSA3Cg==","mod_revision":"7"}],"count":"1"})"));
  EXPECT_EQ(open_false(server)->get("latest", 40, soon()).error().code, Code::E1106);
}

TEST(FalseEtcds, APartThatIsLeftOutIsNoAnswer) {
  const FalseServer server(says(R"({"succeeded":true,"responses":[]})"));
  EXPECT_EQ(open_false(server)->missing(std::vector{name_of("page", 1)}, soon()).error().code, Code::E1106);
}

TEST(FalseEtcds, WhatIsNoJsonIsNoAnswer) {
  const FalseServer server(says("<html>please log in</html>"));
  EXPECT_EQ(open_false(server)->get("latest", 40, soon()).error().code, Code::E1106);
}

TEST(FalseEtcds, AListWithoutEndIsEnded) {
  // Always the same key, and always more to come.
  const FalseServer server(says(R"({"kvs":[{"key":"YWNsL2xhdGVzdA==","mod_revision":"7"}],"more":true,"count":"9"})"));
  EXPECT_EQ(open_false(server)->list("", soon()).error().code, Code::E1106);
}

TEST(FalseEtcds, AWatchLineWithoutEndIsEndedAndTriedAgainLater) {
  std::atomic<std::size_t> sent{0};
  const FalseServer server([&sent](std::string_view, const FalseServer::Send& send) {
    if (!send("HTTP/1.1 200 OK\r\n\r\n")) return;
    const std::string block(4096, ' ');
    while (send(block)) sent += block.size();
  });
  const auto store = open_false(server);
  auto watch = store->watch();
  ASSERT_TRUE(watch);
  EXPECT_TRUE(wait_for_change(**watch, soon()));
  for (int i = 0; i < 200 && !(*watch)->trouble(); ++i) (void)wait_for_change(**watch, within(milliseconds(50)));
  ASSERT_TRUE((*watch)->trouble());
  EXPECT_EQ((*watch)->trouble()->code, Code::E1105);
  EXPECT_LT(sent, std::size_t{64} << 20);
}

}  // namespace
}  // namespace acl::store
