// Snapshot: one version of one file, understood. Immutable once made; features are functions of it.
//
//     text ─ parse/recover ─ decode ─ check ─▶ Snapshot           on every change, before anything is answered (some ms)
//     Snapshot + inventory ─ judge tests ─▶ TestRun                in the background, for a policy without errors
//     Snapshot + inventory ─ resolve ─▶ Understanding              there as well, once the typing pauses
//
// Whatever needs names alone works with a Snapshot: it is there for broken text, too (the tree recovers, and what could be
// decoded is). What resolves (counts, who reaches what, tests) needs an Understanding, which may be of an older version of the text
// than the one on the screen: its spans are then not to be used, its names are.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/inventory/inventory.h"
#include "compiler/policy/fixture.h"
#include "compiler/policy/load.h"
#include "compiler/questions/policy_tests.h"
#include "compiler/resolve/tailnet.h"
#include "compiler/resolve/view.h"
#include "lsp/server/document.h"

namespace acl::lsp {

enum class FileKind : std::uint8_t { policy, fixture, inventory };

// *.test.hujson is a fixture; inventory.hujson, inventory.json and what is configured as one are inventories; all else a policy.
FileKind kind_of(std::string_view path) noexcept;

// An inventory that could be loaded; shared by all that ask about it.
struct InventoryState {
  explicit InventoryState(std::string of, inventory::Inventory what);

  const std::string path;
  const inventory::Inventory inventory;
  const policy::Facts facts;
  const resolve::Tailnet tailnet;  // of `inventory`
};

struct Snapshot {
  std::string path;  // of the file; made from the URI
  std::int64_t version = 0;
  FileKind kind = FileKind::policy;
  Lines lines;
  std::unique_ptr<policy::PolicyFile> file;  // never null; file->source owns the text. Its policy may be incomplete
  policy::Fixture fixture;                   // of a fixture
  bool whole = false;                        // no syntax error: file->tree is the whole text
  bool accepted = false;                     // no error at all: it can be resolved
  std::vector<Diagnostic> diagnostics;       // all but the outcome of tests
  std::vector<std::string> skipped;
  std::shared_ptr<const InventoryState> inventory;  // null if there is none

  [[nodiscard]] std::string_view text() const noexcept { return file->source.text(); }
};

// Total: any bytes give some snapshot.
std::shared_ptr<const Snapshot> make_snapshot(std::string path, std::int64_t version, FileKind kind, std::string text,
                                              policy::Dialect dialect, std::shared_ptr<const InventoryState> inventory);

// How tests came out, and whose they are: a policy, or a fixture of it. Both null, or neither.
struct TestOutcome {
  std::shared_ptr<const questions::TestRun> tests;
  std::shared_ptr<const Snapshot> of;
};

struct Understanding {
  std::shared_ptr<const Snapshot> snapshot;  // accepted, and with an inventory
  resolve::Resolved resolved;                // Depth::rules
  std::unique_ptr<resolve::Views> views;
  std::shared_ptr<const questions::TestRun> tests;  // never null
  std::shared_ptr<const Snapshot> tested;           // whose tests these are: the policy, or a fixture of it
};

// The outcome of the policy's own tests, without the rules that decided; nothing if it is not accepted or there is no inventory.
questions::TestRun judge_tests(const Snapshot& policy);

// Null if the snapshot is not accepted or has no inventory. `cancelled` is asked between steps; null then as well.
std::shared_ptr<const Understanding> understand(std::shared_ptr<const Snapshot> snapshot,
                                                const std::atomic<bool>& cancelled);

}  // namespace acl::lsp
