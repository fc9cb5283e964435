// Inlay hints: behind each selector of a rule the nodes it stands for, behind a group or tag that is defined the people and nodes in it.
#pragma once

#include <string>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

struct InlayHint {
  std::uint32_t offset = 0;
  std::string label;    // "12 nodes"
  std::string tooltip;  // "3 people"
};

// Those inside `range`; none without an understanding.
std::vector<InlayHint> inlay_hints(const Snapshot& snapshot, const Understanding* understanding, Span range);

}  // namespace acl::lsp
