// Base64 with padding (RFC 4648 section 4), strict: one text for each value, of known length.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace acl::release {

// Fills `out`; false unless the text is the one that encode_base64 makes of bytes of that length.
bool decode_base64(std::string_view text, std::span<std::uint8_t> out) noexcept;
std::string encode_base64(std::span<const std::uint8_t> bytes);

}  // namespace acl::release
