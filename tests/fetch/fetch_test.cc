// A node fetches what is published to a folder, to nginx over TLS and to etcd; by the real aclnode-net, as a user of its own.
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/fetch/testing.h"

namespace acl::node::testing {
namespace {

using daemon::Accepted;
using daemon::Down;
using daemon::Refused;
using daemon::Trouble;
using daemon::Unchanged;
using daemon::Well;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string text_of(const release::ReleasePart& part) { return std::string(release::as_text(*part.bytes)); }

// From the moment that `latest` moves to the moment that the caller has the release.
void report_latency(const char* source, Node& node, Workshop& workshop, const std::string& url,
                    const store::StoreOptions& options, std::uint64_t first) {
  std::vector<double> times;
  for (std::uint64_t number = first; number < first + 20; ++number) {
    // Not within the gap between two `changed`, which is not what is measured.
    node.run_for(milliseconds(60));
    workshop.make(number, fmt::format("table {}", number));
    const auto target = release::testing::must(store::open_target(url, options));
    workshop.publish_to(url, options);
    const auto published = std::chrono::steady_clock::now();
    const auto accepted = node.wait_for<Accepted>();
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->release.head.generation.number, number);
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - published).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%s: published -> accepted: median %.1f ms, 95%% %.1f ms, longest %.1f ms\n", source, times[10],
              times[18], times.back());
}

class Folders : public ::testing::Test {
 protected:
  Folders() : source(folder / "acl") {}
  OpenFolder folder;
  std::string source;
  Workshop workshop;
};

TEST_F(Folders, AReleaseIsAcceptedAndThenTheNextAsItIsPublished) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(source, workshop);
  const auto first = node.wait_for<Accepted>();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->release.head.generation, (release::Generation{1, 1}));
  ASSERT_EQ(first->release.parts.size(), 3U);
  EXPECT_EQ(text_of(first->release.parts[0]), "hot first");
  EXPECT_EQ(first->release.chunks.size(), 2U);
  workshop.make(2, "second");
  workshop.publish_to(source);
  const auto second = node.wait_for<Accepted>();
  ASSERT_TRUE(second);
  EXPECT_EQ(text_of(second->release.parts[0]), "hot second");
  EXPECT_EQ(node.fetcher().state().accepted->generation, (release::Generation{1, 2}));
}

TEST_F(Folders, AFolderThatComesLaterIsSeenAtOnce) {
  Node node(source, workshop);
  const auto refused = node.wait_for<Refused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, release::Reason::unavailable);
  workshop.make(1, "first");
  workshop.publish_to(source);
  EXPECT_TRUE(node.wait_for<Accepted>());
}

TEST_F(Folders, WhatIsInForceAlreadyIsUnchangedAlsoAfterANewStart) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  node.forget();
  EXPECT_TRUE(node.wait_for<Unchanged>());
  node.fetcher().look({node.wall, steady_ms()}, release::Goal::same_or_newer);
  EXPECT_TRUE(node.wait_for<Accepted>());
}

TEST_F(Folders, WhatCouldNotBeEnforcedComesAgain) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(source, workshop);
  node.enforces = false;
  ASSERT_TRUE(node.wait_for<Accepted>());
  EXPECT_FALSE(node.fetcher().state().accepted);
  ASSERT_TRUE(node.wait_for<Accepted>());
  node.enforces = true;
  ASSERT_TRUE(node.wait_for<Accepted>());
  EXPECT_TRUE(node.fetcher().state().accepted);
}

TEST_F(Folders, PartsThatAreHeldAreNotFetchedAgain) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(source, workshop);
  std::map<release::Digest, release::Bytes> held;
  node.settings.client.held = [&](const release::Reference& reference) -> std::optional<release::Bytes> {
    const auto at = held.find(reference.digest);
    return at == held.end() ? std::nullopt : std::optional(at->second);
  };
  const auto first = node.wait_for<Accepted>();
  ASSERT_TRUE(first);
  for (const auto& part : first->release.parts) held[part.reference.digest] = *part.bytes;
  for (const auto& chunk : first->release.chunks) held[chunk.reference.digest] = *chunk.bytes;
  held[release::digest_of(*first->release.rules)] = *first->release.rules;
  // The same tables; the store has lost their bytes.
  workshop.make(2, "first");
  workshop.publish_to(source);
  for (const auto& [digest, bytes] : held) unlink(fmt::format("{}/{}", source, release::blob_name(digest)).c_str());
  const auto second = node.wait_for<Accepted>();
  ASSERT_TRUE(second);
  EXPECT_EQ(text_of(second->release.parts[0]), "hot first");
}

TEST_F(Folders, ALargeTableComesWhole) {
  const std::string large(std::size_t{900} << 10, 'x');  // many pieces; the testing network puts it in chunks, too
  workshop.make(1, large);
  workshop.publish_to(source);
  Node node(source, workshop);
  const auto accepted = node.wait_for<Accepted>(seconds(60));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(text_of(accepted->release.parts[0]).size(), large.size() + 4);
}

TEST_F(Folders, FiguresOfLatency) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(source, workshop);
  node.settings.pace.refill = milliseconds(1);
  ASSERT_TRUE(node.wait_for<Accepted>());
  report_latency("folder", node, workshop, source, {}, 2);
}

std::string read_proc(pid_t pid, std::string_view name) {
  std::ostringstream text;
  text << std::ifstream(fmt::format("/proc/{}/{}", pid, name), std::ios::binary).rdbuf();
  return text.str();
}

std::uint64_t field(const std::string& text, const std::string& name) {
  const auto at = text.find(name);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + name.size(), nullptr, 10);
}

TEST_F(Folders, AclnodeNetRunsAsAUserOfItsOwnWithNothingLeft) {
#ifdef ACL_SANITIZED
  GTEST_SKIP() << "with sanitizers there is no filter of system calls";
#endif
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  const auto pid = node.fetcher().process();
  ASSERT_TRUE(pid);
  const std::string status = read_proc(*pid, "status");
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_THAT(status, HasSubstr(fmt::format("{}:\t0000000000000000", set)));
  }
  if (geteuid() == 0) {
    EXPECT_THAT(status, HasSubstr("Uid:\t65534\t65534\t65534\t65534"));
    EXPECT_THAT(status, HasSubstr("Gid:\t65534\t65534\t65534\t65534"));
    EXPECT_THAT(status, HasSubstr("Groups:\t \n"));
    EXPECT_THAT(status, HasSubstr("CapBnd:\t0000000000000000"));
    EXPECT_EQ(read_proc(*pid, "environ"), "");
    // Nobody else of that user may look into its memory.
    struct stat owner {};
    ASSERT_EQ(stat(fmt::format("/proc/{}/mem", *pid).c_str(), &owner), 0);
    EXPECT_EQ(owner.st_uid, 0U);
  }
}

TEST_F(Folders, AclnodeNetEndsWithTheFetcher) {
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Refused>());
  const pid_t pid = *node.fetcher().process();
  node.forget();
  EXPECT_EQ(kill(pid, 0), -1);
}

// Proportional memory, and how often it wakes while nothing happens.
TEST_F(Folders, FiguresOfIdling) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(source, workshop);
  ASSERT_TRUE(node.wait_for<Accepted>());
  const pid_t pid = *node.fetcher().process();
  node.run_for(seconds(6));
  const auto switches = [&] { return field(read_proc(pid, "status"), "voluntary_ctxt_switches:"); };
  const std::uint64_t before = switches();
  node.run_for(seconds(3));
  std::printf("folder: aclnode-net idle: Pss %llu kB, woken %llu times in 3 s\n",
              static_cast<unsigned long long>(field(read_proc(pid, "smaps_rollup"), "Pss:")),
              static_cast<unsigned long long>(switches() - before));
  EXPECT_LE(switches() - before, 3U);
}

class WebServers : public Folders {
 protected:
  void SetUp() override {
    server = store::testing::Nginx::start(folder, folder.path());
    if (!server) GTEST_SKIP() << "nginx or openssl is not installed: fetching over HTTPS is not tested";
  }
  std::unique_ptr<store::testing::Nginx> server;
};

TEST_F(WebServers, AReleaseIsAcceptedFromAServerWithAnAuthorityOfItsOwn) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  Node node(server->url("acl"), workshop);
  node.settings.open.ca_file = server->ca();
  node.settings.pace.interval = milliseconds(300);
  ASSERT_TRUE(node.wait_for<Accepted>());
  workshop.make(2, "second");
  workshop.publish_to(source);
  const auto second = node.wait_for<Accepted>();
  ASSERT_TRUE(second);
  EXPECT_EQ(text_of(second->release.parts[0]), "hot second");
  ASSERT_TRUE(node.wait_for<Unchanged>());
  const pid_t pid = *node.fetcher().process();
  std::printf("https: aclnode-net: Pss %llu kB\n",
              static_cast<unsigned long long>(field(read_proc(pid, "smaps_rollup"), "Pss:")));
}

TEST_F(WebServers, AServerWithACertificateOfAnotherAuthorityIsNotBelieved) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  const auto other = store::testing::make_certificates(folder, "other");
  ASSERT_TRUE(other);
  Node node(server->url("acl"), workshop);
  node.settings.open.ca_file = other->ca;
  const auto refused = node.wait_for<Refused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, release::Reason::unavailable);
  EXPECT_THAT(refused->said, HasSubstr("certificate is not believed"));
  // And none of the system's, whose files it can read.
  Node system(server->url("acl"), workshop);
  const auto unknown = system.wait_for<Refused>();
  ASSERT_TRUE(unknown);
  EXPECT_THAT(unknown->said, HasSubstr("certificate is not believed"));
  std::printf("https, with the system's authorities: aclnode-net: Pss %llu kB\n",
              static_cast<unsigned long long>(field(read_proc(*system.fetcher().process(), "smaps_rollup"), "Pss:")));
}

TEST_F(WebServers, ANameOfAHostIsResolved) {
  workshop.make(1, "first");
  workshop.publish_to(source);
  std::string url = server->url("acl");
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  Node node(url, workshop);
  node.settings.open.ca_file = server->ca();
  ASSERT_TRUE(node.wait_for<Accepted>());
  // One that there is not, whatever answers for it: the resolver needs no system call that is not allowed.
  Node nowhere("https://no-such-host.invalid/acl", workshop);
  const auto refused = nowhere.wait_for<Refused>(seconds(60));
  ASSERT_TRUE(refused);
  EXPECT_THAT(nowhere.history(), ::testing::Not(Contains(StartsWith("down"))));
}

class Etcds : public Folders {
 protected:
  void start(bool users) {
    server = store::testing::Etcd::start(folder, users);
    if (!server) GTEST_SKIP() << "etcd, etcdctl or openssl is not installed: fetching from etcd is not tested";
  }
  std::unique_ptr<Node> node_as(const std::string& user) {
    auto node = std::make_unique<Node>(server->url(), workshop);
    node->settings.open.ca_file = server->options().ca_file;
    node->settings.open.user = user;
    if (!user.empty()) node->settings.open.password = "secret";
    return node;
  }
  std::unique_ptr<store::testing::Etcd> server;
};

TEST_F(Etcds, AReleaseIsAcceptedByAUserThatMayOnlyReadAndThenTheNextAsItIsPublished) {
  start(true);
  if (IsSkipped()) return;
  workshop.make(1, "first");
  workshop.publish_to(server->url(), server->options());
  const auto node = node_as("node");
  node->settings.pace.refill = milliseconds(1);
  ASSERT_TRUE(node->wait_for<Accepted>());
  // The watch stands once it says so.
  report_latency("etcd", *node, workshop, server->url(), server->options(), 2);
  const pid_t pid = *node->fetcher().process();
  node->run_for(seconds(6));
  std::printf("etcd: aclnode-net idle: Pss %llu kB\n",
              static_cast<unsigned long long>(field(read_proc(pid, "smaps_rollup"), "Pss:")));
}

TEST_F(Etcds, AServerThatWasAwayIsTroubleAndThenWellAgain) {
  start(false);
  if (IsSkipped()) return;
  workshop.make(1, "first");
  workshop.publish_to(server->url(), server->options());
  const auto node = node_as("");
  ASSERT_TRUE(node->wait_for<Accepted>());
  node->run_for(milliseconds(500));
  server->stop();
  const auto trouble = node->wait_for<Trouble>();
  ASSERT_TRUE(trouble);
  EXPECT_THAT(trouble->text, HasSubstr("E1102"));
  server->start_again();
  ASSERT_TRUE(node->wait_for<Well>());
  workshop.make(2, "second");
  workshop.publish_to(server->url(), server->options());
  EXPECT_TRUE(node->wait_for<Accepted>());
}

TEST_F(Etcds, AUserThatMayNotReadIsToldSo) {
  start(true);
  if (IsSkipped()) return;
  workshop.make(1, "first");
  workshop.publish_to(server->url(), server->options());
  const auto node = node_as("stranger");
  const auto refused = node->wait_for<Refused>();
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->said, HasSubstr("E1103"));
}

}  // namespace
}  // namespace acl::node::testing
