// hot_builder: the hot part of a table from a node's packet rules. docs/table-format.md.
//
// In: rules in the order in which they are asked, how many addresses the node has. Out: the bytes, the destination class of each
// own address, and which rule of the policy each rule number stands for. Deterministic; E1206 where the format is too small.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/table/classify.h"
#include "compiler/table/node_rules.h"
#include "engine/table/line_bytes.h"

namespace acl::tables {

struct HotPart {
  table::LineBytes bytes;
  std::vector<std::uint16_t> own_classes;  // destination class of each own address
  std::vector<resolve::Origin> rules;      // of each rule number
  std::uint64_t addresses = 0;             // allowed source addresses that are listed one by one
};

// `classifier` is scratch, one for each thread.
Expected<HotPart> build_hot(const resolve::Resolved& resolved, const Addresses& addresses,
                            std::span<const PacketRule> rules, std::size_t own_count, Classifier& classifier);

// Which destinations the same rules name: shared with the names part.
struct DestinationClasses {
  std::vector<std::uint16_t> own;                             // of each own address; 0: none
  std::vector<std::pair<Interval, std::uint16_t>> intervals;  // disjoint, in order
  std::vector<std::vector<std::uint32_t>> rules;              // of class i + 1: indices of rules, ascending
};
// `own(i)` and `behind(i)` of `count` rules. E1206 beyond 65,535 classes.
Expected<DestinationClasses> classify_destinations(std::span<const std::uint64_t> own,
                                                   std::span<const std::vector<Interval>* const> behind,
                                                   std::size_t own_count);

}  // namespace acl::tables
