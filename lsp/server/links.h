// Links: places in a text that lead out of it: a fixture's policy and inventory, and diagnostic codes that a comment mentions.
#pragma once

#include <string>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

struct Link {
  Span span;
  std::string path;  // a file, or
  std::string url;   // a page
  std::string tooltip;
};

std::vector<Link> links(const Snapshot& snapshot);

}  // namespace acl::lsp
