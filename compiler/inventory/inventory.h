// Inventory: who and what exists in a tailnet, as the resolver needs it: users with roles; nodes with owner or tags,
// addresses, routes, WireGuard key, posture attributes.
//
// Plain values. Users and tags are referred to by index, because 250,000 nodes name the same few over and over. load.h
// makes an inventory from files; names are unique, indices valid, addresses and routes canonical in every inventory it
// returns.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/net/prefix.h"

namespace acl::inventory {

enum class Role : std::uint8_t { member, owner, admin, network_admin, it_admin, billing_admin, auditor };

// "network-admin"; nothing for an unknown word. Case is ignored.
std::optional<Role> parse_role(std::string_view text) noexcept;
std::string_view role_name(Role role) noexcept;

struct User {
  std::string login;  // "alice@example.com"; unique, compared without regard to case
  std::string name;   // for people
  Role role = Role::member;
  bool suspended = false;
  std::vector<std::string> security_keys;  // "sk-ssh-ed25519@openssh.com …"
  std::string sub;                         // the subject of the user's OpenID tokens
};

// A posture attribute's value.
using Attribute = std::variant<std::string, double, bool>;

inline constexpr std::uint32_t none = 0xffffffff;

// In place of a time: later than all.
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

struct Node {
  std::string name;                 // unique
  std::string id;                   // the control plane's own name for it, may be empty
  std::uint32_t user = none;        // index into users; none on a tagged node
  std::vector<std::uint32_t> tags;  // indices into Inventory::tags, in the order given; a node never has user and tags
  std::vector<net::Address> addresses;  // IPv4 before IPv6
  std::vector<net::Prefix> advertised_routes;
  std::vector<net::Prefix> approved_routes;  // as given; autoApprovers add to them (resolve)
  std::optional<std::int64_t> created;       // seconds since 1970, UTC
  std::string key;                           // WireGuard public key, base64
  std::string endpoint;
  std::vector<std::string> ssh_host_keys;
  std::vector<std::pair<std::string, Attribute>> posture;
  bool shared = false;     // shared in from another tailnet
  bool bound = true;       // "binding": "wireguard"; false for "none"
  Span span;               // of its object in its file
  std::uint32_t file = 0;  // which of the files that were loaded
};

struct Service {
  std::string name;  // "svc:web"
  std::vector<net::Address> addresses;
  std::vector<std::uint32_t> hosts;  // indices into nodes
};

struct SyncedGroup {
  std::string name;                  // "group:team@example.com"
  std::vector<std::string> members;  // logins
};

struct Settings {
  bool magic_dns = false;
  bool devices_auto_updates_on = false;
};

struct Inventory {
  std::string tailnet;               // also the value of tailnet-display-name
  std::vector<std::string> domains;  // mail domains of the tailnet; those of the users' logins where the file has none
  std::vector<User> users;
  std::vector<std::string> tags;  // "tag:web", in lower case, each once
  std::vector<Node> nodes;        // in the order of the file
  std::vector<Service> services;
  std::vector<SyncedGroup> synced_groups;
  Settings settings;

  // Positions of the nodes by age: the node that joined first is 0. Without `created` a node counts as younger than all that
  // have one; equal ones go by name. A conformance case's `created_rank` takes the place of `created`.
  std::vector<std::uint32_t> age;  // age[i] of nodes[i]
};

// The mail domain of a login, "example.com"; empty where what follows the @ is none: ana@github, ana@passkey, ana@.
std::string_view login_domain(std::string_view login) noexcept;

// Inventory::age of these nodes.
std::vector<std::uint32_t> ages(const std::vector<Node>& nodes);

// Whether they describe the same: everything but the places in files.
bool same(const Inventory& a, const Inventory& b);

}  // namespace acl::inventory
