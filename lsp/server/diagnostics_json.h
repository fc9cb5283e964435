// Diagnostics as LSP has them.
#pragma once

#include <string>
#include <vector>

#include "lsp/server/handlers.h"

namespace acl::lsp {

Json diagnostics_json(const std::vector<Shown>& shown, const ClientCan& client);

}  // namespace acl::lsp
