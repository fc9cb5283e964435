// unified_diff against hand-written patches, against the program `patch` where there is one, and
// against what a diff is: the old text turned into the new one, with as few lines as can be.
#include "compiler/cli/diff.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "engine/net/file.h"

namespace acl::cli {
namespace {

std::string diff(std::string_view a, std::string_view b) { return unified_diff(a, b, "a/f", "b/f"); }

constexpr std::string_view labels = "--- a/f\n+++ b/f\n";

std::string hunks(std::string_view a, std::string_view b) {
  const std::string text = diff(a, b);
  EXPECT_TRUE(text.starts_with(labels)) << text;
  return text.substr(std::min(text.size(), labels.size()));
}

TEST(Diff, EqualTextsMakeNone) {
  EXPECT_EQ(diff("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(diff("", ""), "");
}

TEST(Diff, ChangedLinesStandBetweenThreeUnchangedOnes) {
  EXPECT_EQ(hunks("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(Diff, NearChangesShareAHunkFarOnesDoNot) {
  EXPECT_EQ(hunks("x\n1\n2\n3\n4\n5\n6\nx\n", "1\n2\n3\n4\n5\n6\n"),
            "@@ -1,8 +1,6 @@\n-x\n 1\n 2\n 3\n 4\n 5\n 6\n-x\n");
  EXPECT_EQ(hunks("x\n1\n2\n3\n4\n5\n6\n7\nx\n", "1\n2\n3\n4\n5\n6\n7\n"),
            "@@ -1,4 +1,3 @@\n-x\n 1\n 2\n 3\n@@ -6,4 +5,3 @@\n 5\n 6\n 7\n-x\n");
}

TEST(Diff, RangesOfOneLineAndOfNone) {
  EXPECT_EQ(hunks("a\n", "b\n"), "@@ -1 +1 @@\n-a\n+b\n");
  EXPECT_EQ(hunks("", "a\n"), "@@ -0,0 +1 @@\n+a\n");
  EXPECT_EQ(hunks("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b\n");
}

TEST(Diff, MissingLineEndIsSaid) {
  EXPECT_EQ(hunks("a", "a\n"), "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
  EXPECT_EQ(hunks("a\nb", "c\nb"), "@@ -1,2 +1,2 @@\n-a\n+c\n b\n\\ No newline at end of file\n");
}

TEST(Diff, ColorsAreThoseOfGit) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nc\n", "x", "y", {.color = true}),
            "\x1b[1m--- x\x1b[m\n\x1b[1m+++ y\x1b[m\n\x1b[36m@@ -1,2 +1,2 @@\x1b[m\n "
            "a\n\x1b[31m-b\x1b[m\n\x1b[32m+c\x1b[m\n");
}

TEST(Diff, TerminalIsShownControlCharactersEscaped) {
  EXPECT_EQ(unified_diff("\ta\x1b[2J\r\n", "\ta\n", "x", "y", {.escape = true}),
            "--- x\n+++ y\n@@ -1 +1 @@\n-\ta\\x1b[2J\\r\n+\ta\n");
}

TEST(Diff, HugeTextsWithoutACommonLineAreReplacedWhole) {
  std::string a;
  std::string b;
  for (int i = 0; i < 200000; ++i) {
    a += fmt::format("a{}\n", i);
    b += fmt::format("b{}\n", i);
  }
  EXPECT_EQ(hunks(a, b).size(), std::string("@@ -1,200000 +1,200000 @@\n").size() + a.size() + b.size() + 400000);
}

// The same lines in another order: the worst case for the search, cut short by the bound on its work.
TEST(Diff, HugeTextsOfTheSameLinesTakeBoundedTime) {
  std::string a;
  std::string b;
  for (int i = 0; i < 200000; ++i) {
    a += fmt::format("{}\n", i * 7919 % 200003);
    b += fmt::format("{}\n", i * 104729L % 200003);
  }
  EXPECT_NE(hunks(a, b), "");
}

// --- properties ---

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

struct Applied {
  std::string text;
  std::size_t edits = 0;
};

// Does what patch does with a diff that fits.
Applied patched(std::string_view old_text, std::string_view patch) {
  Applied result;
  const auto old_lines = lines_of(old_text);
  std::size_t at = 0;
  auto lines = lines_of(patch);
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, lines.size())));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    if (line.starts_with("@@ -")) {
      const std::size_t first = std::strtoul(std::string(line.substr(4)).c_str(), nullptr, 10);
      const bool none = std::string(line).find(",0 +") != std::string::npos;
      for (; at < (none ? first : first - 1); ++at) result.text += old_lines.at(at);
      continue;
    }
    const char mark = line[0];
    line.remove_prefix(1);
    if (i + 1 < lines.size() && lines[i + 1][0] == '\\') {
      line.remove_suffix(1);
    }
    if (mark == '\\') continue;
    if (mark != '+') RC_ASSERT(old_lines.at(at++) == line);
    if (mark != '-') result.text += line;
    if (mark != ' ') ++result.edits;
  }
  for (; at < old_lines.size(); ++at) result.text += old_lines[at];
  return result;
}

// By the textbook: a table of all pairs of prefixes.
std::size_t fewest_edits(std::string_view old_text, std::string_view new_text) {
  const auto a = lines_of(old_text);
  const auto b = lines_of(new_text);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t best = a[i - 1] == b[j - 1] ? diagonal : std::min(row[j], row[j - 1]) + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[b.size()];
}

std::string any_text() {
  std::string text;
  for (const int line : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 6))) {
    text += std::string(static_cast<std::size_t>(line), 'x') + "\n";
  }
  if (!text.empty() && *rc::gen::arbitrary<bool>()) text.pop_back();
  return text;
}

TEST(DiffProperty, AppliedToTheOldTextItGivesTheNewOneWithTheFewestEdits) {
  EXPECT_TRUE(rc::check([] {
    const std::string a = any_text();
    const std::string b = any_text();
    const std::string patch = diff(a, b);
    RC_LOG() << patch;
    const Applied result = patched(a, patch);
    RC_ASSERT(result.text == b);
    RC_ASSERT(result.edits == fewest_edits(a, b));
  }));
}

TEST(DiffProperty, ThePatchProgramAgrees) {
  if (std::system("patch --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "SKIPPED: no program \"patch\"";
  std::string folder = (std::filesystem::temp_directory_path() / "aclc-diff-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string command = "cd " + folder + " && patch -s -p1 --posix < p > /dev/null 2>&1";
  EXPECT_TRUE(rc::check([&] {
    const std::string a = any_text();
    const std::string b = any_text();
    RC_PRE(a != b && !b.empty());
    RC_ASSERT(replace_file(folder + "/f", a).has_value());
    RC_ASSERT(replace_file(folder + "/p", diff(a, b)).has_value());
    RC_ASSERT(std::system(command.c_str()) == 0);
    RC_ASSERT(read_file(folder + "/f").value() == b);
  }));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace acl::cli
