// prove: does a table mean what its rules mean? A second reading of the rules, which shares nothing with the builders of tables but
// the address types, is compared with what the lookups of the finished bytes say. `aclc compile` writes no table that differs.
//
// The rules are read in the form in which the control plane sends them to the node (compiler/resolve/view.h): for each rule the list
// of sources, the list of destinations with ports. Compared are, for the hot part:
//
//   every address that the rules list as a source, and its two neighbours; nothing else is listed, since these are as many as the
//   table has occupied slots;
//   every piece of the rest of the address space between two bounds, of the rules' or of the table's: all other addresses;
//   each own address of the node, and every piece of what is behind it, as a destination;
//   for every pair of classes every piece of (protocol, port) between two bounds, of the rules' or of the table's.
//
// Two points between two neighbouring bounds are treated alike by both sides, so this is all there is: no address, protocol or port
// is left out. The ssh part is compared for every source address of the inventory × (every account that is named on either side,
// one that is not, whether it exists, whether it is user id 0): action, rule, and what else the login's terms are. Of the names part,
// capabilities are compared for every source and destination as above, in their order, who is known, and which rule of the policy each
// rule number of the other parts is.
//
// Out: nothing, or E1207 with the first difference.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/resolve/view.h"
#include "compiler/table/addresses.h"
#include "engine/net/diagnostic.h"

namespace acl::tables {

class Prover {
 public:
  // What follows must outlive it; shared by threads.
  Prover(const resolve::Views& views, const Addresses& addresses);

  // Memory that one proof after the other uses; one for each thread.
  struct Scratch {
    std::vector<std::uint64_t> masks, touched;
    std::vector<std::uint32_t> below;
    std::vector<resolve::Views::Marks> marks;  // one, once it is used
  };

  // `rules`: which rule each rule number stands for. `own_classes`: as in the node's header, own addresses ascending.
  [[nodiscard]] Expected<void> hot(NodeId node, std::span<const std::uint8_t> bytes,
                                   std::span<const std::uint16_t> own_classes, std::span<const resolve::Origin> rules,
                                   Scratch& scratch) const;
  [[nodiscard]] Expected<void> ssh(NodeId node, std::span<const std::uint8_t> bytes,
                                   std::span<const resolve::Origin> rules) const;
  // Of the names part: whom the node knows; which capabilities each source has at each place of the node.
  [[nodiscard]] Expected<void> known(NodeId node, std::span<const std::uint8_t> bytes, Scratch& scratch) const;
  [[nodiscard]] Expected<void> capabilities(NodeId node, std::span<const std::uint8_t> bytes,
                                            std::span<const std::uint16_t> own_classes) const;

  // Of the names part, too: the ids of the rules. `hot`, `ssh`: which rule each rule number of these parts stands for.
  [[nodiscard]] Expected<void> ids(NodeId node, std::span<const std::uint8_t> bytes,
                                   std::span<const resolve::Origin> hot, std::span<const resolve::Origin> ssh) const;
  // The id of a rule; nothing if there is no such rule.
  [[nodiscard]] std::optional<std::uint64_t> id_of(const resolve::Origin& origin) const;

  // A set of sources, told apart into addresses of nodes and the rest. For prove.cc.
  struct SourceList {
    std::vector<Rank> ranks;  // ascending
    std::vector<Interval> others;
  };
  [[nodiscard]] const SourceList& sources(std::uint32_t id) const { return sources_[id]; }
  // The rule that holds a destination, by the destination's sequence.
  [[nodiscard]] std::uint32_t rule_of(std::uint32_t sequence) const { return rule_of_[sequence]; }
  [[nodiscard]] const Addresses& addresses() const noexcept { return addresses_; }
  [[nodiscard]] const resolve::Views& views() const noexcept { return views_; }

 private:
  const resolve::Views& views_;
  const Addresses& addresses_;
  std::vector<SourceList> sources_;
  std::vector<std::uint32_t> rule_of_;
  std::map<resolve::Section, std::vector<std::uint64_t>> ids_;  // of each rule
  std::unordered_map<std::string, Rank> rank_of_;               // of an address's text
};

}  // namespace acl::tables
