// summary: for every node how much it gets, and a digest of it, without writing any of it out.
//
// The digest is over the shared form: each rule's sources as a set, protocol, destinations with ports or capabilities in their
// order; SSH rules; what makes up the peers; visible routes and their primaries. A change in what a node gets changes its
// digest; equal digests mean equal answers (sets are summed from 128 bits of BLAKE2b each, the whole is BLAKE2b-256; it guards
// against accidents, not against an adversary). Everything is worked out to the point where printing needs no further resolving.
//
// Cost: the sum over rules of (receivers × destinations), and, once for each group of nodes that are treated alike, the sizes
// of the sets that concern it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/resolve/view.h"

namespace acl::resolve {

struct NodeSummary {
  std::uint64_t rules = 0;  // packet filter rules
  std::uint64_t pairs = 0;  // over all rules: sources × destination entries
  std::uint64_t peers = 0;
  std::uint64_t ssh_rules = 0;
  std::string digest;  // 64 hex digits
};

struct Summary {
  std::string digest;              // over the nodes' names and digests, in the order of their names
  std::vector<NodeSummary> nodes;  // as in the inventory
};

// `progress` is told now and then how many nodes are done; may be empty.
Summary summarize(const Views& views, const std::function<void(std::size_t)>& progress = {});

}  // namespace acl::resolve
