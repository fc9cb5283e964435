// Publishing to folders, with a crash at every step, and to etcd and nginx; the verifying client fetches what was published.
#include "engine/store/publish.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "engine/release/client.h"
#include "engine/release/testing.h"
#include "engine/store/copy.h"
#include "engine/store/etcd.h"
#include "engine/store/testing.h"

namespace acl::store {
namespace {

using namespace acl::store::testing;  // NOLINT(google-build-using-namespace): a program of tests
using release::Generation;
using release::testing::day;
using release::testing::first_day;
using release::testing::Network;
using release::testing::Plan;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Objects = release::testing::Store;

void write_objects(const std::string& path, const Objects& objects) {
  for (const auto& [name, bytes] : objects) write_file(fmt::format("{}/{}", path, name), bytes);
}

// A release folder with these objects, as compile and sign leave it.
class Written {
 public:
  explicit Written(const Objects& objects = {}) : folder_(*Folder::create(temp_ / "release")) {
    write_objects(folder_.path(), objects);
  }
  [[nodiscard]] const Folder& folder() const noexcept { return folder_; }
  [[nodiscard]] std::string path(std::string_view name) const { return folder_.path_of(name); }

 private:
  TempFolder temp_;
  Folder folder_;
};

// A small network whose releases are written to a folder.
class Workshop : public Written {
 public:
  Generation release(std::uint64_t number, Plan plan = {}, std::size_t signatures = 2) {
    plan.created += static_cast<release::Time>(number) * day;
    plan.expires += static_cast<release::Time>(number) * day;
    network.publish(number, plan, signatures);
    write_objects(folder().path(), network.store);
    return {network.trust.version, number};
  }

  Network network;
};

std::vector<release::SecretKey> two_keys() {
  std::vector<release::SecretKey> keys;
  for (int i = 0; i < 2; ++i) keys.push_back(release::testing::must(release::SecretKey::generate()));
  return keys;
}

PublishOptions options_at(std::uint64_t day_number) {
  PublishOptions options;
  options.now = first_day + static_cast<release::Time>(day_number) * day + 3600;
  return options;
}

std::unique_ptr<Target> open_folder(const std::string& path) { return std::move(*open_target(path)); }

// What a node gets from a store: the client of engine/release, asking for everything the store way.
release::Phase fetch(Source& source, std::uint64_t node, std::uint64_t day_number, const Objects& objects,
                     std::string* why = nullptr) {
  const auto trust = release::parse_trust(objects.at(release::trust_name(1)), "trust/1");
  release::Client client({release::testing::key_of_node(node), {}, {}, {}}, release::first_state(*trust));
  release::Instant now{first_day + static_cast<release::Time>(day_number) * day + 3600, 0};
  std::vector<release::Request> open = client.begin(now).requests;
  while (!open.empty() && client.phase() == release::Phase::fetching) {
    const release::Request request = open.back();
    open.pop_back();
    const auto got = source.get(request.name, request.limit, soon());
    const auto take = [&](release::Step step) {
      for (release::Request& next : step.requests) open.push_back(std::move(next));
    };
    if (!got) {
      if (why != nullptr) *why += got.error().message + "; ";
      take(client.failed(request.name, now));
    } else if (!got->found()) {
      take(client.absent(request.name, now));
    } else {
      take(client.receive(request.name, release::as_bytes(got->bytes), now));
      take(client.complete(request.name, now));
    }
  }
  if (why != nullptr && client.phase() == release::Phase::refused) *why += client.refusal().diagnostic.message;
  return client.phase();
}

void expect_whole(Source& source, std::uint64_t day_number, const Objects& objects, std::uint64_t nodes = 40) {
  for (std::uint64_t node = 0; node < nodes; node += 7) {
    std::string why;
    ASSERT_EQ(fetch(source, node, day_number, objects, &why), release::Phase::accepted) << node << ": " << why;
  }
}

// Passes on to a store until it has had enough: then every write fails, as if the machine had fallen.
class Failing final : public Target {
 public:
  Failing(Target& target, std::size_t writes) : target_(target), left_(writes) {}
  [[nodiscard]] bool failed() const noexcept { return failed_; }

  Expected<Fetched> get(std::string_view n, std::uint64_t l, Deadline d, std::string_view k) override {
    return target_.get(n, l, d, k);
  }
  Expected<std::unique_ptr<LatestWatch>> watch() override { return target_.watch(); }
  [[nodiscard]] const std::string& name() const noexcept override { return target_.name(); }
  Expected<void> lock(Deadline d) override { return target_.lock(d); }
  void unlock() noexcept override { target_.unlock(); }
  Expected<std::vector<std::string>> missing(std::span<const std::string> n, Deadline d) override {
    return target_.missing(n, d);
  }
  // One object is one write, so that a batch can be cut anywhere.
  Expected<std::size_t> put(std::span<const Object> objects, Existing e, Deadline d) override {
    std::size_t written = 0;
    for (const Object& object : objects) {
      if (!take()) return enough();
      const auto put = target_.put(std::vector<Object>{object}, e, d);
      if (!put) return put;
      written += *put;
    }
    return written;
  }
  [[nodiscard]] std::uint64_t longest_object() const noexcept override { return target_.longest_object(); }
  Expected<void> move_latest(const std::optional<Generation>& f, const Generation& t, Deadline d) override {
    if (!take()) return enough();
    return target_.move_latest(f, t, d);
  }
  Expected<std::vector<std::string>> list(std::string_view p, Deadline d) override { return target_.list(p, d); }
  Expected<void> remove(std::span<const std::string> names, Deadline d) override {
    for (const std::string& name : names) {
      if (!take()) return enough();
      if (auto removed = target_.remove(std::vector<std::string>{name}, d); !removed) return removed;
    }
    return {};
  }

 private:
  bool take() {
    failed_ = failed_ || left_ == 0;
    if (!failed_) --left_;
    return !failed_;
  }
  static tl::unexpected<Diagnostic> enough() { return fail(Code::E1102, "the machine fell"); }

  Target& target_;
  std::size_t left_;
  bool failed_ = false;
};

// Every page in the store has all that it names there.
void expect_closed(Target& store) {
  const auto pages = store.list("page/", soon());
  ASSERT_TRUE(pages);
  for (const std::string& name : *pages) {
    const auto page = store.get(name, release::page_limit, soon());
    ASSERT_TRUE(page && page->found());
    const auto named = named_by_page(release::as_bytes(page->bytes), static_cast<unsigned char>(page->bytes[6]), {});
    ASSERT_TRUE(named);
    std::vector<std::string> names;
    for (const auto& child : named->pages) names.push_back(release::page_name(child.digest));
    for (const auto& blob : named->blobs) names.push_back(release::blob_name(blob.digest));
    EXPECT_THAT(*store.missing(names, soon()), IsEmpty()) << "named by " << name;
  }
}

TEST(Publishing, CopiesAReleaseThatNodesAccept) {
  Workshop shop;
  const Generation first = shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to / "store");
  const auto published = publish(shop.folder(), *store, options_at(1));
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_EQ(published->generation, first);
  EXPECT_FALSE(published->before);
  EXPECT_EQ(published->blobs + published->pages + published->others + 1, shop.network.store.size());
  EXPECT_EQ(store->get("latest", 40, soon())->bytes, "1 1\n");
  expect_whole(*store, 1, shop.network.store);
}

TEST(Publishing, TheSameReleaseAgainWritesNothing) {
  Workshop shop;
  const Generation first = shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to.path());
  ASSERT_TRUE(publish(shop.folder(), *store, options_at(1)));
  const auto again = publish(shop.folder(), *store, options_at(1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->before, first);
  EXPECT_EQ(again->blobs + again->pages + again->others, 0U);
}

TEST(Publishing, RefusesWhatTooFewHaveSigned) {
  Workshop shop;
  shop.release(1, {}, 1);
  const TempFolder to;
  const auto store = open_folder(to / "store");
  const auto published = publish(shop.folder(), *store, options_at(1));
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, Code::E1014);
  EXPECT_THAT(published.error().message, HasSubstr("1 of the 2"));
  EXPECT_FALSE(std::filesystem::exists(to / "store"));
}

TEST(Publishing, RefusesATrustSetThatTooFewHaveSigned) {
  Workshop shop;
  shop.release(1);
  shop.network.rotate(two_keys(), 2);
  shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to.path());
  EXPECT_EQ(publish(shop.folder(), *store, options_at(1)).error().code, Code::E1014);
}

TEST(Publishing, RefusesWhatHasExpired) {
  Workshop shop;
  shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to.path());
  EXPECT_EQ(publish(shop.folder(), *store, options_at(40)).error().code, Code::E1016);
}

TEST(Publishing, FollowsARotationOfKeys) {
  Workshop shop;
  shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to.path());
  ASSERT_TRUE(publish(shop.folder(), *store, options_at(1)));
  shop.network.rotate(two_keys(), 2);
  for (const auto* keys : {&shop.network.old_keys, &shop.network.keys}) {
    for (const release::SecretKey& key : *keys) Network::sign_trust(shop.network.store, 2, key);
  }
  shop.release(1);
  const auto published = publish(shop.folder(), *store, options_at(1));
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_EQ(published->generation, (Generation{2, 1}));
  expect_whole(*store, 1, shop.network.store);
}

TEST(Publishing, NeverGoesBack) {
  Workshop newer;
  newer.release(1);
  newer.release(2);
  const TempFolder to;
  const auto store = open_folder(to.path());
  ASSERT_TRUE(publish(newer.folder(), *store, options_at(2)));
  for (const char* name : {"latest", "head/1.2"}) std::filesystem::remove(newer.path(name));
  const auto published = publish(newer.folder(), *store, options_at(2));
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, Code::E1112);
  EXPECT_EQ(store->get("latest", 40, soon())->bytes, "1 2\n");
}

TEST(Publishing, RefusesAnotherReleaseOfTheSameNumber) {
  Workshop shop;
  shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to.path());
  ASSERT_TRUE(publish(shop.folder(), *store, options_at(1)));
  shop.release(1, {.nodes = 40, .tables = "other"});
  const auto published = publish(shop.folder(), *store, options_at(1));
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, Code::E1112);
  expect_closed(*store);
}

TEST(Publishing, RefusesDamagedAndMissingObjects) {
  Workshop shop;
  shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to.path());
  std::string blob;
  for (const auto& [name, bytes] : shop.network.store) {
    if (name.substr(0, 5) == "blob/") blob = name;
  }
  std::filesystem::remove(shop.path(blob));
  EXPECT_EQ(publish(shop.folder(), *store, options_at(1)).error().code, Code::E1013);
  write_file(shop.path(blob), std::string(shop.network.store[blob].size(), '?'));
  EXPECT_EQ(publish(shop.folder(), *store, options_at(1)).error().code, Code::E1018);
  EXPECT_EQ(store->get("latest", 40, soon())->state, Fetched::State::absent);
  expect_closed(*store);
}

TEST(Publishing, OneChangedNodeAsksForOnePathAndWritesOnePath) {
  constexpr std::uint64_t nodes = 5000;
  Workshop shop;
  shop.release(1, {.nodes = nodes});
  const TempFolder to;
  const auto store = open_folder(to.path());
  ASSERT_TRUE(publish(shop.folder(), *store, options_at(1)));
  // One node more is one leaf more.
  shop.release(2, {.nodes = nodes + 1});
  const auto published = publish(shop.folder(), *store, options_at(2));
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_LE(published->pages, 5U);
  EXPECT_LE(published->asked, 5U * 16 + 32);
  expect_whole(*store, 2, shop.network.store, 50);
}

TEST(Publishing, ACrashAtAnyPointLeavesTheOldReleaseWhole) {
  Workshop shop;
  shop.release(1);
  const Written old(shop.network.store);
  shop.release(2, {.nodes = 45, .tables = "second"});
  bool finished = false;
  for (std::size_t writes = 0; !finished; ++writes) {
    const TempFolder to;
    const auto store = open_folder(to.path());
    ASSERT_TRUE(publish(old.folder(), *store, options_at(1)));
    Failing failing(*store, writes);
    const auto published = publish(shop.folder(), failing, options_at(2));
    finished = !failing.failed();
    ASSERT_EQ(published.has_value(), finished) << writes;
    EXPECT_EQ(store->get("latest", 40, soon())->bytes, finished ? "1 2\n" : "1 1\n");
    expect_whole(*store, 2, shop.network.store);
    expect_closed(*store);
    // And the next attempt goes on where this one ended.
    ASSERT_TRUE(publish(shop.folder(), *store, options_at(2)));
    EXPECT_EQ(store->get("latest", 40, soon())->bytes, "1 2\n");
    expect_whole(*store, 2, shop.network.store, 45);
  }
}

TEST(Publishing, OldGenerationsGoAfterTheGraceAndOnlyWithWhatNobodyElseNeeds) {
  Workshop shop;
  const TempFolder to;
  const auto store = open_folder(to.path());
  for (std::uint64_t number = 1; number <= 5; ++number) {
    shop.release(number, {.nodes = 40 + number, .tables = number < 3 ? "early" : "late"});
    PublishOptions options = options_at(number);
    options.keep = 3;
    const auto published = publish(shop.folder(), *store, options);
    ASSERT_TRUE(published) << published.error().message;
    EXPECT_FALSE(published->cleaned.trouble);
    if (number < 4) {
      EXPECT_THAT(published->cleaned.dropped, IsEmpty());
    } else {
      EXPECT_THAT(published->cleaned.dropped, ElementsAre(Generation{1, number - 3}));
      EXPECT_GT(published->cleaned.objects, 3U);
    }
    expect_closed(*store);
    expect_whole(*store, number, shop.network.store);
  }
  EXPECT_EQ(store->get("head/1.2", 2000, soon())->state, Fetched::State::absent);
  EXPECT_TRUE(store->get("head/1.3", 2000, soon())->found());
  EXPECT_EQ(store->list("head/", soon())->size(), 3U * 3);
  // Nothing is left but what the kept ones and the trust set are made of.
  Objects& all = shop.network.store;
  for (auto at = all.begin(); at != all.end();) at = at->first.substr(0, 5) == "trust" ? std::next(at) : all.erase(at);
  for (std::uint64_t number = 3; number <= 5; ++number) shop.release(number, {.nodes = 40 + number, .tables = "late"});
  EXPECT_EQ(store->list("", soon())->size() + 1, all.size());
}

TEST(Publishing, GenerationsWithinTheGraceStay) {
  Workshop shop;
  const TempFolder to;
  const auto store = open_folder(to.path());
  for (std::uint64_t number = 1; number <= 5; ++number) {
    shop.release(number);
    PublishOptions options = options_at(number);
    options.keep = 2;
    options.grace = 30 * day;
    EXPECT_THAT(publish(shop.folder(), *store, options)->cleaned.dropped, IsEmpty());
  }
}

TEST(Publishing, ACrashWhileCleaningUpLeavesNoPageWithoutWhatItNames) {
  Workshop shop;
  shop.release(1, {.nodes = 40, .tables = "same"});
  const Written first(shop.network.store);
  shop.release(2, {.nodes = 40, .tables = "other"});
  const Written second(shop.network.store);
  const Objects before = shop.network.store;
  // Its leaves are in part those of the first, which goes; publishing it will be begun and not finished.
  shop.release(9, {.nodes = 60, .tables = "same"});
  const Objects of_stray = shop.network.store;
  const Written stray(of_stray);
  shop.network.store = before;
  shop.release(3, {.nodes = 40, .tables = "third"});
  const Written third(shop.network.store);

  PublishOptions options = options_at(4);
  options.keep = 2;
  options.grace = 0;
  // Enough for some of its pages, too little for the root.
  const std::size_t stray_writes = [&] {
    const TempFolder to;
    const auto store = open_folder(to.path());
    EXPECT_TRUE(publish(first.folder(), *store, options_at(1)) && publish(second.folder(), *store, options_at(2)));
    const auto published = publish(stray.folder(), *store, options_at(9));
    return published ? published->blobs + published->pages - 1 : 0;
  }();
  ASSERT_GT(stray_writes, 1U);
  bool finished = false;
  for (std::size_t writes = 0; !finished; writes += 3) {
    const TempFolder to;
    const auto store = open_folder(to.path());
    ASSERT_TRUE(publish(first.folder(), *store, options_at(1)));
    ASSERT_TRUE(publish(second.folder(), *store, options_at(2)));
    Failing early(*store, stray_writes);
    ASSERT_FALSE(publish(stray.folder(), early, options_at(9)));
    Failing failing(*store, writes);
    const auto published = publish(third.folder(), failing, options);
    finished = !failing.failed();
    expect_closed(*store);
    if (published && !finished) {
      ASSERT_TRUE(published->cleaned.trouble);
      EXPECT_EQ(published->cleaned.trouble->code, Code::W1108);
    }
    // Whatever happened, the stray one can be published after all.
    const auto after = publish(stray.folder(), *store, options);
    ASSERT_TRUE(after) << after.error().message;
    expect_whole(*store, 9, of_stray, 60);
  }
}

TEST(Publishing, AStoreThatLostAnObjectIsMendedWhenAllOfItIsLookedAt) {
  Workshop shop;
  shop.release(1);
  const TempFolder to;
  const auto store = open_folder(to.path());
  ASSERT_TRUE(publish(shop.folder(), *store, options_at(1)));
  const std::string lost = store->list("blob/", soon())->front();
  std::filesystem::remove(to / lost);
  write_file(to / ("blob/" + std::string(64, 'e')), "nobody's");
  PublishOptions options = options_at(1);
  options.whole = true;
  const auto published = publish(shop.folder(), *store, options);
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_EQ(published->blobs, 1U);
  EXPECT_EQ(published->cleaned.objects, 1U);
  EXPECT_THAT(*store->missing(std::vector{lost}, soon()), IsEmpty());
}

TEST(Publishing, ToEtcdIsSeenByTheWatchAndAcceptedByNodes) {
  const TempFolder folder;
  const auto server = Etcd::start(folder, true);
  if (!server) GTEST_SKIP() << "etcd, etcdctl or openssl is not installed: publishing to etcd is not tested";
  Workshop shop;
  shop.release(1);
  const auto store = std::move(*open_target(server->url(), server->options()));
  auto source = std::move(*open_source(server->url(), server->options("node")));
  const auto watch = std::move(*source->watch());
  while (wait_for_change(*watch, within(std::chrono::milliseconds(500)))) {
  }
  const auto published = publish(shop.folder(), *store, options_at(1));
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_TRUE(wait_for_change(*watch, soon()));
  expect_whole(*source, 1, shop.network.store);
  shop.release(2, {.nodes = 45, .tables = "second"});
  ASSERT_TRUE(publish(shop.folder(), *store, options_at(2)));
  EXPECT_TRUE(wait_for_change(*watch, soon()));
  expect_whole(*source, 2, shop.network.store, 45);
  expect_closed(*store);
  // Who may read may not write.
  EXPECT_EQ((*open_target(server->url(), server->options("node")))->lock(soon()).error().code, Code::E1103);
}

TEST(Publishing, BlobsThatEtcdDoesNotTakeGoToAFolderThatAWebServerServes) {
  const TempFolder folder;
  const auto server = Etcd::start(folder, false);
  const auto web = server ? Nginx::start(folder, folder.path()) : nullptr;
  if (!web) GTEST_SKIP() << "etcd, nginx or openssl is not installed: publishing blobs elsewhere is not tested";
  Workshop shop;
  shop.release(1, {.nodes = 3, .tables = std::string(longest_etcd_object, 'x'), .chunks = 0});
  StoreOptions options = server->options();
  const auto refused = publish(shop.folder(), **open_target(server->url(), options), options_at(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::E1109);
  EXPECT_TRUE((*open_target(server->url(), options))->list("", soon())->empty());

  options.blobs = folder / "acl";
  const auto published = publish(shop.folder(), **open_target(server->url(), options), options_at(1));
  ASSERT_TRUE(published) << published.error().message;
  StoreOptions reading = server->options();
  reading.blobs = web->url("acl");
  // Two authorities, one file.
  write_file(folder / "both.pem", read_all(reading.ca_file) + read_all(web->ca()));
  reading.ca_file = folder / "both.pem";
  expect_whole(**open_source(server->url(), reading), 1, shop.network.store, 3);
}

TEST(Publishing, ToAFolderThatNginxServesIsAcceptedByNodes) {
  const TempFolder folder;
  const auto web = Nginx::start(folder, folder.path());
  if (!web) GTEST_SKIP() << "nginx or openssl is not installed: publishing to a web server's folder is not tested";
  Workshop shop;
  shop.release(1);
  ASSERT_TRUE(publish(shop.folder(), *open_folder(folder / "acl"), options_at(1)));
  StoreOptions options;
  options.ca_file = web->ca();
  expect_whole(**open_source(web->url("acl"), options), 1, shop.network.store);
}

}  // namespace
}  // namespace acl::store
