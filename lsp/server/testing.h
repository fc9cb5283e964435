// For the tests of this folder: snapshots of texts in which a place is marked, files that belong together, worlds with an inventory.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/inventory/load.h"
#include "lsp/server/related.h"
#include "lsp/server/snapshot.h"

namespace acl::lsp {

// A text with a place in it: "¦" in front of it, taken out.
struct Marked {
  explicit Marked(std::string marked) : text(std::move(marked)) {
    const std::size_t at = text.find("¦");
    if (at == std::string::npos) return;
    text.erase(at, std::string_view("¦").size());
    offset = static_cast<std::uint32_t>(at);
  }
  std::string text;
  std::uint32_t offset = 0;
};

inline std::shared_ptr<const InventoryState> inventory_state(const std::string& path, const std::string& text) {
  const SourceText source(path, text);
  auto loaded = inventory::load_inventory({&source});
  EXPECT_TRUE(loaded.ok()) << text;
  return std::make_shared<InventoryState>(path, std::move(loaded.inventory));
}

inline std::shared_ptr<const Snapshot> snapshot_of(std::string text, std::string path = "/net/policy.hujson",
                                                   std::shared_ptr<const InventoryState> inventory = nullptr) {
  const FileKind kind = kind_of(path);
  return make_snapshot(std::move(path), 1, kind, std::move(text), policy::Dialect::tailscale, std::move(inventory));
}

inline File file_of(std::string text, std::string path = "/net/policy.hujson",
                    std::shared_ptr<const InventoryState> inventory = nullptr) {
  // As the session does it: the snapshot of a fixture has no inventory, though it asks one.
  auto snapshot = snapshot_of(std::move(text), path, kind_of(path) == FileKind::policy ? inventory : nullptr);
  return {"file://" + path, std::move(snapshot), std::move(inventory)};
}

inline std::shared_ptr<const Understanding> understanding_of(const std::shared_ptr<const Snapshot>& snapshot) {
  const std::atomic<bool> cancelled{false};
  auto out = understand(snapshot, cancelled);
  EXPECT_NE(out, nullptr);
  return out;
}

inline std::string slice(const Snapshot& snapshot, Span span) {
  return std::string(snapshot.text().substr(span.begin, span.end - span.begin));
}

}  // namespace acl::lsp
