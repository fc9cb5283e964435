#include "compiler/table/classify.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>

namespace acl::tables {

using net::Address;

Classifier::Classifier(const Addresses& addresses, std::size_t node_count)
    : addresses_(addresses), state_of_(node_count), touched_ranks_((addresses.list.size() + 63) / 64) {}

// The state of nodes that were in `state` and are in this column, too, made anew. All nodes of a column come in a row, so the child
// made last is the only one that can be asked for.
std::uint32_t Classifier::child(std::uint32_t state, ColumnId column) {
  const auto made = static_cast<std::uint32_t>(states_.size());
  states_[state].child_column = column;
  states_[state].child = made;
  states_.push_back({state, column, 0xffffffff, 0, 0});
  return made;
}

void Classifier::split_nodes(std::span<const Column> columns) {
  for (const NodeId node : touched_) state_of_[node] = 0;
  touched_.clear();
  states_.assign(1, {});
  for (std::size_t column = 0; column < columns.size(); ++column) {
    for (const NodeId node : columns[column].nodes) {
      std::uint32_t& state = state_of_[node];
      if (state == 0) touched_.push_back(node);
      const State& now = states_[state];
      state = now.child_column == column ? now.child : child(state, static_cast<ColumnId>(column));
    }
  }
  std::fill(touched_ranks_.begin(), touched_ranks_.end(), 0);
  for (const NodeId node : touched_) {
    for (const Rank rank : addresses_.of(node)) touched_ranks_[rank / 64] |= std::uint64_t{1} << (rank % 64);
  }
}

void Classifier::cut_intervals(std::span<const Column> columns) {
  pieces_.clear();
  sets_.clear();
  std::vector<const std::vector<Interval>*> intervals;
  for (const Column& column : columns) intervals.push_back(column.intervals);
  std::map<std::vector<std::uint32_t>, std::uint32_t> known;
  for (CutPiece& piece : cut(intervals)) {
    const auto [place, fresh] = known.try_emplace(std::move(piece.sets), static_cast<std::uint32_t>(sets_.size()));
    if (fresh) sets_.emplace_back(place->first.begin(), place->first.end());
    const auto& list = addresses_.list;
    const auto first = std::lower_bound(list.begin(), list.end(), piece.interval.first);
    const auto end = std::upper_bound(first, list.end(), piece.interval.last);
    pieces_.push_back({piece.interval, place->second, static_cast<Rank>(first - list.begin()),
                       static_cast<Rank>(end - list.begin())});
  }
}

std::vector<ColumnId> Classifier::path(std::uint32_t state) const {
  std::vector<ColumnId> out;
  for (; state != 0; state = states_[state].parent) out.push_back(states_[state].column);
  std::reverse(out.begin(), out.end());
  return out;
}

std::uint32_t Classifier::class_of(Classes& out, std::vector<ColumnId> set) {
  // Each state has a set of its own; only pieces may have the same one again.
  if (pieces_.empty()) {
    out.columns.push_back(std::move(set));
    return static_cast<std::uint32_t>(out.columns.size());
  }
  const auto place = std::lower_bound(known_.begin(), known_.end(), set,
                                      [](const auto& one, const auto& wanted) { return one.first < wanted; });
  if (place != known_.end() && place->first == set) return place->second;
  out.columns.push_back(set);
  const auto number = static_cast<std::uint32_t>(out.columns.size());
  known_.insert(place, {std::move(set), number});
  return number;
}

void Classifier::place_addresses(Classes& out) {
  std::unordered_map<std::uint64_t, std::uint32_t> in_pieces;  // (state, set) → class, 0: as the piece's own
  auto piece = pieces_.begin();
  out.exact.reserve(2 * touched_.size());
  for (std::size_t word = 0; word < touched_ranks_.size(); ++word) {
    for (std::uint64_t bits = touched_ranks_[word]; bits != 0; bits &= bits - 1) {
      const auto rank = static_cast<Rank>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
      const std::uint32_t state = state_of_[addresses_.owner[rank]];
      while (piece != pieces_.end() && piece->end <= rank) ++piece;
      if (piece == pieces_.end() || rank < piece->first) {
        std::uint32_t& number = states_[state].number;
        if (number == 0) number = class_of(out, path(state));
        out.exact.emplace_back(rank, static_cast<std::uint16_t>(number));
        continue;
      }
      const auto [known, fresh] = in_pieces.try_emplace(std::uint64_t{state} << 32 | piece->set, 0);
      if (fresh) {
        std::vector<ColumnId> both;
        const std::vector<ColumnId> own = path(state);
        const std::vector<ColumnId>& set = sets_[piece->set];
        std::set_union(own.begin(), own.end(), set.begin(), set.end(), std::back_inserter(both));
        if (both.size() != set.size()) known->second = class_of(out, std::move(both));
      }
      if (known->second != 0) out.exact.emplace_back(rank, static_cast<std::uint16_t>(known->second));
    }
  }
}

// Single addresses go beside the nodes' own, unless a node's are there already; what is left are intervals, of which those that
// touch or are only parted by single addresses are joined.
void Classifier::place_pieces(Classes& out) {
  std::vector<std::uint32_t> numbers(sets_.size());
  Address reached;  // the last address that an interval or a single address after it has
  for (const Piece& piece : pieces_) {
    std::uint32_t& number = numbers[piece.set];
    if (number == 0) number = class_of(out, sets_[piece.set]);
    const auto [first, last] = piece.interval;
    const bool touches =
        !out.intervals.empty() && reached.family() == first.family() && resolve::successor(reached) == first;
    if (first == last) {
      const auto rank =
          std::lower_bound(addresses_.list.begin(), addresses_.list.end(), first) - addresses_.list.begin();
      const auto at =
          std::lower_bound(out.exact.begin(), out.exact.end(), std::pair{static_cast<Rank>(rank), std::uint16_t{0}});
      const bool node = static_cast<std::size_t>(rank) < addresses_.list.size() &&
                        addresses_.list[static_cast<std::size_t>(rank)] == first;
      if (!node || at == out.exact.end() || at->first != static_cast<Rank>(rank))
        out.singles.emplace_back(first, static_cast<std::uint16_t>(number));
      if (touches) reached = last;
      continue;
    }
    if (touches && out.intervals.back().second == number) {
      out.intervals.back().first.last = last;
    } else {
      out.intervals.emplace_back(piece.interval, static_cast<std::uint16_t>(number));
    }
    reached = last;
  }
}

Expected<Classes> Classifier::run(std::span<const Column> columns) {
  Classes out;
  if (columns.size() > 0xffff)
    return fail(Code::E1206,
                fmt::format("{} different sets of sources concern one node, more than 65535", columns.size()));
  known_.clear();
  split_nodes(columns);
  cut_intervals(columns);
  place_addresses(out);
  place_pieces(out);
  if (out.columns.size() > 0xffff)
    return fail(Code::E1206,
                fmt::format("the sources of one node make {} classes, more than 65535", out.columns.size()));
  return out;
}

}  // namespace acl::tables
