// What the system's sshd is told: whom this node's table lets in as an account, as lines of authorized_keys and of principals.
//
// Pure but for ask(). sshd knows an address where a login comes from, and not whether it came by WireGuard: the packet filter and the address that
// sshd listens at see to that (docs/node.md). So the question is the one of logins here (login_decision.h), with sshd's own port.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/daemon/login_decision.h"

namespace acl::node {

// As many sources as one answer has; more are refused, which narrows and never widens.
inline constexpr std::size_t most_sshd_sources = 16'384;
// sshd reads longer lines, but nobody else does.
inline constexpr std::size_t longest_key_line = 8'192;

// Of all that the facts know, those that may become the account at every address of this node, now. `asked`: but for the source. Ascending.
std::vector<net::Address> sshd_sources(const LoginFacts& facts, std::span<const net::Address> own, LoginAsked asked);
// The same of one source; denied where this node has no address of its family.
LoginAnswer sshd_decision(const LoginFacts& facts, std::span<const net::Address> own, LoginAsked asked);

// An address, or nothing: a name, an address with a zone or another form is no source. IPv4 in IPv6 is IPv4.
std::optional<net::Address> sshd_source(std::string_view text);

// sshd_config puts these in: the type and the base64 text of a key that was offered. Nothing else than letters that such texts have.
bool is_key_type(std::string_view text) noexcept;
bool is_key_text(std::string_view text) noexcept;
// Options that an administrator wants before each key (authorized_keys in sshd(8)), such as `no-pty,command="…"`: printable, and no from= of
// their own.
bool are_key_options(std::string_view text);
// Lines `from="ADDRESS,…"[,OPTIONS] KEY`, each at most longest_key_line; none without sources.
std::string key_lines(std::span<const std::string> sources, std::string_view options, std::string_view key);

}  // namespace acl::node
