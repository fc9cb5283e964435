// Bits: a set of small numbers, one bit each.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace acl::resolve {

class Bits {
 public:
  Bits() = default;
  explicit Bits(std::size_t size) : words_((size + 63) / 64) {}

  [[nodiscard]] bool test(std::size_t i) const noexcept {
    return i / 64 < words_.size() && (words_[i / 64] >> (i % 64) & 1) != 0;
  }
  [[nodiscard]] bool empty() const noexcept { return words_.empty(); }
  [[nodiscard]] std::size_t count() const noexcept {
    std::size_t sum = 0;
    for (const std::uint64_t word : words_) sum += static_cast<std::size_t>(std::popcount(word));
    return sum;
  }
  // False if it was in already.
  bool insert(std::size_t i) noexcept {
    std::uint64_t& word = words_[i / 64];
    const std::uint64_t bit = std::uint64_t{1} << (i % 64);
    const bool fresh = (word & bit) == 0;
    word |= bit;
    return fresh;
  }
  // Adds another set of the same size.
  void merge(const Bits& other) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  // Calls f for each number in the set, in ascending order.
  template <class F>
  void each(F f) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
        f(i * 64 + static_cast<std::size_t>(std::countr_zero(word)));
      }
    }
  }
  // The same for the numbers in [begin, end), both multiples of 64; beyond the set's size there are none.
  template <class F>
  void each_in(std::size_t begin, std::size_t end, F f) const {
    for (std::size_t i = begin / 64; i < end / 64 && i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
        f(i * 64 + static_cast<std::size_t>(std::countr_zero(word)));
      }
    }
  }
  // 64 numbers each, the lowest in the lowest bit.
  [[nodiscard]] std::span<const std::uint64_t> words() const noexcept { return words_; }
  void set(std::size_t i) noexcept { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  // The first `size` numbers.
  void set_all(std::size_t size) noexcept {
    std::fill_n(words_.begin(), size / 64, ~std::uint64_t{0});
    if (size % 64 != 0) words_[size / 64] |= (std::uint64_t{1} << (size % 64)) - 1;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace acl::resolve
