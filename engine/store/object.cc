#include "engine/store/object.h"

#include <fmt/format.h>

#include "engine/release/text.h"

namespace acl::store {

using release::quoted;

Expected<release::ObjectName> require_name(std::string_view name) {
  const auto parsed = release::parse_name(name);
  if (!parsed) return fail(Code::E1107, fmt::format("{} is no name of an object of a release", quoted(name)));
  return *parsed;
}

Expected<release::ObjectName> require_immutable(std::string_view name) {
  auto parsed = require_name(name);
  if (parsed && parsed->kind == release::NameKind::latest) {
    return fail(Code::E1107, "\"latest\" is moved from one release to the next, not put or removed");
  }
  return parsed;
}

}  // namespace acl::store
