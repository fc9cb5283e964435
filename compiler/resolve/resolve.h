// resolve: a policy and an inventory in, who gets what out, in a form that all nodes share.
//
// The control plane's rules name identities; the wire form lists addresses. Writing out every node's filter costs (nodes ×
// rules × addresses), so here each selector is resolved once into a set, each rule refers to sets, and only what a rule says
// about one node is worked out per node (view.h):
//
//   entries    every address, prefix and range that can stand in a rule, numbered in the byte order of their text, so that
//              sorting numbers sorts text
//   selectors  sets of nodes, or literal entries
//   rules      source set × protocol → list of (destination selector, ports), in the order the service gives them
//   routes     distinct approved subnet routes, the nodes that have them, who may see them
//
// The result refers to the policy file and the inventory, which must outlive it. Building is linear in the sizes of the sets;
// no part of it is quadratic in the number of nodes.
//
// The rules of resolving are those of https://tailscale.com/docs/reference/syntax/policy-file and
// https://tailscale.com/docs/reference/targets-and-selectors; where these are silent, of the service's recorded answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/inventory/inventory.h"
#include "compiler/policy/load.h"
#include "compiler/resolve/bits.h"

namespace acl::resolve {

using NodeId = std::uint32_t;   // index into Inventory::nodes
using EntryId = std::uint32_t;  // index into Resolved::entries; ordered as the texts are
inline constexpr std::uint32_t none = 0xffffffff;

enum class EntryKind : std::uint8_t { any, address, prefix, range };

// One source or destination on the wire: `*`, an address, a prefix or a range.
struct Entry {
  EntryKind kind = EntryKind::any;
  std::uint8_t length = 0;  // of a prefix
  net::Address first;       // unused for `any`
  net::Address last;
};
std::string entry_text(const Entry& entry);

// What a selector stands for.
struct SelectorSet {
  std::string_view text;
  std::vector<NodeId> nodes;      // identities: in ascending order
  std::vector<EntryId> literals;  // addresses, prefixes, ranges: in the order they were written
  bool everything = false;        // `*` or autogroup:danger-all: the wire's "*"
  bool wildcard = false;          // `*` as a source: the tailnet's ranges (in literals)
  bool internet = false;          // reaches approved exit nodes, too
  bool exits_only = false;        // autogroup:internet itself: reaches these alone, whatever others route
  bool self = false;              // autogroup:self: see Rule
  std::vector<NodeId> reached;    // as a destination: the nodes that receive it, ascending; all nodes if `everything`
};

// Where something in a rule comes from: acls[3].
enum class Section : std::uint8_t { grants, acls, ssh, allow_all };
struct Origin {
  Section section = Section::allow_all;
  std::uint32_t index = 0;

  friend bool operator==(const Origin&, const Origin&) = default;
};
std::string origin_name(const Origin& origin);

// A set of sources; equal sets are one.
struct Sources {
  std::vector<EntryId> entries;   // ascending: the wire's list
  std::vector<NodeId> nodes;      // identities among them, ascending
  std::vector<EntryId> literals;  // entries that are not the address of one of `nodes`, ascending
  std::vector<NodeId> covered;    // nodes of which an address or an approved subnet route overlaps an entry, ascending
  bool covers_all = false;        // all nodes; `covered` is empty then
};

struct Destination {
  std::uint32_t selector = none;  // index into selectors
  std::uint32_t ports = 0;        // index into port_lists
  std::uint32_t via = none;       // index into via_lists: only nodes with one of these tags and a fitting route
  std::uint32_t user = none;      // autogroup:self: the devices of this user
  Origin origin;
  std::uint32_t sequence = 0;  // its place among all destinations of all rules
};

enum class RuleKind : std::uint8_t {
  ports,       // SrcIPs × DstPorts
  capability,  // SrcIPs, CapGrant
  visibility,  // nothing on the wire, but visibility as if it were (an `app` grant with `via`)
};

struct Rule {
  RuleKind kind = RuleKind::ports;
  std::int16_t protocol = -1;         // -1: the default set
  std::uint32_t sources = 0;          // index into sources
  std::uint32_t capabilities = none;  // index into capability_maps
  // A part with `via` is a rule of its own here, because only some nodes have it; there it is joined with this rule of the same
  // sources and protocol, as if it had been in the list from the start.
  std::uint32_t joins = none;
  std::vector<Destination> destinations;
};

// The CapMap of a capability rule: name and value, the value a node of the policy's tree or, for companions, null.
struct CapabilityValue {
  std::string_view name;
  std::uint32_t value = none;
};

// A distinct approved subnet route.
struct Route {
  net::Prefix prefix;
  std::vector<NodeId> nodes;  // that have it approved, oldest first
  Bits by_rule;               // viewers that an ordinary rule lets reach it
  Bits as_source;             // viewers at which it counts as a source
  struct Via {
    std::uint32_t tags;  // index into via_lists
    Bits viewers;
  };
  std::vector<Via> by_via;
};

// One of the nodes' parts in a rule.
struct Incidence {
  std::uint32_t rule;
  std::uint32_t destination;
};

struct NodeSet {
  bool everything = false;
  std::vector<NodeId> nodes;  // ascending
};

struct SshRule {
  std::uint32_t index = 0;  // ssh[index]
  bool check = false;
  std::vector<NodeId> sources;             // ascending
  std::vector<NodeId> repeated;            // sources that are listed once more, for each further tag they are named by
  std::vector<NodeId> destinations;        // ascending
  bool self = false;                       // autogroup:self is among the destinations
  std::vector<std::string_view> accounts;  // named ones, root excepted
  bool root = false;
  bool nonroot = false;
  std::vector<std::string_view> localpart_domains;
};

// How much to work out.
enum class Depth : std::uint8_t {
  rules,  // rules and SSH rules: enough for questions about packets and logins; entries in no particular order
  all,    // entries in the order of the wire, and who sees which route
};

struct Resolved {
  Depth depth = Depth::all;
  const policy::PolicyFile* file = nullptr;
  const inventory::Inventory* inventory = nullptr;

  std::vector<Entry> entries;
  std::vector<NodeId> entry_owner;              // the node whose address an entry is, else none
  std::vector<std::uint32_t> node_first_entry;  // of node i: node_entries[node_first_entry[i]] … [i + 1]
  std::vector<EntryId> node_entries;
  std::vector<SelectorSet> selectors;
  std::vector<Sources> sources;
  std::vector<std::vector<policy::PortRange>> port_lists;
  std::vector<std::vector<std::uint32_t>> via_lists;  // indices into Inventory::tags
  std::vector<std::vector<CapabilityValue>> capability_maps;
  std::vector<Rule> rules;

  std::vector<std::vector<net::Prefix>> approved_routes;  // of each node, exit routes included, in wire order
  std::vector<bool> exit_node;                            // has an approved exit route
  std::vector<Route> routes;                              // by prefix
  bool routes_hold_nodes = false;                         // some approved subnet route contains some node's address

  // Which destinations of which rules concern a node: incidences[incidence_first[i]] … [i + 1], in the order of the rules;
  // and those that concern every node.
  std::vector<std::uint64_t> incidence_first;
  std::vector<Incidence> incidences;
  std::vector<Incidence> everywhere;

  std::vector<SshRule> ssh;           // check rules first, each kind in the order of the file
  std::vector<NodeSet> attr_targets;  // of each nodeAttrs entry
  std::vector<bool> ipv4_disabled;    // by the node attribute disable-ipv4 or the network-wide setting

  [[nodiscard]] std::size_t node_count() const noexcept { return inventory->nodes.size(); }
};

// `file` holds an accepted policy. Total: names that do not exist stand for nothing.
Resolved resolve(const policy::PolicyFile& file, const inventory::Inventory& inventory, Depth depth = Depth::all);

// Whether all of the entry is internet, as exit nodes see it: IPv4 without 10/8, 172.16/12, 192.168/16, 169.254/16 and
// 100.64/10, and 2000::/3.
bool is_internet(const Entry& entry) noexcept;

}  // namespace acl::resolve
