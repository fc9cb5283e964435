// build_release: from a policy and an inventory to what a head says, with everything it names in a folder. What `aclc compile` and
// `aclc sign --rebuild` share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/cli/inputs.h"
#include "compiler/table/compile.h"
#include "engine/release/head.h"
#include "engine/release/tree.h"
#include "engine/store/folder.h"

namespace acl::cli {

// How the release differs from the one of the folder's newest head: nodes whose leaves are new, other, or gone.
struct Changes {
  std::string since;                        // that head, "head/1.3"; empty if there is none to compare with
  std::vector<std::string> added, changed;  // names, in the order of the inventory
  std::size_t removed = 0;
};

struct BuiltRelease {
  release::Contents contents;
  tables::Compiled::Counts counts;
  release::TreeCounts tree;
  Changes changes;
  std::uint64_t written_blobs = 0, written_pages = 0, written_bytes = 0;
};

enum class Writing : std::uint8_t { all, none };

// Checks the policy as on saving, its tests included, compiles, proves, and puts blobs and pages into the folder; with Writing::none
// only counts those that it would put. Without a folder nothing is written and nothing of an earlier compilation is used. On
// failure all is said and `exit_code` set.
std::optional<BuiltRelease> build_release(const ReleaseInputs& inputs, store::Folder* folder, Writing writing,
                                          int& exit_code);

}  // namespace acl::cli
