#include "engine/store/node_release.h"

#include <algorithm>
#include <memory>

#include "engine/release/directory.h"
#include "engine/release/names.h"

namespace acl::store {

using release::Bytes;
using release::Leaf;
using release::Reference;

namespace {

Expected<std::shared_ptr<const Bytes>> read_shared(const Folder& folder, const Reference& reference) {
  auto bytes = folder.read_blob(reference);
  if (!bytes) return tl::unexpected(std::move(bytes.error()));
  return std::make_shared<const Bytes>(std::move(*bytes));
}

}  // namespace

Expected<std::optional<Leaf>> find_leaf(const Folder& folder, const Reference& root, const release::NodeKey& key) {
  const release::Digest position = release::position_of(key);
  Reference next = root;
  for (unsigned depth = 0; depth < release::deepest; ++depth) {
    const auto bytes = folder.read_page(next);
    if (!bytes) return tl::unexpected(bytes.error());
    const auto page = release::parse_page(*bytes, depth, folder.path_of(release::page_name(next.digest)));
    if (!page) return tl::unexpected(page.error());
    if (const auto* leaves = std::get_if<release::Leaves>(&page->body)) {
      const auto leaf = std::find_if(leaves->begin(), leaves->end(), [&](const Leaf& one) { return one.key == key; });
      if (leaf == leaves->end()) return std::nullopt;
      return *leaf;
    }
    const auto& child = std::get<release::Children>(page->body)[release::nibble(position, depth)];
    if (!child) return std::nullopt;
    next = *child;
  }
  return std::nullopt;
}

Expected<std::vector<Reference>> read_directory(const Folder& folder, const release::Contents& contents) {
  const auto index = folder.read_blob(contents.directory);
  if (!index) return tl::unexpected(index.error());
  return release::parse_directory(*index, folder.path_of(release::blob_name(contents.directory.digest)));
}

Expected<release::Release> read_node_release(const Folder& folder, const release::Head& head, const Leaf& leaf,
                                             const release::ChunkChoice& choose) {
  release::Release out;
  out.head = head;
  out.header = leaf.header;
  std::shared_ptr<const Bytes> names;
  for (const release::PartReference& part : leaf.parts) {
    auto bytes = read_shared(folder, part.object);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (part.kind == release::PartKind::names) names = *bytes;
    out.parts.push_back({part.kind, part.object, std::move(*bytes)});
  }
  auto rules = read_shared(folder, head.contents.rules);
  if (!rules) return tl::unexpected(std::move(rules.error()));
  out.rules = std::move(*rules);
  auto directory = read_directory(folder, head.contents);
  if (!directory) return tl::unexpected(std::move(directory.error()));
  out.directory = std::move(*directory);
  if (!choose || !names) return out;
  for (const std::uint32_t number : choose(*names, out.directory.size())) {
    if (number >= out.directory.size()) continue;
    auto bytes = read_shared(folder, out.directory[number]);
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    out.chunks.push_back({number, out.directory[number], std::move(*bytes)});
  }
  return out;
}

}  // namespace acl::store
