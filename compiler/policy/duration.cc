#include "compiler/policy/duration.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <limits>

namespace acl::policy {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};

// Longer names first, so that "ms" is not taken for "m".
constexpr std::array units = {
    Unit{"ns", 1},         Unit{"us", 1'000},        Unit{"\u00b5s", 1'000},       Unit{"\u03bcs", 1'000},
    Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000}, Unit{"m", 60'000'000'000ULL}, Unit{"h", 3'600'000'000'000ULL},
};

// 2^63: as many nanoseconds as a negative duration may have; a positive one has one less.
constexpr std::uint64_t most = std::uint64_t{1} << 63;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// One number with its unit, taken off the front of `text`.
std::optional<std::uint64_t> take_term(std::string_view& text) noexcept {
  std::uint64_t whole = 0;
  std::size_t at = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    const auto digit = static_cast<std::uint64_t>(text[at] - '0');
    if (whole > (most - digit) / 10) return std::nullopt;
    whole = whole * 10 + digit;
  }
  bool digits = at != 0;
  // The fraction as a whole number of 1/scale; digits beyond 2^63 no longer count, as in Go.
  std::uint64_t fraction = 0;
  double scale = 1;
  bool full = false;
  if (at < text.size() && text[at] == '.') {
    for (++at; at < text.size() && is_digit(text[at]); ++at) {
      digits = true;
      const auto digit = static_cast<std::uint64_t>(text[at] - '0');
      full = full || fraction > (most - 1) / 10 || fraction * 10 + digit > most;
      if (full) continue;
      fraction = fraction * 10 + digit;
      scale *= 10;
    }
  }
  if (!digits) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(at, unit.name.size()) != unit.name) continue;
    text.remove_prefix(at + unit.name.size());
    if (whole > most / unit.nanoseconds) return std::nullopt;
    const std::uint64_t base = whole * unit.nanoseconds;
    const auto rest =
        static_cast<std::uint64_t>(static_cast<double>(fraction) * (static_cast<double>(unit.nanoseconds) / scale));
    if (rest > most - base) return std::nullopt;
    return base + rest;
  }
  return std::nullopt;
}

// Seconds with as many decimals as they need, of a number of units of 10^-decimals.
std::string with_fraction(std::uint64_t value, unsigned decimals, std::string_view unit) {
  std::uint64_t power = 1;
  for (unsigned i = 0; i < decimals; ++i) power *= 10;
  std::string out = fmt::format("{}", value / power);
  if (value % power != 0) {
    std::string digits = fmt::format("{:0{}}", value % power, decimals);
    digits.erase(digits.find_last_not_of('0') + 1);
    out += "." + digits;
  }
  return out + std::string(unit);
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) noexcept {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto term = take_term(text);
    if (!term || *term > most - total) return std::nullopt;
    total += *term;
  }
  if (!negative && total == most) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(negative ? 0 - total : total));
}

std::string print_duration(std::chrono::nanoseconds duration) {
  const std::int64_t count = duration.count();
  const std::uint64_t value = count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  const std::string sign = count < 0 ? "-" : "";
  if (value == 0) return "0s";
  if (value < 1'000) return fmt::format("{}{}ns", sign, value);
  if (value < 1'000'000) return sign + with_fraction(value, 3, "\u00b5s");
  if (value < 1'000'000'000) return sign + with_fraction(value, 6, "ms");
  constexpr std::uint64_t minute = 60'000'000'000ULL;
  const std::string seconds = with_fraction(value % minute, 9, "s");
  const std::uint64_t minutes = value / minute;
  if (minutes == 0) return sign + seconds;
  if (minutes < 60) return fmt::format("{}{}m{}", sign, minutes, seconds);
  return fmt::format("{}{}h{}m{}", sign, minutes / 60, minutes % 60, seconds);
}

}  // namespace acl::policy
