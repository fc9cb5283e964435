#include "node/session/descendants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace acl::node::session {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ProcessLines, AreReadWhateverTheNameIs) {
  ProcessLine line;
  ASSERT_TRUE(parse_process_line("42 (a) S 7) R 7 42 40 34816 43 4194304 1 2 3 4 5 6 7 8 9 10 11 0 98765 1\n", line));
  EXPECT_EQ(line.pid, 42);
  EXPECT_EQ(line.state, 'R');
  EXPECT_EQ(line.parent, 7);
  EXPECT_EQ(line.foreground, 43);
  EXPECT_EQ(line.started, 98765U);
  ASSERT_TRUE(parse_process_line("42 (x) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7", line));
  EXPECT_EQ(line.foreground, -1);
  EXPECT_EQ(line.started, 7U);
  for (const char* text : {"", "42", "x (a) R 1 1 1 1 1", "42 (a", "42 (a)", "42 (a) R", "42 (a) R 1 1 1",
                           "42 (a) R x 1 1 1 1", "42 (x) S 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0"})
    EXPECT_FALSE(parse_process_line(text, line)) << text;
}

RC_GTEST_PROP(ProcessLines, OfAnyBytesAreReadOrRefused, (const std::string& text)) {
  ProcessLine line;
  RC_ASSERT(!parse_process_line("(" + text, line));
}

TEST(ProcessLines, AreThoseOfTheKernel) {
  ProcessLine line;
  ASSERT_TRUE(read_process(getpid(), line));
  EXPECT_EQ(line.pid, getpid());
  EXPECT_EQ(line.parent, getppid());
  EXPECT_FALSE(read_process(0, line));
}

ProcessLine of(pid_t pid, pid_t parent, char state = 'S') { return {pid, parent, -1, state, 0}; }

std::vector<pid_t> numbers(const std::vector<ProcessLine>& lines) {
  std::vector<pid_t> out;
  for (const ProcessLine& each : lines) out.push_back(each.pid);
  return out;
}

TEST(Descendants, AreChildrenAndTheirs) {
  const std::vector<ProcessLine> all = {of(1, 0),   of(2, 1),   of(10, 2), of(11, 10),
                                        of(12, 11), of(13, 10), of(20, 1), of(21, 20)};
  EXPECT_THAT(numbers(descendants_of(10, all)), testing::UnorderedElementsAre(11, 12, 13));
  EXPECT_THAT(descendants_of(12, all), IsEmpty());
  EXPECT_THAT(descendants_of(99, all), IsEmpty());
}

TEST(Descendants, AreNotThoseThatHaveEnded) {
  EXPECT_THAT(numbers(descendants_of(1, {of(2, 1, 'Z'), of(3, 1)})), ElementsAre(3));
}

// What the kernel never shows does not keep it busy for ever.
TEST(Descendants, InARingAreFinite) { EXPECT_LE(descendants_of(1, {of(2, 1), of(3, 2), of(2, 3)}).size(), 6U); }

TEST(Descendants, AreKilledAndNotThoseThatHaveTheirNumbersNow) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  ProcessLine line;
  ASSERT_TRUE(read_process(child, line));
  ProcessLine earlier = line;
  --earlier.started;
  EXPECT_FALSE(kill_process(earlier));
  EXPECT_EQ(waitpid(child, nullptr, WNOHANG), 0);
  EXPECT_TRUE(kill_process(line));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_FALSE(kill_process(line));
}

TEST(Descendants, AreAllKilledWhereverTheyWent) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 3; ++i) {
      if (fork() != 0) continue;
      setsid();
      while (fork() < 0) {
      }
      for (;;) pause();
    }
    if (!kill_descendants()) _exit(1);
    // What is left of them has ended: this does not wait for ever.
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ProcessDescriptors, NameAProcessUntilItHasBeenWaitedFor) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const Fd process = open_process(child);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(pid_of(process.get()), child);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_LE(pid_of(process.get()), 0);
  EXPECT_FALSE(signal_process(process.get(), SIGKILL));
  EXPECT_LE(pid_of(0), 0);
  EXPECT_LE(pid_of(-1), 0);
}

TEST(Trees, AreKilledBelowAProcessThatStaysStopped) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t root = fork();
  if (root == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (fork() == 0) {
      setsid();
      if (fork() != 0) _exit(0);
      static_cast<void>(write(ends[1], "x", 1));
      for (;;) pause();
    }
    close(ends[1]);
    for (;;) pause();
  }
  close(ends[1]);
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  const Fd process = open_process(root);
  kill_tree_below(process.get());
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(root, &status, WUNTRACED), root);
  EXPECT_TRUE(WIFSTOPPED(status));
  EXPECT_TRUE(signal_process(process.get(), SIGKILL));
  ASSERT_EQ(waitpid(root, &status, 0), root);
}

}  // namespace
}  // namespace acl::node::session
