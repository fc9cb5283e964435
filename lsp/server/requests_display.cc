// Requests: folding, selection ranges, semantic tokens, inlay hints, code lens.
#include <nlohmann/json.hpp>

#include "lsp/server/handlers.h"

namespace acl::lsp {

Methods display_methods() {
  return {{}, [](const ClientCan&, Json&) {}};
}

}  // namespace acl::lsp
