// The control plane's wire form of what nodes get (`aclc show --as wire`), as JSON:
//
//   {"nodes": {NAME: {"packet_filter_rules": [{"SrcIPs", "DstPorts"[, "IPProto"]} | {"SrcIPs", "CapGrant"}],
//                     "ssh_rules": [{"principals", "sshUsers", "action"[, "acceptEnv"]}], "peers": [NAME…],
//                     "peer_allowed_ips": {NAME: [PREFIX…]}, "peer_primary_routes": {…}, "peer_caps": {…},
//                     "self_allowed_ips": […], "primary_routes": […], "self_caps": {…}}}}
//
// Members at their default are left out: no SSH rules; a peer's allowed prefixes where they are exactly its addresses; no
// routes. Orders are the service's. Written directly, without a JSON library: the lists of a large tailnet are long.
#pragma once

#include <span>
#include <string>

#include "compiler/resolve/view.h"

namespace acl::emit {

// The object of one node.
std::string wire_node(const resolve::Views& views, resolve::NodeId node);

// All given nodes, in the order of their names.
std::string wire_nodes(const resolve::Views& views, std::span<const resolve::NodeId> nodes);

}  // namespace acl::emit
