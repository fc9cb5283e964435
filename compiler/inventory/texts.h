// Texts of an inventory that have a form of their own: times, WireGuard keys, endpoints, names. Each function is total and
// allocates nothing unless it returns a string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace acl::inventory {

// RFC 3339, years 1 to 9999: seconds since 1970, UTC; parts of a second are dropped, a leap second counts as the one before.
std::optional<std::int64_t> parse_time(std::string_view text) noexcept;
// "2026-01-01T00:00:00Z"; `seconds` as parse_time() returns them.
std::string time_text(std::int64_t seconds);

// What a Go program writes for a time that was never set: 0001-01-01T00:00:00Z.
inline constexpr std::int64_t go_zero_time = -62135596800;

// 44 characters of base64 that stand for 32 bytes.
bool is_wireguard_key(std::string_view text) noexcept;
// "nodekey:" and 64 hex digits, as control planes write a WireGuard public key, in WireGuard's own form.
std::optional<std::string> wireguard_key(std::string_view nodekey);

// Of an SSH public key as OpenSSH writes it, "TYPE BASE64 comment", TYPE and BASE64; empty if it is none. The key's bytes begin with
// the length of the type, u32 in network order, and the type (RFC 4253 section 6.6).
std::string_view ssh_public_key(std::string_view text) noexcept;
// Likewise, of one on a FIDO2 device, read to its end (OpenSSH PROTOCOL.u2f): sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com.
std::string_view security_key(std::string_view text);

// HOST:PORT, the host an IPv4 address, an IPv6 address in brackets or a DNS name.
bool is_endpoint(std::string_view text) noexcept;

// "tag:" and a letter, then letters, digits and hyphens.
bool is_tag(std::string_view text) noexcept;

// "svc:" and a DNS label.
bool is_service(std::string_view text) noexcept;

// Bytes below 0x20, or 0x7f.
bool has_control_characters(std::string_view text) noexcept;

}  // namespace acl::inventory
