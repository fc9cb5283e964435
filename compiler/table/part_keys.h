// part_keys: for each part of a node's table a digest of all that it is built from. Equal digests mean equal bytes, whichever
// policy and inventory they came from; so nodes share parts, and a compilation takes over those of an earlier one (cache.h).
//
// In: the resolved policy, a node's rules. Numbers that mean something in one policy only, such as those of rules and sets of
// sources, are replaced by digests of what they stand for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/resolve/view.h"
#include "compiler/table/addresses.h"
#include "compiler/table/names_builder.h"
#include "compiler/table/node_rules.h"
#include "engine/release/digest.h"

namespace acl::tables {

class PartKeys {
 public:
  // What follows must outlive it; shared by threads.
  PartKeys(const resolve::Views& views, const Addresses& addresses, const NodeRuleReader& reader, const RuleIds& ids);

  [[nodiscard]] release::Digest hot(const std::vector<PacketRule>& rules, std::size_t own_count) const;
  [[nodiscard]] release::Digest ssh(NodeId node) const;
  // Of whom a node knows: `known` is known_by().
  [[nodiscard]] release::Digest names(const release::Digest& known, std::span<const CapabilityRule> capabilities,
                                      std::size_t own_count, std::span<const std::uint64_t> hot_rules,
                                      std::span<const std::uint64_t> ssh_rules) const;
  // The sets of nodes that the rules make the node know.
  [[nodiscard]] release::Digest known_by(NodeId node) const;

 private:
  void digest_sources();
  void digest_logins();
  void digest_capabilities();
  void digest_known();
  [[nodiscard]] release::Digest digest_nodes(const std::vector<NodeId>& nodes, bool all) const;

  const resolve::Views& views_;
  const resolve::Resolved& resolved_;
  const Addresses& addresses_;
  const NodeRuleReader& reader_;
  const RuleIds& ids_;
  std::vector<release::Digest> sources_, covered_;  // of each set of sources: its addresses, the nodes in it
  std::vector<release::Digest> receivers_;          // of each rule
  std::vector<release::Digest> logins_;             // of each SSH rule
  std::vector<release::Digest> maps_;               // of each map of capabilities
  release::Digest everybody_;                       // what every node knows
  bool all_known_ = false;                          // that is all nodes
};

}  // namespace acl::tables
