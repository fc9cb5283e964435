// Provenance: from a rule's id to its place in the policy. One blob for all nodes, because a line put in at the top of a policy
// moves every rule below it, and no node's table should change for that.
//
//   magic "ACLP"  version u8 = 1  0 u8  file name (length u16, bytes)  count u32
//   then for each rule, ascending by id:  id u64  section u8 (1 grants, 2 acls, 3 ssh, 4: everything is allowed)  index u32  line u32
//
// All integers little-endian. An id is the first 8 bytes of BLAKE2b-256 over the section, the rule's text without white space
// and comments, and how many equal rules stand before it in the section; so a rule keeps its id when others come and go.
// Parsing any bytes: E1203.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::table {

enum class RuleSection : std::uint8_t { grants = 1, acls = 2, ssh = 3, allow_all = 4 };

struct RulePlace {
  std::uint64_t id = 0;
  RuleSection section = RuleSection::allow_all;
  std::uint32_t index = 0;
  std::uint32_t line = 0;  // from 1; 0 where the policy has no such line

  friend bool operator==(const RulePlace&, const RulePlace&) = default;
};

struct Provenance {
  std::string file;              // the policy's name without folders
  std::vector<RulePlace> rules;  // ascending by id

  // Null if the id is unknown.
  [[nodiscard]] const RulePlace* find(std::uint64_t id) const noexcept;

  friend bool operator==(const Provenance&, const Provenance&) = default;
};

// "acls[3]"; "*" where everything is allowed because the policy has neither acls nor grants.
std::string rule_name(const RulePlace& place);

Expected<Provenance> parse_provenance(std::span<const std::uint8_t> bytes);
std::vector<std::uint8_t> encode_provenance(const Provenance& provenance);

}  // namespace acl::table
