// ssh_builder: the ssh part of a table from a node's login rules. docs/table-format.md.
//
// A class of sources has the same rules and, where a rule gives people the account of their own name, the same person. In: rules in
// the order in which they are asked. Out: the bytes and which SSH rule of the policy each number stands for. E1206 as for hot.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/table/classify.h"
#include "compiler/table/node_rules.h"
#include "engine/table/line_bytes.h"

namespace acl::tables {

struct SshPart {
  table::LineBytes bytes;
  std::vector<resolve::Origin> rules;
};

Expected<SshPart> build_ssh(const resolve::Resolved& resolved, const Addresses& addresses,
                            std::span<const LoginRule> rules, Classifier& classifier);

// How long a check holds, in seconds: of `checkPeriod`, rounded up; acl_ssh_always for "always"; 12 hours where none is given
// (https://tailscale.com/docs/reference/syntax/policy-file#ssh).
std::uint32_t check_period(const policy::SshRule& rule);

}  // namespace acl::tables
