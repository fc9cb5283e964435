#include "node/daemon/loaded_table.h"

namespace acl::node {

Expected<std::unique_ptr<const LoadedTable>> LoadedTable::open(KeptRelease release) {
  table::TableBytes bytes;
  bytes.header = release.header;
  for (const KeptRelease::Part& part : release.parts) {
    switch (part.kind) {
      case release::PartKind::hot: bytes.hot = part.blob.bytes; break;
      case release::PartKind::ssh: bytes.ssh = part.blob.bytes; break;
      case release::PartKind::names: bytes.names = part.blob.bytes; break;
    }
  }
  auto table = table::open_table(bytes);
  if (!table) return tl::unexpected(table.error());
  std::vector<table::DirectoryChunk> chunks;
  for (const KeptRelease::Chunk& chunk : release.chunks) chunks.push_back({chunk.number, chunk.blob.bytes});
  auto directory = table::open_directory(table->names, chunks);
  if (!directory) return tl::unexpected(directory.error());
  auto rules = table::parse_provenance(release.rules.bytes);
  if (!rules) return tl::unexpected(rules.error());
  return std::unique_ptr<const LoadedTable>(
      new LoadedTable(std::move(release), *table, std::move(*directory), std::move(*rules)));
}

}  // namespace acl::node
