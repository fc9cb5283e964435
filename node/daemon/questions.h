// What a node answers about its table: who is behind an address, and why a packet passes or does not.
//
// Both are questions to the signed table and to what WireGuard says right now (`Bound`), never to the kernel's copy: what is told is
// what the filter must do. Answers name nodes, people and lines of the policy; of whom the node does not know, nothing is told.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "node/daemon/loaded_table.h"

namespace acl::node {

using Key = std::array<std::uint8_t, 32>;

// The peer that WireGuard's allowed-ips give an address to; nothing if to none.
using Owner = std::function<std::optional<Key>(const net::Address&)>;

// --- whois ---

struct Whois {
  std::string node;  // empty: an address behind a router, or one that nobody has
  std::string user;  // login; empty on tagged nodes
  std::vector<std::string> tags;
  std::string key;                   // the WireGuard key that must stand behind it, base64; empty: none is asked for
  std::vector<std::string> routers;  // whose approved routes have it, if it is no node's own
  bool known = false;
  bool bound = false;  // WireGuard agrees, or no key is asked for
  bool own = false;    // one of this node's own addresses, which is nobody's identity
  struct Capability {
    std::string name, value;  // JSON; empty: null
    std::string rule;
  };
  std::vector<Capability> capabilities;  // at this node's own addresses
};

Whois whois(const LoadedTable& table, const net::Address& address, const Owner& owner);

// --- why ---

// What is asked about: DST[:PORT[/PROTO]], as everywhere; without a protocol TCP. Without a port, as with a range, all of them must be
// allowed.
struct Target {
  std::string name;  // an address, or this node's name
  bool any_port = true;
  std::uint16_t first_port = 0, last_port = 65535;
  std::uint8_t protocol = 6;
};
// E1305.
Expected<Target> parse_target(std::string_view text);

struct Layer {
  std::string name;  // "known", "bound", "here", "packet"
  bool ok = false;
  std::string reason;
};
struct Near {
  std::string rule;
  std::uint32_t line = 0;
  std::string failed;
};
// The shape of `aclc can`.
struct Why {
  bool allowed = false;
  std::string rule;  // empty: none decided
  std::string file;
  std::uint32_t line = 0;
  std::vector<Layer> layers;
  std::vector<Near> nearest;  // denied: what the source may do here instead, at most five
};

// The addresses that the text of a source stands for. E1305.
Expected<std::vector<net::Address>> addresses_of(const LoadedTable& table, std::string_view text);

// `source`: an address, or the name of a node that this one knows; then each of its addresses that the target's family has must be let
// in. E1305: neither.
Expected<Why> why(const LoadedTable& table, std::string_view source, const Target& target, const Owner& owner);

}  // namespace acl::node
