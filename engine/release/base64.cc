#include "engine/release/base64.h"

#include <sodium.h>

namespace acl::release {

bool decode_base64(std::string_view text, std::span<std::uint8_t> out) noexcept {
  std::size_t length = 0;
  const char* end = nullptr;
  if (text.size() != (out.size() + 2) / 3 * 4) return false;
  // libsodium 1.0.18 takes bytes from 0x80 on for some of the letters, which would give one value several texts. Without a branch
  // on what may be a secret's letter.
  unsigned char all = 0;
  for (const char c : text) all = static_cast<unsigned char>(all | static_cast<unsigned char>(c));
  if ((all & 0x80U) != 0) return false;
  if (out.empty()) return true;  // nor does it take null for the place of nothing
  return sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &length, &end,
                           sodium_base64_VARIANT_ORIGINAL) == 0 &&
         length == out.size() && end == text.data() + text.size();
}

std::string encode_base64(std::span<const std::uint8_t> bytes) {
  // libsodium writes a final zero byte, for which std::string has room.
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL) - 1, '\0');
  sodium_bin2base64(out.data(), out.size() + 1, bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  return out;
}

}  // namespace acl::release
