// cache: the parts of one compilation, for the next one to take over.
//
// A part is known by a digest of all that it is built from (part_keys.h). What is in a cache was proved when it was made, and is
// believed: a cache is trusted like the folder it is in. Its text form has a line for each part.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/release/digest.h"

namespace acl::tables {

// Raised when a part's bytes or the meaning of a key change: then nothing of an old cache fits.
inline constexpr std::uint32_t cache_version = 3;

// What a built part is, beside its bytes.
struct CachedPart {
  release::Reference blob;
  std::vector<std::uint16_t> own_classes;
  std::vector<std::uint64_t> rule_ids;  // of each rule number

  friend bool operator==(const CachedPart&, const CachedPart&) = default;
};
// Ordered, so that it prints the same.
using Cache = std::map<release::Digest, CachedPart>;

std::string print_cache(const Cache& cache);
// Anything that is not a cache of this version is an empty one.
Cache parse_cache(std::string_view text);

}  // namespace acl::tables
