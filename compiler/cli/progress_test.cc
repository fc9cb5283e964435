// Progress on a terminal: a pseudoterminal stands in for standard error.
#include "compiler/cli/progress.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <string>

namespace acl::cli {
namespace {

// Standard error is a terminal while one lives.
class Terminal {
 public:
  Terminal() : saved_(::dup(STDERR_FILENO)) {
    if (::openpty(&screen_, &line_, nullptr, nullptr, nullptr) == 0) ::dup2(line_, STDERR_FILENO);
  }
  ~Terminal() {
    ::dup2(saved_, STDERR_FILENO);
    for (const int descriptor : {saved_, screen_, line_}) {
      if (descriptor >= 0) ::close(descriptor);
    }
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] bool is_there() const { return screen_ >= 0; }
  // Waits until that stands on the screen; returns what has been written so far.
  std::string wait_for(const std::string& text) {
    char buffer[256];
    while (written_.find(text) == std::string::npos) {
      const ssize_t size = ::read(screen_, buffer, sizeof buffer);
      if (size <= 0) break;
      written_.append(buffer, static_cast<std::size_t>(size));
    }
    return written_;
  }

 private:
  int saved_ = -1, screen_ = -1, line_ = -1;
  std::string written_;
};

constexpr std::chrono::milliseconds at_once{0};
constexpr std::chrono::hours never_in_a_test{24};

TEST(Progress, TellsWhatIsDoneAndErasesItself) {
  Terminal terminal;
  if (!terminal.is_there()) GTEST_SKIP() << "SKIPPED: no pseudoterminal";
  {
    Progress progress("showing nodes", 50, at_once);
    progress.done(12);
    terminal.wait_for("showing nodes: 12 of 50");
  }
  const std::string written = terminal.wait_for("50\x1b[K\r\x1b[K");
  EXPECT_EQ(written.substr(written.size() - 4), "\r\x1b[K") << written;
}

TEST(Progress, OfWorkThatDoesNotCountNamesIt) {
  Terminal terminal;
  if (!terminal.is_there()) GTEST_SKIP() << "SKIPPED: no pseudoterminal";
  const Progress progress("reading a\nb", 0, at_once);
  EXPECT_EQ(terminal.wait_for("\x1b[K").find("\rreading a\\nb\x1b[K"), 0U);
}

TEST(Progress, OfQuickWorkSaysNothing) {
  Terminal terminal;
  if (!terminal.is_there()) GTEST_SKIP() << "SKIPPED: no pseudoterminal";
  { const Progress progress("reading", 0, never_in_a_test); }
  ASSERT_EQ(::write(STDERR_FILENO, ".", 1), 1);
  EXPECT_EQ(terminal.wait_for("."), ".");
}

TEST(Progress, IsForTerminalsAlone) {
  testing::internal::CaptureStderr();
  { Progress progress("reading", 0, at_once); }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace acl::cli
