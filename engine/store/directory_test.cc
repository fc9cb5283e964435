#include "engine/store/directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "engine/store/testing.h"

namespace acl::store {
namespace {

using namespace acl::store::testing;  // NOLINT(google-build-using-namespace): a program of tests
using release::Generation;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const std::string page = "page/" + std::string(64, 'a');
const std::string blob = "blob/" + std::string(64, 'b');
const std::string signature = "head/1.7.E7620F1842B4E81F.minisig";

std::unique_ptr<Target> open_folder(const std::string& path) {
  StoreOptions options;
  options.interval = std::chrono::hours(1);
  auto opened = open_target(path, options);
  EXPECT_TRUE(opened);
  return std::move(*opened);
}

TEST(DirectoryStores, HaveNothingUntilTheyAreThere) {
  const TempFolder folder;
  const auto store = open_folder(folder / "none");
  EXPECT_EQ(store->get("latest", 40, soon())->state, Fetched::State::absent);
  EXPECT_EQ(*store->missing(std::vector{page, blob}, soon()), (std::vector{page, blob}));
  EXPECT_TRUE(store->list("page/", soon())->empty());
}

TEST(DirectoryStores, KeepWhatIsPut) {
  const TempFolder folder;
  const auto store = open_folder(folder / "release");
  ASSERT_TRUE(store->lock(soon()));
  EXPECT_EQ(*store->put(std::vector<Object>{{blob, "a blob"}, {page, "a page"}}, Existing::keep, soon()), 2U);
  EXPECT_EQ(*store->put(std::vector<Object>{{blob, "a blob"}, {page, "a page"}}, Existing::keep, soon()), 0U);
  EXPECT_EQ(store->get(page, 6, soon())->bytes, "a page");
  EXPECT_EQ(store->get(page, 5, soon()).error().code, Code::E1105);
  EXPECT_TRUE(store->missing(std::vector{page, blob}, soon())->empty());
  EXPECT_THAT(*store->list("page/", soon()), ElementsAre(page));
  EXPECT_THAT(*store->list("", soon()), UnorderedElementsAre(page, blob));
}

// What a machine that fell may leave of a file.
TEST(DirectoryStores, WriteAnObjectOfAnotherLengthAgain) {
  const TempFolder folder;
  write_file(folder / blob, "a bl");
  const auto store = open_folder(folder.path());
  ASSERT_TRUE(store->lock(soon()));
  EXPECT_EQ(*store->put(std::vector<Object>{{blob, "a blob"}}, Existing::keep, soon()), 1U);
  EXPECT_EQ(store->get(blob, 6, soon())->bytes, "a blob");
}

TEST(DirectoryStores, LeaveNoOtherFiles) {
  const TempFolder folder;
  const auto store = open_folder(folder.path());
  ASSERT_TRUE(store->lock(soon()));
  ASSERT_TRUE(store->put(std::vector<Object>{{signature, "one"}}, Existing::keep, soon()));
  ASSERT_TRUE(store->put(std::vector<Object>{{signature, "two"}}, Existing::replace, soon()));
  EXPECT_EQ(read_all(folder / signature), "two");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder / "head")) ++files;
  EXPECT_EQ(files, 1U);
}

TEST(DirectoryStores, MoveLatestOnlyFromWhatItWas) {
  const TempFolder folder;
  const auto store = open_folder(folder.path());
  ASSERT_TRUE(store->lock(soon()));
  ASSERT_TRUE(store->move_latest(std::nullopt, Generation{1, 7}, soon()));
  EXPECT_EQ(store->move_latest(std::nullopt, Generation{1, 8}, soon()).error().code, Code::E1026);
  EXPECT_EQ(store->move_latest(Generation{1, 6}, Generation{1, 8}, soon()).error().code, Code::E1026);
  EXPECT_EQ(store->get("latest", 40, soon())->bytes, "1 7\n");
  ASSERT_TRUE(store->move_latest(Generation{1, 7}, Generation{1, 8}, soon()));
  EXPECT_EQ(store->get("latest", 40, soon())->bytes, "1 8\n");
}

TEST(DirectoryStores, SayUnchangedWhileTheFileIsTheSame) {
  const TempFolder folder;
  const auto store = open_folder(folder.path());
  ASSERT_TRUE(store->lock(soon()));
  ASSERT_TRUE(store->move_latest(std::nullopt, Generation{1, 7}, soon()));
  const std::string tag = store->get("latest", 40, soon())->tag;
  EXPECT_EQ(store->get("latest", 40, soon(), tag)->state, Fetched::State::unchanged);
  ASSERT_TRUE(store->move_latest(Generation{1, 7}, Generation{1, 8}, soon()));
  EXPECT_EQ(store->get("latest", 40, soon(), tag)->bytes, "1 8\n");
}

TEST(DirectoryStores, TakeThingsAway) {
  const TempFolder folder;
  const auto store = open_folder(folder.path());
  ASSERT_TRUE(store->lock(soon()));
  ASSERT_TRUE(store->put(std::vector<Object>{{blob, "a blob"}}, Existing::keep, soon()));
  EXPECT_TRUE(store->remove(std::vector{blob, page}, soon()));
  EXPECT_EQ(store->get(blob, 6, soon())->state, Fetched::State::absent);
  EXPECT_EQ(store->remove(std::vector<std::string>{"latest"}, soon()).error().code, Code::E1107);
}

TEST(DirectoryStores, AreWrittenUnderALockOnly) {
  const TempFolder folder;
  const auto store = open_folder(folder.path());
  EXPECT_EQ(store->put(std::vector<Object>{{blob, "b"}}, Existing::keep, soon()).error().code, Code::E1111);
  EXPECT_EQ(store->move_latest(std::nullopt, Generation{1, 1}, soon()).error().code, Code::E1111);
  EXPECT_EQ(store->remove(std::vector{blob}, soon()).error().code, Code::E1111);
}

TEST(DirectoryStores, HaveOnePublisherAtATime) {
  const TempFolder folder;
  const auto first = open_folder(folder.path());
  const auto second = open_folder(folder.path());
  ASSERT_TRUE(first->lock(soon()));
  EXPECT_EQ(second->lock(within(milliseconds(50))).error().code, Code::E1111);
  first->unlock();
  EXPECT_TRUE(second->lock(soon()));
}

// A pipe without a writer would otherwise hold the reader for ever.
TEST(DirectoryStores, ReadRegularFilesOnly) {
  const TempFolder folder;
  ASSERT_EQ(mkfifo((folder / "latest").c_str(), 0600), 0);
  const auto store = open_folder(folder.path());
  EXPECT_EQ(store->get("latest", 40, soon()).error().code, Code::E1103);
}

TEST(DirectoryStores, ReadNothingButObjects) {
  const TempFolder folder;
  write_file(folder / "secret", "x");
  const auto store = open_folder(folder / "release");
  for (const char* name : {"", ".", "../secret", "page/../../secret", "/etc/passwd", ".publish", ".lock"}) {
    EXPECT_EQ(store->get(name, 40, soon()).error().code, Code::E1107) << name;
  }
}

// Runs in a process of its own with a small file system at `at`; what it returns is empty if all is well.
std::string with_small_disk(const std::string& at, const std::function<std::string()>& work) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    std::string said = "no mount";
    const bool mounted = unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         mount("none", at.c_str(), "tmpfs", 0, "size=256k") == 0;
    if (mounted) said = work();
    [[maybe_unused]] const ssize_t written = write(ends[1], said.data(), said.size());
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return said;
}

TEST(DirectoryStores, AFullDiskChangesNothing) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small file system";
  const TempFolder folder;
  EXPECT_EQ(
      with_small_disk(
          folder.path(),
          [&]() -> std::string {
            const auto store = open_folder(folder.path());
            if (!store->lock(soon())) return "not locked";
            if (!store->move_latest(std::nullopt, Generation{1, 7}, soon())) return "not moved";
            const auto put = store->put(std::vector<Object>{{blob, std::string(1 << 20, 'x')}}, Existing::keep, soon());
            if (put || put.error().code != Code::E0003) return "put on a full disk";
            if (!store->list("", soon())->empty()) return "something is left of it";
            if (store->get("latest", 40, soon())->bytes != "1 7\n") return "latest is lost";
            // There is room again for what fits.
            if (!store->put(std::vector<Object>{{page, "a page"}}, Existing::keep, soon())) return "no room";
            return {};
          }),
      "");
}

TEST(DirectoryStores, AReadOnlyDiskIsToldAndStillRead) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small file system";
  const TempFolder folder;
  EXPECT_EQ(with_small_disk(folder.path(),
                            [&]() -> std::string {
                              write_file(folder / "latest", "1 7\n");
                              if (mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
                                return "not mounted again";
                              }
                              const auto store = open_folder(folder.path());
                              const auto locked = store->lock(soon());
                              if (locked || locked.error().code != Code::E0003) return "locked a read-only disk";
                              if (store->get("latest", 40, soon())->bytes != "1 7\n") return "not read";
                              return {};
                            }),
            "");
}

class DirectoryWatches : public ::testing::Test {
 protected:
  // Begins to watch and takes the first "look".
  void watch(const std::string& path) {
    store_ = open_folder(path);
    auto made = store_->watch();
    ASSERT_TRUE(made);
    watch_ = std::move(*made);
    ASSERT_TRUE(wait_for_change(*watch_, soon()));
    quiet();
  }
  // Takes what is still to be told, and sees that nothing is ready after that.
  void quiet() {
    while (wait_for_change(*watch_, within(milliseconds(30)))) {
    }
    pollfd waiting{watch_->fd(), POLLIN, 0};
    EXPECT_EQ(poll(&waiting, 1, 0), 0);
  }
  [[nodiscard]] bool told() { return wait_for_change(*watch_, soon()); }

  TempFolder folder_;
  std::unique_ptr<Target> store_;
  std::unique_ptr<LatestWatch> watch_;
};

TEST_F(DirectoryWatches, TellThatLatestMoved) {
  watch(folder_.path());
  ASSERT_TRUE(store_->lock(soon()));
  ASSERT_TRUE(store_->move_latest(std::nullopt, Generation{1, 1}, soon()));
  EXPECT_TRUE(told());
  quiet();
  ASSERT_TRUE(store_->move_latest(Generation{1, 1}, Generation{1, 2}, soon()));
  EXPECT_TRUE(told());
}

TEST_F(DirectoryWatches, ArePollable) {
  watch(folder_.path());
  write_file(folder_ / "latest", "1 1\n");
  pollfd waiting{watch_->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waiting, 1, 10'000), 1);
  EXPECT_TRUE(watch_->step());
}

TEST_F(DirectoryWatches, SayNothingOfOtherObjects) {
  write_file(folder_ / "page/x", "1");
  watch(folder_.path());
  write_file(folder_ / page, "a page");
  write_file(folder_ / "other", "x");
  EXPECT_FALSE(wait_for_change(*watch_, within(milliseconds(100))));
}

TEST_F(DirectoryWatches, WaitForAFolderThatIsNotThereYet) {
  watch(folder_ / "a/b/release");
  std::filesystem::create_directories(folder_ / "a/b");
  EXPECT_TRUE(told());
  quiet();
  std::filesystem::create_directories(folder_ / "a/b/release");
  EXPECT_TRUE(told());
  quiet();
  write_file(folder_ / "a/b/release/latest", "1 1\n");
  EXPECT_TRUE(told());
}

TEST_F(DirectoryWatches, FollowAFolderThatIsReplaced) {
  std::filesystem::create_directories(folder_ / "release");
  std::filesystem::create_directories(folder_ / "next");
  watch(folder_ / "release");
  std::filesystem::rename(folder_ / "release", folder_ / "old");
  std::filesystem::rename(folder_ / "next", folder_ / "release");
  EXPECT_TRUE(told());
  quiet();
  write_file(folder_ / "old/latest", "1 1\n");
  EXPECT_FALSE(wait_for_change(*watch_, within(milliseconds(100))));
  write_file(folder_ / "release/latest", "1 2\n");
  EXPECT_TRUE(told());
}

TEST_F(DirectoryWatches, FollowALinkThatIsSwitchedOver) {
  write_file(folder_ / "one/latest", "1 1\n");
  write_file(folder_ / "two/latest", "1 2\n");
  std::filesystem::create_symlink("one", folder_ / "release");
  watch(folder_ / "release");
  std::filesystem::create_symlink("two", folder_ / "switch");
  std::filesystem::rename(folder_ / "switch", folder_ / "release");
  EXPECT_TRUE(told());
  quiet();
  write_file(folder_ / "two/latest", "1 3\n");
  EXPECT_TRUE(told());
}

TEST_F(DirectoryWatches, OutliveTheFolder) {
  std::filesystem::create_directories(folder_ / "release");
  watch(folder_ / "release");
  std::filesystem::remove(folder_ / "release");
  EXPECT_TRUE(told());
  quiet();
  std::filesystem::create_directories(folder_ / "release");
  EXPECT_TRUE(told());
  quiet();
  write_file(folder_ / "release/latest", "1 1\n");
  EXPECT_TRUE(told());
}

TEST_F(DirectoryWatches, LookAtTheIntervalWithoutBeingTold) {
  const auto store = make_directory_store("release", folder_.path(), milliseconds(20));
  auto made = store->watch();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(wait_for_change(**made, soon()));
}

}  // namespace
}  // namespace acl::store
