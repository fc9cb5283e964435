// Every object that a head leads to: what `verify` checks and `publish` copies.
//
// Objects are read through callbacks, each of them once, and compared with the digest and length that lead to it; memory holds
// one path of pages, one blob and the digests seen. Errors: E1018 wrong bytes, E1003 and E1004 wrong form, and what the callbacks say.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/net/diagnostic.h"
#include "engine/release/head.h"
#include "engine/release/names.h"
#include "engine/release/tree.h"

namespace acl::release {

struct WholeCounts {
  TreeCounts tree;
  std::uint64_t blobs = 0;  // distinct ones: parts, rules, index, chunks
  std::uint64_t blob_bytes = 0;
  std::uint64_t chunks = 0;
};

struct ObjectReader {
  std::function<Expected<Bytes>(const Reference& reference)> page;
  std::function<Expected<Bytes>(const Reference& reference)> blob;
};

// Receives each object once it is known to be right: NameKind::page or NameKind::blob. May be empty.
using ObjectSink = std::function<Expected<void>(NameKind kind, const Reference& reference, ByteView bytes)>;

Expected<WholeCounts> walk_release(const Contents& contents, const ObjectReader& reader, const ObjectSink& sink = {});

}  // namespace acl::release
