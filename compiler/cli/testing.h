// For the tests of this folder: a verb run from its command line, and a folder of its own for the files it reads and writes.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "compiler/cli/commands.h"
#include "engine/net/file.h"

namespace acl::cli {

struct Outcome {
  int exit_code;
  std::string out, err;
};

// run_verb(add_fmt, "fmt --check FILE")
Outcome run_verb(void (*add)(CLI::App&, int&), const std::string& command);

// A temporary folder for each test, gone with it.
class InFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "aclc-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A file of that contents; its path.
  std::string file(const std::string& name, const std::string& contents) const {
    std::string path = folder_ + "/" + name;
    EXPECT_TRUE(replace_file(path, contents).has_value());
    return path;
  }
  static std::string contents(const std::string& path) { return read_file(path).value_or("(unreadable)"); }

  // The text with the folder's name as "DIR", so that it is the same in every run.
  [[nodiscard]] std::string without_folder(std::string text) const {
    for (std::size_t at = 0; (at = text.find(folder_, at)) != std::string::npos;)
      text.replace(at, folder_.size(), "DIR");
    return text;
  }

  std::string folder_;
};

}  // namespace acl::cli
