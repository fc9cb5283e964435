// Related files: those that a name in one file may refer to, or be referred to from.
//
//     fixture ──▶ policy ──▶ inventory          a fixture names its policy, the inventory stands beside it or is configured
//
// A policy comes with the fixtures that name it: those open in the editor, and those in its own folder. Two policies are never
// related, but through an inventory that is asked about and that both use.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/session.h"

namespace acl::lsp {

struct File {
  std::string uri;
  std::shared_ptr<const Snapshot> snapshot;  // never null
  // Whose devices its questions are about: a policy's own inventory, the one a fixture names, has in it, or finds beside its policy.
  std::shared_ptr<const InventoryState> inventory{};
  bool unread = false;  // there is one, but it has errors, or is still being read
};

// The file itself first; empty if it cannot be read. Each file once.
std::vector<File> related_files(Session& session, std::string_view uri);

// The path that a text of a fixture means: relative to the fixture's folder.
std::string resolve_path(std::string_view fixture, std::string_view path);
// Of a fixture: its policy's; "" if it names none.
std::string policy_path(const Snapshot& fixture);

// The URI of a path: the one an open file has, else a new one.
std::string uri_for(Session& session, const std::string& path);

}  // namespace acl::lsp
