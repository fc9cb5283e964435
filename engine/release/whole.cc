#include "engine/release/whole.h"

#include <fmt/format.h>

#include <map>

#include "engine/release/directory.h"

namespace acl::release {
namespace {

struct Walk {
  const ObjectReader& reader;
  const ObjectSink& sink;
  std::map<Digest, std::uint64_t> seen;  // lengths
  WholeCounts counts;

  // The blob's bytes are given to `use` if it is new; a blob of another length than before is wrong.
  Expected<void> blob(const Reference& reference, const std::function<Expected<void>(ByteView)>& use = {}) {
    const auto [entry, fresh] = seen.try_emplace(reference.digest, reference.length);
    if (entry->second != reference.length) return wrong(reference);
    if (!fresh && !use) return {};
    const auto bytes = reader.blob(reference);
    if (!bytes) return tl::unexpected<Diagnostic>(bytes.error());
    if (!matches(reference, *bytes)) return wrong(reference);
    if (use) {
      if (auto used = use(*bytes); !used) return used;
    }
    if (!fresh) return {};
    ++counts.blobs;
    counts.blob_bytes += reference.length;
    return sink ? sink(NameKind::blob, reference, *bytes) : Expected<void>{};
  }

  Expected<void> directory(const Reference& reference) {
    return blob(reference, [&](ByteView bytes) -> Expected<void> {
      const auto chunks = parse_directory(bytes, blob_name(reference.digest));
      if (!chunks) return tl::unexpected<Diagnostic>(chunks.error());
      counts.chunks = chunks->size();
      for (const Reference& chunk : *chunks) {
        if (auto done = blob(chunk); !done) return done;
      }
      return {};
    });
  }

  static tl::unexpected<Diagnostic> wrong(const Reference& reference) {
    return fail(Code::E1018, fmt::format("\"{}\" has other bytes than were signed", blob_name(reference.digest)));
  }
};

}  // namespace

Expected<WholeCounts> walk_release(const Contents& contents, const ObjectReader& reader, const ObjectSink& sink) {
  Walk walk{reader, sink, {}, {}};
  TreeVisitor visitor;
  visitor.read = reader.page;
  if (sink) {
    visitor.page = [&](const Reference& reference, ByteView bytes) { return sink(NameKind::page, reference, bytes); };
  }
  visitor.leaf = [&](const Leaf& leaf) -> Expected<void> {
    for (const PartReference& part : leaf.parts) {
      if (auto done = walk.blob(part.object); !done) return done;
    }
    return {};
  };
  const auto tree = walk_tree(contents.root, visitor);
  if (!tree) return tl::unexpected<Diagnostic>(tree.error());
  walk.counts.tree = *tree;
  if (auto done = walk.blob(contents.rules); !done) return tl::unexpected<Diagnostic>(done.error());
  if (auto done = walk.directory(contents.directory); !done) return tl::unexpected<Diagnostic>(done.error());
  return walk.counts;
}

}  // namespace acl::release
