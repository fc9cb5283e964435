// The signed texts of a release, read and written line by line: what head.cc, trust.cc, state.cc and minisign.cc share.
//
// Every text has one form: lines in a fixed order, each "word value…" with single spaces, each ended by LF. A Lines reader hands
// out one line after the other and remembers the first thing that was wrong; parsers read on with harmless values and look at
// the end. Views into the text that was given; nothing allocates but messages.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"
#include "engine/release/time.h"

namespace acl::release {

std::string hex(std::span<const std::uint8_t> bytes);
// Fills `out` from exactly twice as many lower-case digits.
bool unhex(std::string_view text, std::span<std::uint8_t> out) noexcept;

// Bytes of an untrusted text for a message: control and non-ASCII bytes as \xNN, at most 80 bytes of it, in quotes.
std::string quoted(std::string_view text);

// Integers in little-endian order, in front of `bytes`.
template <class T>
T load_le(const std::uint8_t* bytes) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(T{bytes[i]} << (8 * i)));
  return value;
}
template <class T>
void store_le(std::uint8_t* bytes, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

class Lines {
 public:
  Lines(std::string_view text, std::string_view name, Code code) noexcept : rest_(text), name_(name), code_(code) {}

  // The next line without its end; empty after a fault.
  std::string_view line();
  // What follows "word " on the next line.
  std::string_view value(std::string_view word);
  // The next line is this one.
  void literal(std::string_view line);

  std::uint64_t number(std::string_view word, std::uint64_t most);
  Time time(std::string_view word);
  Digest digest(std::string_view word);
  Reference reference(std::string_view word);
  // The next `length` bytes, whatever they are.
  std::string_view block(std::uint64_t length);

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  [[nodiscard]] bool failed() const noexcept { return !fault_.empty(); }
  // Says what is wrong with the line last read; the first fault stays.
  void fault(std::string what);
  // Everything was read and nothing was wrong; else the diagnostic.
  [[nodiscard]] std::optional<Diagnostic> finish();

 private:
  std::string_view rest_;
  std::string_view name_;
  Code code_;
  unsigned number_ = 0;
  std::string fault_;
};

// The first word of `text`, cut off together with the space behind it.
std::string_view take_word(std::string_view& text) noexcept;

}  // namespace acl::release
