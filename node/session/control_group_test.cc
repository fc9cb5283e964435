#include "node/session/control_group.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "engine/net/file.h"

namespace acl::node::session {
namespace {

TEST(ControlGroups, AreWhereTheirFileSystemIsMounted) {
  const auto mount = find_group_mount(
      "25 1 0:22 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw\n"
      "30 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
      "31 25 0:28 /a b /sys/fs/cgroup/unified rw,nosuid shared:10 master:2 - cgroup2 cgroup2 rw\n");
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->root, "/a");  // a blank is written as \040
  const auto plain = find_group_mount("31 25 0:28 / /sys/fs/cgroup rw - cgroup2 - rw");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->folder, "/sys/fs/cgroup");
  EXPECT_EQ(plain->root, "/");
  for (const char* none :
       {"", "\n\n", " - cgroup", "30 25 0:27 / /x rw - cgroup cgroup rw,cpu", "cgroup2", "a - b - cgroup2"})
    EXPECT_FALSE(find_group_mount(none)) << none;
}

TEST(ControlGroups, AreNamedByTheLineOfTheUnifiedHierarchy) {
  EXPECT_EQ(group_path("9:name=systemd:/x\n0::/system.slice/a.service\n"), "/system.slice/a.service");
  EXPECT_EQ(group_path("0::/"), "/");
  for (const char* none : {"", "1:cpu:/", "0::", "00::/x", "0:cpu:/x"}) EXPECT_FALSE(group_path(none)) << none;
}

TEST(ControlGroups, AreFoldersBelowTheMount) {
  const GroupMount whole{"/sys/fs/cgroup", "/"}, part{"/cg", "/docker/1"};
  EXPECT_EQ(group_folder(whole, "/"), "/sys/fs/cgroup");
  EXPECT_EQ(group_folder(whole, "/a/b"), "/sys/fs/cgroup/a/b");
  EXPECT_EQ(group_folder(part, "/docker/1"), "/cg");
  EXPECT_EQ(group_folder(part, "/docker/1/x"), "/cg/x");
  EXPECT_FALSE(group_folder(part, "/docker/12"));
  EXPECT_FALSE(group_folder(part, "/"));
  EXPECT_FALSE(group_folder(whole, "/../other"));
}

TEST(ControlGroups, OfALoginIsTheScopeOfItsOwnSessionAndNoOther) {
  EXPECT_TRUE(is_scope_of("/user.slice/user-5.slice/session-12.scope", "12"));
  for (const char* other : {"/user.slice/user-5.slice/session-1.scope", "/user.slice/user-5.slice/session-12.scope/x",
                            "/user.slice", "/user.slice/user-5.slice/user@5.service"})
    EXPECT_FALSE(is_scope_of(other, "12")) << other;
  EXPECT_FALSE(is_scope_of("/user.slice/session-.scope", ""));
}

// With root and a writable cgroup2; skipped loudly elsewhere. In a process of its own, which is moved.
TEST(LoginGroups, KillAllThatIsInThemAndNotWhoCalls) {
  const pid_t login = fork();
  if (login == 0) {
    LoginGroup group = LoginGroup::enter();
    int ends[2];
    if (pipe(ends) != 0) _exit(3);
    const pid_t child = fork();
    if (child == 0) {
      setsid();
      if (fork() != 0) _exit(0);
      for (;;) pause();  // the pipe is open as long as it lives
    }
    close(ends[1]);
    waitpid(child, nullptr, 0);
    if (!group.kill()) _exit(77);
    char byte = 0;
    _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(login, &status, 0), login);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "needs root and a cgroup2 that can be written";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  remove_empty_groups();
}

TEST(LoginGroups, OfOthersAreKilledByTheNumberOfAProcessInThemAndOneThatIsInNoneIsNot) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t login = fork();
  if (login == 0) {
    const LoginGroup group = LoginGroup::enter();
    if (fork() == 0) {
      for (;;) pause();
    }
    static_cast<void>(write(ends[1], "x", 1) == 1);
    for (;;) pause();
  }
  close(ends[1]);
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  const bool killed = kill_login_group(login);
  if (!killed) kill(login, SIGKILL);
  waitpid(login, nullptr, 0);
  if (!killed) GTEST_SKIP() << "needs root and a cgroup2 that can be written";
  EXPECT_EQ(read(ends[0], &byte, 1), 0) << "the other goes on";
  EXPECT_FALSE(kill_login_group(getpid()));
  remove_empty_groups();
}

}  // namespace
}  // namespace acl::node::session
