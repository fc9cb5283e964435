// Outline: what a file consists of: sections, the names they define, rules in a line each ("acls[3]: group:eng → tag:db:5432"), tests.
//
// Made from the tree, so that it is there for texts with errors as far as the tree recovers. In the order of the text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

enum class SymbolKind : std::uint8_t {
  section,
  group,
  tag,
  host,
  ipset,
  posture,
  rule,
  test,
  setting,
  user,
  node,
  service
};

struct Symbol {
  SymbolKind kind = SymbolKind::section;
  std::string name;    // "groups", "group:eng", "acls[3]"
  std::string detail;  // "2 people", "group:eng → tag:db:5432"
  Span span;           // the whole member or element
  Span name_span;      // inside it
  std::vector<Symbol> children;
};

std::vector<Symbol> outline(const Snapshot& snapshot);

// One line for a rule or test of the section, from its object in the tree: "group:eng → tag:db:5432". Bounded.
std::string rule_line(hujson::Value rule);

}  // namespace acl::lsp
