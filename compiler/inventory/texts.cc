#include "compiler/inventory/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/net/address.h"

namespace acl::inventory {
namespace {

constexpr std::string_view base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> base64_values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < base64.size(); ++i) {
    values[static_cast<unsigned char>(base64[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_label_byte(char c) noexcept { return is_letter(c) || is_digit(c) || c == '-'; }

// The `count` digits at `at`, -1 if they are none.
int digits(std::string_view text, std::size_t at, std::size_t count) noexcept {
  if (text.size() < at + count) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// Days since 1970-01-01 in the proleptic Gregorian calendar, and back; the algorithm of
// https://howardhinnant.github.io/date_algorithms.html, which counts years from March so that leap days come last.
std::int64_t days_from_date(int year, int month, int day) noexcept {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct Date {
  std::int64_t year, month, day;
};

Date date_from_days(std::int64_t days) noexcept {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t day_of_era = days - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * day_of_year + 2) / 153;
  const std::int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted + 2) / 5 + 1};
}

int days_in(int year, int month) noexcept {
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[static_cast<std::size_t>(month) - 1];
}

// "Z", "+01:00": seconds east of Greenwich.
std::optional<int> parse_offset(std::string_view text) noexcept {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const int hours = digits(text, 1, 2);
  const int minutes = digits(text, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const int seconds = hours * 3600 + minutes * 60;
  return text[0] == '-' ? -seconds : seconds;
}

bool is_dns_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 253) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_label_byte(c) || c == '.' || c == '_'; }) &&
         text.front() != '-' && text.front() != '.';
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text) noexcept {
  // 2026-01-01T00:00:00[.000]Z
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return std::nullopt;
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return std::nullopt;
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
  std::size_t at = 19;
  if (text[at] == '.') {
    ++at;
    const std::size_t first = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == first) return std::nullopt;
  }
  const auto offset = parse_offset(text.substr(at));
  if (!offset) return std::nullopt;
  const std::int64_t seconds = days_from_date(year, month, day) * 86400 + std::int64_t{hour} * 3600 +
                               std::int64_t{minute} * 60 + std::min(second, 59) - *offset;
  // An offset can carry the first and the last day of the calendar out of it.
  constexpr std::int64_t last = 253402300799;
  if (seconds < go_zero_time || seconds > last) return std::nullopt;
  return seconds;
}

std::string time_text(std::int64_t seconds) {
  const std::int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
  const std::int64_t rest = seconds - days * 86400;
  const Date date = date_from_days(days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", date.year, date.month, date.day, rest / 3600,
                     rest / 60 % 60, rest % 60);
}

bool is_wireguard_key(std::string_view text) noexcept {
  if (text.size() != 44 || text[43] != '=') return false;
  int bad = 0;
  for (std::size_t i = 0; i < 43; ++i) bad |= base64_values[static_cast<unsigned char>(text[i])];
  if (bad < 0) return false;
  // 43 characters hold 258 bits: the last two stand for nothing and are zero.
  return (base64_values[static_cast<unsigned char>(text[42])] & 3) == 0;
}

std::string_view ssh_public_key(std::string_view text) noexcept {
  constexpr std::size_t longest_type = 64;
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || space == 0 || space > longest_type) return {};
  const std::string_view type = text.substr(0, space);
  const std::string_view rest = text.substr(space + 1);
  const std::string_view key = rest.substr(0, rest.find(' '));
  const std::size_t digits = std::min(key.find('='), key.size());
  if (key.size() % 4 != 0 || key.size() - digits > 2) return {};
  if (key.find_first_not_of('=', digits) != std::string_view::npos) return {};
  for (const char c : key.substr(0, digits)) {
    if (base64_values[static_cast<unsigned char>(c)] < 0) return {};
  }
  if (digits * 3 / 4 <= type.size() + 4) return {};
  const auto byte = [&](std::size_t i) {
    const auto digit = [&](std::size_t at) {
      return static_cast<unsigned>(base64_values[static_cast<unsigned char>(key[at])]);
    };
    const std::size_t group = i / 3 * 4;
    switch (i % 3) {
      case 0: return (digit(group) << 2 | digit(group + 1) >> 4) & 0xff;
      case 1: return (digit(group + 1) << 4 | digit(group + 2) >> 2) & 0xff;
      default: return (digit(group + 2) << 6 | digit(group + 3)) & 0xff;
    }
  };
  if (byte(0) != 0 || byte(1) != 0 || byte(2) != 0 || byte(3) != type.size()) return {};
  for (std::size_t i = 0; i < type.size(); ++i) {
    const char c = type[i];
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '@' || c == '.';
    if (!plain || byte(4 + i) != static_cast<unsigned char>(c)) return {};
  }
  return text.substr(0, space + 1 + key.size());
}

std::string_view security_key(std::string_view text) {
  const std::string_view found = ssh_public_key(text);
  const std::string_view type = found.substr(0, found.find(' '));
  const bool ecdsa = type == "sk-ecdsa-sha2-nistp256@openssh.com";
  if (!ecdsa && type != "sk-ssh-ed25519@openssh.com") return {};
  std::string bytes;
  std::uint32_t bits = 0;
  std::size_t count = 0;
  for (const char c : found.substr(type.size() + 1)) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(base64_values[static_cast<unsigned char>(c)]);
    if (++count % 4 != 1) bytes += static_cast<char>(bits >> (6 - 2 * ((count - 1) % 4)));
  }
  std::vector<std::string_view> fields;
  for (std::string_view left = bytes; !left.empty();) {
    std::uint32_t size = 0;
    if (left.size() < 4) return {};
    for (const char c : left.substr(0, 4)) size = size << 8 | static_cast<unsigned char>(c);
    if (size > left.size() - 4) return {};
    fields.push_back(left.substr(4, size));
    left.remove_prefix(4 + size);
  }
  const std::size_t key = ecdsa ? 2 : 1;
  const bool good =
      fields.size() == key + 2 && fields[key].size() == (ecdsa ? 65 : 32) && (!ecdsa || fields[1] == "nistp256");
  return good ? found : std::string_view{};
}

std::optional<std::string> wireguard_key(std::string_view nodekey) {
  constexpr std::string_view word = "nodekey:";
  if (nodekey.substr(0, word.size()) == word) nodekey.remove_prefix(word.size());
  if (nodekey.size() != 64) return std::nullopt;
  std::array<unsigned, 33> bytes{};  // the last one pads to full groups of three
  for (std::size_t i = 0; i < 64; ++i) {
    const char c = nodekey[i];
    unsigned digit = 0;
    if (is_digit(c)) {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    bytes[i / 2] = bytes[i / 2] * 16 + digit;
  }
  std::string key;
  key.reserve(44);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group = bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];
    for (const unsigned shift : {18U, 12U, 6U, 0U}) key += base64[group >> shift & 63U];
  }
  key.back() = '=';
  return key;
}

bool is_endpoint(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port[0] == '0') return false;
  const int number = digits(port, 0, port.size());
  if (number < 1 || number > 65535) return false;
  const std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const auto address = net::Address::parse(host.substr(1, host.size() - 2));
    return address && !address->is_v4();
  }
  return is_dns_name(host);  // an IPv4 address has the form of a name
}

bool is_tag(std::string_view text) noexcept {
  constexpr std::string_view word = "tag:";
  if (text.size() <= word.size() || text.substr(0, word.size()) != word) return false;
  const std::string_view name = text.substr(word.size());
  return is_letter(name.front()) && std::all_of(name.begin(), name.end(), is_label_byte);
}

bool is_service(std::string_view text) noexcept {
  constexpr std::string_view word = "svc:";
  if (text.size() <= word.size() || text.substr(0, word.size()) != word) return false;
  const std::string_view name = text.substr(word.size());
  return name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), is_label_byte);
}

bool has_control_characters(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace acl::inventory
