// What a policy's own tests have to say, by the oracle, where every reading of a test answers alike: all its sources and destinations
// agree, with or without postures, whether it speaks of the devices there are or of any that its source might have. Nothing where not.
#pragma once

#include <optional>

#include "tests/oracle/oracle.h"

namespace acl::generate {

// Of the first port of the target. `tailnet` with approvals applied.
std::optional<bool> settled_verdict(const oracle::Policy& policy, const oracle::Tailnet& tailnet,
                                    const oracle::Test& test, const oracle::Target& target);
// Of the first destination.
std::optional<oracle::LoginVerdict> settled_login(const oracle::Policy& policy, const oracle::Tailnet& tailnet,
                                                  const oracle::SshTest& test, const char* login);

}  // namespace acl::generate
