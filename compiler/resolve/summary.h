// summary: for every node how much it gets, and a digest of it, without writing any of it out.
//
// The digest is BLAKE2b-256 over the shared form: two nodes have the same digest exactly if their filters, SSH rules, peers and
// visible routes are the same, orders included (peers are a set). Everything is worked out to the point where printing needs
// no further resolving; nodes that are treated alike share the work. Cost: the sum over rules of (receivers × destinations),
// and, once for each group of nodes treated alike, the sizes of the source sets that concern it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/resolve/view.h"

namespace acl::resolve {

struct NodeSummary {
  std::uint64_t rules = 0;      // packet filter rules
  std::uint64_t pairs = 0;      // over all rules: sources × destination entries
  std::uint64_t peers = 0;
  std::uint64_t ssh_rules = 0;
  std::string digest;           // 64 hex digits
};

struct Summary {
  std::string digest;              // over the nodes' names and digests, in the order of their names
  std::vector<NodeSummary> nodes;  // as in the inventory
};

// `progress` is told now and then how many nodes are done; may be empty.
Summary summarize(const Views& views, const std::function<void(std::size_t)>& progress = {});

}  // namespace acl::resolve
