// names_builder: the names part of a table, and what all nodes share: the identity directory and the provenance of rules.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/resolve/bits.h"
#include "compiler/table/classify.h"
#include "compiler/table/hot_builder.h"
#include "compiler/table/node_rules.h"
#include "engine/table/directory.h"
#include "engine/table/provenance.h"

namespace acl::tables {

// Ids of all rules (engine/table/provenance.h).
class RuleIds {
 public:
  // `file` must be an accepted policy.
  explicit RuleIds(const policy::PolicyFile& file);
  [[nodiscard]] std::uint64_t of(const resolve::Origin& origin) const;
  // The rule of an id; nothing if there is none.
  [[nodiscard]] std::optional<resolve::Origin> rule(std::uint64_t id) const;
  [[nodiscard]] const table::Provenance& provenance() const noexcept { return provenance_; }

 private:
  table::Provenance provenance_;
  std::vector<std::uint64_t> grants_, acls_, ssh_;
  std::uint64_t allow_all_ = 0;
};

// All nodes of the inventory by age: identity n is the node that joined n-th.
std::vector<table::Identity> identities(const resolve::Resolved& resolved);

// Which identities nodes know: those they see (compiler/resolve/view.h). Made once for all nodes.
class KnownSets {
 public:
  explicit KnownSets(const resolve::Views& views);
  // The same for nodes that know the same by the same rules.
  [[nodiscard]] std::string key(NodeId node) const;
  // The blocks of the names part (acl_known). Not to be called by two threads on one object.
  [[nodiscard]] std::vector<std::uint8_t> blocks(NodeId node);

 private:
  void add(const std::vector<NodeId>& nodes, resolve::Bits& cached);
  [[nodiscard]] std::vector<std::uint32_t> received(NodeId node) const;

  const resolve::Views& views_;
  const resolve::Resolved& resolved_;
  std::size_t large_ = 0;
  bool everybody_ = false;
  resolve::Bits base_, scratch_;
  std::vector<resolve::Bits> covered_, receivers_;  // of sources, of rules; filled where the sets are large
};

struct NamesPart {
  table::LineBytes bytes;
  std::vector<std::uint16_t> own_classes;  // destination class of each own address
};

struct NamesInput {
  std::span<const CapabilityRule> capabilities;
  std::size_t own_count = 0;
  std::span<const std::uint64_t> hot_rules, ssh_rules;  // ids
  std::span<const std::uint8_t> known;                  // KnownSets::blocks
};
Expected<NamesPart> build_names(const resolve::Resolved& resolved, const Addresses& addresses, const RuleIds& ids,
                                const NamesInput& input, Classifier& classifier);

}  // namespace acl::tables
