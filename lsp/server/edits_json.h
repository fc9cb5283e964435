// Edits in the protocol's words: ranges in the client's encoding, with the versions that they are for where it can take them.
#pragma once

#include <span>
#include <vector>

#include "lsp/server/handlers.h"
#include "lsp/server/navigation.h"

namespace acl::lsp {

Json edits_json(const Snapshot& snapshot, const std::vector<TextEdit>& edits, Encoding encoding);

// A WorkspaceEdit: `documentChanges` or, for clients without, `changes`.
Json workspace_edit(const ClientCan& client, std::span<const FileEdits> files);

}  // namespace acl::lsp
