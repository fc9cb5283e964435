// The data types of SSH (RFC 4251 section 5) in the payloads of packets: byte, boolean, uint32, string.
//
// PacketReader takes from the front of any bytes: it never reads beyond them, and what it gives views them. After the first fault
// harmless values come out, and good() is false. PacketWriter appends; a string is as long as its caller lets it be.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace acl::node::ssh {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView view(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class PacketReader {
 public:
  explicit PacketReader(ByteView payload) noexcept : left_(payload) {}

  std::uint8_t byte() noexcept {
    const ByteView one = first(1);
    return one.empty() ? std::uint8_t{0} : one[0];
  }
  bool boolean() noexcept { return byte() != 0; }
  std::uint32_t number() noexcept {
    const ByteView four = first(4);
    if (four.size() < 4) return 0;
    return static_cast<std::uint32_t>(four[0]) << 24 | static_cast<std::uint32_t>(four[1]) << 16 |
           static_cast<std::uint32_t>(four[2]) << 8 | four[3];
  }
  ByteView bytes() noexcept { return first(number()); }
  std::string_view string() noexcept { return text(bytes()); }
  ByteView raw(std::size_t size) noexcept { return first(size); }

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool done() const noexcept { return good_ && left_.empty(); }

 private:
  ByteView first(std::size_t size) noexcept {
    if (!good_ || size > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    const ByteView taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }
  ByteView left_;
  bool good_ = true;
};

class PacketWriter {
 public:
  explicit PacketWriter(std::uint8_t type) { out_.push_back(type); }
  PacketWriter() = default;

  PacketWriter& byte(std::uint8_t value) {
    out_.push_back(value);
    return *this;
  }
  PacketWriter& boolean(bool value) { return byte(value ? 1 : 0); }
  PacketWriter& number(std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out_.push_back(static_cast<std::uint8_t>(value >> shift));
    return *this;
  }
  PacketWriter& raw(ByteView value) {
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
  }
  PacketWriter& string(ByteView value) { return number(static_cast<std::uint32_t>(value.size())).raw(value); }
  PacketWriter& string(std::string_view value) { return string(view(value)); }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// The numbers of messages (RFC 4250 section 4.1.2).
enum Message : std::uint8_t {
  msg_disconnect = 1,
  msg_debug = 4,
  msg_service_request = 5,
  msg_service_accept = 6,
  msg_userauth_request = 50,
  msg_userauth_failure = 51,
  msg_userauth_success = 52,
  msg_userauth_banner = 53,
  msg_userauth_pk_ok = 60,         // of publickey
  msg_userauth_info_request = 60,  // of keyboard-interactive (RFC 4256 section 5)
  msg_userauth_info_response = 61,
  msg_global_request = 80,
  msg_request_success = 81,
  msg_request_failure = 82,
  msg_channel_open = 90,
  msg_channel_open_confirmation = 91,
  msg_channel_open_failure = 92,
  msg_channel_window_adjust = 93,
  msg_channel_data = 94,
  msg_channel_extended_data = 95,
  msg_channel_eof = 96,
  msg_channel_close = 97,
  msg_channel_request = 98,
  msg_channel_success = 99,
  msg_channel_failure = 100,
};

}  // namespace acl::node::ssh
