// The tables of all nodes of one pair of texts, compiled as `aclc compile` does (proof included), opened as a node would: header from
// the leaf, parts by digest, the directory and the provenance that all share. Each node has the key SHA-256("key " + name).
//
// Owns everything that its views refer to. The error is all that is wrong with the two texts, or with what was compiled.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "compiler/inventory/load.h"
#include "compiler/policy/load.h"
#include "compiler/resolve/view.h"
#include "engine/release/digest.h"
#include "engine/table/directory.h"
#include "engine/table/hot.h"
#include "engine/table/names.h"
#include "engine/table/node_header.h"
#include "engine/table/provenance.h"
#include "engine/table/ssh.h"

namespace acl::agreement {

struct NodeTable {
  resolve::NodeId node = resolve::none;
  table::NodeHeader header;
  table::Hot hot;
  table::Ssh ssh;
  table::Names names;
};

class Tables {
 public:
  static tl::expected<std::unique_ptr<Tables>, std::string> compile(const std::string& policy,
                                                                    const std::string& inventory);

  [[nodiscard]] const std::map<std::string, NodeTable>& nodes() const noexcept { return nodes_; }  // by name
  [[nodiscard]] const resolve::Views& views() const noexcept { return *views_; }
  // All identities; the index is the number.
  [[nodiscard]] const std::vector<table::Identity>& identities() const noexcept { return identities_; }
  // The node that has the address; resolve::none if nobody has.
  [[nodiscard]] resolve::NodeId owner(const net::Address& address) const;
  // "acls[3]" of an id of a rule; "no rule" if the provenance does not have it.
  [[nodiscard]] std::string rule_name(std::uint64_t id) const;

 private:
  Tables() = default;
  std::optional<std::string> load(const std::string& policy, const std::string& inventory);
  std::optional<std::string> build();
  const release::Bytes& blob(const release::Digest& digest) { return blobs_[digest]; }

  inventory::LoadedInventory inventory_;
  policy::Loaded policy_;
  resolve::Resolved resolved_;
  std::unique_ptr<resolve::Views> views_;
  std::map<release::Digest, release::Bytes> blobs_;
  std::map<std::string, NodeTable> nodes_;
  std::vector<table::Identity> identities_;
  table::Provenance provenance_;
  std::map<net::Address, resolve::NodeId> owners_;
};

}  // namespace acl::agreement
