// The HTTP client against servers that do what they should not, and against nginx over TLS.
#include "engine/store/http.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "engine/store/https.h"
#include "engine/store/testing.h"

namespace acl::store {
namespace {

using namespace acl::store::testing;  // NOLINT(google-build-using-namespace): a program of tests
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const std::string page = "page/" + std::string(64, 'a');
const std::string blob = "blob/" + std::string(64, 'b');

FalseServer::Answer says(std::string text) {
  return [text = std::move(text)](std::string_view, const FalseServer::Send& send) { send(text); };
}

// Asks for `limit` bytes within `time`.
Expected<HttpReply> ask(const FalseServer& server, std::uint64_t limit = 100, milliseconds time = seconds(10)) {
  HttpClient client({.tls = false, .ca_file = {}, .certificate_file = {}, .key_file = {}});
  return client.perform({server.url() + "/x", std::nullopt, {}, limit, within(time)});
}

Code code_of(const Expected<HttpReply>& reply) { return reply ? Code{} : reply.error().code; }

TEST(HttpClients, TakeAReplyOfUpToTheLimit) {
  const FalseServer server(says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"7\"\r\n\r\nhello"));
  const auto reply = ask(server, 5);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "hello");
  EXPECT_EQ(reply->etag, "\"7\"");
  EXPECT_EQ(code_of(ask(server, 4)), Code::E1105);
}

TEST(HttpClients, EndlessDataIsEndedAtTheLimit) {
  std::atomic<std::size_t> sent{0};
  const FalseServer server([&sent](std::string_view, const FalseServer::Send& send) {
    const std::string block(4096, 'x');
    if (!send("HTTP/1.1 200 OK\r\n\r\n")) return;
    while (send(block)) sent += block.size();
  });
  EXPECT_EQ(code_of(ask(server, 1000)), Code::E1105);
  // What the sockets hold, and no more.
  EXPECT_LT(sent, std::size_t{64} << 20);
}

TEST(HttpClients, AnAnswerThatDoesNotComeIsBrokenOffFromAnotherThread) {
  std::atomic<bool> stop{false};
  std::atomic<bool> asked{false};
  const FalseServer server([&](std::string_view, const FalseServer::Send& send) {
    asked = true;
    while (send("")) std::this_thread::sleep_for(milliseconds(10));
  });
  std::thread other([&] {
    while (!asked) std::this_thread::sleep_for(milliseconds(1));
    stop = true;
  });
  HttpClient client({.tls = false, .ca_file = {}, .certificate_file = {}, .key_file = {}, .stop = &stop});
  const auto reply = client.perform({server.url() + "/x", std::nullopt, {}, 100, within(seconds(60))});
  other.join();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::E1102);
  EXPECT_THAT(reply.error().message, HasSubstr("broken off"));
}

TEST(HttpClients, ALengthBeyondTheLimitIsRefusedBeforeItIsRead) {
  const FalseServer server(says("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nx"));
  EXPECT_EQ(code_of(ask(server)), Code::E1105);
}

TEST(HttpClients, EndlessHeadersAreEnded) {
  const FalseServer server([](std::string_view, const FalseServer::Send& send) {
    if (!send("HTTP/1.1 200 OK\r\n")) return;
    while (send("X-Padding: 0123456789012345678901234567890123456789\r\n")) {
    }
  });
  EXPECT_EQ(code_of(ask(server)), Code::E1106);
}

TEST(HttpClients, ATruncatedBodyIsNoReply) {
  const FalseServer plain(says("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"));
  EXPECT_EQ(code_of(ask(plain)), Code::E1102);
  const FalseServer chunked(says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
  EXPECT_EQ(code_of(ask(chunked)), Code::E1102);
}

TEST(HttpClients, SlowRetrievalEndsAtTheDeadline) {
  const FalseServer server([](std::string_view, const FalseServer::Send& send) {
    if (!send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")) return;
    while (send("x")) std::this_thread::sleep_for(milliseconds(20));
  });
  EXPECT_EQ(code_of(ask(server, 100'000, milliseconds(300))), Code::E1104);
}

TEST(HttpClients, ASilentServerEndsAtTheDeadline) {
  std::optional<FalseServer> server;
  server.emplace([&server](std::string_view, const FalseServer::Send&) {
    while (!server->ending()) std::this_thread::sleep_for(milliseconds(5));
  });
  EXPECT_EQ(code_of(ask(*server, 100, milliseconds(300))), Code::E1104);
  EXPECT_EQ(code_of(ask(*server, 100, milliseconds(-1))), Code::E1104);
}

TEST(HttpClients, WhatIsNoHttpIsNoReply) {
  EXPECT_EQ(code_of(ask(FalseServer(says("SSH-2.0-OpenSSH_9.2\r\n")))), Code::E1102);
  EXPECT_EQ(code_of(ask(FalseServer(says("")))), Code::E1102);
}

TEST(HttpClients, ACompressedBodyIsRefused) {
  const FalseServer server(says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_EQ(code_of(ask(server)), Code::E1106);
}

TEST(HttpClients, AskForNoCompression) {
  std::string head;
  const FalseServer server([&head](std::string_view text, const FalseServer::Send& send) {
    head = text;
    send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_TRUE(ask(server));
  EXPECT_THAT(head, ::testing::Not(HasSubstr("ncoding")));
  EXPECT_THAT(head, ::testing::Not(HasSubstr("ookie")));
}

TEST(HttpClients, ALongErrorPageIsCut) {
  const FalseServer server(says("HTTP/1.1 500 Oops\r\n\r\n" + std::string(100'000, 'e')));
  const auto reply = ask(server);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 500);
  EXPECT_LE(reply->body.size(), 4096U);
}

TEST(HttpClients, ProxiesOfTheEnvironmentAreNotUsed) {
  const FalseServer server(says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  EXPECT_TRUE(ask(server));
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
}

TEST(HttpClients, NobodyListeningIsUnreachable) {
  HttpClient client({.tls = false, .ca_file = {}, .certificate_file = {}, .key_file = {}});
  const std::string url = fmt::format("http://127.0.0.1:{}/x", free_port());
  EXPECT_EQ(code_of(client.perform({url, std::nullopt, {}, 10, within(seconds(5))})), Code::E1102);
}

TEST(HttpClients, SpeakNoOtherProtocolThanTheirOwn) {
  HttpClient plain({.tls = false, .ca_file = {}, .certificate_file = {}, .key_file = {}});
  EXPECT_FALSE(plain.perform({"file:///etc/passwd", std::nullopt, {}, 10'000, within(seconds(5))}));
  const FalseServer server(says("HTTP/1.1 200 OK\r\n\r\n"));
  HttpClient tls({});
  EXPECT_FALSE(tls.perform({server.url(), std::nullopt, {}, 10'000, within(seconds(5))}));
  EXPECT_EQ(server.connections(), 0);
}

// The store in a folder that nginx serves, over TLS with an authority of our own.
class HttpsStores : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_ / "acl/latest", "1 7\n");
    write_file(folder_ / ("acl/" + page), "a page");
    server_ = Nginx::start(folder_, folder_.path());
    if (!server_) GTEST_SKIP() << "nginx or openssl is not installed: the https store is not tested";
  }
  [[nodiscard]] std::unique_ptr<Source> store(std::string_view path = "acl", std::string ca = {}) const {
    StoreOptions options;
    options.ca_file = ca.empty() ? server_->ca() : ca;
    auto opened = open_source(server_->url(path), options);
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }

  TempFolder folder_;
  std::unique_ptr<Nginx> server_;
};

TEST_F(HttpsStores, ServeAFolderAsItIs) {
  const auto source = store();
  const auto got = source->get(page, 6, within(seconds(10)));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(got->found());
  EXPECT_EQ(got->bytes, "a page");
  EXPECT_EQ(source->get(blob, 6, within(seconds(10)))->state, Fetched::State::absent);
  EXPECT_EQ(source->get(page, 5, within(seconds(10))).error().code, Code::E1105);
}

TEST_F(HttpsStores, AnswerUnchangedToATagThatStillHolds) {
  const auto source = store();
  const auto first = source->get("latest", 40, within(seconds(10)));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->tag.empty());
  EXPECT_EQ(source->get("latest", 40, within(seconds(10)), first->tag)->state, Fetched::State::unchanged);
  write_file(folder_ / "acl/latest", "1 18\n");
  const auto second = source->get("latest", 40, within(seconds(10)), first->tag);
  EXPECT_TRUE(second->found());
  EXPECT_EQ(second->bytes, "1 18\n");
}

TEST_F(HttpsStores, KeepTheirConnection) {
  const auto source = store();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(source->get(page, 6, within(seconds(10))));
  source->get(blob, 6, within(seconds(10))).value();
  // It writes the line after the reply.
  std::string log = server_->log();
  for (int i = 0; i < 1000 && std::count(log.begin(), log.end(), '\n') < 4; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    log = server_->log();
  }
  const std::string connection = log.substr(0, log.find(' '));
  EXPECT_EQ(log, fmt::format("{0} 200\n{0} 200\n{0} 200\n{0} 404\n", connection));
}

TEST_F(HttpsStores, AServerThatThePinnedAuthorityDoesNotKnowIsRefused) {
  const TempFolder other;
  const auto certificates = make_certificates(other);
  ASSERT_TRUE(certificates);
  const auto got = store("acl", certificates->ca)->get("latest", 40, within(seconds(10)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::E1102);
  EXPECT_THAT(got.error().message, HasSubstr("certificate"));
  // Nor do the system's authorities know it.
  auto system = open_source(server_->url("acl"));
  EXPECT_EQ((*system)->get("latest", 40, within(seconds(10))).error().code, Code::E1102);
}

TEST_F(HttpsStores, ARedirectIsNamedAndNotFollowed) {
  const auto got = store("moved")->get("latest", 40, within(seconds(10)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::E1103);
  EXPECT_THAT(got.error().message, HasSubstr("https://elsewhere.example/acl/"));
}

TEST_F(HttpsStores, OtherStatusesAreRefusals) {
  EXPECT_EQ(store("closed")->get("latest", 40, within(seconds(10))).error().code, Code::E1103);
  EXPECT_EQ(store("packed")->get("latest", 40, within(seconds(10))).error().code, Code::E1106);
}

TEST_F(HttpsStores, AskForNothingButObjects) {
  const auto source = store();
  for (const char* name :
       {"", "../acl/latest", "page/..", "page/abc", "latest?x", "head/1.2/..", "lock", "page/\r\nX: y"}) {
    EXPECT_EQ(source->get(name, 40, within(seconds(10))).error().code, Code::E1107) << name;
  }
  EXPECT_EQ(server_->log(), "");
}

TEST_F(HttpsStores, CannotBeWritten) {
  const auto opened = open_target(server_->url("acl"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::E1110);
}

TEST_F(HttpsStores, AreAskedAgainAtTheInterval) {
  StoreOptions options;
  options.interval = milliseconds(50);
  auto opened = open_source(server_->url("acl"), options);
  auto watch = (*opened)->watch();
  ASSERT_TRUE(watch);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(wait_for_change(**watch, within(seconds(10))));
  EXPECT_FALSE((*watch)->step());
}

}  // namespace
}  // namespace acl::store
