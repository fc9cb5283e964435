// Listing: what opened parts hold, read out whole: which addresses are in which class, what each pair of classes allows. For
// whoever shows a table to people; a node only looks up.
//
// In: parts that their open() has accepted. Out: values that own what they hold, in the order of addresses, classes and ports. What is
// listed is what lookups find: a slot that no lookup reaches, or that an earlier one hides, is left out. Memory and time are
// linear in the size of the part. E1210: lists that overlap or do not ascend, which no compiler writes, and of which a small
// part could make an endless listing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/table/address_range.h"
#include "engine/table/hot.h"
#include "engine/table/layout.h"

namespace acl::table {

// By class, from class 1 on: exact addresses, then ranges. An exact address overrides the range that it lies in.
using ClassRanges = std::vector<std::vector<AddressRange>>;

// `classes`: how many there are, as the part's header says; `part` is its bytes.
ClassRanges list_sources(std::span<const std::uint8_t> part, const acl_classifier& classifier, std::uint32_t classes);
ClassRanges list_destinations(std::span<const std::uint8_t> part, const acl_intervals& intervals,
                              std::uint32_t classes);

// One range of ports of one protocol; of a protocol without ports, all of them.
struct Allowance {
  std::uint8_t protocol = 0;
  std::uint16_t first_port = 0, last_port = 0;
  std::uint32_t rule = 0;  // number

  friend bool operator==(const Allowance&, const Allowance&) = default;
};

struct ListedPair {
  std::uint32_t source = 0, destination = 0;  // classes
  std::uint32_t list = 0;                     // index into HotLists::lists
};

struct HotLists {
  std::vector<std::vector<Allowance>> lists;  // distinct ones
  std::vector<ListedPair> pairs;              // those that allow anything, by source, then destination
};

Expected<HotLists> list_pairs(const Hot& hot);

}  // namespace acl::table
