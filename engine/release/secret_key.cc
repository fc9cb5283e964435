#include "engine/release/secret_key.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "engine/release/base64.h"
#include "engine/release/text.h"

namespace acl::release {
namespace {

// Where things stand in the decoded line.
constexpr std::size_t at_kdf = 2, at_checksum_kind = 4, at_salt = 6, at_opslimit = 38, at_memlimit = 46;
constexpr std::size_t at_id = 54, at_secret = 62, at_checksum = 126, line_size = 158;
constexpr std::size_t encrypted_size = line_size - at_id;
constexpr std::size_t line_characters = (line_size + 2) / 3 * 4;
constexpr std::string_view comment_start = "untrusted comment: ";

Diagnostic malformed(std::string_view name, std::string_view what) {
  return make_diagnostic(
      Code::E1006, fmt::format("{}: {}", quoted(name), what),
      "a secret key file is what `aclc keygen` writes as NAME.key and `minisign -G` as minisign.key");
}

tl::unexpected<Diagnostic> no_memory() {
  return fail(Code::E1006, "there is not enough memory that can be protected for a secret key");
}

std::array<std::uint8_t, 32> checksum_of(const std::uint8_t* line) noexcept {
  std::array<std::uint8_t, 32> out{};
  crypto_generichash_blake2b_state state;
  crypto_generichash_blake2b_init(&state, nullptr, 0, out.size());
  crypto_generichash_blake2b_update(&state, line, 2);
  crypto_generichash_blake2b_update(&state, line + at_id, at_checksum - at_id);
  crypto_generichash_blake2b_final(&state, out.data(), out.size());
  sodium_memzero(&state, sizeof state);
  return out;
}

// XORs what is encrypted with the passphrase's stream, which both encrypts and decrypts.
bool apply_passphrase(std::uint8_t* line, const SecretBytes& passphrase) {
  SecretBytes stream(encrypted_size);
  if (stream.data() == nullptr) return false;
  const auto opslimit = load_le<std::uint64_t>(line + at_opslimit);
  const auto memlimit = load_le<std::uint64_t>(line + at_memlimit);
  const char* const text = passphrase.size() == 0 ? "" : reinterpret_cast<const char*>(passphrase.data());
  if (crypto_pwhash_scryptsalsa208sha256(stream.data(), stream.size(), text, passphrase.size(), line + at_salt,
                                         opslimit, memlimit) != 0) {
    return false;
  }
  for (std::size_t i = 0; i < encrypted_size; ++i) line[at_id + i] ^= stream.data()[i];
  return true;
}

// At the cost that is asked for, or, where memory is short, at half of it and so on, as minisign does.
bool encrypt(std::uint8_t* line, const SecretBytes& passphrase, PassphraseCost cost) {
  const bool sensitive = cost == PassphraseCost::sensitive;
  std::uint64_t opslimit = sensitive ? crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE
                                     : crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_INTERACTIVE;
  std::uint64_t memlimit = sensitive ? crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE
                                     : crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_INTERACTIVE;
  for (; memlimit >= crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_INTERACTIVE; opslimit /= 2, memlimit /= 2) {
    store_le(line + at_opslimit, opslimit);
    store_le(line + at_memlimit, memlimit);
    if (apply_passphrase(line, passphrase)) return true;
  }
  return false;
}

}  // namespace

SecretBytes::SecretBytes(std::size_t size) {
  if (sodium_init() < 0) return;
  memory_.reset(static_cast<std::uint8_t*>(sodium_malloc(std::max<std::size_t>(size, 1))));
  if (!memory_) return;
  size_ = size;
  sodium_memzero(memory_.get(), size);
}

void SecretBytes::Free::operator()(std::uint8_t* memory) const noexcept { sodium_free(memory); }

void SecretBytes::shorten(std::size_t size) noexcept {
  if (size >= size_) return;
  sodium_memzero(memory_.get() + size, size_ - size);
  size_ = size;
}

Expected<SecretKey> SecretKey::generate() {
  SecretBytes secret(crypto_sign_SECRETKEYBYTES);
  if (secret.data() == nullptr) return no_memory();
  PublicKey key;
  randombytes_buf(key.id.bytes.data(), key.id.bytes.size());
  crypto_sign_keypair(key.key.data(), secret.data());
  return SecretKey(key, std::move(secret));
}

Signature SecretKey::sign(ByteView message, std::string_view trusted_comment) const {
  return make_signature(public_, secret_.data(), message, trusted_comment);
}

Expected<LockedKey> LockedKey::parse(std::string_view text, std::string_view name) {
  const auto fault = [&](std::string_view what) { return tl::unexpected<Diagnostic>(malformed(name, what)); };
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t end = text.find('\n');
  if (!text.starts_with(comment_start) || end == std::string_view::npos) return fault("no comment in the first line");
  text.remove_prefix(end + 1);
  LockedKey out;
  out.name_ = name;
  out.bytes_ = SecretBytes(line_size);
  std::uint8_t* const line = out.bytes_.data();
  if (line == nullptr) return no_memory();
  if (text.size() != line_characters || !decode_base64(text, {line, line_size})) {
    return fault("the second line is no secret key of 212 characters");
  }
  if (std::memcmp(line, "Ed", 2) != 0 || std::memcmp(line + at_checksum_kind, "B2", 2) != 0) {
    return fault("a key of another kind than Ed25519 with a BLAKE2b checksum");
  }
  out.encrypted_ = std::memcmp(line + at_kdf, "Sc", 2) == 0;
  if (!out.encrypted_ && std::memcmp(line + at_kdf, "\0\0", 2) != 0) {
    return fault("its passphrase is checked by another method than scrypt");
  }
  if (out.encrypted_ &&
      (load_le<std::uint64_t>(line + at_opslimit) > crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE ||
       load_le<std::uint64_t>(line + at_memlimit) > crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE)) {
    return fault("checking its passphrase asks for more than minisign ever does");
  }
  return out;
}

Expected<SecretKey> LockedKey::unlock(const SecretBytes& passphrase) const {
  SecretBytes line(line_size);
  SecretBytes secret(crypto_sign_SECRETKEYBYTES);
  SecretBytes derived(crypto_sign_SECRETKEYBYTES);
  if (line.data() == nullptr || secret.data() == nullptr || derived.data() == nullptr) return no_memory();
  std::memcpy(line.data(), bytes_.data(), line_size);
  if (encrypted_ && !apply_passphrase(line.data(), passphrase)) {
    return fail(Code::E1006, fmt::format("{}: there is not enough memory to check its passphrase", quoted(name_)),
                "scrypt needs up to 1 GiB for it, as the file demands");
  }
  // minisign leaves the checksum of an unencrypted key zero.
  const auto checksum = checksum_of(line.data());
  const bool unchecked = !encrypted_ && sodium_is_zero(line.data() + at_checksum, checksum.size()) != 0;
  if (!unchecked && sodium_memcmp(checksum.data(), line.data() + at_checksum, checksum.size()) != 0) {
    if (!encrypted_) return tl::unexpected<Diagnostic>(malformed(name_, "its checksum is wrong"));
    return fail(Code::E1008, fmt::format("{}: wrong passphrase", quoted(name_)));
  }
  // A secret with a public half that is not its own would give itself away with its first signature.
  PublicKey key;
  crypto_sign_seed_keypair(key.key.data(), derived.data(), line.data() + at_secret);
  if (sodium_memcmp(derived.data(), line.data() + at_secret, crypto_sign_SECRETKEYBYTES) != 0) {
    return tl::unexpected<Diagnostic>(malformed(name_, "its public half does not belong to its secret half"));
  }
  std::memcpy(key.id.bytes.data(), line.data() + at_id, key.id.bytes.size());
  std::memcpy(secret.data(), line.data() + at_secret, crypto_sign_SECRETKEYBYTES);
  return SecretKey(key, std::move(secret));
}

Expected<SecretBytes> LockedKey::print(const SecretKey& key, const SecretBytes& passphrase, PassphraseCost cost) {
  SecretBytes line(line_size);
  const std::string start = fmt::format("{}minisign encrypted secret key\n", comment_start);
  // With room for the zero byte that libsodium puts behind, which then becomes the line end.
  SecretBytes out(start.size() + line_characters + 1);
  if (line.data() == nullptr || out.data() == nullptr) return no_memory();
  std::memcpy(line.data(), "Ed", 2);
  std::memcpy(line.data() + at_checksum_kind, "B2", 2);
  std::memcpy(line.data() + at_id, key.public_.id.bytes.data(), key.public_.id.bytes.size());
  std::memcpy(line.data() + at_secret, key.secret_.data(), crypto_sign_SECRETKEYBYTES);
  if (passphrase.size() != 0) {
    const auto checksum = checksum_of(line.data());
    std::memcpy(line.data() + at_checksum, checksum.data(), checksum.size());
    std::memcpy(line.data() + at_kdf, "Sc", 2);
    randombytes_buf(line.data() + at_salt, at_opslimit - at_salt);
    if (!encrypt(line.data(), passphrase, cost)) return no_memory();
  }
  std::memcpy(out.data(), start.data(), start.size());
  sodium_bin2base64(reinterpret_cast<char*>(out.data() + start.size()), line_characters + 1, line.data(), line_size,
                    sodium_base64_VARIANT_ORIGINAL);
  out.data()[out.size() - 1] = '\n';
  return out;
}

}  // namespace acl::release
