// format: the standard layout of a HuJSON text, the one that the hosted service's own tools print
// (https://github.com/tailscale/hujson, Value.Format).
//
// Deterministic and idempotent; never changes what the text means. Indent is one tab per level; a composite stands on one line
// (at most 80 bytes, counted as the reference counts) unless a line end in it says otherwise; values of consecutive
// one-line members are aligned; a text that is standard JSON stays standard JSON. The output ends in exactly one line end.
#pragma once

#include <string>

#include "compiler/hujson/tree.h"

namespace acl::hujson {

std::string format(const Tree& tree);

}  // namespace acl::hujson
