#include "engine/net/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace acl {
namespace {

class File : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "aclc-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

TEST_F(File, ReadsWhatWasWritten) {
  ASSERT_TRUE(replace_file(path("a"), std::string_view("one\0two", 7)));
  EXPECT_EQ(read_file(path("a")).value(), std::string("one\0two", 7));
}

TEST_F(File, MissingFileIsNamedWithTheReason) {
  const auto result = read_file(path("none"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::E0002);
  EXPECT_EQ(result.error().message, "cannot read \"" + path("none") + "\": No such file or directory");
}

TEST_F(File, FolderIsNotRead) { EXPECT_EQ(read_file(folder_.string()).error().code, Code::E0002); }

TEST_F(File, LimitIsExact) {
  ASSERT_TRUE(replace_file(path("a"), std::string(1000, 'x')));
  EXPECT_EQ(read_file(path("a"), 1000).value().size(), 1000U);
  EXPECT_FALSE(read_file(path("a"), 999));
  EXPECT_FALSE(read_file("/dev/zero", 100'000)) << "a file that never ends is refused, not read for ever";
}

TEST_F(File, ReplacingKeepsTheModeAndLeavesNothingBehind) {
  ASSERT_TRUE(replace_file(path("a"), "old"));
  ASSERT_EQ(::chmod(path("a").c_str(), 0640), 0);
  ASSERT_TRUE(replace_file(path("a"), "new"));
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()), 1);
}

TEST_F(File, SymbolicLinkStaysALink) {
  ASSERT_TRUE(replace_file(path("a"), "old"));
  ASSERT_EQ(::symlink("a", path("link").c_str()), 0);
  ASSERT_TRUE(replace_file(path("link"), "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("a")).value(), "new");
}

TEST_F(File, ErrorLeavesTheOldFileWhole) {
  EXPECT_EQ(replace_file(path("none/a"), "x").error().code, Code::E0003);
  EXPECT_EQ(replace_file(folder_.string(), "x").error().code, Code::E0003);
}

}  // namespace
}  // namespace acl
