// Places: where in a policy a selector may stand.
//
// The matrix is that of https://tailscale.com/docs/reference/targets-and-selectors, corrected where the page on the policy
// file's syntax shows otherwise; Headscale's differences follow its own documentation. What no source settles is told apart
// from what is known to be refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compiler/policy/policy.h"

namespace acl::policy {

enum class Location : std::uint8_t {
  rule_src,   // src of acls and grants
  acl_dst,    // dst of acls
  grant_dst,  // dst of grants
  via,        // via of grants
  ssh_src,
  ssh_dst,
  test_src,
  test_dst,  // accept and deny of tests
  ssh_test_src,
  ssh_test_dst,
  tag_owner,  // values of tagOwners
  group_member,
  ipset_target,
  approver,   // values of autoApprovers
  node_attr,  // target of nodeAttrs
};

enum class Allowed : std::uint8_t { yes, no, unsettled };

// Of the kind alone: conditions that depend on the rest of the rule (autogroup:self, ssh) are not looked at.
Allowed allowed_at(const Selector& selector, Location location, Dialect dialect) noexcept;

// Whether autogroup:self may be reached from this source: it means "the same user's devices", so every source must be people. Of
// acls the wildcard is narrowed to the node's own user, of grants it is refused.
bool may_reach_self(const Selector& source, bool acl) noexcept;

// Whether Headscale has this autogroup at all. Of the two spellings of autogroup:member it knows the singular only.
bool known_to_headscale(const Selector& autogroup) noexcept;

// "src of a rule", "an ssh destination".
std::string_view location_name(Location location) noexcept;

// The autogroups that may stand there, for a message: "autogroup:member, autogroup:tagged, …".
std::string autogroups_at(Location location, Dialect dialect);

}  // namespace acl::policy
