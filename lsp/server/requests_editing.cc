// Requests: code actions.
#include <nlohmann/json.hpp>

#include "lsp/server/handlers.h"

namespace acl::lsp {

Methods editing_methods() {
  return {{}, [](const ClientCan&, Json&) {}};
}

}  // namespace acl::lsp
