#include "engine/net/prefix.h"

#include <fmt/format.h>

namespace acl::net {

Prefix::Parsed Prefix::parse(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return {PrefixError::malformed, {}};
  if (slash == std::string_view::npos) return {PrefixError::none, Prefix(*address)};

  const std::string_view digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) return {PrefixError::length, {}};
  unsigned length = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return {PrefixError::length, {}};
    length = length * 10 + static_cast<unsigned>(digit - '0');
  }
  if (length > address->width()) return {PrefixError::length, {}};
  const Prefix prefix(*address, length);
  return {prefix.first() == *address ? PrefixError::none : PrefixError::host_bits, prefix};
}

std::string Prefix::text() const { return is_single() ? first().text() : text_with_length(); }

std::string Prefix::text_with_length() const { return fmt::format("{}/{}", first().text(), length_); }

}  // namespace acl::net
