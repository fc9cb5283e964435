// What one node is sent, read from the JSON of the wire form: {"packet_filter_rules": […], "ssh_rules": […], "peers": […], …}.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/oracle/oracle.h"
#include "tests/oracle/wire.h"

namespace acl::oracle {

struct NodeAnswer {
  std::vector<Passage> passages;
  std::vector<Award> awards;
  std::vector<WireSshRule> ssh;
  std::set<std::string> peers;
  // By peer, prefixes with their length. Only where it is not just the peer's addresses.
  std::map<std::string, std::set<std::string>> peer_allowed_ips;
  std::map<std::string, std::set<std::string>> peer_primary_routes;
  std::optional<std::set<std::string>> self_allowed_ips;
  std::set<std::string> primary_routes;
  std::set<std::string> self_caps;  // names
  std::vector<std::string> faults;  // what a node could not read
};

NodeAnswer read_node_answer(std::string_view json);

// What the answer says of a peer, the default filled in.
std::set<std::string> allowed_of(const NodeAnswer& answer, const Node& peer);
std::set<std::string> own_allowed(const NodeAnswer& answer, const Node& node);

// Prefixes as the wire writes them.
std::set<std::string> texts(const std::vector<Prefix>& prefixes);

}  // namespace acl::oracle
