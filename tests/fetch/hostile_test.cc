// aclnode's side against an aclnode-net that somebody has taken over (hostile_net.cc): it is ended and replaced, nothing is
// accepted, and once the real one is there again, all goes on.
#include <sys/resource.h>

#include <filesystem>

#include "tests/fetch/testing.h"

namespace acl::node::testing {
namespace {

using daemon::Accepted;
using daemon::Down;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HostileNets : public ::testing::TestWithParam<const char*> {
 protected:
  HostileNets() : source_(folder_ / "acl"), node_(source_, workshop_) {
    workshop_.make(1, "first");
    workshop_.publish_to(source_);
    install(ACL_HOSTILE_PROGRAM);
    node_.settings.program = {folder_ / "net", GetParam(), {}};
    node_.settings.client.limits.patience_ms = 1000;
  }
  void install(const char* program) {
    std::filesystem::remove(folder_ / "net");
    std::filesystem::create_symlink(program, folder_ / "net");
  }

  OpenFolder folder_;
  std::string source_;
  Workshop workshop_;
  Node node_;
};

TEST_P(HostileNets, AreEndedAndReplaced) {
  for (int i = 0; i < 2; ++i) {
    const auto down = node_.wait_for<Down>();
    ASSERT_TRUE(down);
    EXPECT_THAT(code_name(down->diagnostic.code), AnyOf("E1361", "E1363"));
  }
  EXPECT_THAT(node_.history(), Not(Contains(StartsWith("accepted"))));
  for (const std::string& line : node_.history()) EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_FALSE(node_.fetcher().state().accepted);
  // Few words of theirs reach a log.
  EXPECT_LT(node_.history().size(), 30U);
}

INSTANTIATE_TEST_SUITE_P(Ways, HostileNets,
                         ::testing::Values("never-asked", "noise", "too-long", "too-much", "absent-after-all", "twice",
                                           "ends", "chatter", "alternates", "random"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::erase(name, '-');
                           return name;
                         });

// One that says nothing breaks no rule: it is not waited for longer than anything is.
TEST(HostileNet, ThatIsSilentIsTooSlow) {
  OpenFolder folder;
  const Workshop workshop;
  Node node(folder / "acl", workshop);
  node.settings.program = {ACL_HOSTILE_PROGRAM, "silent", {}};
  node.settings.client.limits.patience_ms = 300;
  const auto refused = node.wait_for<daemon::Refused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, release::Reason::too_slow);
}

// The program is exchanged while the fetcher runs: what was refused is fetched.
TEST(HostileNet, ThatIsReplacedByTheRealOneIsForgotten) {
  OpenFolder folder;
  Workshop workshop;
  workshop.make(1, "first");
  workshop.publish_to(folder / "acl");
  Node node(folder / "acl", workshop);
  // Without an argument the hostile one waits to be asked, so that both take the same; as root the real one needs a user.
  node.settings.program = {folder / "net", net_user(), {}};
  std::filesystem::create_symlink(ACL_HOSTILE_PROGRAM, folder / "net");
  node.settings.client.limits.patience_ms = 300;
  ASSERT_TRUE(node.wait_for<daemon::Refused>());
  std::filesystem::remove(folder / "net");
  std::filesystem::create_symlink(ACL_NET_PROGRAM, folder / "net");
  kill(*node.fetcher().process(), SIGKILL);
  ASSERT_TRUE(node.wait_for<Down>());
  EXPECT_TRUE(node.wait_for<Accepted>());
}

// One who talks without end gets no more of the daemon's time than a step has.
TEST(HostileNet, ThatTalksWithoutEndDoesNotHoldUpAStep) {
  OpenFolder folder;
  const Workshop workshop;
  Node node(folder / "acl", workshop);
  node.settings.program = {ACL_HOSTILE_PROGRAM, "chatter", {}};
  release::Instant now{node.wall, steady_ms()};
  node.fetcher().step(now);
  std::size_t steps = 0;
  while (node.fetcher().process()) {
    pollfd waiting{node.fetcher().fd(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 10'000), 1);
    now.steady_ms = steady_ms();
    node.fetcher().step(now);
    ++steps;
  }
  // 512 messages, at most 64 of them in a step.
  EXPECT_GE(steps, 8U);
}

}  // namespace
}  // namespace acl::node::testing
