// Sets of addresses as lists of ranges, and the few things one does with them. Nothing here is fast.
#pragma once

#include <vector>

#include "engine/net/prefix.h"

namespace acl::oracle {

// Both ends belong to it and are of one family.
struct Range {
  net::Address first;
  net::Address last;

  friend bool operator==(const Range&, const Range&) = default;
};

// In any order, overlapping or not.
using Ranges = std::vector<Range>;

Range range_of(const net::Prefix& prefix);
Range range_of(const net::Address& address);

bool contains(const Range& range, const net::Address& address);
bool contains(const Range& outer, const Range& inner);
bool contains(const Ranges& ranges, const net::Address& address);
bool overlap(const Range& a, const Range& b);
bool overlap(const Ranges& ranges, const Range& range);

// The neighbours of an address; there must be one.
net::Address next(const net::Address& address);
net::Address previous(const net::Address& address);

// What is in `ranges` but not in `hole`.
Ranges without(const Ranges& ranges, const Range& hole);

// The same addresses in order, as few ranges as possible: none overlaps or touches another.
Ranges joined(Ranges ranges);

// Every address there is: 0.0.0.0/0 and ::/0.
Ranges every_address();

}  // namespace acl::oracle
