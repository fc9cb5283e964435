// Addresses: every address of the inventory in order, and what table compiling asks of them. Made once, read by all threads.
//
// A rank is the place of an address in that order. Nodes and ranks refer to the inventory, which must outlive this.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "compiler/resolve/intervals.h"
#include "compiler/resolve/resolve.h"

namespace acl::tables {

using resolve::Interval;
using resolve::NodeId;
using Rank = std::uint32_t;

struct Addresses {
  explicit Addresses(const resolve::Resolved& resolved);

  std::vector<net::Address> list;  // ascending, no address twice
  std::vector<NodeId> owner;       // of each rank
  [[nodiscard]] std::span<const Rank> of(NodeId node) const noexcept {
    return {ranks_.data() + first_[node], ranks_.data() + first_[node + 1]};
  }
  // What a table may list in one space (engine/table/layout.h): all IPv4 addresses, or IPv6 ones that differ in their last 32 bits alone.
  // In the order of the addresses.
  struct Network {
    Rank end;  // the rank after its last
    bool is_v4;
    std::uint64_t high;
    std::uint32_t middle;
  };
  std::vector<Network> networks;
  [[nodiscard]] const Network& network_of(Rank rank) const noexcept {
    return *std::upper_bound(networks.begin(), networks.end(), rank,
                             [](Rank wanted, const Network& network) { return wanted < network.end; });
  }
  std::vector<std::uint32_t> low_bits;  // the last 32 bits of each address; what compiling goes through again and again
  // Of each set of sources of the resolved policy: what is no node's address, as disjoint intervals in order.
  std::vector<std::vector<Interval>> literals;

 private:
  std::vector<std::uint32_t> first_;
  std::vector<Rank> ranks_;
};

// The intervals as a set: disjoint, in order, those that touch joined.
std::vector<Interval> disjoint(std::vector<Interval> intervals);
// What both have, disjoint and in order; both arguments must be.
std::vector<Interval> intersection(const std::vector<Interval>& a, const std::vector<Interval>& b);
// The sets cut at each other's ends: pieces in order, each with the numbers of the sets that hold all of it; pieces that none
// holds are left out. A null pointer is an empty set.
struct CutPiece {
  Interval interval;
  std::vector<std::uint32_t> sets;  // ascending
};
std::vector<CutPiece> cut(std::span<const std::vector<Interval>* const> sets);

// An entry as intervals: `*` is two.
std::vector<Interval> intervals_of(const resolve::Entry& entry);

}  // namespace acl::tables
