#include "node/ssh/host_key.h"

#include <fmt/format.h>

#include <array>

namespace acl::node::ssh {
namespace {

constexpr std::string_view ed25519 = "ssh-ed25519";
constexpr std::string_view ecdsa_prefix = "ecdsa-sha2-";
constexpr std::size_t ed25519_public = 32;
constexpr std::size_t ed25519_signature = 64;

std::string base64(ByteView bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t three = static_cast<std::uint32_t>(bytes[i]) << 16;
    if (have > 1) three |= static_cast<std::uint32_t>(bytes[i + 1]) << 8;
    if (have > 2) three |= bytes[i + 2];
    for (std::size_t digit = 0; digit < 4; ++digit) out += digit > have ? '=' : digits[three >> (18 - 6 * digit) & 63];
  }
  return out;
}

// The private half of OpenSSH's format (PROTOCOL.key of OpenSSH), after the type; empty where the blob is not of that type.
Bytes private_half(const std::string& type, ByteView blob) {
  PacketReader reader(blob);
  if (reader.string() != type) return {};
  if (type == ed25519) {
    const ByteView point = reader.bytes();
    if (!reader.done() || point.size() != ed25519_public) return {};
    constexpr std::array<std::uint8_t, 32> no_seed{};
    return PacketWriter().string(point).number(64).raw(no_seed).raw(point).take();
  }
  if (!type.starts_with(ecdsa_prefix)) return {};
  const std::string_view curve = reader.string();
  const ByteView point = reader.bytes();
  if (!reader.done() || curve != type.substr(ecdsa_prefix.size()) || point.empty()) return {};
  constexpr std::array<std::uint8_t, 1> one{1};
  return PacketWriter().string(curve).string(point).string(one).take();
}

// An INTEGER of DER (X.690 section 8.3) is an mpint of SSH: two's complement in as few bytes as do.
std::optional<ByteView> der_integer(PacketReader& reader) {
  if (reader.byte() != 0x02) return std::nullopt;
  const std::size_t size = reader.byte();
  if (size == 0 || size > 0x7f) return std::nullopt;
  const ByteView value = reader.raw(size);
  if (!reader.good()) return std::nullopt;
  return value;
}

}  // namespace

Expected<Key> stand_in(const protocol::Welcome::HostKey& key) {
  const Bytes secret = private_half(key.type, key.blob);
  if (secret.empty()) return fail(Code::E1402, fmt::format("\"{}\" is no host key of that type", key.type));
  Bytes section = PacketWriter().number(0).number(0).string(key.type).raw(secret).string("").take();
  for (std::uint8_t pad = 1; section.size() % 8 != 0; ++pad) section.push_back(pad);
  constexpr std::string_view magic("openssh-key-v1\0", 15);
  const Bytes file = PacketWriter()
                         .raw(view(magic))
                         .string("none")
                         .string("none")
                         .string("")
                         .number(1)
                         .string(key.blob)
                         .string(section)
                         .take();
  const std::string pem =
      fmt::format("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", base64(file));
  ssh_key made = nullptr;
  if (ssh_pki_import_privkey_base64(pem.c_str(), nullptr, nullptr, nullptr, &made) != SSH_OK)
    return fail(Code::E1402, fmt::format("\"{}\" is no host key that can be used", key.type));
  return Key(made);
}

std::optional<Bytes> signature_blob(const std::string& type, ByteView made) {
  if (type == ed25519) {
    if (made.size() != ed25519_signature) return std::nullopt;
    return PacketWriter().string(type).string(made).take();
  }
  PacketReader reader(made);
  // SEQUENCE; of P-521 its length takes a byte more (X.690 section 8.1.3).
  if (reader.byte() != 0x30) return std::nullopt;
  if (reader.byte() == 0x81) reader.byte();
  const auto r = der_integer(reader);
  if (!r) return std::nullopt;
  const auto s = der_integer(reader);
  if (!s || !reader.done()) return std::nullopt;
  return PacketWriter().string(type).string(PacketWriter().string(*r).string(*s).take()).take();
}

}  // namespace acl::node::ssh
