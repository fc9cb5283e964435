// The oracle: what a policy means for a tailnet, read naively. Slow, obvious, and written apart from the compiler, whose judge
// it is.
//
// Every function takes the whole policy and the whole tailnet and starts from the definitions. The tailnet's approved routes
// must be complete: with_approvals() first.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/oracle/model.h"
#include "tests/oracle/ranges.h"

namespace acl::oracle {

// --- packets ---

// What one rule lets into a node: from any source to any destination.
struct Passage {
  Ranges sources;
  Range destination;
  std::vector<std::uint8_t> protocols;
  Ports ports;
  bool via = false;  // of a grant with `via`
};

// What a rule with `app` gives the sources at a node.
struct Award {
  Ranges sources;
  Ranges destinations;
  std::vector<Capability> capabilities;
};

// Everything one node's packet filter lets in, and every capability it honours.
std::vector<Passage> passages(const Policy& policy, const Tailnet& tailnet, const Node& node);
std::vector<Award> awards(const Policy& policy, const Tailnet& tailnet, const Node& node);

// Whether a packet passes. Ports are compared whatever the protocol; one without ports is asked for with port 0, which only
// `*` has.
bool passes(const std::vector<Passage>& passages, const Address& source, const Address& destination,
            std::uint8_t protocol, std::uint16_t port);
bool reaches(const Policy& policy, const Tailnet& tailnet, const Address& source, const Address& destination,
             std::uint8_t protocol, std::uint16_t port, const Node& at_node);

// The capabilities a source has at a destination: each name with each of its values, and with "" to say that the name is there
// at all; sorted, each once, since a grant whose destinations overlap gives nothing twice.
std::vector<std::pair<std::string, std::string>> capabilities(const std::vector<Award>& awards, const Address& source,
                                                              const Address& destination);

// What the rules say of two addresses wherever they are, as `tests` ask: no node's filter is looked at.
// https://tailscale.com/docs/reference/syntax/policy-file#tests
// `posture`: whether rules with a posture count, too.
bool permits(const Policy& policy, const Tailnet& tailnet, const Address& source, const Address& destination,
             std::uint8_t protocol, std::uint16_t port, bool posture);

// --- logins ---

enum class LoginVerdict : std::uint8_t { deny, accept, check };

struct Login {
  LoginVerdict verdict = LoginVerdict::deny;
  std::string account;  // the local account, empty if denied

  friend bool operator==(const Login&, const Login&) = default;
};

// "deny", "accept as ubuntu", "check as root".
std::string text(const Login& login);

// May someone on `source` log in to `destination` as `requested`?
Login ssh(const Policy& policy, const Tailnet& tailnet, const Node& source, const Node& destination,
          std::string_view requested);

// --- routes and who sees whom ---

// The tailnet with every advertised route approved that autoApprovers approve.
Tailnet with_approvals(const Policy& policy, Tailnet tailnet);

// What makes nodes and routes visible: who may send something to where through a node, by whatever kind of rule.
struct Opening {
  Ranges sources;
  Ranges destinations;
  bool via = false;
};
// Of each node of this very tailnet.
using Openings = std::map<const Node*, std::vector<Opening>>;
Openings openings(const Policy& policy, const Tailnet& tailnet);
std::vector<Opening> openings_at(const Policy& policy, const Tailnet& tailnet, const Node& node);

bool sees(const Openings& openings, const Node& a, const Node& b);
// The subnet routes a node is the primary router for.
std::vector<Prefix> primary_routes(const Tailnet& tailnet, const Node& node);
// The subnet routes for which `viewer` sees `peer` as primary and which it is shown. In no order.
std::vector<Prefix> shown_routes(const Openings& openings, const Node& viewer, const Node& peer);
// All that `viewer` may send to `peer`: its addresses, the routes above, its exit routes. The IPv4 addresses are missing if one
// of the two has none. Of the node itself (viewer == peer): its addresses and all its approved routes. In no order.
std::vector<Prefix> allowed_ips(const Policy& policy, const Tailnet& tailnet, const Openings& openings,
                                const Node& viewer, const Node& peer);

// The attributes that nodeAttrs give a node, sorted, each once.
std::vector<std::string> attributes(const Policy& policy, const Tailnet& tailnet, const Node& node);

}  // namespace acl::oracle
