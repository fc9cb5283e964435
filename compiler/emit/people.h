// What one node gets, for people (`aclc show`): who reaches it on what, who logs in as whom, by which rule of the policy.
//
//   db-1  (tag:db)  100.64.0.7, fd7a:115c:a1e0::7
//     packets
//       tcp 5432            from group:eng                           acls[3], line 14
//     logins
//       root (check)        from group:sre                           ssh[0], line 31
//     sees 12 peers: ana-laptop, bo-desk, …
//
// Names in the rules stand as the policy has them; what a rule opens behind the node (a route) is named.
#pragma once

#include <string>

#include "compiler/resolve/view.h"

namespace acl::emit {

// Ends in a line end.
std::string describe_node(const resolve::Views& views, resolve::NodeId node);

// "tcp 22,8000-8010", "any port", "icmp".
std::string describe_service(std::int16_t protocol, const std::vector<policy::PortRange>& ports);

// The rule's place in its file: "acls[3], line 14".
std::string describe_origin(const policy::PolicyFile& file, const resolve::Origin& origin);

// The range of a rule in its file; {0, 0} for the default that allows everything.
Span origin_span(const policy::Policy& policy, const resolve::Origin& origin);

}  // namespace acl::emit
