// What selectors stand for, read off their definitions one by one.
//
// Sources: https://tailscale.com/docs/reference/targets-and-selectors,
// https://tailscale.com/docs/reference/syntax/policy-file, https://tailscale.com/docs/features/device-posture,
// https://tailscale.com/docs/features/tailnet-policy-file/ip-sets
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/oracle/model.h"
#include "tests/oracle/ranges.h"

namespace acl::oracle {

// The node of that name, the node that has that address; null if there is none.
const Node* find_node(const Tailnet& tailnet, std::string_view name);
const Node* node_of(const Tailnet& tailnet, const Address& address);
const User* find_user(const Tailnet& tailnet, std::string_view login);

// What follows the `@`.
std::string domain_of(std::string_view login);

// Whether a selector of people or devices means this node; false for all other selectors, `*` among them.
bool is_device_of(const Policy& policy, const Tailnet& tailnet, const Selector& selector, const Node& node);

// The addresses of a selector, whatever its place; of people and devices both families. Nothing for autogroup:self, which
// depends on who asks. The set of an ipset is in order and joined.
Ranges addresses_of(const Policy& policy, const Tailnet& tailnet, const Selector& selector);

// The public internet: everything but private, link-local and shared (RFC 6598) IPv4 space, and 2000::/3.
Ranges internet();

// `*` as a source: the tailnet's own ranges and every approved subnet route, exit routes not.
Ranges whole_tailnet(const Tailnet& tailnet);

// The source addresses of a rule: its selectors together, less the devices that meet none of its postures.
Ranges sources_of(const Policy& policy, const Tailnet& tailnet, const std::vector<Selector>& src,
                  const std::optional<std::vector<std::string>>& posture);

// Whether the device may be a source as far as posture goes: some posture of the rule, or else of defaultSrcPosture, holds.
bool meets_posture(const Policy& policy, const Node& node, const std::optional<std::vector<std::string>>& posture);

// Runs of other characters compare as text, runs of digits as numbers, a missing number is 0: "1.9" < "1.10". Negative, 0 or
// positive.
int compare_versions(std::string_view a, std::string_view b);

// 0.0.0.0/0 and ::/0
bool is_exit_route(const Prefix& route);
// The approved routes that are not exit routes; whether there are approved exit routes.
std::vector<Prefix> subnet_routes(const Node& node);
bool is_exit_node(const Node& node);

}  // namespace acl::oracle
