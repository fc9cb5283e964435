#include "node/daemon/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace acl::node {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;
using std::chrono::steady_clock;

TEST(Ask, EachQuestionReadsBack) {
  for (const Ask& ask :
       {Ask{AskStatus{}}, Ask{AskReload{}}, Ask{AskWhois{"100.64.0.5"}}, Ask{AskWhy{"a \"quoted\" name", "x:22/tcp"}},
        Ask{AskWhyLogin{"ann-laptop", "ro\"ot", true, false}}, Ask{AskPeers{}}, Ask{AskCheck{}},
        Ask{AskCheck{AskCheck::What::approve, "laptop", "ann@example.com", 3600, {}, {}}},
        Ask{AskCheck{AskCheck::What::request, "laptop", "", 1, {}, {}}},
        Ask{AskCheck{AskCheck::What::revoke, "laptop", "ann@example.com", 0, {}, {}}},
        Ask{AskCheck{AskCheck::What::approve_signed, {}, {}, 0, "a\nb\n", "c\n"}}}) {
    const std::string line = print_ask(ask);
    const auto read = parse_ask(std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(read) << line;
    EXPECT_EQ(read->index(), ask.index());
    EXPECT_EQ(print_ask(*read), line);
  }
}

TEST(Ask, AnythingElseIsRefusedWithAReason) {
  for (const char* odd :
       {"", "{", "[]", "null", "{\"ask\": 3}", "{\"ask\": \"open\"}", "{\"ask\": \"whois\"}",
        "{\"ask\": \"whois\", \"address\": 3}", "{\"ask\": \"status\", \"more\": 1}",
        "{\"ask\": \"why\", \"source\": \"a\"}",
        "{\"ask\": \"why-login\", \"source\": \"a\", \"user\": \"b\", \"exists\": 1, \"is_root\": false}",
        "{\"ask\": \"why-login\", \"source\": \"a\", \"user\": \"b\", \"exists\": true}",
        "{\"ask\": \"check-list\", \"source\": \"a\"}", "{\"ask\": \"check-revoke\", \"source\": \"a\"}",
        "{\"ask\": \"check-approve\", \"source\": \"a\", \"user\": \"\"}",
        "{\"ask\": \"check-approve\", \"source\": \"a\", \"user\": \"\", \"for_s\": -1}",
        "{\"ask\": \"check-approve\", \"source\": \"a\", \"user\": \"\", \"for_s\": 4294967296}",
        "{\"ask\": \"check-approve-signed\", \"text\": \"a\", \"signature\": 1}"}) {
    const auto ask = parse_ask(odd);
    ASSERT_FALSE(ask) << odd;
    EXPECT_EQ(ask.error().code, Code::E1305);
  }
  EXPECT_FALSE(parse_ask(std::string(longest_ask + 1, ' ')));
  EXPECT_FALSE(parse_ask(std::string(longest_ask, '[')));
}

RC_GTEST_PROP(Ask, NoBytesBreakTheParser, (const std::string& bytes)) { (void)parse_ask(bytes); }

class Control : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "aclnode-control-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = name + "/control";
    auto server = ControlServer::listen(
        path_, [this](const Ask& ask, const Asker& asker, std::uint64_t& ticket) -> std::optional<std::string> {
          last_ = asker;
          // An answer that takes until something has happened.
          if (std::holds_alternative<AskSessions>(ask) && ++ticket < 5) return std::nullopt;
          if (std::holds_alternative<AskPeers>(ask)) {
            waits_ = true;
            ticket = 1;
            return std::nullopt;
          }
          return std::holds_alternative<AskStatus>(ask) || std::holds_alternative<AskSessions>(ask)
                     ? print_answer("{\"state\": \"enforcing\"}")
                     : print_error(make_diagnostic(Code::E1305, "no", "ask something else"));
        });
    ASSERT_TRUE(server) << server.error().message;
    server_.emplace(std::move(*server));
    thread_ = std::thread([this] {
      while (!stop_) {
        server_->step(steady_clock::now() + shift_.load());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  void TearDown() override {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    server_.reset();
    fs::remove_all(folder_);
  }
  [[nodiscard]] int connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  std::string folder_, path_;
  std::optional<ControlServer> server_;
  std::thread thread_;
  std::atomic<bool> stop_ = false, waits_ = false;
  std::atomic<std::chrono::seconds> shift_{std::chrono::seconds(0)};
  Asker last_;
};

constexpr std::chrono::milliseconds patience{5000};

TEST_F(Control, AnswersAndKnowsWhoAsks) {
  const auto answer = ask_daemon(path_, AskStatus{}, patience);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, "{\"state\":\"enforcing\"}");
  EXPECT_EQ(last_.uid, ::geteuid());
  EXPECT_EQ(last_.pid, ::getpid());
  EXPECT_THAT(last_.groups, ::testing::Contains(::getegid()));
}

TEST_F(Control, AnAnswerMayTakeUntilSomethingHasHappened) { EXPECT_TRUE(ask_daemon(path_, AskSessions{}, patience)); }

// Nor is one who waits for it and goes waited for.
TEST_F(Control, AnAnswerThatNeverComesEndsWithTheTime) {
  std::thread later([this] {
    while (!waits_) std::this_thread::yield();
    shift_ = std::chrono::seconds(10);
  });
  const auto answer = ask_daemon(path_, AskPeers{}, patience);
  later.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::E1304);
}

TEST_F(Control, PassesErrorsOnWithCodeAndHelp) {
  const auto answer = ask_daemon(path_, AskReload{}, patience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::E1305);
  EXPECT_EQ(answer.error().help, "ask something else");
}

TEST_F(Control, SaysWhereNoDaemonIs) {
  const auto answer = ask_daemon(folder_ + "/nobody", AskStatus{}, patience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::E1304);
  EXPECT_THAT(answer.error().help, HasSubstr("is aclnode running?"));
}

// Those who connect and say nothing are sent away after a while, and do not keep others out meanwhile.
TEST_F(Control, SilentClientsDoNotKeepOthersOut) {
  std::vector<int> silent;
  for (int i = 0; i < 12; ++i) silent.push_back(connect());
  EXPECT_TRUE(ask_daemon(path_, AskStatus{}, patience));
  shift_ = std::chrono::seconds(10);
  for (const int fd : silent) {
    char byte = 0;
    EXPECT_EQ(::recv(fd, &byte, 1, 0), 0);
    ::close(fd);
  }
}

TEST_F(Control, AnEndlessQuestionIsRefused) {
  const int fd = connect();
  const std::string flood(longest_ask + 10, 'x');
  ASSERT_EQ(::send(fd, flood.data(), flood.size(), MSG_NOSIGNAL), static_cast<ssize_t>(flood.size()));
  char buffer[256];
  const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
  ASSERT_GT(got, 0);
  EXPECT_THAT(std::string(buffer, static_cast<std::size_t>(got)), HasSubstr("too long"));
  ::close(fd);
}

}  // namespace
}  // namespace acl::node
