// How values become the bytes of a message, and back: docs/protocol.md, "Integers". For the message files of this folder alone.
//
// Writer appends, Reader takes from the front. Put and Take stand on them with one interface, so that one list of fields says both what
// is written and what is read: number, flag, text, blob, each with its bound. Reading any bytes never reads beyond them and
// allocates no more than they hold; after the first fault harmless values come out, and done() is false.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace acl::node::protocol::wire {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

class Writer {
 public:
  template <class T>
  Writer& number(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  Writer& rest(std::string_view text) {
    out_.insert(out_.end(), text.begin(), text.end());
    return *this;
  }
  Writer& rest(ByteView bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& text(std::string_view value) { return number(static_cast<std::uint16_t>(value.size())).rest(value); }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

class Reader {
 public:
  explicit Reader(ByteView bytes) noexcept : left_(bytes) {}
  template <class T>
  T number() noexcept {
    if (left_.size() < sizeof(T)) return fault<T>();
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(T{left_[i]} << (8 * i)));
    left_ = left_.subspan(sizeof(T));
    return value;
  }
  ByteView rest(std::size_t least, std::size_t most) noexcept {
    if (left_.size() < least || left_.size() > most) return fault<ByteView>();
    return std::exchange(left_, {});
  }
  ByteView first(std::size_t size) noexcept {
    if (size > left_.size()) return fault<ByteView>();
    const ByteView bytes = left_.first(size);
    left_ = left_.subspan(size);
    return bytes;
  }
  std::string text(std::size_t most) { return zero_free(sized<std::uint16_t>(most)); }
  // A length of type T, and as many bytes.
  template <class T>
  ByteView sized(std::size_t most) noexcept {
    const std::size_t size = number<T>();
    return size > most ? fault<ByteView>() : first(size);
  }
  std::string zero_free(ByteView bytes) {
    if (std::find(bytes.begin(), bytes.end(), 0) != bytes.end()) return fault<std::string>();
    return {bytes.begin(), bytes.end()};
  }
  void refuse() noexcept { fault<int>(); }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool done() const noexcept { return good_ && left_.empty(); }

 private:
  template <class T>
  T fault() noexcept {
    good_ = false;
    left_ = {};
    return {};
  }
  ByteView left_;
  bool good_ = true;
};

// Of what is out of bounds Put keeps the first in words, and the message must not be sent.
class Put {
 public:
  explicit Put(std::uint8_t kind) { writer_.number(kind); }
  template <class T>
  void number(const T& value) {
    writer_.number(value);
  }
  void flag(const bool& value) { writer_.number(static_cast<std::uint8_t>(value)); }
  void text(const std::string& value, std::size_t most, const char* what) {
    if (value.size() > most || value.find('\0') != std::string::npos) return fault(what);
    writer_.text(value);
  }
  // May be longer than a text: its length has four bytes.
  void long_text(const std::string& value, std::size_t most, const char* what) {
    if (value.size() > most || value.find('\0') != std::string::npos) return fault(what);
    writer_.number(static_cast<std::uint32_t>(value.size())).rest(value);
  }
  void blob(const Bytes& value, std::size_t most, const char* what) {
    if (value.size() > most) return fault(what);
    writer_.number(static_cast<std::uint16_t>(value.size())).rest(ByteView(value));
  }
  template <class T, class Field>
  void list(const std::vector<T>& values, std::size_t most, const char* what, Field field) {
    if (values.size() > most) return fault(what);
    writer_.number(static_cast<std::uint16_t>(values.size()));
    for (const T& value : values) field(*this, value);
  }
  [[nodiscard]] const char* faulty() const noexcept { return faulty_; }
  Bytes take() { return writer_.take(); }

 private:
  void fault(const char* what) {
    if (faulty_ == nullptr) faulty_ = what;
  }
  Writer writer_;
  const char* faulty_ = nullptr;
};

class Take {
 public:
  // The bytes after the kind.
  explicit Take(ByteView bytes) noexcept : reader_(bytes) {}
  template <class T>
  void number(T& value) {
    value = reader_.number<T>();
  }
  void flag(bool& value) {
    const auto byte = reader_.number<std::uint8_t>();
    if (byte > 1) reader_.refuse();
    value = byte == 1;
  }
  void text(std::string& value, std::size_t most, const char*) { value = reader_.text(most); }
  void long_text(std::string& value, std::size_t most, const char*) {
    value = reader_.zero_free(reader_.sized<std::uint32_t>(most));
  }
  void blob(Bytes& value, std::size_t most, const char*) {
    const ByteView bytes = reader_.sized<std::uint16_t>(most);
    value.assign(bytes.begin(), bytes.end());
  }
  template <class T, class Field>
  void list(std::vector<T>& values, std::size_t most, const char*, Field field) {
    const std::size_t count = reader_.number<std::uint16_t>();
    if (count > most) return reader_.refuse();
    for (std::size_t i = 0; i < count && reader_.good(); ++i) field(*this, values.emplace_back());
  }
  void refuse() noexcept { reader_.refuse(); }
  [[nodiscard]] bool done() const noexcept { return reader_.done(); }

 private:
  Reader reader_;
};

}  // namespace acl::node::protocol::wire
