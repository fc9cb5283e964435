// For tests of completion and hover: a text with its cursor marked by "|", with a little tailnet around it or an example's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/inventory/load.h"
#include "engine/net/file.h"
#include "lsp/server/completion.h"

namespace acl::lsp {

inline std::shared_ptr<const InventoryState> inventory_of(const std::string& text) {
  const SourceText source("inventory.hujson", text);
  auto loaded = inventory::load_inventory({&source});
  EXPECT_TRUE(loaded.ok()) << text;
  return std::make_shared<InventoryState>("inventory.hujson", std::move(loaded.inventory));
}

// Two people with devices, a server with tag:web, a service, a group of the identity provider.
inline std::shared_ptr<const InventoryState> small_inventory() {
  return inventory_of(R"({
    "users": [{"login": "ana@example.com", "role": "admin"}, {"login": "bo@example.com"}],
    "nodes": [
      {"name": "ana-laptop", "user": "ana@example.com", "addresses": ["100.64.0.1"]},
      {"name": "ana-phone", "user": "ana@example.com", "addresses": ["100.64.0.2"]},
      {"name": "bo-laptop", "user": "bo@example.com", "addresses": ["100.64.0.3"]},
      {"name": "web-1", "tags": ["tag:web"], "addresses": ["100.64.0.4"], "advertisedRoutes": ["10.30.0.0/16"]},
    ],
    "services": [{"name": "svc:wiki", "addresses": ["100.64.9.1"], "hosts": ["web-1"]}],
    "syncedGroups": {"group:team@example.com": ["ana@example.com"]},
  })");
}

// What these names mean is defined in every text of these tests.
inline const std::string definitions =
    R"("groups": {"group:eng": ["ana@example.com", "bo@example.com"]},
       "tagOwners": {"tag:web": [], "tag:db": []},
       "hosts": {"vault": "10.20.0.9", "lan": "10.20.0.0/16"},
)";
inline const std::string hosted_definitions =
    definitions +
    R"("ipsets": {"ipset:dc": ["add 10.8.0.0/14"]}, "postures": {"posture:managed": ["node:os == 'linux'"]},
)";

struct MarkedFile {
  std::shared_ptr<const Snapshot> snapshot;
  std::uint32_t offset = 0;
};

// The text with its mark taken out; of a policy.
inline MarkedFile marked(std::string text, policy::Dialect dialect = policy::Dialect::tailscale,
                         std::shared_ptr<const InventoryState> inventory = small_inventory(),
                         FileKind kind = FileKind::policy) {
  const std::size_t mark = text.find('|');
  EXPECT_NE(mark, std::string::npos) << text;
  if (mark != std::string::npos) text.erase(mark, 1);
  return {make_snapshot("policy.hujson", 1, kind, std::move(text), dialect, std::move(inventory)),
          static_cast<std::uint32_t>(mark)};
}

inline Completion complete_at(const MarkedFile& at, bool snippets = false, const Snapshot* policy = nullptr) {
  return complete({*at.snapshot, known_of(*at.snapshot, policy, nullptr), snippets, {}}, at.offset);
}

inline std::set<std::string> labels(const Completion& completion) {
  std::set<std::string> out;
  for (const CompletionItem& item : completion.items) out.insert(item.label);
  return out;
}

// What the text is once the item is taken.
inline std::string taken(std::string text, const CompletionItem& item) {
  text.replace(item.replace.begin, item.replace.end - item.replace.begin, item.text);
  if (item.before)
    text.replace(item.before->span.begin, item.before->span.end - item.before->span.begin, item.before->text);
  return text;
}

}  // namespace acl::lsp
