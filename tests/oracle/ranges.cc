#include "tests/oracle/ranges.h"

#include <algorithm>

namespace acl::oracle {

using net::Address;
using net::Prefix;

Range range_of(const Prefix& prefix) { return {prefix.first(), prefix.last()}; }
Range range_of(const Address& address) { return {address, address}; }

bool contains(const Range& range, const Address& address) {
  return address.family() == range.first.family() && range.first <= address && address <= range.last;
}

bool contains(const Range& outer, const Range& inner) {
  return contains(outer, inner.first) && contains(outer, inner.last);
}

bool contains(const Ranges& ranges, const Address& address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) { return contains(range, address); });
}

bool overlap(const Range& a, const Range& b) {
  return a.first.family() == b.first.family() && a.first <= b.last && b.first <= a.last;
}

bool overlap(const Ranges& ranges, const Range& range) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& other) { return overlap(other, range); });
}

Address next(const Address& address) {
  if (address.is_v4()) return Address::v4(static_cast<std::uint32_t>(address.low()) + 1);
  return Address::v6(address.high() + (address.low() == ~std::uint64_t{0} ? 1 : 0), address.low() + 1);
}

Address previous(const Address& address) {
  if (address.is_v4()) return Address::v4(static_cast<std::uint32_t>(address.low()) - 1);
  return Address::v6(address.high() - (address.low() == 0 ? 1 : 0), address.low() - 1);
}

Ranges without(const Ranges& ranges, const Range& hole) {
  Ranges left;
  for (const Range& range : ranges) {
    if (!overlap(range, hole)) {
      left.push_back(range);
      continue;
    }
    if (range.first < hole.first) left.push_back({range.first, previous(hole.first)});
    if (hole.last < range.last) left.push_back({next(hole.last), range.last});
  }
  return left;
}

Ranges joined(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  Ranges out;
  for (const Range& range : ranges) {
    const bool same_family = !out.empty() && out.back().last.family() == range.first.family();
    const bool reaches = same_family && (range.first <= out.back().last || previous(range.first) == out.back().last);
    if (reaches) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

Ranges every_address() { return {range_of(Prefix(Address::v4(0), 0)), range_of(Prefix(Address::v6(0, 0), 0))}; }

}  // namespace acl::oracle
