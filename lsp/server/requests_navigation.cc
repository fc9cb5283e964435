// Requests: definition, references, highlight, rename, symbols, document links.
#include <nlohmann/json.hpp>

#include "lsp/server/handlers.h"

namespace acl::lsp {

Methods navigation_methods() {
  return {{}, [](const ClientCan&, Json&) {}};
}

}  // namespace acl::lsp
