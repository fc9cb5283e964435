#include "compiler/table/part_writer.h"

namespace acl::tables {

namespace {

std::vector<table::RangeClass> ranges_of(const std::vector<std::pair<Interval, std::uint16_t>>& intervals) {
  std::vector<table::RangeClass> out;
  out.reserve(intervals.size());
  for (const auto& [interval, number] : intervals) out.push_back({{interval.first, interval.last}, number});
  return out;
}

}  // namespace

acl_classifier PartWriter::classifier(const Classes& classes, const Addresses& addresses) {
  std::vector<table::ExactClass> exact;
  exact.reserve(classes.exact.size() + classes.singles.size());
  // Both ascend; merged, so that a space comes up once.
  auto single = classes.singles.begin();
  for (const auto& [rank, number] : classes.exact) {
    for (; single != classes.singles.end() && single->first < addresses.list[rank]; ++single)
      exact.push_back({single->first, single->second});
    exact.push_back({addresses.list[rank], number});
  }
  for (; single != classes.singles.end(); ++single) exact.push_back({single->first, single->second});
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
