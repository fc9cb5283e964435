#include "engine/release/minisign.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "engine/release/base64.h"
#include "engine/release/text.h"

namespace acl::release {
namespace {

constexpr std::size_t longest_comment = 512;
constexpr std::string_view untrusted_start = "untrusted comment: ";
constexpr std::string_view trusted_start = "trusted comment: ";
constexpr std::array<std::uint8_t, 2> key_algorithm{'E', 'd'};
constexpr std::array<std::uint8_t, 2> prehashed{'E', 'D'};

bool is_comment(std::string_view text) noexcept {
  return text.size() <= longest_comment && std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < ' ' && c != '\t') || byte == 0x7f;
         });
}

// The next line, "START comment".
std::string_view take_comment(Lines& lines, std::string_view start) {
  std::string_view text = lines.line();
  if (lines.failed()) return {};
  if (!text.starts_with(start)) {
    lines.fault(fmt::format("{} where \"{}…\" is expected", quoted(text), start));
    return {};
  }
  text.remove_prefix(start.size());
  if (!is_comment(text)) lines.fault("a comment of more than 512 bytes, or with control characters");
  return text;
}

// What a message signature is over: the BLAKE2b-512 of the message.
std::array<std::uint8_t, 64> prehash(ByteView message) noexcept {
  std::array<std::uint8_t, 64> out{};
  crypto_generichash_blake2b(out.data(), out.size(), message.data(), message.size(), nullptr, 0);
  return out;
}

}  // namespace

std::string KeyId::text() const { return fmt::format("{:016X}", load_le<std::uint64_t>(bytes.data())); }

std::optional<KeyId> KeyId::parse(std::string_view text) noexcept {
  if (text.size() != 16) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'A' || c > 'F')) return std::nullopt;
    number = number << 4 | static_cast<std::uint64_t>(decimal ? c - '0' : c - 'A' + 10);
  }
  KeyId out;
  store_le(out.bytes.data(), number);
  return out;
}

std::optional<PublicKey> parse_public_key_line(std::string_view line) noexcept {
  std::array<std::uint8_t, 42> bytes{};
  if (!decode_base64(line, bytes) || !std::equal(key_algorithm.begin(), key_algorithm.end(), bytes.begin())) return {};
  PublicKey out;
  std::memcpy(out.id.bytes.data(), bytes.data() + 2, out.id.bytes.size());
  std::memcpy(out.key.data(), bytes.data() + 10, out.key.size());
  return out;
}

std::string print_public_key_line(const PublicKey& key) {
  std::array<std::uint8_t, 42> bytes{};
  std::copy(key_algorithm.begin(), key_algorithm.end(), bytes.begin());
  std::memcpy(bytes.data() + 2, key.id.bytes.data(), key.id.bytes.size());
  std::memcpy(bytes.data() + 10, key.key.data(), key.key.size());
  return encode_base64(bytes);
}

Expected<PublicKey> parse_public_key(std::string_view text, std::string_view name) {
  const std::string with_end = text.ends_with('\n') ? std::string(text) : std::string(text) + '\n';
  Lines lines(with_end, name, Code::E1005);
  take_comment(lines, untrusted_start);
  const std::string_view line = lines.line();
  const auto key = parse_public_key_line(line);
  // Not quoted: a line of another length may be a secret key that somebody took for the public one.
  if (!key && !lines.failed()) lines.fault("no public key of 56 characters that begins with RW");
  if (auto problem = lines.finish()) {
    problem->help = "a public key file is what `aclc keygen` and `minisign -G` write as NAME.pub";
    return tl::unexpected<Diagnostic>(std::move(*problem));
  }
  return *key;
}

std::string print_public_key(const PublicKey& key) {
  return fmt::format("{}minisign public key {}\n{}\n", untrusted_start, key.id.text(), print_public_key_line(key));
}

Expected<Signature> parse_signature(std::string_view text, std::string_view name) {
  Lines lines(text, name, Code::E1007);
  Signature out;
  take_comment(lines, untrusted_start);
  std::array<std::uint8_t, 74> bytes{};
  const std::string_view line = lines.line();
  if (!lines.failed() && !decode_base64(line, bytes)) lines.fault("no signature of 100 characters");
  if (!lines.failed() && !std::equal(prehashed.begin(), prehashed.end(), bytes.begin())) {
    lines.fault("no prehashed signature (it does not begin with RU)");
  }
  out.trusted_comment = take_comment(lines, trusted_start);
  const std::string_view second = lines.line();
  if (!lines.failed() && !decode_base64(second, out.comment_signature)) lines.fault("no signature of 88 characters");
  if (auto problem = lines.finish()) return tl::unexpected<Diagnostic>(std::move(*problem));
  std::memcpy(out.id.bytes.data(), bytes.data() + 2, out.id.bytes.size());
  std::memcpy(out.signature.data(), bytes.data() + 10, out.signature.size());
  return out;
}

std::string print_signature(const Signature& signature) {
  std::array<std::uint8_t, 74> bytes{};
  std::copy(prehashed.begin(), prehashed.end(), bytes.begin());
  std::memcpy(bytes.data() + 2, signature.id.bytes.data(), signature.id.bytes.size());
  std::memcpy(bytes.data() + 10, signature.signature.data(), signature.signature.size());
  return fmt::format("{}signature from key {}\n{}\n{}{}\n{}\n", untrusted_start, signature.id.text(),
                     encode_base64(bytes), trusted_start, signature.trusted_comment,
                     encode_base64(signature.comment_signature));
}

Bytes signed_comment(const Signature& signature) {
  Bytes out(signature.signature.begin(), signature.signature.end());
  out.insert(out.end(), signature.trusted_comment.begin(), signature.trusted_comment.end());
  return out;
}

bool verify(const Signature& signature, const PublicKey& key, ByteView message) {
  if (signature.id != key.id) return false;
  const auto hash = prehash(message);
  if (crypto_sign_verify_detached(signature.signature.data(), hash.data(), hash.size(), key.key.data()) != 0) {
    return false;
  }
  const Bytes comment = signed_comment(signature);
  return crypto_sign_verify_detached(signature.comment_signature.data(), comment.data(), comment.size(),
                                     key.key.data()) == 0;
}

Signature make_signature(const PublicKey& key, const std::uint8_t* secret, ByteView message,
                         std::string_view trusted_comment) {
  Signature out;
  out.id = key.id;
  out.trusted_comment = trusted_comment.substr(0, longest_comment);
  for (char& c : out.trusted_comment) {
    if (!is_comment({&c, 1})) c = '?';
  }
  const auto hash = prehash(message);
  crypto_sign_detached(out.signature.data(), nullptr, hash.data(), hash.size(), secret);
  const Bytes comment = signed_comment(out);
  crypto_sign_detached(out.comment_signature.data(), nullptr, comment.data(), comment.size(), secret);
  return out;
}

}  // namespace acl::release
