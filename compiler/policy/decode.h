// decode: a HuJSON tree in, a typed policy out.
//
// Judges the structure only: unknown and repeated keys, values of a wrong type, spellings that differ in case. Keys with a
// fixed meaning are matched without regard to case, as the hosted service does; keys that are data (names of groups, hosts,
// capabilities) are exact, tags ignore case.
#pragma once

#include "compiler/policy/findings.h"
#include "compiler/policy/load.h"

namespace acl::policy {

// Fills file.policy (its dialect is set) from file.tree, which is a whole tree.
void decode(PolicyFile& file, Findings& findings);

// Splits `selector:ports` at the last colon and reads both parts, brackets around an IPv6 address removed. On error the target
// keeps what could be read, and the result words the error as the hosted service does, less its prefix `dst="…": `.
PortExpected<PortList> read_target(const Text& text, Target& target);

}  // namespace acl::policy
