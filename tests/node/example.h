// A policy and an inventory as each node has them: compiled, opened, with WireGuard as it should be.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "compiler/inventory/load.h"
#include "compiler/questions/full_check.h"
#include "compiler/resolve/resolve.h"
#include "compiler/table/compile.h"
#include "engine/net/file.h"
#include "engine/release/base64.h"
#include "engine/release/directory.h"
#include "node/daemon/loaded_table.h"
#include "node/daemon/questions.h"

namespace acl::node {

using net::Address;

class Example {
 public:
  explicit Example(const std::string& folder)
      : Example(*read_file(folder + "/policy.hujson"), *read_file(folder + "/inventory.hujson")) {}
  Example(const std::string& policy, const std::string& inventory,
          release::OnExpiry on_expiry = release::OnExpiry::ssh_restricted) {
    const SourceText source("inventory.hujson", inventory);
    inventory_ = inventory::load_inventory({&source});
    policy_ = questions::full_check("policy.hujson", policy, policy::Dialect::tailscale, inventory_.inventory);
    resolved_ = resolve::resolve(*policy_.file, inventory_.inventory, resolve::Depth::rules);
    views_ = std::make_unique<resolve::Views>(resolved_);
    can_resolved_ = resolve::resolve(*policy_.file, inventory_.inventory);
    can_views_ = std::make_unique<resolve::Views>(can_resolved_);
    tables::CompileOptions options;
    options.threads = 1;
    options.put = [&](const release::Reference& reference, release::ByteView bytes) -> Expected<void> {
      blobs_.try_emplace(reference.digest, std::make_shared<const release::Bytes>(bytes.begin(), bytes.end()));
      return {};
    };
    const auto compiled = tables::compile(*views_, options);
    const auto blob = [&](const release::Reference& reference) {
      const auto bytes = blobs_.at(reference.digest);
      return Blob{*bytes, bytes};
    };
    const auto chunks = release::parse_directory(blob(compiled->directory).bytes, "directory");
    for (const tables::NodeLeaf& leaf : compiled->leaves) {
      KeptRelease kept;
      kept.head.on_expiry = on_expiry;
      kept.header = leaf.header;
      for (const auto& part : leaf.parts) kept.parts.push_back({part.kind, part.object, blob(part.object)});
      kept.rules_reference = compiled->rules;
      kept.rules = blob(compiled->rules);
      std::uint32_t number = 0;
      for (const release::Reference& chunk : *chunks) kept.chunks.push_back({number++, chunk, blob(chunk)});
      tables_.emplace(leaf.node, *LoadedTable::open(std::move(kept)));
    }
  }

  [[nodiscard]] const std::vector<inventory::Node>& nodes() const { return inventory_.inventory.nodes; }
  [[nodiscard]] const std::map<resolve::NodeId, std::unique_ptr<const LoadedTable>>& tables() const { return tables_; }
  [[nodiscard]] const LoadedTable& table(const std::string& name) const {
    for (const auto& [node, table] : tables_) {
      if (nodes()[node].name == name) return *table;
    }
    std::abort();
  }
  [[nodiscard]] const resolve::Views& views() const { return *can_views_; }
  [[nodiscard]] const Address& address(const std::string& name) const {
    for (const inventory::Node& node : nodes()) {
      if (node.name == name) return node.addresses.front();
    }
    std::abort();
  }
  // WireGuard as it should be: each node's addresses at its key.
  [[nodiscard]] Owner owner() const {
    return [this](const Address& asked) -> std::optional<Key> {
      for (const inventory::Node& node : nodes()) {
        if (std::find(node.addresses.begin(), node.addresses.end(), asked) == node.addresses.end()) continue;
        Key key{};
        if (release::decode_base64(node.key, key)) return key;
      }
      return std::nullopt;
    };
  }

 private:
  inventory::LoadedInventory inventory_;
  policy::Loaded policy_;
  resolve::Resolved resolved_, can_resolved_;
  std::unique_ptr<resolve::Views> views_, can_views_;
  std::map<release::Digest, std::shared_ptr<const release::Bytes>> blobs_;
  std::map<resolve::NodeId, std::unique_ptr<const LoadedTable>> tables_;
};

}  // namespace acl::node
