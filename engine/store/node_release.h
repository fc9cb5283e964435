// What a release in a folder holds for one node: its leaf, found by its WireGuard key as the node itself finds it, and all that the
// leaf leads to. The same value that the verifying client gives a node, but from a folder at hand and without any
// judgement: whether the head is signed, current and newer is the client's question, and `aclc verify`'s.
//
// Every object is compared with the digest and length that lead to it. Errors: E1013 absent, E1018 other bytes, E1003 and E1004
// wrong form, E0002 unreadable.
#pragma once

#include <optional>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/client.h"
#include "engine/release/head.h"
#include "engine/release/page.h"
#include "engine/store/folder.h"

namespace acl::store {

// Nothing if the release has no table for this key. Reads the pages on the key's path only.
Expected<std::optional<release::Leaf>> find_leaf(const Folder& folder, const release::Reference& root,
                                                 const release::NodeKey& key);

// The references of the directory's chunks.
Expected<std::vector<release::Reference>> read_directory(const Folder& folder, const release::Contents& contents);

// The leaf's parts, the rules, and the chunks that `choose` picks (none: no chunks). `state` stays empty: nothing was accepted here.
Expected<release::Release> read_node_release(const Folder& folder, const release::Head& head, const release::Leaf& leaf,
                                             const release::ChunkChoice& choose);

}  // namespace acl::store
