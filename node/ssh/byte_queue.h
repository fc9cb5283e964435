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
  // What is kept for the next bytes while it is empty.
  static constexpr std::size_t usual = std::size_t{256} << 10;
  explicit ByteQueue(std::size_t kept = usual) noexcept : kept_(kept) {}

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - begin_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::span<std::uint8_t> front() noexcept { return std::span(bytes_).subspan(begin_); }

  void append(std::span<const std::uint8_t> more) {
    if (begin_ >= settled_at && begin_ >= size()) settle();
    bytes_.insert(bytes_.end(), more.begin(), more.end());
  }
  void clear() noexcept {
    bytes_ = {};
    begin_ = 0;
  }
  void pop(std::size_t count) {
    begin_ += count;
    if (!empty()) return;
    bytes_.clear();
    begin_ = 0;
    if (bytes_.capacity() > kept_) bytes_ = {};
  }

 private:
  static constexpr std::size_t settled_at = std::size_t{256} << 10;
  void settle() {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }

  std::vector<std::uint8_t> bytes_;
  std::size_t begin_ = 0;
  std::size_t kept_;
};

}  // namespace acl::node::ssh
