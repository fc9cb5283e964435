// check: judges a decoded policy as the hosted service (or Headscale) does on saving it, as far as the file alone allows.
//
// Sections are judged in this order: groups, hosts, ipsets, tagOwners, postures, grants, acls, autoApprovers, nodeAttrs, the
// network-wide settings, ssh, sshTests, tests; then what is unused. What the public documents leave open is at most a warning
// (docs/decisions/0002).
#pragma once

#include <string>
#include <vector>

#include "compiler/policy/findings.h"
#include "compiler/policy/load.h"

namespace acl::policy {

// `facts` is null without an inventory. `skipped` receives, in words, what then could not be told; the outcome of tests is
// among it only if there are no facts (with them, the caller runs the tests).
void check(PolicyFile& file, Findings& findings, const Facts* facts, std::vector<std::string>& skipped);

}  // namespace acl::policy
