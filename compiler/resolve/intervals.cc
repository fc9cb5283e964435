#include "compiler/resolve/intervals.h"

#include <algorithm>

namespace acl::resolve {

using net::Address;

std::vector<net::Prefix> prefixes(const Interval& interval) {
  std::vector<net::Prefix> out;
  Address next = interval.first;
  do {
    // The widest prefix that begins here and does not reach beyond the end.
    unsigned length = next.width();
    while (length > 0) {
      const net::Prefix wider(next, length - 1);
      if (wider.first() != next || wider.last() > interval.last) break;
      --length;
    }
    out.emplace_back(next, length);
    next = successor(out.back().last());
  } while (out.back().last() < interval.last);
  return out;
}

void Intervals::add(Interval interval) {
  std::vector<Interval> out;
  out.reserve(list_.size() + 1);
  for (const Interval& one : list_) {
    const bool same_family = one.first.family() == interval.first.family();
    const bool joined = same_family && one.first <= successor(interval.last) && interval.first <= successor(one.last);
    if (joined) {
      interval = {std::min(one.first, interval.first), std::max(one.last, interval.last)};
    } else {
      out.push_back(one);
    }
  }
  out.insert(std::upper_bound(out.begin(), out.end(), interval,
                              [](const Interval& a, const Interval& b) { return a.first < b.first; }),
             interval);
  list_ = std::move(out);
}

void Intervals::remove(const Interval& gap) {
  std::vector<Interval> out;
  for (const Interval& one : list_) {
    if (one.first.family() != gap.first.family() || one.last < gap.first || gap.last < one.first) {
      out.push_back(one);
      continue;
    }
    if (one.first < gap.first) out.push_back({one.first, predecessor(gap.first)});
    if (gap.last < one.last) out.push_back({successor(gap.last), one.last});
  }
  list_ = std::move(out);
}

bool Intervals::covers(const Interval& interval) const noexcept {
  return std::any_of(list_.begin(), list_.end(),
                     [&](const Interval& one) { return one.first <= interval.first && interval.last <= one.last; });
}

const Intervals& internet_set() {
  static const Intervals set = [] {
    Intervals all;
    const auto v4 = [](std::uint32_t first, std::uint32_t last) {
      return Interval{Address::v4(first), Address::v4(last)};
    };
    all.add(v4(0, 0xffffffff));
    for (const Interval& gap : {v4(0x0a000000, 0x0affffff), v4(0xac100000, 0xac1fffff), v4(0xc0a80000, 0xc0a8ffff),
                                v4(0xa9fe0000, 0xa9feffff), v4(0x64400000, 0x647fffff)}) {
      all.remove(gap);
    }
    all.add({Address::v6(0x2000000000000000ULL, 0), Address::v6(0x3fffffffffffffffULL, ~std::uint64_t{0})});
    return all;
  }();
  return set;
}

}  // namespace acl::resolve
