// Intervals: a set of addresses of both families, as disjoint inclusive ranges in order. Adding and removing are those of
// sets; ranges that touch are joined.
#pragma once

#include <vector>

#include "engine/net/prefix.h"

namespace acl::resolve {

struct Interval {
  net::Address first, last;  // of one family, first <= last

  friend bool operator==(const Interval&, const Interval&) = default;
};

class Intervals {
 public:
  void add(Interval interval);
  void remove(const Interval& interval);
  [[nodiscard]] const std::vector<Interval>& list() const noexcept { return list_; }
  // Whether all of the interval is in the set.
  [[nodiscard]] bool covers(const Interval& interval) const noexcept;

 private:
  std::vector<Interval> list_;
};

// The fewest prefixes that together are the interval, in order.
std::vector<net::Prefix> prefixes(const Interval& interval);

// All public internet, as exit nodes forward it: IPv4 without 10/8, 172.16/12, 192.168/16, 169.254/16 and 100.64/10, and
// 2000::/3.
const Intervals& internet_set();

using net::predecessor;
using net::successor;

}  // namespace acl::resolve
