// The sources of a hot part, proved (prove.h). In: an opened hot part, the sets of sources that its node's rules name. Out: for each
// class which of these sets hold its addresses, all of them the same ones; or the first difference.
//
// Asked of the table are every address of a node that some set lists, its two neighbours, the bounds of every range and their
// neighbours, and the first and last address of every piece between two bounds of the rules or of the table. Some hundred million
// lookups for a large tailnet: they are made in the order of the addresses, many at a time, by the table's lookup of many (hot.h).
// A neighbour that is no source by itself must not be listed; how it fares then, the piece that it lies in tells.
#pragma once

#include <array>
#include <bit>
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

  // After run(). Whether any address that was asked has the class; f(column) for each set that holds its addresses, ascending.
  [[nodiscard]] bool is_used(std::uint32_t number) const { return class_used_[number] != 0; }
  template <class F>
  void each_column(std::uint32_t number, F f) const {
    for (std::size_t i = 0; i < words_; ++i) {
      for (std::uint64_t bits = class_masks_[number * words_ + i]; bits != 0; bits &= bits - 1)
        f(i * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
  }

 private:
  // Lookups to make in one go, of listed addresses and of those beside them.
  static constexpr std::size_t batch = 128;
  struct Asked {
    std::size_t count = 0;
    std::array<std::uint64_t, batch> keys;
    std::array<Rank, batch> ranks;  // of a neighbour: that of the address that it is beside
  };

  void mark_listed();
  void mark_ranges();
  void cut_ranges();
  [[nodiscard]] bool is_touched(std::size_t rank) const { return (touched_[rank / 64] >> (rank % 64) & 1) != 0; }
  template <class F>
  void each_touched(std::size_t first, std::size_t last, F f) const;

  bool prove();
  bool ask_listed();
  bool ask_bounds();
  bool ask_pieces();
  bool ask_neighbour(const net::Address& address, std::size_t rank);
  bool ask_end(Rank rank, const net::Address& beside);
  bool ask_other(const net::Address& address);
  bool answer_listed();
  bool answer_beside();
  [[nodiscard]] std::uint32_t found_in_interval(const net::Address& address) const;
  bool check_class(const net::Address& address, std::uint32_t found, const std::uint64_t* expected);
  bool count();
  bool differ(std::string what);
  [[nodiscard]] std::size_t piece_of(const net::Address& address) const;
  [[nodiscard]] std::uint32_t find_exact(const net::Address& address) const;
  [[nodiscard]] bool is_listed(const net::Address& address) const;
  [[nodiscard]] bool is_source(const net::Address& address) const;

  const Prover& prover_;
  const std::vector<net::Address>& list_;  // addresses of nodes
  const table::Hot& hot_;
  const acl_classifier& classifier_;
  std::span<const std::uint32_t> columns_;
  std::size_t words_;                    // of a mask: one bit a column
  std::vector<std::uint64_t>& touched_;  // addresses of nodes that are sources by themselves, not by lying in a range
  std::vector<std::uint32_t>& below_;    // of each of these words: how many are touched before it
  std::vector<std::uint64_t>& masks_;    // of each touched address, one after the other, so that they stay in the cache
  std::vector<std::pair<Interval, std::size_t>> ranges_;
  std::vector<net::Address> piece_starts_;
  std::vector<std::uint64_t> piece_masks_;
  std::vector<std::uint8_t> class_used_;    // of each class: whether an address that was asked has it
  std::vector<std::uint64_t> class_masks_;  // of each such class
  Asked listed_, beside_;                   // and not answered yet
  std::size_t answered_ = 0;                // listed addresses that had their turn
  std::uint64_t exact_ = 0;                 // of these, found one by one
  std::vector<net::Address> others_;        // found one by one, and no node's
  std::string difference_;                  // the first one
};

}  // namespace acl::tables
