// Hover: what stands at a place of a policy, fixture or inventory, as Markdown: what a name stands for in people, nodes and addresses; what
// a rule grants, in a sentence; what a key means; how a test came out.
//
// Works on whatever tree there is, also of a text with errors. Text of the file is shown escaped. Lists are cut at ten, sentences at five
// names a side. Linear in the siblings on the way to the place and in the inventory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lsp/server/known.h"

namespace acl::lsp {

struct Hover {
  std::string markdown;
  Span span;
};

std::optional<Hover> hover(const Snapshot& file, const Known& known, std::uint32_t offset);

// What an entry of a section does, in a sentence of Markdown: "Lets `group:eng` (3 people, 5 nodes) reach `tag:db` (2 nodes) on …".
// "" for a section without such entries, and beyond the last entry.
std::string rule_sentence(const Known& known, const policy::PolicyFile& file, std::string_view section,
                          std::size_t index);

}  // namespace acl::lsp
