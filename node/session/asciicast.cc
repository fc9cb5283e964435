#include "node/session/asciicast.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace acl::node::session {
namespace {

// What a byte is, where no sequence is open.
enum : std::uint8_t { plain = 0, escaped = 1, control = 2, high = 3 };

constexpr char short_escape(unsigned byte) noexcept {
  switch (byte) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
  }
}

struct Kinds {
  std::array<std::uint8_t, 256> of{};
};
constexpr Kinds kinds = [] {
  Kinds made;
  for (unsigned byte = 0; byte < 256; ++byte)
    made.of[byte] = short_escape(byte) != 0 ? escaped : byte < 0x20 ? control : byte >= 0x80 ? high : plain;
  return made;
}();

constexpr char digits[] = "0123456789abcdef";

// Whether all eight are plain: none below 0x20 or from 0x80 on, no quotation mark, no backslash.
bool are_plain(std::uint64_t eight) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  const auto has_zero = [&](std::uint64_t x) { return (x - ones) & ~x & tops; };
  const std::uint64_t below = (eight - ones * 0x20) & ~eight & tops;
  return ((eight & tops) | below | has_zero(eight ^ (ones * '"')) | has_zero(eight ^ (ones * '\\'))) == 0;
}

// Copies what is plain at the front; how much.
std::size_t copy_plain(const std::uint8_t* in, std::size_t size, char* out) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, in + i, 8);
    if (!are_plain(eight)) break;
    std::memcpy(out + i, &eight, 8);
  }
  for (; i < size && kinds.of[in[i]] == plain; ++i) out[i] = static_cast<char>(in[i]);
  return i;
}

char* put_text(std::string_view text, char* out) noexcept {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

constexpr std::string_view replacement = "\xef\xbf\xbd";

std::string quoted(std::string_view text) {
  std::string out(text.size() * CastText::widest + 2 * CastText::more, '\0');
  CastText encoder;
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  char* const end = encoder.finish(encoder.put({bytes, text.size()}, out.data()));
  out.resize(static_cast<std::size_t>(end - out.data()));
  return '"' + out + '"';
}

}  // namespace

char* CastText::put(std::span<const std::uint8_t> bytes, char* out) noexcept {
  const std::uint8_t* in = bytes.data();
  const std::uint8_t* const end = in + bytes.size();
  while (in != end) {
    if (needed_ > 0) {
      if (*in < low_ || *in > high_) {
        out = finish(out);  // and this byte begins something else
        continue;
      }
      kept_[count_++] = *in++;
      low_ = 0x80;
      high_ = 0xbf;
      if (count_ < needed_) continue;
      std::memcpy(out, kept_.data(), count_);
      out += count_;
      count_ = needed_ = 0;
      continue;
    }
    const std::size_t run = copy_plain(in, static_cast<std::size_t>(end - in), out);
    in += run;
    out += run;
    if (in == end) break;
    const std::uint8_t byte = *in++;
    switch (kinds.of[byte]) {
      case escaped:
        *out++ = '\\';
        *out++ = short_escape(byte);
        break;
      case control:
        out = put_text("\\u00", out);
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 15];
        break;
      default:
        // Unicode 15, table 3-7: which bytes begin a sequence, and what may come second.
        if (byte < 0xc2 || byte > 0xf4) {
          out = put_text(replacement, out);
          break;
        }
        needed_ = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
        low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
        high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
        kept_[0] = byte;
        count_ = 1;
    }
  }
  return out;
}

char* CastText::finish(char* out) noexcept {
  if (needed_ > 0) out = put_text(replacement, out);
  count_ = needed_ = 0;
  return out;
}

std::string cast_header(const CastHeader& header) {
  std::string out = fmt::format(R"({{"version": 2, "width": {}, "height": {}, "timestamp": {}, "title": {})",
                                header.columns, header.rows, header.started, quoted(header.title));
  if (!header.command.empty()) out += fmt::format(R"(, "command": {})", quoted(header.command));
  out += fmt::format(R"(, "env": {{"SHELL": {})", quoted(header.shell));
  if (!header.term.empty()) out += fmt::format(R"(, "TERM": {})", quoted(header.term));
  return out + fmt::format(
                   R"(}}, "aclnode": {{"connection": {}, "channel": {}, "account": {}, "source": {}, "kind": {}}}}}
)",
                   quoted(header.connection), header.channel, quoted(header.account), quoted(header.source),
                   quoted(header.kind));
}

char* begin_event(std::int64_t microseconds, char code, char* out) noexcept {
  const std::int64_t time = std::max<std::int64_t>(microseconds, 0);
  *out++ = '[';
  out = std::to_chars(out, out + 20, time / 1'000'000).ptr;
  *out++ = '.';
  std::int64_t rest = time % 1'000'000;
  for (int i = 5; i >= 0; --i, rest /= 10) out[i] = digits[rest % 10];
  out = put_text(", \"", out + 6);
  *out++ = code;
  return put_text("\", \"", out);
}

char* end_event(char* out) noexcept { return put_text("\"]\n", out); }

}  // namespace acl::node::session
