// Copying the tree of a release from a folder to a store: what publish.h calls step 3, for pages and blobs.
#pragma once

#include "engine/net/diagnostic.h"
#include "engine/release/head.h"
#include "engine/release/page.h"
#include "engine/store/folder.h"
#include "engine/store/publish.h"
#include "engine/store/store.h"

namespace acl::store {

// What a page names: pages of the next level, or the blobs of its leaves.
struct Named {
  std::vector<release::Reference> pages;
  std::vector<release::Reference> blobs;
};
Expected<Named> named_by_page(release::ByteView page, unsigned depth, const release::Reference& reference);

// Adds to the counts of `published`.
Expected<void> copy_tree(const Folder& folder, const release::Contents& contents, Target& target,
                         const PublishOptions& options, Published& published);

}  // namespace acl::store
