#include "compiler/table/addresses.h"

#include <algorithm>
#include <limits>

namespace acl::tables {

using net::Address;
using resolve::Entry;
using resolve::EntryKind;

Addresses::Addresses(const resolve::Resolved& resolved) {
  struct Located {
    Address address;
    NodeId node;
  };
  std::vector<Located> all;
  const auto& nodes = resolved.inventory->nodes;
  for (NodeId node = 0; node < nodes.size(); ++node) {
    for (const Address& address : nodes[node].addresses) all.push_back({address, node});
  }
  std::sort(all.begin(), all.end(), [](const Located& a, const Located& b) { return a.address < b.address; });
  first_.assign(nodes.size() + 1, 0);
  for (const Located& one : all) ++first_[one.node + 1];
  for (std::size_t i = 0; i < nodes.size(); ++i) first_[i + 1] += first_[i];
  ranks_.resize(all.size());
  std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
  list.reserve(all.size());
  owner.reserve(all.size());
  for (const Located& one : all) {
    ranks_[next[one.node]++] = static_cast<Rank>(list.size());
    list.push_back(one.address);
    owner.push_back(one.node);
    const auto middle = static_cast<std::uint32_t>(one.address.low() >> 32);
    const bool same = !networks.empty() && networks.back().is_v4 == one.address.is_v4() &&
                      networks.back().high == one.address.high() && networks.back().middle == middle;
    if (!same) networks.push_back({0, one.address.is_v4(), one.address.high(), middle});
    low_bits.push_back(static_cast<std::uint32_t>(one.address.low()));
    networks.back().end = static_cast<Rank>(low_bits.size());
  }
  for (const resolve::Sources& sources : resolved.sources) {
    std::vector<Interval> intervals;
    for (const resolve::EntryId id : sources.literals) {
      for (const Interval& interval : intervals_of(resolved.entries[id])) intervals.push_back(interval);
    }
    literals.push_back(disjoint(std::move(intervals)));
  }
}

std::vector<Interval> disjoint(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.first < b.first; });
  std::vector<Interval> out;
  for (const Interval& next : intervals) {
    if (!out.empty() && out.back().last.family() == next.first.family()) {
      const Address& last = out.back().last;
      if (next.first <= last || resolve::successor(last) == next.first) {
        out.back().last = std::max(last, next.last);
        continue;
      }
    }
    out.push_back(next);
  }
  return out;
}

std::vector<Interval> intersection(const std::vector<Interval>& a, const std::vector<Interval>& b) {
  std::vector<Interval> out;
  auto x = a.begin();
  auto y = b.begin();
  // Families compare too: every IPv4 address is below every IPv6 address.
  while (x != a.end() && y != b.end()) {
    const Address first = std::max(x->first, y->first), last = std::min(x->last, y->last);
    if (first <= last) out.push_back({first, last});
    if (x->last < y->last) {
      ++x;
    } else {
      ++y;
    }
  }
  return out;
}

std::vector<CutPiece> cut(std::span<const std::vector<Interval>* const> sets) {
  struct Edge {
    Address at;
    std::uint32_t set;
    bool opens;
  };
  std::vector<Edge> edges;
  for (std::uint32_t i = 0; i < sets.size(); ++i) {
    if (sets[i] == nullptr) continue;
    for (const Interval& interval : *sets[i]) {
      edges.push_back({interval.first, i, true});
      const Address next = resolve::successor(interval.last);
      if (next != interval.last) edges.push_back({next, i, false});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  std::vector<CutPiece> out;
  std::vector<std::uint32_t> open;
  for (std::size_t i = 0; i < edges.size();) {
    const Address at = edges[i].at;
    // What reached to the end of IPv4 does not go on in IPv6.
    if (i > 0 && edges[i - 1].at.family() != at.family()) open.clear();
    for (; i < edges.size() && edges[i].at == at; ++i) {
      const auto place = std::lower_bound(open.begin(), open.end(), edges[i].set);
      if (edges[i].opens) {
        open.insert(place, edges[i].set);
      } else if (place != open.end() && *place == edges[i].set) {
        open.erase(place);
      }
    }
    if (open.empty()) continue;
    // Without a next edge in the family, what is still open ends where the family does.
    const bool more = i < edges.size() && edges[i].at.family() == at.family();
    constexpr std::uint64_t ones = ~std::uint64_t{0};
    const Address end = at.is_v4() ? Address::v4(0xffffffff) : Address::v6(ones, ones);
    out.push_back({{at, more ? resolve::predecessor(edges[i].at) : end}, open});
  }
  return out;
}

std::vector<Interval> intervals_of(const Entry& entry) {
  constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
  if (entry.kind != EntryKind::any) return {{entry.first, entry.last}};
  return {{Address::v4(0), Address::v4(0xffffffff)}, {Address::v6(0, 0), Address::v6(all, all)}};
}

}  // namespace acl::tables
