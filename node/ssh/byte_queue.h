// ByteQueue: bytes that wait, first in, first out, in one piece of memory. Bounds are the caller's matter. What an unusual load took is
// given back when the queue is empty, so that an idle login is small.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace acl::node::ssh {

class ByteQueue {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - begin_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::span<std::uint8_t> front() noexcept { return std::span(bytes_).subspan(begin_); }

  void append(std::span<const std::uint8_t> more) {
    if (begin_ >= kept && begin_ >= size()) settle();
    bytes_.insert(bytes_.end(), more.begin(), more.end());
  }
  void pop(std::size_t count) {
    begin_ += count;
    if (!empty()) return;
    bytes_.clear();
    begin_ = 0;
    if (bytes_.capacity() > kept) bytes_ = {};
  }

 private:
  static constexpr std::size_t kept = std::size_t{256} << 10;
  void settle() {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }

  std::vector<std::uint8_t> bytes_;
  std::size_t begin_ = 0;
};

}  // namespace acl::node::ssh
