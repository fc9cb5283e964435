// LoadedTable: a release of this node, opened: its table, whom it knows, and which rule is which line of the policy.
//
// In: a KeptRelease, verified or read back. Out: views into its bytes, which it keeps alive, or what is wrong with them (E1201 to E1204):
// signed bytes are still only believed once they are whole in themselves. Nothing changes after opening.
#pragma once

#include <memory>

#include "engine/net/diagnostic.h"
#include "engine/table/node_table.h"
#include "engine/table/provenance.h"
#include "node/daemon/state_folder.h"

namespace acl::node {

class LoadedTable {
 public:
  static Expected<std::unique_ptr<const LoadedTable>> open(KeptRelease release);

  [[nodiscard]] const KeptRelease& release() const noexcept { return release_; }
  [[nodiscard]] const table::NodeHeader& header() const noexcept { return table_.header; }
  [[nodiscard]] const table::Hot& hot() const noexcept { return table_.hot; }
  [[nodiscard]] const table::Ssh& ssh() const noexcept { return table_.ssh; }
  [[nodiscard]] const table::Names& names() const noexcept { return table_.names; }
  [[nodiscard]] const table::Directory& directory() const noexcept { return directory_; }
  [[nodiscard]] const table::Provenance& rules() const noexcept { return rules_; }

 private:
  LoadedTable(KeptRelease release, table::NodeTable table, table::Directory directory, table::Provenance rules)
      : release_(std::move(release)),
        table_(std::move(table)),
        directory_(std::move(directory)),
        rules_(std::move(rules)) {}

  KeptRelease release_;
  table::NodeTable table_;
  table::Directory directory_;
  table::Provenance rules_;
};

}  // namespace acl::node
