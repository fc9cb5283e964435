// aclc publish from its command line: what it prints, how it exits. What it does is tested beside engine/store/publish.cc.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "compiler/cli/commands.h"
#include "compiler/cli/signing.h"
#include "engine/release/testing.h"

namespace acl::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

struct Outcome {
  int exit_code;
  std::string out, err;
};

class Publish : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "aclc-publish-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::filesystem::create_directory(release());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string release() const { return folder_ + "/release"; }
  [[nodiscard]] std::string store() const { return folder_ + "/store"; }

  // As compile and sign leave it, made now.
  void make(std::uint64_t generation, std::size_t signatures = 2) {
    const release::Time now = wall_clock();
    network_.publish(generation, {.nodes = 5, .created = now - 60, .expires = now + 86400}, signatures);
    for (const auto& [name, bytes] : network_.store) {
      const std::filesystem::path path = release() + "/" + name;
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path, std::ios::binary) << bytes;
    }
  }

  static Outcome run(const std::string& arguments) {
    CLI::App app;
    int exit_code = -1;
    add_publish(app, exit_code);
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    try {
      app.parse("publish " + arguments);
    } catch (const CLI::ParseError&) {
      exit_code = exit_usage;
    }
    const std::string out = ::testing::internal::GetCapturedStdout();
    return {exit_code, out, ::testing::internal::GetCapturedStderr()};
  }
  [[nodiscard]] Outcome publish(const std::string& options = {}) const {
    return run(fmt::format("{} {} {}", options, release(), store()));
  }

 private:
  std::string folder_;
  release::testing::Network network_;
};

TEST_F(Publish, TellsWhatWasWritten) {
  make(1);
  const Outcome first = publish();
  EXPECT_EQ(first.exit_code, exit_yes) << first.err;
  EXPECT_THAT(first.out,
              MatchesRegex(".*/store: release 1\\.1 published\n  wrote [0-9]+ objects \\([0-9]+ blobs, 1 pages, "
                           "7 heads, trust sets and signatures\\), [0-9]+ bytes, in [0-9.]+ s\n"));
  make(2);
  EXPECT_THAT(publish().out, HasSubstr("release 1.2 published, was 1.1\n"));
  EXPECT_THAT(publish().out, HasSubstr("release 1.2 was there already\n  wrote 0 objects"));
}

TEST_F(Publish, TellsWhichReleasesWent) {
  for (std::uint64_t generation = 1; generation <= 3; ++generation) {
    make(generation);
    EXPECT_EQ(publish().exit_code, exit_yes);
  }
  make(4);
  EXPECT_THAT(publish("--keep 2 --grace 0s").out, HasSubstr("of old releases: 1.1, 1.2\n"));
}

TEST_F(Publish, RefusesBelowTheThreshold) {
  make(1, 1);
  const Outcome refused = publish();
  EXPECT_EQ(refused.exit_code, exit_no);
  EXPECT_THAT(refused.err, HasSubstr("E1014"));
  EXPECT_THAT(refused.err, HasSubstr("1 of the 2 signatures"));
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(Publish, ATargetThatCannotBeOneIsWrongUsage) {
  make(1);
  for (const char* to : {"https://releases.example.com/acl", "ftp://a/b", "etcd://a:2379"}) {
    EXPECT_EQ(run(fmt::format("{} {}", release(), to)).exit_code, exit_usage) << to;
  }
  EXPECT_EQ(publish("--keep 1").exit_code, exit_usage);
  EXPECT_EQ(publish("--grace soon").exit_code, exit_usage);
  EXPECT_EQ(run(release()).exit_code, exit_usage);
}

TEST_F(Publish, WhatCannotBeReachedOrReadIsTold) {
  EXPECT_EQ(run(fmt::format("{}/none {}", release(), store())).exit_code, exit_unreadable);
  make(1);
  // Port 1 of loopback: nobody listens.
  const Outcome nobody = run(fmt::format("--timeout 5 {} etcd://127.0.0.1:1/acl", release()));
  EXPECT_EQ(nobody.exit_code, exit_unreadable);
  EXPECT_THAT(nobody.err, HasSubstr("E1102"));
  EXPECT_EQ(run(fmt::format("{} {}/none/deeper", release(), store())).exit_code, exit_unreadable);
  const Outcome no_password = run(fmt::format("--user a --password-file /none {} etcd://127.0.0.1:1/acl", release()));
  EXPECT_EQ(no_password.exit_code, exit_unreadable);
  EXPECT_THAT(no_password.err, HasSubstr("E1113"));
}

}  // namespace
}  // namespace acl::cli
