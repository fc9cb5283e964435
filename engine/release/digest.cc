#include "engine/release/digest.h"

#include <sodium.h>

#include "engine/release/text.h"

namespace acl::release {
namespace {

// libsodium chooses the fastest code for this processor here; before that it uses the plain one. Every program that reads a
// release links this file.
[[maybe_unused]] const int chosen = sodium_init();

}  // namespace

std::string Digest::text() const { return hex(bytes); }

std::optional<Digest> Digest::parse(std::string_view text) noexcept {
  Digest out;
  if (!unhex(text, out.bytes)) return std::nullopt;
  return out;
}

Digest digest_of(ByteView bytes) noexcept {
  Digest out;
  crypto_generichash_blake2b(out.bytes.data(), out.bytes.size(), bytes.data(), bytes.size(), nullptr, 0);
  return out;
}

}  // namespace acl::release
