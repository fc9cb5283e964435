// Requests: formatting.
#include <nlohmann/json.hpp>

#include "lsp/server/handlers.h"

namespace acl::lsp {

Methods formatting_methods() {
  return {{}, [](const ClientCan&, Json&) {}};
}

}  // namespace acl::lsp
