// aclc fmt from its command line: what it writes, what it prints, how it exits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdio_ext.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>

#include "compiler/cli/testing.h"

namespace acl::cli {
namespace {

Outcome run(const std::string& arguments) { return run_verb(add_fmt, "fmt " + arguments); }

constexpr const char* rough = "{\"a\":1, // c\n}";
constexpr const char* smooth = "{\n\t\"a\": 1, // c\n}\n";

class Fmt : public InFolder {
 protected:
  // Runs with the file as standard input.
  static Outcome run_with_input(const std::string& path, const std::string& arguments) {
    const int saved = ::dup(STDIN_FILENO);
    const int input = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::dup2(input, STDIN_FILENO);
    Outcome outcome = run(arguments);
    ::dup2(saved, STDIN_FILENO);
    ::close(saved);
    ::close(input);
    return outcome;
  }
};

void expect(const Outcome& outcome, int exit_code, const std::string& out) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  EXPECT_EQ(outcome.out, out);
}

TEST_F(Fmt, ReplacesTheFileAndSaysNothing) {
  const std::string path = file("p.hujson", rough);
  const Outcome outcome = run(path);
  expect(outcome, exit_yes, "");
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(contents(path), smooth);
}

TEST_F(Fmt, FormattedFileIsNotWritten) {
  const std::string path = file("p.hujson", smooth);
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  expect(run(path), exit_yes, "");
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(Fmt, CheckNamesWhatWouldChangeAndWritesNothing) {
  const std::string a = file("a.hujson", rough);
  const std::string b = file("b.hujson", smooth);
  const std::string c = file("c.hujson", "[1,2]");
  expect(run("--check " + a + " " + b + " " + c), exit_no, a + "\n" + c + "\n");
  expect(run("--check " + b), exit_yes, "");
  EXPECT_EQ(contents(a), rough);
}

TEST_F(Fmt, DiffShowsWhatWouldChangeAndWritesNothing) {
  const std::string path = file("p.hujson", rough);
  const std::string name = path.substr(1);
  expect(run("--diff " + path), exit_no,
         "--- a/" + name + "\n+++ b/" + name +
             "\n@@ -1,2 +1,3 @@\n-{\"a\":1, // c\n-}\n\\ No newline at end of file\n+{\n+\t\"a\": 1, // c\n+}\n");
  EXPECT_EQ(contents(path), rough);
  expect(run("--diff " + file("s.hujson", smooth)), exit_yes, "");
}

TEST_F(Fmt, StandardInputGoesToStandardOutput) {
  expect(run_with_input(file("p.hujson", rough), "-"), exit_yes, smooth);
  expect(run_with_input(file("p.hujson", smooth), "-"), exit_yes, smooth);
  expect(run_with_input(file("p.hujson", rough), "--check -"), exit_no, "-\n");
}

TEST_F(Fmt, SyntaxErrorsAreAllReportedAndTheFileIsLeftAlone) {
  const std::string broken = "[\n\ttrue1,\n\t02,\n]\n";
  const std::string path = file("p.hujson", broken);
  for (const char* option : {"", "--check ", "--diff "}) {
    const Outcome outcome = run(option + path);
    expect(outcome, exit_no, "");
    EXPECT_NE(outcome.err.find("p.hujson:2:2: error"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("p.hujson:3:2: error"), std::string::npos) << outcome.err;
    EXPECT_EQ(contents(path), broken);
  }
  expect(run_with_input(path, "-"), exit_no, "");
}

TEST_F(Fmt, UnreadableFileIsThreeAndTheOthersAreStillDone) {
  const std::string path = file("p.hujson", rough);
  const Outcome outcome = run(folder_ + "/missing " + path);
  expect(outcome, exit_unreadable, "");
  EXPECT_NE(outcome.err.find("/missing\": No such file or directory"), std::string::npos) << outcome.err;
  EXPECT_EQ(contents(path), smooth);
}

TEST_F(Fmt, GreatestCodeOfSeveralFilesCounts) {
  const std::string broken = file("b.hujson", "[");
  const std::string good = file("g.hujson", smooth);
  EXPECT_EQ(run(good + " " + broken + " " + good).exit_code, exit_no);
  EXPECT_EQ(run(folder_ + " " + broken).exit_code, exit_unreadable);
}

// A limit on the size of files stands for a full disk; unlike permissions, it binds root too.
TEST_F(Fmt, UnwritableFileIsThreeAndStaysWhole) {
  const std::string text = "[" + std::string(9000, '\n') + "1, \"" + std::string(9000, 'x') + "\"]";
  const std::string path = file("p.hujson", text);
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const struct rlimit small { 4096, old.rlim_max };
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Outcome outcome = run(path);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  expect(outcome, exit_unreadable, "");
  EXPECT_NE(outcome.err.find("p.hujson\": File too large"), std::string::npos) << outcome.err;
  EXPECT_EQ(contents(path), text);
}

TEST_F(Fmt, FullStandardOutputIsThree) {
  CLI::App app;
  int exit_code = -1;
  add_fmt(app, exit_code);
  std::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  ::dup2(full, STDOUT_FILENO);
  testing::internal::CaptureStderr();
  app.parse("fmt --check " + file("p.hujson", rough));
  const std::string err = testing::internal::GetCapturedStderr();
  ::__fpurge(stdout);
  std::clearerr(stdout);
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ::close(full);
  EXPECT_EQ(exit_code, exit_unreadable);
  EXPECT_NE(err.find("cannot write to standard output: No space left on device"), std::string::npos) << err;
}

TEST_F(Fmt, WrongUsageTouchesNothing) {
  const std::string path = file("p.hujson", rough);
  EXPECT_EQ(run("").exit_code, exit_usage);
  EXPECT_EQ(run("--check").exit_code, exit_usage);
  EXPECT_EQ(run("--check --diff " + path).exit_code, exit_usage);
  EXPECT_EQ(run("--write " + path).exit_code, exit_usage);
  EXPECT_EQ(contents(path), rough);
}

}  // namespace
}  // namespace acl::cli
