// Publishing: copies the newest release of a folder to a store, so that at every moment the store holds a whole release.
//
// 1. The release is looked at first: trust set complete, signatures up to its threshold (E1014), not expired (E1016).
// 2. The store is locked and its `latest` read: never back to an older release, never another one of the same number (E1112).
// 3. What the store lacks is found from the root of the tree downwards, stopping at pages that it has, and written from the
//    leaves upwards: blobs, then pages with children before parents, then trust sets, head and signatures. So whoever finds a page
//    in the store knows that all below it is there too, after a crash at any point as well; and one changed node among 50,000 costs
//    questions about one path of the tree (and about the chunks of the directory, one for each thousand nodes).
// 4. `latest` moves, in one step, if it still says what it said (E1026).
// 5. Older generations go, unless they are among the newest `keep` or were succeeded less than `grace` ago: pages that no kept
//    release needs, parents before children, then blobs, heads last (clean.h). Trust sets stay for ever: a node that was away
//    for long follows them one by one.
//
// The folder is read, and every object compared with its digest before it is written: E1013 missing, E1018 damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/names.h"
#include "engine/release/time.h"
#include "engine/store/folder.h"
#include "engine/store/release_folder.h"
#include "engine/store/store.h"

namespace acl::store {

struct PublishOptions {
  release::Time now = 0;
  // Look at all objects instead of stopping at pages that the store has, write again what has another length, and take away blobs
  // that no release names: for a store in which somebody removed or damaged something.
  bool whole = false;
  std::size_t keep = 3;  // generations, the new one included; at least 2, as nodes may be in the middle of the last
  std::int64_t grace = std::int64_t{24} * 3600;  // seconds
  std::chrono::milliseconds patience{60'000};    // for each call of the store
  // Told as objects are written, with how many there will be; may be empty.
  std::function<void(std::size_t done, std::size_t all)> progress;
};

struct Cleaned {
  std::vector<release::Generation> dropped;
  std::size_t objects = 0;
  // W1108: why it ended early.
  std::optional<Diagnostic> trouble;
};

struct Published {
  release::Generation generation;
  std::optional<release::Generation> before;  // what `latest` said
  std::size_t blobs = 0;                      // written, as all that follow
  std::size_t pages = 0;
  std::size_t others = 0;  // trust sets, heads, signatures
  std::uint64_t bytes = 0;
  std::size_t asked = 0;  // names of pages and blobs that the store was asked about
  Cleaned cleaned;
};

// The head that publish would take, if it may be published.
Expected<StoredHead> publishable_head(const Folder& folder, release::Time now);

Expected<Published> publish(const Folder& folder, Target& target, const PublishOptions& options);

}  // namespace acl::store
