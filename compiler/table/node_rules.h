// node_rules: what one node enforces, as plain values: the boundary between the resolved policy and the bytes of a table. In: views
// of a resolved policy, a node. Out: its packet rules, capabilities and SSH rules, in the order in which they are asked.
//
// A destination is here either one of the node's own addresses (a bit each, by their order) or something behind it: its approved
// subnet routes, the addresses of services it hosts, and, for exit nodes, the public internet. Nothing else is a destination,
// `*` included (docs/packet-semantics.md).
//
// Nodes whose values are equal get equal tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/resolve/view.h"
#include "compiler/table/addresses.h"

namespace acl::tables {

// One destination of one rule at this node.
struct PacketRule {
  std::uint32_t sources = 0;   // index into Resolved::sources
  std::int16_t protocol = -1;  // -1: TCP, UDP, ICMP, ICMPv6
  std::uint32_t ports = 0;     // index into Resolved::port_lists
  resolve::Origin origin;
  std::uint64_t own = 0;         // which of the node's own addresses
  std::vector<Interval> behind;  // disjoint, in order
};

struct CapabilityRule {
  std::uint32_t sources = 0;
  std::uint32_t map = 0;  // index into Resolved::capability_maps
  resolve::Origin origin;
  std::uint64_t own = 0;
  std::vector<Interval> behind;
};

// One SSH rule at this node.
struct LoginRule {
  std::uint32_t rule = 0;       // index into Resolved::ssh
  std::vector<NodeId> sources;  // ascending
  bool is_recorder = false;     // the node has one of the tags of its recorders
};

struct NodeRules {
  std::vector<PacketRule> packets;
  std::vector<CapabilityRule> capabilities;
  std::vector<LoginRule> logins;
};

class NodeRuleReader {
 public:
  // Must outlive the reader.
  explicit NodeRuleReader(const resolve::Views& views) : views_(views) {}

  // The node's own addresses, ascending: the bits of `own`.
  [[nodiscard]] std::vector<net::Address> own(NodeId node) const;
  [[nodiscard]] std::vector<PacketRule> packets(NodeId node) const;
  [[nodiscard]] std::vector<CapabilityRule> capabilities(NodeId node) const;
  [[nodiscard]] std::vector<LoginRule> logins(NodeId node) const;
  // What logins() is made of, without the lists of sources: each rule, and the person whose devices alone are meant: a login, "" for
  // all sources, " " for the tagged ones.
  struct LoginPart {
    std::uint32_t rule = 0;
    std::string_view person;
    bool is_recorder = false;
  };
  [[nodiscard]] std::vector<LoginPart> login_parts(NodeId node) const;

 private:
  // Everything behind the node, disjoint and in order.
  [[nodiscard]] std::vector<Interval> behind(NodeId node) const;
  enum class LoginSources : std::uint8_t { none, all, own_devices, same_person };
  [[nodiscard]] LoginSources login_sources(NodeId node, const resolve::SshRule& rule) const;
  [[nodiscard]] bool is_recorder(NodeId node, const resolve::SshRule& rule) const;

  const resolve::Views& views_;
};

// A text that is the same for equal rules and different for others.
std::string key(const std::vector<CapabilityRule>& rules);

}  // namespace acl::tables
