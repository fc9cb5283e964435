// Occurrences: every name in a file with its role: what it names, whether it defines it, where the name stands without what is
// around it (quotes, ports, "add "). Definition, references, highlight, rename, semantic tokens and inlay hints read this list.
//
// Made by walking the tree along the language's types (compiler/policy/language.h), so that it works for files with errors as far as the tree
// recovers. In the order of the text. Linear.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

enum class Named : std::uint8_t {
  group,
  tag,
  host,
  ipset,
  posture,  // defined in the policy
  user,
  autogroup,
  service,
  account,
  node,  // defined elsewhere
  capability,
  attribute,
  protocol,
  literal,  // literal: an address, prefix, range or *
  rule,     // "acls[3]", in a fixture
};

// "group", "tag", …, as people say it.
std::string_view name_of(Named kind) noexcept;
// Whether policies define names of this kind: groups, tags, hosts, ipsets, postures.
bool defined_in_policies(Named kind) noexcept;

struct Occurrence {
  Named kind = Named::literal;
  bool definition = false;
  std::string
      name;    // as names are compared: "group:eng", "tag:web" (lower case), "vault", "ana@example.com" (lower case)
  Span span;   // of the name alone inside the text, quotes excluded; with its prefix ("group:eng")
  Span value;  // of the whole string literal, quotes included
  std::uint32_t section = 0;  // index of the top-level field's node in the tree
};

// `inventory` is that whose devices the file's questions are about (File::inventory in related.h): a name in a question is a node's if
// there is such a node, else a host's. Without one it is taken for a node's.
std::vector<Occurrence> occurrences(const Snapshot& snapshot, const InventoryState* inventory = nullptr);

// The one whose literal contains the offset (its end included), innermost; null if there is none.
const Occurrence* occurrence_at(const std::vector<Occurrence>& all, std::uint32_t offset);

}  // namespace acl::lsp
