// The index of the identity directory: a blob that lists the directory's chunks, so that a node fetches only those it needs.
//
//   magic "acli"  version u8 = 1  0 u8 0 u16  count u32   then for each chunk  digest[32] length u32
//
// All integers little-endian. What stands in a chunk is the table compiler's business. Parsing any bytes: E1004; nothing is
// allocated beyond the size of the input.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"

namespace acl::release {

inline constexpr std::size_t most_chunks = 65536;
inline constexpr std::size_t directory_limit = 12 + most_chunks * 36;
inline constexpr std::uint64_t longest_chunk = std::uint64_t{1} << 20;

Expected<std::vector<Reference>> parse_directory(ByteView bytes, std::string_view name);
// E1004: more than most_chunks, or a chunk that is empty or longer than longest_chunk.
Expected<Bytes> encode_directory(const std::vector<Reference>& chunks);

}  // namespace acl::release
