// What a store, or whoever stands between, may try on a node that fetches: the names are those of The Update Framework. Each is
// refused, and what is in force stays. The verifying client has more of them (engine/release/client_test.cc); here the whole way
// is taken, through aclnode-net.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/fetch/testing.h"

namespace acl::node::testing {
namespace {

using daemon::Accepted;
using daemon::Down;
using daemon::Refused;
using release::Reason;
using store::testing::FalseServer;
using store::testing::read_all;
using store::testing::write_file;
using ::testing::HasSubstr;

class Attacks : public ::testing::Test {
 protected:
  Attacks() : source(folder / "acl") {
    workshop.make(1, "first");
    workshop.publish_to(source);
  }
  // Puts something else in the place of an object, as who owns the store can; `latest` last.
  void replace(const std::string& name, const std::string& bytes) {
    const std::string path = source + "/" + name;
    write_file(path + ".new", bytes);
    std::filesystem::rename(path + ".new", path);
  }
  std::string object(const std::string& name) { return read_all(source + "/" + name); }
  // The blob that a release of these tables needs.
  static std::string hot_blob(const std::string& tables) {
    const std::string text = "hot " + tables;
    return release::blob_name(release::digest_of(release::as_bytes(text)));
  }
  void publish_second() {
    workshop.make(2, "second");
    workshop.publish_to(source);
  }
  void expect_first_stays(Node& node) { EXPECT_EQ(node.fetcher().state().accepted->generation.number, 1U); }

  OpenFolder folder;
  std::string source;
  Workshop workshop;
};

TEST_F(Attacks, Garbage) {
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  replace("latest", std::string("\x1b[31m\0\xff", 7));
  const auto latest = node.wait_for<Refused>();
  ASSERT_TRUE(latest);
  EXPECT_EQ(latest->reason, Reason::malformed);
  write_file(source + "/head/1.7", "not a head");
  replace("latest", "1 7\n");
  const auto head = node.wait_for<Refused>();
  ASSERT_TRUE(head);
  EXPECT_EQ(latest->reason, Reason::malformed);
  expect_first_stays(node);
}

TEST_F(Attacks, Truncation) {
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  workshop.make(2, "second");
  workshop.publish_to(folder / "other");
  const std::string blob = hot_blob("second");
  std::filesystem::copy(folder / "other", source,
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::skip_existing);
  replace(blob, object(blob).substr(0, 5));
  replace("latest", "1 2\n");
  const auto refused = node.wait_for<Refused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, Reason::mismatch);
  expect_first_stays(node);
  // Mended, it is taken at the next attempt, which comes by itself.
  replace(blob, "hot second");
  EXPECT_TRUE(node.wait_for<Accepted>());
}

TEST_F(Attacks, Rollback) {
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  publish_second();
  ASSERT_TRUE(node.wait_for<Accepted>());
  replace("latest", "1 1\n");
  const auto refused = node.wait_for<Refused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, Reason::rollback);
  EXPECT_EQ(node.fetcher().state().accepted->generation.number, 2U);
}

TEST_F(Attacks, ArbitrarySoftware) {
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  release::testing::Network stranger(3, 2, 50);
  stranger.publish(2);
  for (const auto& [name, bytes] : stranger.store) {
    if (name != "latest") write_file(source + "/" + name, bytes);
  }
  replace("latest", "1 2\n");
  const auto refused = node.wait_for<Refused>();
  ASSERT_TRUE(refused);
  expect_first_stays(node);
}

// Longer than it can be: read to its limit, by aclnode-net, and no further.
TEST_F(Attacks, EndlessData) {
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  replace("latest", std::string(std::size_t{50} << 20, '1'));
  const auto refused = node.wait_for<Refused>();
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->said, HasSubstr("E1105"));
  expect_first_stays(node);
}

TEST_F(Attacks, EndlessDataOverTheNetwork) {
  const FalseServer server([](std::string_view, const FalseServer::Send& send) {
    const std::string block(65536, '1');
    if (!send("HTTP/1.1 200 OK\r\n\r\n")) return;
    while (send(block)) {
    }
  });
  std::string url = server.url() + "/acl";
  url.replace(0, 4, "etcd");
  Node node(url, workshop);
  const auto refused = node.wait_for<Refused>();
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->said, HasSubstr("E1105"));
}

// A server that takes the connection and never answers; and one that answers so slowly that it would take for ever.
TEST_F(Attacks, SlowRetrieval) {
  const FalseServer never([&](std::string_view, const FalseServer::Send& send) {
    while (send("")) std::this_thread::sleep_for(milliseconds(5));
  });
  const FalseServer trickle([&](std::string_view, const FalseServer::Send& send) {
    if (!send("HTTP/1.1 200 OK\r\n\r\n")) return;
    while (send("{")) std::this_thread::sleep_for(milliseconds(5));
  });
  for (const FalseServer* server : {&never, &trickle}) {
    std::string url = server->url() + "/acl";
    url.replace(0, 4, "etcd");
    Node node(url, workshop);
    node.settings.client.limits.patience_ms = 400;
    for (int i = 0; i < 2; ++i) {
      const auto refused = node.wait_for<Refused>();
      ASSERT_TRUE(refused);
      EXPECT_EQ(refused->reason, Reason::too_slow);
    }
    // It is still the one that it was, and goes without being waited for.
    EXPECT_THAT(node.history(), ::testing::Not(::testing::Contains(::testing::StartsWith("down"))));
  }
}

TEST_F(Attacks, AclnodeNetKilledInTheMiddleIsStartedAgain) {
  Node node(source, workshop);
  node.run_for(milliseconds(20));
  for (int i = 0; i < 3; ++i) {
    const pid_t pid = *node.fetcher().process();
    // Held up, so that it is in the middle for certain.
    kill(pid, SIGSTOP);
    node.fetcher().look({node.wall, steady_ms()}, release::Goal::same_or_newer);
    node.run_for(milliseconds(700));
    kill(pid, SIGKILL);
    const auto down = node.wait_for<Down>();
    ASSERT_TRUE(down);
    EXPECT_EQ(down->diagnostic.code, Code::E1363);
    EXPECT_THAT(down->diagnostic.message, HasSubstr("SIGKILL"));
    ASSERT_TRUE(node.wait([](const auto& event) {
      return std::holds_alternative<Accepted>(event) || std::holds_alternative<daemon::Unchanged>(event);
    }));
    EXPECT_NE(*node.fetcher().process(), pid);
  }
  EXPECT_EQ(node.fetcher().state().accepted->generation.number, 1U);
}

TEST_F(Attacks, AProgramThatIsNotThereIsSaidSoAndTriedAgain) {
  Node node(source, workshop);
  node.settings.program.path = folder / "net";
  const auto down = node.wait_for<Down>();
  ASSERT_TRUE(down);
  EXPECT_THAT(down->diagnostic.message, HasSubstr("could not be executed"));
  std::filesystem::create_symlink(ACL_NET_PROGRAM, folder / "net");
  EXPECT_TRUE(node.wait_for<Accepted>());
}

}  // namespace
}  // namespace acl::node::testing
