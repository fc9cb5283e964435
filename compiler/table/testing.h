// For the tests of this folder: a tailnet under a policy with what table compiling needs beside it, and how two tables are compared
// by their lookups alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "compiler/resolve/view.h"
#include "compiler/table/hot_builder.h"
#include "compiler/table/names_builder.h"
#include "compiler/table/prove.h"
#include "compiler/table/ssh_builder.h"
#include "engine/release/base64.h"
#include "engine/release/digest.h"

namespace acl::tables {

using Bytes = table::LineBytes;

// Each node that has no key gets one that follows from its name, unless `keys` is false.
class Setting {
 public:
  Setting(const std::string& inventory_text, const std::string& policy_text, bool keys = true)
      : source_("inventory.hujson", inventory_text),
        inventory_(inventory::load_inventory({&source_})),
        policy_(policy::load_policy("policy.hujson", policy_text)) {
    for (inventory::Node& node : inventory_.inventory.nodes) {
      if (keys && node.key.empty())
        node.key = release::encode_base64(release::digest_of(release::as_bytes("key " + node.name)).bytes);
    }
    resolved_ = resolve::resolve(*policy_.file, inventory_.inventory, resolve::Depth::rules);
    views_ = std::make_unique<resolve::Views>(resolved_);
    addresses_ = std::make_unique<Addresses>(resolved_);
    reader_ = std::make_unique<NodeRuleReader>(*views_);
    ids_ = std::make_unique<RuleIds>(*policy_.file);
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

  [[nodiscard]] bool ok() const { return inventory_.ok() && policy_.accepted(); }
  [[nodiscard]] inventory::Inventory& inventory() { return inventory_.inventory; }
  [[nodiscard]] const resolve::Resolved& resolved() const { return resolved_; }
  [[nodiscard]] const resolve::Views& views() const { return *views_; }
  [[nodiscard]] const Addresses& addresses() const { return *addresses_; }
  [[nodiscard]] const NodeRuleReader& reader() const { return *reader_; }
  [[nodiscard]] const RuleIds& ids() const { return *ids_; }
  [[nodiscard]] NodeId id(std::string_view name) const {
    const auto& nodes = inventory_.inventory.nodes;
    const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.name == name; });
    return static_cast<NodeId>(found - nodes.begin());
  }

  [[nodiscard]] Expected<HotPart> hot(NodeId node) const {
    Classifier classifier(addresses(), resolved_.node_count());
    return build_hot(resolved_, addresses(), reader().packets(node), reader().own(node).size(), classifier);
  }
  [[nodiscard]] Expected<SshPart> ssh(NodeId node) const {
    Classifier classifier(addresses(), resolved_.node_count());
    return build_ssh(resolved_, addresses(), reader().logins(node), classifier);
  }
  // `hot`, `ssh`: which rule each rule number of the node's other parts stands for.
  [[nodiscard]] Expected<NamesPart> names(NodeId node, std::span<const resolve::Origin> hot = {},
                                          std::span<const resolve::Origin> ssh = {}) const {
    Classifier classifier(addresses(), resolved_.node_count());
    KnownSets known(views());
    const std::vector<std::uint8_t> blocks = known.blocks(node);
    const std::vector<CapabilityRule> rules = reader().capabilities(node);
    NamesInput input;
    input.capabilities = rules;
    input.own_count = reader().own(node).size();
    input.known = blocks;
    const std::vector<std::uint64_t> hot_ids = ids_of(hot), ssh_ids = ids_of(ssh);
    input.hot_rules = hot_ids;
    input.ssh_rules = ssh_ids;
    return build_names(resolved_, addresses(), ids(), input, classifier);
  }

 private:
  [[nodiscard]] std::vector<std::uint64_t> ids_of(std::span<const resolve::Origin> rules) const {
    std::vector<std::uint64_t> out;
    for (const resolve::Origin& rule : rules) out.push_back(ids_->of(rule));
    return out;
  }

  SourceText source_;
  inventory::LoadedInventory inventory_;
  policy::Loaded policy_;
  resolve::Resolved resolved_;
  std::unique_ptr<resolve::Views> views_;
  std::unique_ptr<Addresses> addresses_;
  std::unique_ptr<NodeRuleReader> reader_;
  std::unique_ptr<RuleIds> ids_;
};

// The elements of a section of a part.
template <class T>
T* section(Bytes& bytes, std::uint32_t line) {
  return reinterpret_cast<T*>(bytes.data() + std::size_t{line} * acl_line_bytes);
}
template <class T>
const T* section(const Bytes& bytes, std::uint32_t line) {
  return reinterpret_cast<const T*>(bytes.data() + std::size_t{line} * acl_line_bytes);
}

// Every address where a classifier may change its mind: what it lists, where its intervals start, and the neighbours of both.
inline void add_interesting(const Bytes& bytes, const acl_intervals& intervals, std::set<net::Address>& out) {
  const auto add = [&](const net::Address& address) {
    for (const net::Address& one : {resolve::predecessor(address), address, resolve::successor(address)})
      out.insert(one);
  };
  for (std::size_t i = 0; i < intervals.v4_count; ++i)
    add(net::Address::v4(section<std::uint32_t>(bytes, intervals.v4_line)[i]));
  for (std::size_t i = 0; i < intervals.v6_count; ++i) {
    const auto* start = section<std::uint64_t>(bytes, intervals.v6_line) + 2 * i;
    add(net::Address::v6(start[0], start[1]));
  }
}
inline void add_interesting(const Bytes& bytes, const acl_classifier& c, std::set<net::Address>& out) {
  add_interesting(bytes, acl_intervals{c.v4_line, c.v4_count, c.v6_line, c.v6_count}, out);
  const auto add = [&](const net::Address& address) {
    for (const net::Address& one : {resolve::predecessor(address), address, resolve::successor(address)})
      out.insert(one);
  };
  for (std::size_t i = 0; i < std::size_t{c.hash_lines} * acl_slots; ++i) {
    const std::uint64_t key = section<std::uint64_t>(bytes, c.hash_line)[i] >> 16;
    if (key >> 32 == 0) add(net::Address::v4(static_cast<std::uint32_t>(key)));
    for (std::size_t k = 0; k < std::size_t{c.space_lines} * acl_spaces; ++k) {
      const acl_space& space = section<acl_space>(bytes, c.space_line)[k];
      if (space.number != 0 && space.number == key >> 32)
        add(net::Address::v6(space.high, std::uint64_t{space.middle} << 32 | (key & 0xffffffff)));
    }
  }
}

}  // namespace acl::tables
