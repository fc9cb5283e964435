// The sources of a hot part, proved (prove.h). In: an opened hot part, the sets of sources that its node's rules name. Out: for each
// class which of these sets hold its addresses, all of them the same ones; or the first difference.
//
// Asked of the table are every address of a node that some set lists, its two neighbours, the bounds of every range and their
// neighbours, and one address of every piece between two bounds of the rules or of the table. Some hundred million lookups for a
// large tailnet: they are made in the order of the addresses, some at a time, so that the memory that one waits for is on its way
// while others are compared. Listed addresses are looked up by decide.h, as the kernel does it; those beside them by the table's
// lookup of many (hot.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/table/prove.h"
#include "engine/table/hot.h"

namespace acl::tables {

class SourceProof {
 public:
  // What is passed must outlive it. `columns`: ids of the sets of sources.
  SourceProof(const Prover& prover, const table::Hot& hot, std::span<const std::uint32_t> columns,
              Prover::Scratch& scratch);

  // False if something differs; what, says difference().
  bool run();
  [[nodiscard]] const std::string& difference() const noexcept { return difference_; }

  // After run(). Whether any address that was asked has the class; whether the set in this column holds its addresses.
  [[nodiscard]] bool is_used(std::uint32_t number) const { return class_places_[number] != nowhere; }
  [[nodiscard]] bool is_named(std::uint32_t number, std::size_t column) const {
    return (class_masks_[class_places_[number] * words_ + column / 64] >> (column % 64) & 1) != 0;
  }

 private:
  static constexpr std::uint32_t nowhere = 0xffffffff;
  // A lookup to make: of a listed address of a node, or of another in a piece.
  struct Listed {
    Rank rank;
    std::uint64_t key;
  };
  struct Other {
    net::Address address;
    std::uint32_t piece;
  };
  static constexpr std::size_t batch = 32;

  void mark_listed();
  void mark_ranges();
  void cut_ranges();
  std::uint64_t* touch(Rank rank);
  [[nodiscard]] bool is_touched(std::size_t rank) const { return (touched_[rank / 64] >> (rank % 64) & 1) != 0; }
  template <class F>
  void each_touched(std::size_t first, std::size_t last, F f) const;

  bool ask_listed();
  bool ask_bounds();
  bool ask_pieces();
  bool ask_neighbour(const net::Address& address, std::size_t rank);
  bool ask_node(Rank rank);
  bool ask_other(const net::Address& address);
  bool answer_nodes();
  bool answer_others();
  void fetch(std::uint64_t key) const;
  [[nodiscard]] std::uint32_t found_in_interval(const net::Address& address) const;
  bool check_class(const net::Address& address, std::uint32_t found, const std::uint64_t* expected);
  bool count();
  bool differ(std::string what);
  std::uint32_t piece_of(const net::Address& address);
  [[nodiscard]] std::uint64_t key_of(const net::Address& address);
  [[nodiscard]] bool is_listed(const net::Address& address);

  const Prover& prover_;
  const std::vector<net::Address>& list_;  // addresses of nodes
  const table::Hot& hot_;
  const acl_classifier& classifier_;
  std::span<const std::uint32_t> columns_;
  std::size_t words_;                    // of a mask: one bit a column
  std::vector<std::uint64_t>& masks_;    // of each touched address
  std::vector<std::uint64_t>& touched_;  // addresses of nodes that are sources by themselves, not by lying in a range
  std::vector<std::pair<Interval, std::size_t>> ranges_;
  std::vector<net::Address> piece_starts_;
  std::vector<std::uint64_t> piece_masks_;
  std::uint32_t piece_ = 0;  // that of the address asked last
  std::vector<std::uint32_t> class_places_;
  std::vector<std::uint64_t> class_masks_;
  std::vector<Listed> nodes_;  // asked for and not answered yet
  std::vector<Other> other_;
  std::vector<std::uint64_t> other_keys_;
  std::uint64_t high_ = 0;  // the space of the address asked last
  std::uint32_t middle_ = 0, space_ = 0;
  bool space_known_ = false;
  std::uint32_t piece_seen_ = nowhere, class_seen_ = 0;  // last found to agree
  std::uint64_t exact_ = 0;                              // listed addresses found one by one
  std::vector<net::Address> others_;                     // found one by one, and no node's
  std::string difference_;                               // the first one
};

}  // namespace acl::tables
