// Asciicast v2, the form of recordings: https://docs.asciinema.org/manual/asciicast/v2/. A line of JSON with what the recording is, then a
// line for each event: [seconds since the start, "o" (output) or "r" (another size), text].
//
// In: what a terminal or a program said, any bytes, cut anywhere. Out: text that shows the same. JSON is UTF-8: a sequence that is cut is kept
// until the rest of it comes, and what is no UTF-8 becomes U+FFFD, one for each maximal part of it (Unicode 15, section 3.9), which is what a
// terminal in UTF-8 shows for it. Pure; a byte makes at most widest bytes of text. The caller owns all memory.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace acl::node::session {

class CastText {
 public:
  // Bytes of text that a byte can make (a control character, "\u0000").
  static constexpr std::size_t widest = 6;
  // What may come on top of that: of a sequence that was kept.
  static constexpr std::size_t more = 24;

  // The inside of a JSON string for these bytes and what was kept before; `out` has room for widest × size + more. Where it ends.
  char* put(std::span<const std::uint8_t> bytes, char* out) noexcept;
  // There is nothing more: what was kept is no UTF-8.
  char* finish(char* out) noexcept;

 private:
  std::array<std::uint8_t, 4> kept_{};
  std::uint8_t count_ = 0, needed_ = 0;
  std::uint8_t low_ = 0x80, high_ = 0xbf;  // what the next byte of the sequence may be
};

// What a recording is of.
struct CastHeader {
  unsigned columns = 80, rows = 24;
  std::int64_t started = 0;  // seconds of 1970
  std::string title, command, shell;
  std::string term;  // empty: there is no terminal, and lines end in LF alone
  // What asciicast has no name for; players pass over it.
  std::string connection, account, source, kind;
  unsigned channel = 0;
};
// Its line, with LF. What is no UTF-8 in it is replaced.
std::string cast_header(const CastHeader& header);

// "[12.345678, " and so on, up to the quotation mark that opens the text: `code` is 'o', 'r', 'm'. At most 40 bytes.
char* begin_event(std::int64_t microseconds, char code, char* out) noexcept;
inline constexpr std::size_t longest_event_head = 40;
// "\"]\n".
char* end_event(char* out) noexcept;

}  // namespace acl::node::session
