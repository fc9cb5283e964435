// Directory: who has which address and which WireGuard key. One list for the whole tailnet, in chunks that a node fetches as
// it needs them; which of its identities a node may know is in the node's own names part (names.h).
//
// An identity is a node of the inventory; its number is its place by age, so that a node that joins comes last and changes one
// chunk. A chunk holds acl_chunk_identities of them (the last one fewer):
//
//   magic "ACLD"  version u8 = 1  0 u8  count u16   then for each identity
//     key[32]  flags u8 (1: addresses are believed without a key, 2: shared in from another tailnet, 4: has SSH host keys, 8: can answer `check`)
//     addresses u8  routes u16  tags u16  name, login ("" on a tagged node), tags: each length u16, bytes
//     each address: family u8 (4, 6), 4 or 16 bytes;  each route: the same and its length u8     (bytes as on the network)
//     with flag 4: count u8, at least 1, each a length u16, bytes: "ssh-ed25519 AAAA…", type and base64, printable ASCII
//     with flag 8, after them: subject of OpenID tokens, length u16, bytes; count u8 of security keys, at most 16, each like a host key, but of
//     a FIDO2 device's type: "sk-ssh-ed25519@openssh.com AAAA…", at most 1024 bytes. One of the two is not empty. The user's, on each of
//     their nodes
//
// All other integers little-endian. Parsing any bytes: E1204; nothing is allocated beyond some multiple of the input.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/prefix.h"
#include "engine/table/layout.h"

namespace acl::table {

struct Identity {
  std::array<std::uint8_t, 32> key{};  // zeros if `unbound` and it has none
  bool unbound = false;                // believed without a key
  bool shared = false;
  std::string name;
  std::string login;              // empty on a tagged node, and on one without either
  std::vector<std::string> tags;  // "tag:db"
  std::vector<net::Address> addresses;
  std::vector<net::Prefix> routes;     // approved ones
  std::vector<std::string> host_keys;  // SSH: "ssh-ed25519 AAAA…"; at most 255
  // Of the user: how a `check` can be answered.
  std::string sub;                         // at most 255 bytes
  std::vector<std::string> security_keys;  // "sk-ssh-ed25519@openssh.com AAAA…"; at most 16

  friend bool operator==(const Identity&, const Identity&) = default;
};

inline constexpr std::size_t most_security_keys = 16;
inline constexpr std::size_t longest_security_key = 1024;
inline constexpr std::size_t longest_sub = 255;

Expected<std::vector<Identity>> parse_chunk(std::span<const std::uint8_t> bytes);
// At most acl_chunk_identities, each with at most 255 addresses.
std::vector<std::uint8_t> encode_chunk(std::span<const Identity> identities);

// The identities that one node knows, ready for looking up. Owns what it holds.
class Directory {
 public:
  // Identities with their numbers; those the node does not know are left out by the caller.
  struct Numbered {
    std::uint32_t number = 0;
    Identity identity;
  };
  explicit Directory(std::vector<Numbered> known);

  [[nodiscard]] const std::vector<Numbered>& identities() const noexcept { return known_; }
  // Whose address it is; null if nobody's that is known.
  [[nodiscard]] const Numbered* whois(const net::Address& source) const noexcept;
  // Who routes the address: the known nodes that have the longest approved route with it. Empty if there is none.
  [[nodiscard]] std::vector<const Numbered*> routers(const net::Address& source) const;
  // Whether a source is known at all: a node's address, or behind one.
  [[nodiscard]] bool knows(const net::Address& source) const {
    return whois(source) != nullptr || !routers(source).empty();
  }
  // The key that must have sent a packet from this address: one of them. Empty if the source is not known.
  struct Binding {
    std::vector<std::array<std::uint8_t, 32>> keys;
    bool unbound = false;  // believed whoever sent it
  };
  [[nodiscard]] Binding binding(const net::Address& source) const;

 private:
  struct Place {
    net::Address address;
    std::uint32_t index;
  };
  struct RoutePlace {
    net::Prefix prefix;
    std::uint32_t index;
  };
  std::vector<Numbered> known_;
  std::vector<Place> by_address_;
  std::vector<RoutePlace> by_route_;  // by length, longest first, then by prefix
};

}  // namespace acl::table
