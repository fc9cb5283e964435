// Bits: a set of small numbers, one bit each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace acl::resolve {

class Bits {
 public:
  Bits() = default;
  explicit Bits(std::size_t size) : words_((size + 63) / 64) {}

  [[nodiscard]] bool test(std::size_t i) const noexcept {
    return i / 64 < words_.size() && (words_[i / 64] >> (i % 64) & 1) != 0;
  }
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
