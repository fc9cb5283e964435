// Requests: completion, hover.
#include <nlohmann/json.hpp>

#include "lsp/server/handlers.h"

namespace acl::lsp {

Methods completion_methods() {
  return {{}, [](const ClientCan&, Json&) {}};
}

}  // namespace acl::lsp
