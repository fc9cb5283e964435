#include "engine/store/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "engine/net/file.h"
#include "engine/release/testing.h"
#include "engine/store/release_folder.h"

namespace acl::store {
namespace {

using namespace acl::release;  // NOLINT(google-build-using-namespace)
using release::testing::first_day;
using release::testing::must;

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "aclc-folder-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    path = name;
    folder.emplace(must(Folder::open(path)));
  }
  void TearDown() override { std::filesystem::remove_all(path); }

  // Files of the folder, those that begin with a dot included.
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) count += entry.is_regular_file();
    return count;
  }

  std::string path;
  std::optional<Folder> folder;
};

TEST_F(FolderTest, AddsAnObjectOnce) {
  const Bytes bytes = release::testing::bytes_of("table");
  const Reference reference = reference_to(bytes);
  EXPECT_EQ(folder->put(blob_name(reference.digest), bytes).value(), true);
  EXPECT_EQ(folder->put(blob_name(reference.digest), bytes).value(), false);
  EXPECT_EQ(folder->read_blob(reference).value(), bytes);
  EXPECT_EQ(files(), 1U) << "nothing is left behind";
  EXPECT_TRUE(folder->settle());
}

TEST_F(FolderTest, DamagedContentIsReplacedAndAHeadIsNot) {
  const Bytes bytes = release::testing::bytes_of("table");
  const Reference reference = reference_to(bytes);
  ASSERT_TRUE(folder->put(page_name(reference.digest), bytes));
  ASSERT_TRUE(replace_file(path + "/" + page_name(reference.digest), "torn"));
  EXPECT_EQ(folder->read_page(reference).error().code, Code::E1018);
  EXPECT_EQ(folder->put(page_name(reference.digest), bytes).value(), true);
  EXPECT_EQ(folder->read_page(reference).value(), bytes);

  ASSERT_TRUE(folder->put("head/1.1", as_bytes("one")));
  const auto other = folder->put("head/1.1", as_bytes("other"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::E1025);
  EXPECT_EQ(**folder->read("head/1.1", 100), "one");
}

TEST_F(FolderTest, AbsentIsNotUnreadable) {
  EXPECT_EQ(folder->read("head/1.1", 100).value(), std::nullopt);
  ASSERT_TRUE(folder->put("head/1.1", as_bytes("0123456789")));
  EXPECT_EQ(folder->read("head/1.1", 9).error().code, Code::E0002);
  EXPECT_EQ(folder->read_blob({digest_of({}), 0}).error().code, Code::E1013);
  EXPECT_EQ(Folder::open(path + "/none").error().code, Code::E0002);
  EXPECT_EQ(Folder::open(path + "/head/1.1").error().code, Code::E0002);
}

TEST_F(FolderTest, TakesNamesOfTheLayoutOnly) {
  for (const char* const name : {"x", "../x", "head/../../x", "latest", "blob/x", "/etc/x", ""}) {
    EXPECT_EQ(folder->put(name, as_bytes("x")).error().code, Code::E0003) << name;
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(FolderTest, LatestMovesFromWhatItWasOnly) {
  EXPECT_EQ(folder->latest().value(), std::nullopt);
  EXPECT_EQ(folder->move_latest(Generation{1, 1}, {1, 2}).error().code, Code::E1026);
  ASSERT_TRUE(folder->move_latest(std::nullopt, {1, 1}));
  EXPECT_EQ(folder->latest().value(), (Generation{1, 1}));
  EXPECT_EQ(folder->move_latest(std::nullopt, {1, 2}).error().code, Code::E1026);
  ASSERT_TRUE(folder->move_latest(Generation{1, 1}, {1, 2}));
  ASSERT_TRUE(replace_file(path + "/latest", "garbage"));
  EXPECT_EQ(folder->latest().error().code, Code::E1009);
  EXPECT_FALSE(folder->move_latest(std::nullopt, {1, 3})) << "what cannot be read is not overwritten";
}

// Of many that move `latest` from the same place, one does.
TEST_F(FolderTest, LatestIsMovedByOneOfManyWriters) {
  ASSERT_TRUE(folder->move_latest(std::nullopt, {1, 1}));
  std::atomic<int> moved = 0;
  std::vector<std::thread> writers;
  for (std::uint64_t i = 0; i < 8; ++i) {
    writers.emplace_back([&, i] {
      Folder own = must(Folder::open(path));
      if (own.move_latest(Generation{1, 1}, {1, 2 + i})) ++moved;
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(moved, 1);
}

TEST_F(FolderTest, ListsHeadsAndTrustSetsAndNothingElse) {
  ASSERT_TRUE(folder->put("head/1.10", as_bytes("x")));
  ASSERT_TRUE(folder->put("head/1.9", as_bytes("x")));
  ASSERT_TRUE(folder->put("trust/1", as_bytes("x")));
  ASSERT_TRUE(replace_file(path + "/head/README", "x"));
  ASSERT_TRUE(replace_file(path + "/head/.1.11.abcdef", "x"));
  const auto names = must(folder->heads_and_trust());
  ASSERT_EQ(names.size(), 3U);
  EXPECT_EQ(names[0].kind, NameKind::trust);
  EXPECT_EQ(names[1].generation, (Generation{1, 9}));
  EXPECT_EQ(names[2].generation, (Generation{1, 10}));
}

TEST_F(FolderTest, ThatCannotBeWrittenSaysSo) {
  ASSERT_TRUE(replace_file(path + "/blob", "a file where a folder should be"));
  EXPECT_EQ(folder->put(blob_name(digest_of({})), {}).error().code, Code::E0003);
}

// What `compile` gives.
Contents contents_of(Folder& folder) {
  release::testing::Network network;
  const Contents contents = network.put_contents({});
  for (const auto& [name, text] : network.store) {
    if (name.starts_with("page/") || name.starts_with("blob/")) must(folder.put(name, as_bytes(text)));
  }
  return contents;
}

Validity month() { return {first_day, 30 * 86400, 3 * 86400, OnExpiry::ssh_restricted}; }

// A folder with a trust set of two keys, both needed.
class Releases : public FolderTest {
 protected:
  void put_trust(std::uint64_t version, const std::vector<SecretKey>& signers) {
    TrustSet trust;
    trust.version = version;
    trust.threshold = static_cast<std::uint32_t>(signers.size());
    for (const SecretKey& key : signers) trust.keys.push_back({key.public_key(), "x"});
    std::sort(trust.keys.begin(), trust.keys.end(), [](const auto& a, const auto& b) { return a.key.id < b.key.id; });
    must(folder->put(trust_name(version), as_bytes(print_trust(trust))));
  }
  void sign_trust(std::uint64_t version, const SecretKey& key) {
    const std::string text = must(read_trust(*folder, version))->text;
    must(folder->put(trust_signature_name(version, key.public_key().id),
                     as_bytes(print_signature(key.sign(as_bytes(text), "")))));
  }
  void sign(const StoredHead& head, const SecretKey& key) {
    must(folder->put(head_signature_name(head.head.generation, key.public_key().id),
                     as_bytes(print_signature(key.sign(as_bytes(head.text), "")))));
  }

  std::vector<SecretKey> keys = release::testing::keys_of_signers(1, 2);
  std::string why;
};

TEST_F(Releases, FirstHeadWithoutTrustIsZeroDotOne) {
  const StoredHead head = must(put_next_head(*folder, contents_of(*folder), month()));
  EXPECT_EQ(head.head.generation, (Generation{0, 1}));
  EXPECT_EQ(must(put_next_head(*folder, head.head.contents, month())).head.generation, (Generation{0, 2}));
  EXPECT_EQ(folder->latest().value(), std::nullopt);
  EXPECT_EQ(advance_latest(*folder, head, why).error().code, Code::E1013) << "there is no trust set 0";
}

TEST_F(Releases, GenerationsGoOnAndHeadsNameTheTrustSetThatIsThere) {
  const Contents contents = contents_of(*folder);
  must(put_next_head(*folder, contents, month()));
  put_trust(1, keys);
  const StoredHead head = must(put_next_head(*folder, contents, month()));
  EXPECT_EQ(head.head.generation, (Generation{1, 2}));
  EXPECT_EQ(head.head.trust, digest_of(as_bytes(must(current_trust(*folder))->text)));
  EXPECT_EQ(must(newest_head(*folder, 0))->head.generation, (Generation{0, 1}));
  EXPECT_EQ(must(newest_head(*folder))->head.generation, (Generation{1, 2}));
}

TEST_F(Releases, ValidityThatNoHeadMayHaveIsRefused) {
  for (const Validity& bad :
       {Validity{first_day, 0, 0, OnExpiry::deny}, Validity{first_day, -5, 0, OnExpiry::deny},
        Validity{first_day, 10, -1, OnExpiry::deny}, Validity{first_day, longest_duration + 1, 0, OnExpiry::deny},
        Validity{last_time_there_is, 10, 0, OnExpiry::deny}}) {
    EXPECT_EQ(put_next_head(*folder, {}, bad).error().code, Code::E1001);
  }
}

TEST_F(Releases, LatestMovesOnceThresholdAndTrustSetAreComplete) {
  put_trust(1, keys);
  const StoredHead head = must(put_next_head(*folder, contents_of(*folder), month()));
  sign(head, keys[0]);
  EXPECT_FALSE(must(advance_latest(*folder, head, why)));
  EXPECT_EQ(why, "1 of 2 signatures");
  sign(head, keys[1]);
  EXPECT_FALSE(must(advance_latest(*folder, head, why))) << "trust/1 itself is not signed";
  for (const SecretKey& key : keys) sign_trust(1, key);
  EXPECT_TRUE(must(advance_latest(*folder, head, why)));
  EXPECT_EQ(folder->latest().value(), (Generation{1, 1}));
  EXPECT_FALSE(must(advance_latest(*folder, head, why))) << "it is there already";
}

TEST_F(Releases, LatestNeverMovesBack) {
  put_trust(1, keys);
  for (const SecretKey& key : keys) sign_trust(1, key);
  const StoredHead old = must(put_next_head(*folder, contents_of(*folder), month()));
  const StoredHead head = must(put_next_head(*folder, old.head.contents, month()));
  for (const StoredHead* each : {&old, &head}) {
    for (const SecretKey& key : keys) sign(*each, key);
  }
  EXPECT_TRUE(must(advance_latest(*folder, head, why)));
  EXPECT_FALSE(must(advance_latest(*folder, old, why)));
  EXPECT_EQ(folder->latest().value(), (Generation{1, 2}));
}

TEST_F(Releases, ChainIsFollowedFromATrustedCopyOnly) {
  put_trust(1, keys);
  const std::string first = must(read_trust(*folder, 1))->text;
  const std::vector<SecretKey> next = release::testing::keys_of_signers(10, 1);
  put_trust(2, next);
  sign_trust(2, next[0]);
  EXPECT_EQ(must(trust_lacks(*folder, *must(read_trust(*folder, 2)))).by_last, 2U);
  EXPECT_EQ(follow_chain(*folder, first, 2).error().code, Code::E1014);
  for (const SecretKey& key : keys) sign_trust(2, key);
  EXPECT_TRUE(must(trust_lacks(*folder, *must(read_trust(*folder, 2)))).none());
  const StoredTrust followed = must(follow_chain(*folder, first, 2));
  EXPECT_EQ(followed.trust.version, 2U);
  EXPECT_EQ(follow_chain(*folder, followed.text, 1).error().code, Code::E1015);
  EXPECT_EQ(follow_chain(*folder, first, 3).error().code, Code::E1013);
  std::string foreign = first;
  foreign.replace(foreign.find("network 0"), 9, "network 1");
  EXPECT_EQ(follow_chain(*folder, foreign, 2).error().code, Code::E1030);
}

TEST_F(Releases, ASignatureOfOtherBytesIsNone) {
  put_trust(1, keys);
  const StoredHead head = must(put_next_head(*folder, contents_of(*folder), month()));
  must(folder->put(head_signature_name(head.head.generation, keys[0].public_key().id),
                   as_bytes(print_signature(keys[0].sign(as_bytes("other"), "")))));
  const TrustSet trust = must(current_trust(*folder))->trust;
  EXPECT_TRUE(must(head_signers(*folder, head, trust)).empty());
  sign(head, keys[0]);  // replaces the wrong one
  EXPECT_EQ(must(head_signers(*folder, head, trust)).size(), 1U);
}

}  // namespace
}  // namespace acl::store
