// NodeTable: all that one node enforces, opened: its header and its three parts, which fit each other; and the directory of those it
// knows. What a node does with a release once its digests are right (engine/release/client.h), and what `aclc inspect` shows.
//
// In: bytes that nobody vouches for. Out: views of them, or what is wrong: E1201 a part, E1202 the header, E1204 a chunk. The
// bytes belong to the caller, must outlive the table and begin at multiples of 8 bytes; a Directory owns what it holds.
#pragma once

#include <cstdint>
#include <span>

#include "engine/net/diagnostic.h"
#include "engine/table/directory.h"
#include "engine/table/hot.h"
#include "engine/table/names.h"
#include "engine/table/node_header.h"
#include "engine/table/ssh.h"

namespace acl::table {

struct TableBytes {
  std::span<const std::uint8_t> header, hot, ssh, names;
};

struct NodeTable {
  NodeHeader header;
  Hot hot;
  Ssh ssh;
  Names names;
};

// Besides each by itself: the header's classes are classes of the parts, and the names part names as many rules as the others have. So
// that parts of different compilations, each whole, are not taken for a table.
Expected<NodeTable> open_table(const TableBytes& bytes);

struct DirectoryChunk {
  std::uint32_t number = 0;
  std::span<const std::uint8_t> bytes;
};

// Those whom the names part knows, from the chunks that hold them, ascending by number; chunks of nobody known may be there, too.
// E1204: a known identity that is in none of the chunks.
Expected<Directory> open_directory(const Names& names, std::span<const DirectoryChunk> chunks);

}  // namespace acl::table
