#include "node/session/control_group.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "engine/net/file.h"
#include "node/session/descendants.h"

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

TEST(ControlGroups, EndWithThoseThatTheyAreBelow) {
  for (const char* group : {"/", "/a", "/a/b"}) EXPECT_TRUE(is_within("/a/b", group)) << group;
  for (const char* group : {"/a/b/c", "/a/bc", "/b"}) EXPECT_FALSE(is_within("/a/b", group)) << group;
  EXPECT_FALSE(is_within("/a/bc", "/a/b"));
}

// This process's folder of cgroup2; empty: there is none.
std::string own_group() {
  const auto mounts = read_file("/proc/self/mountinfo", 4 << 20), text = read_file("/proc/self/cgroup", 4096);
  const auto mount = mounts ? find_group_mount(*mounts) : std::nullopt;
  const auto path = text ? group_path(*text) : std::nullopt;
  return mount && path ? group_folder(*mount, *path).value_or("") : "";
}

bool move_to(const std::string& group) {
  const Fd procs(open((group + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  return procs && write(procs.get(), "0", 1) == 1;
}

struct Played {
  pid_t pid = -1;
  Fd process, end;
  [[nodiscard]] bool goes_on() const {
    char byte = 0;
    return fcntl(end.get(), F_SETFL, O_NONBLOCK) == 0 && read(end.get(), &byte, 1) < 0;
  }
  [[nodiscard]] bool all_end() const {
    char byte = 0;
    return fcntl(end.get(), F_SETFL, 0) == 0 && read(end.get(), &byte, 1) == 0;
  }
  void finish() const {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
};
// A login with a process beside it; `end` is open as long as one of the two lives.
template <class Enter>
Played play(Enter enter) {
  int ends[2];
  Played played;
  if (pipe(ends) != 0) return played;
  played.pid = fork();
  if (played.pid == 0) {
    const LoginGroup group = enter();
    const pid_t login = getpid();
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (getppid() == login) pause();
      _exit(0);
    }
    if (write(ends[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ends[1]);
  played.end = Fd(ends[0]);
  char byte = 0;
  if (read(ends[0], &byte, 1) == 1) played.process = open_process(played.pid);
  return played;
}

class OthersLoginGroups : public ::testing::Test {
 protected:
  void SetUp() override {
    const LoginGroup probe = LoginGroup::enter();
    home_ = own_group();
    const std::size_t end = home_.rfind("/aclnode-login-");
    if (end == std::string::npos) GTEST_SKIP() << "needs root and a cgroup2 that can be written";
    home_.resize(end);
    // As they are called that pam_systemd makes.
    number_ = std::to_string(getpid());
    scope_ = home_ + "/session-" + number_ + ".scope";
    ASSERT_EQ(mkdir(scope_.c_str(), 0755), 0);
  }
  void TearDown() override {
    remove_empty_groups();
    if (scope_.empty()) return;
    // A process that ends closes its files before it leaves its group.
    int gone = rmdir(scope_.c_str());
    for (int i = 0; i < 1000 && gone != 0 && errno == EBUSY; ++i) {
      usleep(10'000);
      gone = rmdir(scope_.c_str());
    }
    EXPECT_EQ(gone, 0);
  }
  std::string home_, scope_, number_;
};

TEST_F(OthersLoginGroups, AreKilledByAProcessInThemThatHasMadeThem) {
  const Played login = play([] { return LoginGroup::enter(); });
  EXPECT_TRUE(kill_login_group(login.process.get()));
  waitpid(login.pid, nullptr, 0);
  EXPECT_TRUE(login.all_end());
  EXPECT_FALSE(kill_login_group(login.process.get())) << "it has been waited for";
}

TEST_F(OthersLoginGroups, AreKilledWhereTheyAreTheScopeOfTheLoginsOwnSession) {
  const Played login = play([&] {
    LoginGroup group = LoginGroup::enter();
    if (!move_to(scope_)) _exit(1);
    group.follow(number_);
    return group;
  });
  EXPECT_TRUE(kill_login_group(login.process.get()));
  waitpid(login.pid, nullptr, 0);
  EXPECT_TRUE(login.all_end());
}

TEST_F(OthersLoginGroups, AreNotKilledWhereTheScopeIsAnotherSessions) {
  const Played login = play([&] {
    LoginGroup group = LoginGroup::enter();
    if (!move_to(scope_)) _exit(1);
    group.follow("x" + number_);
    return group;
  });
  EXPECT_FALSE(kill_login_group(login.process.get()));
  EXPECT_TRUE(login.goes_on());
  login.finish();
  EXPECT_TRUE(login.all_end());
}

TEST_F(OthersLoginGroups, AreNotKilledByTheNumberOfAnotherProcessInThem) {
  const Played login = play([&] {
    LoginGroup group = LoginGroup::enter();
    if (!move_to(scope_)) _exit(1);
    group.follow(number_);
    return group;
  });
  const Played guest = play([&] {
    if (!move_to(scope_)) _exit(1);
    return LoginGroup();
  });
  EXPECT_FALSE(kill_login_group(guest.process.get()));
  EXPECT_TRUE(login.goes_on());
  for (const Played* each : {&guest, &login}) {
    each->finish();
    EXPECT_TRUE(each->all_end());
  }
}

TEST_F(OthersLoginGroups, AreNotKilledByOneThatIsInThemOrBelow) {
  const pid_t killer = fork();
  if (killer == 0) {
    // A supervisor that was started by hand within a session; its login comes to be in the scope, and has its number.
    if (!move_to(scope_)) _exit(2);
    const Played login = play([&] {
      LoginGroup group = LoginGroup::enter();
      if (!move_to(scope_)) _exit(1);
      group.follow(number_);
      // Its own way must not be one either.
      if (group.kill()) _exit(3);
      return group;
    });
    bool done = kill_login_group(login.process.get());
    {
      const LoginGroup below = LoginGroup::enter();
      done = kill_login_group(login.process.get()) || done;
    }
    const bool lives = login.goes_on();
    login.finish();
    const bool over = login.all_end();
    remove_empty_groups();
    _exit(!done && lives && over ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(killer, &status, 0), killer);
  EXPECT_EQ(status, 0);
}

// As the unit of the supervisor has ended, and its group with it.
TEST_F(OthersLoginGroups, AreLeftToTheSearchForDescendantsWhereTheGroupTheyCameFromIsGone) {
  const std::string unit = home_ + "/unit-" + number_;
  const pid_t login = fork();
  if (login == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (mkdir(unit.c_str(), 0755) != 0 || !move_to(unit)) _exit(2);
    LoginGroup group = LoginGroup::enter();
    if (!move_to(scope_)) _exit(3);
    group.follow(number_);
    if (rmdir(unit.c_str()) != 0) _exit(4);
    const pid_t child = fork();
    if (child == 0) {
      setsid();
      for (;;) pause();
    }
    if (group.kill()) _exit(5);
    if (!kill_descendants()) _exit(6);
    _exit(kill(child, 0) == -1 ? 0 : 7);
  }
  int status = -1;
  ASSERT_EQ(waitpid(login, &status, 0), login);
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
  rmdir(unit.c_str());
}

}  // namespace
}  // namespace acl::node::session
