#include "node/daemon/state_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "engine/net/file.h"
#include "engine/release/testing.h"

namespace acl::node {
namespace {

namespace fs = std::filesystem;
using release::testing::must;

class StateFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "aclnode-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name + "/state";
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  static KeptRelease release_of(std::uint64_t number) {
    static const auto blob = [](const std::string& text) {
      auto bytes = std::make_shared<const release::Bytes>(release::testing::bytes_of(text));
      return Blob{*bytes, bytes};
    };
    KeptRelease kept;
    kept.node = release::testing::key_of_node(5);
    kept.head.generation = {1, number};
    kept.head.trust = release::digest_of(release::as_bytes("trust"));
    kept.head.created = release::testing::first_day;
    kept.head.expires = release::testing::first_day + release::testing::day;
    kept.header = {1, 2, 3};
    for (const auto kind : {release::PartKind::hot, release::PartKind::ssh, release::PartKind::names}) {
      const Blob bytes = blob(kind == release::PartKind::ssh
                                  ? "ssh, the same in all"
                                  : "part " + std::to_string(number) + std::to_string(static_cast<int>(kind)));
      kept.parts.push_back({kind, release::reference_to(bytes.bytes), bytes});
    }
    kept.rules = blob("rules " + std::to_string(number));
    kept.rules_reference = kept.head.contents.rules = release::reference_to(kept.rules.bytes);
    const Blob chunk = blob("chunk " + std::to_string(number));
    kept.chunks.push_back({7, release::reference_to(chunk.bytes), chunk});
    return kept;
  }
  static release::State state_of(const KeptRelease& kept) {
    release::State state = release::first_state(release::testing::Network().trust);
    state.accepted = kept.head;
    state.accepted->trust = kept.head.trust;
    state.last_time = kept.head.created;
    return state;
  }
  std::string root_, path_;
};

std::string text(const Blob& blob) { return std::string(release::as_text(blob.bytes)); }

TEST_F(StateFolderTest, GivesBackWhatWasWritten) {
  const auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder) << folder.error().message;
  EXPECT_FALSE(must(folder->read_state()).has_value());
  const KeptRelease kept = release_of(3);
  ASSERT_TRUE(folder->write_release(kept));
  ASSERT_TRUE(folder->write_state(state_of(kept)));
  EXPECT_EQ(must(folder->read_state()), state_of(kept));
  const auto read = folder->read_release(kept.head);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->node, kept.node);
  EXPECT_EQ(read->header, kept.header);
  ASSERT_EQ(read->parts.size(), 3U);
  EXPECT_EQ(text(read->parts[2].blob), "part 33");
  EXPECT_EQ(read->chunks[0].number, 7U);
  EXPECT_EQ(text(read->chunks[0].blob), "chunk 3");
  EXPECT_EQ(text(read->rules), "rules 3");
}

TEST_F(StateFolderTest, OnlyTheOwnerCanLookIn) {
  const auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder);
  ASSERT_TRUE(folder->write_release(release_of(1)));
  struct stat status {};
  for (const std::string& one : {path_, path_ + "/blob", path_ + "/release"}) {
    ASSERT_EQ(::stat(one.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U) << one;
  }
}

TEST_F(StateFolderTest, IsForOneDaemon) {
  auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder);
  const auto second = StateFolder::open(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::E1306);
}

TEST_F(StateFolderTest, EveryDamagedByteIsFound) {
  const auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder);
  const KeptRelease kept = release_of(1);
  ASSERT_TRUE(folder->write_release(kept));
  std::vector<std::string> files = {path_ + "/release/1.1"};
  for (const auto& entry : fs::directory_iterator(path_ + "/blob")) files.push_back(entry.path().string());
  ASSERT_EQ(files.size(), 6U);
  for (const std::string& file : files) {
    const std::string good = must(read_file(file));
    for (std::size_t i = 0; i < good.size(); i += 7) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 1);
      std::ofstream(file, std::ios::trunc) << bad;
      const auto read = folder->read_release(kept.head);
      ASSERT_FALSE(read) << file << " byte " << i;
      EXPECT_EQ(read.error().code, Code::E1302);
    }
    for (const std::size_t length : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
      std::ofstream(file, std::ios::trunc) << good.substr(0, length);
      EXPECT_FALSE(folder->read_release(kept.head)) << file << " cut to " << length;
    }
    std::ofstream(file, std::ios::trunc) << good;
  }
  EXPECT_TRUE(folder->read_release(kept.head));
}

TEST_F(StateFolderTest, ADamagedStateIsNotTakenForNone) {
  const auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder);
  ASSERT_TRUE(folder->write_state(state_of(release_of(1))));
  std::ofstream(path_ + "/state", std::ios::app) << "more";
  const auto state = folder->read_state();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Code::E1302);
}

// A damaged blob of the last release is written anew, not believed because its name is there.
TEST_F(StateFolderTest, WritesAgainWhatIsDamaged) {
  const auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder);
  const KeptRelease kept = release_of(1);
  ASSERT_TRUE(folder->write_release(kept));
  std::ofstream(path_ + "/" + release::blob_name(kept.parts[0].reference.digest), std::ios::trunc) << "torn";
  EXPECT_FALSE(folder->held(kept.parts[0].reference));
  ASSERT_TRUE(folder->write_release(kept));
  EXPECT_TRUE(folder->read_release(kept.head));
  EXPECT_TRUE(folder->held(kept.parts[0].reference));
}

TEST_F(StateFolderTest, CleaningKeepsOneReleaseWhole) {
  const auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder);
  const KeptRelease old = release_of(1), fresh = release_of(2);
  ASSERT_TRUE(folder->write_release(old));
  ASSERT_TRUE(folder->write_release(fresh));
  std::ofstream(path_ + "/blob/half-written.Ab12cd") << "x";
  EXPECT_TRUE(folder->read_release(old.head));
  folder->clean(fresh);
  EXPECT_TRUE(folder->read_release(fresh.head));
  EXPECT_FALSE(folder->read_release(old.head));
  EXPECT_EQ(std::distance(fs::directory_iterator(path_ + "/blob"), fs::directory_iterator{}), 5);
}

// Where the disk takes nothing, what was there stays.
TEST_F(StateFolderTest, AFullDiskLeavesTheOldReleaseWhole) {
  if (::access("/dev/full", W_OK) != 0 || ::geteuid() != 0) GTEST_SKIP() << "needs root for a small tmpfs";
  fs::create_directories(path_);
  if (std::system(("mount -t tmpfs -o size=64k tmpfs " + path_).c_str()) != 0)
    GTEST_SKIP() << "no tmpfs can be mounted";
  {
    const auto folder = StateFolder::open(path_);
    ASSERT_TRUE(folder);
    const KeptRelease old = release_of(1);
    ASSERT_TRUE(folder->write_release(old));
    ASSERT_TRUE(folder->write_state(state_of(old)));
    KeptRelease large = release_of(2);
    auto bytes = std::make_shared<const release::Bytes>(200'000, std::uint8_t{5});
    large.parts[0].blob = {*bytes, bytes};
    large.parts[0].reference = release::reference_to(*bytes);
    const auto written = folder->write_release(large);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::E0003);
    EXPECT_TRUE(folder->read_release(old.head));
    EXPECT_EQ(must(folder->read_state()), state_of(old));
  }
  EXPECT_EQ(std::system(("umount " + path_).c_str()), 0);
}

// What does not fit must not stay and fill the disk.
TEST_F(StateFolderTest, WhatCouldNotBeStoredIsTakenBack) {
  const auto folder = StateFolder::open(path_);
  ASSERT_TRUE(folder);
  const auto files = [this] {
    std::set<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(path_)) out.insert(entry.path().string());
    return out;
  };
  const auto empty = files();
  ASSERT_TRUE(folder->write_release(release_of(1)));
  folder->take_back(std::nullopt);
  EXPECT_EQ(files(), empty) << "without one before";

  const KeptRelease before = release_of(1);
  ASSERT_TRUE(folder->write_release(before));
  const auto stored = files();
  ASSERT_TRUE(folder->write_release(release_of(2)));
  ASSERT_NE(files(), stored);
  std::ofstream(path_ + "/blob/half-written") << "x";
  folder->take_back(before.head);
  EXPECT_EQ(files(), stored);
  EXPECT_TRUE(folder->read_release(before.head));

  // Of a stored release that is damaged nothing is taken away.
  ASSERT_TRUE(folder->write_release(release_of(2)));
  std::ofstream(path_ + "/release/1.1", std::ios::trunc) << "x";
  const auto both = files();
  folder->take_back(before.head);
  EXPECT_EQ(files(), both);
}

}  // namespace
}  // namespace acl::node
