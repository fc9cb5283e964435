#include "tests/agreement/tables.h"

#include <sodium.h>

#include "compiler/questions/full_check.h"
#include "compiler/resolve/resolve.h"
#include "compiler/table/compile.h"
#include "engine/release/base64.h"
#include "engine/release/directory.h"

namespace acl::agreement {
namespace {

std::string first_error(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& found : diagnostics) {
    if (found.severity == Severity::error) return found.message;
  }
  return "refused without an error";
}

std::string key_of(const std::string& name) {
  const std::string text = "key " + name;
  std::array<std::uint8_t, 32> key{};
  crypto_hash_sha256(key.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return release::encode_base64(key);
}

}  // namespace

std::optional<std::string> Tables::load(const std::string& policy, const std::string& inventory) {
  const SourceText source("inventory.hujson", inventory);
  inventory_ = inventory::load_inventory({&source});
  if (!inventory_.ok()) return first_error(inventory_.diagnostics);
  policy_ = questions::full_check("policy.hujson", policy, policy::Dialect::tailscale, inventory_.inventory);
  if (!policy_.accepted()) return first_error(policy_.diagnostics);
  auto& nodes = inventory_.inventory.nodes;
  for (resolve::NodeId node = 0; node < nodes.size(); ++node) {
    nodes[node].key = key_of(nodes[node].name);
    for (const net::Address& address : nodes[node].addresses) owners_.emplace(address, node);
  }
  // As aclc compile resolves: rules in no particular order of their entries.
  resolved_ = resolve::resolve(*policy_.file, inventory_.inventory, resolve::Depth::rules);
  views_ = std::make_unique<resolve::Views>(resolved_);
  return std::nullopt;
}

std::optional<std::string> Tables::build() {
  tables::CompileOptions options;
  options.threads = 1;
  options.put = [&](const release::Reference& reference, release::ByteView bytes) -> Expected<void> {
    blobs_.try_emplace(reference.digest, bytes.begin(), bytes.end());
    return {};
  };
  const auto compiled = tables::compile(*views_, options);
  if (!compiled) return compiled.error().message;
  for (const tables::NodeLeaf& leaf : compiled->leaves) {
    const auto header = table::parse_node_header(leaf.header);
    const auto hot = table::Hot::open(blob(leaf.parts.at(0).object.digest));
    const auto ssh = table::Ssh::open(blob(leaf.parts.at(1).object.digest));
    const auto names = table::Names::open(blob(leaf.parts.at(2).object.digest));
    if (!header) return header.error().message;
    if (!hot) return hot.error().message;
    if (!ssh) return ssh.error().message;
    if (!names) return names.error().message;
    nodes_.emplace(inventory_.inventory.nodes[leaf.node].name, NodeTable{leaf.node, *header, *hot, *ssh, *names});
  }
  const auto chunks = release::parse_directory(blob(compiled->directory.digest), "directory");
  if (!chunks) return chunks.error().message;
  for (const release::Reference& reference : *chunks) {
    auto chunk = table::parse_chunk(blob(reference.digest));
    if (!chunk) return chunk.error().message;
    identities_.insert(identities_.end(), chunk->begin(), chunk->end());
  }
  auto provenance = table::parse_provenance(blob(compiled->rules.digest));
  if (!provenance) return provenance.error().message;
  provenance_ = std::move(*provenance);
  return std::nullopt;
}

tl::expected<std::unique_ptr<Tables>, std::string> Tables::compile(const std::string& policy,
                                                                   const std::string& inventory) {
  std::unique_ptr<Tables> tables(new Tables());  // the constructor is private
  if (auto error = tables->load(policy, inventory)) return tl::unexpected(*error);
  if (auto error = tables->build()) return tl::unexpected(*error);
  return tables;
}

resolve::NodeId Tables::owner(const net::Address& address) const {
  const auto found = owners_.find(address);
  return found == owners_.end() ? resolve::none : found->second;
}

std::string Tables::rule_name(std::uint64_t id) const {
  const table::RulePlace* place = provenance_.find(id);
  return place == nullptr ? "no rule" : table::rule_name(*place);
}

}  // namespace acl::agreement
