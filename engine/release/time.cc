#include "engine/release/time.h"

#include <fmt/format.h>

#include <algorithm>

namespace acl::release {
namespace {

constexpr std::int64_t day = 86400;

constexpr bool is_leap(std::int64_t year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr std::int64_t days_in(std::int64_t year, std::int64_t month) noexcept {
  if (month == 2) return is_leap(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Days from 1970-01-01 to the first of January of a year from 1970 on.
constexpr std::int64_t days_before(std::int64_t year) noexcept {
  const std::int64_t last = year - 1;
  return (year - 1970) * 365 + (last / 4 - 1969 / 4) - (last / 100 - 1969 / 100) + (last / 400 - 1969 / 400);
}

static_assert(days_before(1970) == 0 && days_before(1973) == 3 * 365 + 1 && days_before(2001) == 11323);

}  // namespace

std::optional<Time> parse_time(std::string_view text) noexcept {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != shape.size()) return std::nullopt;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == 'd' ? !digit : text[i] != shape[i]) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t digits) {
    std::int64_t value = 0;
    for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  const std::int64_t year = number(0, 4), month = number(5, 2), day_of_month = number(8, 2);
  const std::int64_t hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (year < 1970 || month < 1 || month > 12 || day_of_month < 1 || day_of_month > days_in(year, month)) return {};
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  std::int64_t days = days_before(year) + day_of_month - 1;
  for (std::int64_t m = 1; m < month; ++m) days += days_in(year, m);
  return days * day + hour * 3600 + minute * 60 + second;
}

std::string print_time(Time time) {
  time = std::clamp<Time>(time, 0, last_time_there_is);
  std::int64_t days = time / day;
  const std::int64_t second = time % day;
  std::int64_t year = 1970 + days / 366;  // at most the right one
  while (days_before(year + 1) <= days) ++year;
  days -= days_before(year);
  std::int64_t month = 1;
  for (; days >= days_in(year, month); ++month) days -= days_in(year, month);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", year, month, days + 1, second / 3600, second / 60 % 60,
                     second % 60);
}

}  // namespace acl::release
