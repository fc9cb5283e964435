// Cursor: reads numbers and texts off the front of some bytes, never beyond their end. Numbers are little-endian.
//
// Every read says whether there was enough; after a "no" the cursor stays where it was.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace acl::table {

class Cursor {
 public:
  explicit Cursor(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  template <class T>
  [[nodiscard]] bool number(T& out) noexcept {
    static_assert(std::is_integral_v<T>);
    if (bytes_.size() < sizeof(T)) return false;
    std::memcpy(&out, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
    return true;
  }
  [[nodiscard]] bool bytes(std::span<std::uint8_t> out) noexcept {
    if (bytes_.size() < out.size()) return false;
    std::memcpy(out.data(), bytes_.data(), out.size());
    bytes_ = bytes_.subspan(out.size());
    return true;
  }
  // Its length in two bytes, then the text.
  [[nodiscard]] bool text(std::string& out) {
    std::uint16_t length = 0;
    if (bytes_.size() < 2) return false;
    std::memcpy(&length, bytes_.data(), 2);
    if (bytes_.size() - 2 < length) return false;
    out.assign(reinterpret_cast<const char*>(bytes_.data()) + 2, length);
    bytes_ = bytes_.subspan(std::size_t{2} + length);
    return true;
  }
  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

// The other direction: appends.
template <class T>
void put_number(std::vector<std::uint8_t>& out, T value) {
  static_assert(std::is_integral_v<T>);
  out.resize(out.size() + sizeof(T));
  std::memcpy(out.data() + out.size() - sizeof(T), &value, sizeof(T));
}
inline void put_text(std::vector<std::uint8_t>& out, std::string_view text) {
  put_number(out, static_cast<std::uint16_t>(text.size()));
  for (const char c : text) out.push_back(static_cast<std::uint8_t>(c));
}

}  // namespace acl::table
