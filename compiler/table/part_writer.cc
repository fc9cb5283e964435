#include "compiler/table/part_writer.h"

#include <algorithm>

namespace acl::tables {

namespace {

std::vector<table::RangeClass> ranges_of(const std::vector<std::pair<Interval, std::uint16_t>>& intervals) {
  std::vector<table::RangeClass> out;
  out.reserve(intervals.size());
  for (const auto& [interval, number] : intervals) out.push_back({{interval.first, interval.last}, number});
  return out;
}

// As by ExactSlots::add, one after the other; a space is looked at once.
void add_nodes(std::span<const std::pair<Rank, std::uint16_t>> nodes, const Addresses& addresses,
               table::ExactSlots& out) {
  for (auto next = nodes.begin(); next != nodes.end();) {
    const Addresses::Network& network = addresses.network_of(next->first);
    const std::uint64_t space = network.is_v4 ? 0 : out.space_of(network.high, network.middle);
    for (; next != nodes.end() && next->first < network.end; ++next) {
      const auto& [rank, number] = *next;
      if (space == 0 && !network.is_v4) {
        out.more.push_back({addresses.list[rank], number});
      } else {
        out.slots.push_back((space << 32 | addresses.low_bits[rank]) << 16 | number);
      }
    }
  }
}

}  // namespace

acl_classifier PartWriter::classifier(const Classes& classes, const Addresses& addresses) {
  table::ExactSlots exact;
  exact.slots.reserve(classes.exact.size() + classes.singles.size());
  // Both ascend; merged, so that a space comes up once.
  std::span<const std::pair<Rank, std::uint16_t>> nodes = classes.exact;
  for (const auto& [address, number] : classes.singles) {
    const auto rank = std::lower_bound(addresses.list.begin(), addresses.list.end(), address) - addresses.list.begin();
    const auto after =
        std::lower_bound(nodes.begin(), nodes.end(), std::pair{static_cast<Rank>(rank), std::uint16_t{0}});
    const auto below = static_cast<std::size_t>(after - nodes.begin());
    add_nodes(nodes.first(below), addresses, exact);
    exact.add(address, number);
    nodes = nodes.subspan(below);
  }
  add_nodes(nodes, addresses, exact);
  return table::PartWriter::classifier(exact, ranges_of(classes.intervals));
}

acl_intervals PartWriter::intervals(const std::vector<std::pair<Interval, std::uint16_t>>& intervals) {
  return table::PartWriter::intervals(ranges_of(intervals));
}

std::uint32_t TextHeap::add(std::string_view text) {
  if (const auto known = known_.find(text); known != known_.end()) return known->second;
  const auto at = static_cast<std::uint32_t>(bytes_.size());
  bytes_.push_back(static_cast<std::uint8_t>(text.size() & 0xff));
  bytes_.push_back(static_cast<std::uint8_t>(text.size() >> 8));
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  known_.emplace(text, at);
  return at;
}

}  // namespace acl::tables
