// classify: which addresses are treated alike. In: columns, each a set of sources (nodes, and intervals of addresses that are
// nobody's). Out: classes: addresses that the very same columns contain share one.
//
// How: nodes are split column by column (partition refinement: a state per set of columns seen so far, and each column moves its
// nodes from their state to that state's child), which takes time linear in the sizes of the columns, whatever their number.
// Intervals are cut where any of them begins or ends; an address of a node in such a piece has the columns of both.
//
// Deterministic: classes are numbered from 1 in the order of the addresses.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "compiler/table/addresses.h"
#include "engine/net/diagnostic.h"

namespace acl::tables {

using ColumnId = std::uint16_t;

struct Column {
  std::span<const NodeId> nodes;                     // each once
  const std::vector<Interval>* intervals = nullptr;  // disjoint, in order; null: none
};

struct Classes {
  std::vector<std::vector<ColumnId>> columns;                   // of class i + 1, ascending; never empty
  std::vector<std::pair<Rank, std::uint16_t>> exact;            // nodes' addresses, ascending
  std::vector<std::pair<net::Address, std::uint16_t>> singles;  // other single addresses, ascending
  std::vector<std::pair<Interval, std::uint16_t>> intervals;    // disjoint, in order; `exact` and `singles` go before
};

class Classifier {
 public:
  explicit Classifier(const Addresses& addresses, std::size_t node_count);
  // E1206 if there are more than 65,535 classes or columns.
  Expected<Classes> run(std::span<const Column> columns);

 private:
  struct Piece {
    Interval interval;
    std::uint32_t set;  // index into sets_
    Rank first, end;    // nodes' addresses in it
  };
  std::uint32_t child(std::uint32_t state, ColumnId column);
  void split_nodes(std::span<const Column> columns);
  void cut_intervals(std::span<const Column> columns);
  [[nodiscard]] std::vector<ColumnId> path(std::uint32_t state) const;
  void place_addresses(Classes& out);
  void place_pieces(Classes& out);
  std::uint32_t class_of(Classes& out, std::vector<ColumnId> set);

  const Addresses& addresses_;
  std::vector<std::uint32_t> state_of_;  // of each node; 0: in no column
  std::vector<NodeId> touched_;
  std::vector<std::uint64_t> touched_ranks_;  // bits
  struct State {
    std::uint32_t parent = 0;
    ColumnId column = 0;
    std::uint32_t child_column = 0xffffffff;  // of the child made last
    std::uint32_t child = 0;
    std::uint32_t number = 0;  // its class, where no interval interferes
  };
  std::vector<State> states_;
  std::vector<Piece> pieces_;
  std::vector<std::vector<ColumnId>> sets_;
  std::vector<std::pair<std::vector<ColumnId>, std::uint32_t>> known_;  // sets that have a class, ascending
};

}  // namespace acl::tables
