// Interfaces of a network namespace; needs root, and is skipped loudly elsewhere.
#include "node/daemon/interface.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <string>

namespace acl::node {
namespace {

bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

TEST(InterfaceMaster, IsWhatItIsEnslavedToAndNothingAfter) {
  if (unshare(CLONE_NEWNET) != 0 || !run("ip link add one type veth peer name other") ||
      !run("ip link add blue type bridge"))
    GTEST_SKIP() << "needs root and network namespaces";
  const auto master = [] { return interface_master(interface_index("one")); };
  ASSERT_TRUE(master()) << master().error().message;
  EXPECT_EQ(*master(), 0U);
  ASSERT_TRUE(run("ip link set one master blue"));
  ASSERT_TRUE(master()) << master().error().message;
  EXPECT_EQ(*master(), interface_index("blue"));
  EXPECT_NE(*master(), 0U);
  ASSERT_TRUE(run("ip link set one nomaster"));
  EXPECT_EQ(*master(), 0U);
}

TEST(InterfaceMaster, OfAnInterfaceThatIsNotThereIsAnError) {
  const auto master = interface_master(0x7fffffff);
  ASSERT_FALSE(master);
  EXPECT_EQ(master.error().code, Code::E1401);
  EXPECT_NE(master.error().message.find("No such device"), std::string::npos) << master.error().message;
}

}  // namespace
}  // namespace acl::node
