// TableMap: the map that holds one table for the kernel's program: own addresses and hot part, filled once, then frozen.
//
// Its size is a power of two, since maps are put in each other's place only if their sizes are equal; a program is loaded for one
// size. Errors: E1341 (no memory, no rights), E1342 (a table that must not be enforced).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"
#include "engine/table/node_header.h"
#include "node/enforce/filter_layout.h"

namespace acl::node {

// What a program reaches with one variable offset (2^29 bytes) holds head and part.
inline constexpr std::size_t least_table_map = std::size_t{1} << 16;
inline constexpr std::size_t greatest_table_map = std::size_t{1} << 29;

// The size for a hot part of that many bytes. One in use is kept if the part fits and fills an eighth of it, so that tables at the edge
// of two sizes do not go back and forth. 0: too large.
std::size_t table_map_size(std::size_t part_bytes, std::size_t in_use) noexcept;

// The head for these addresses: a multiplier for which each has a slot of its own.
acl_filter_head make_head(std::span<const table::OwnAddress> own, std::size_t part_bytes) noexcept;

// E1342 unless the part opens, has every class of `own`, and none of `own` is among its sources.
Expected<void> check_table(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own);

// A frozen map of `size` bytes. With an empty part it is a table that lets nothing in.
Expected<Fd> make_table_map(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own,
                            std::size_t size);

// The size of the map that an outer map has now; 0 if it has none, or none of this form.
std::size_t table_map_size_of(int outer) noexcept;

}  // namespace acl::node
