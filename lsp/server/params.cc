#include "lsp/server/params.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace acl::lsp {

const Json* member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

const Json* member(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* at = &object;
  for (const std::string_view name : path) {
    at = member(*at, name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::optional<std::string> text_of(const Json& object, std::string_view name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

std::optional<std::int64_t> integer_of(const Json& object, std::string_view name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  if (value->is_number_unsigned()) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(std::min(value->get<std::uint64_t>(), most));
  }
  if (value->is_number_integer()) return value->get<std::int64_t>();
  // Some clients have no integers. Beyond what a double tells apart the value does not matter.
  constexpr double whole = 9007199254740992.0;
  const double number = value->get<double>();
  return number >= -whole && number <= whole ? static_cast<std::int64_t>(number)
         : number > 0                        ? 1LL << 53
                                             : -(1LL << 53);
}

bool is_true(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* value = member(object, path);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::optional<Point> point_of(const Json* value) {
  if (value == nullptr) return std::nullopt;
  const auto line = integer_of(*value, "line");
  const auto character = integer_of(*value, "character");
  if (!line || !character) return std::nullopt;
  const auto cut = [](std::int64_t number) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(number, 0, std::numeric_limits<std::int32_t>::max()));
  };
  return Point{cut(*line), cut(*character)};
}

std::optional<Range> range_of(const Json* value) {
  if (value == nullptr) return std::nullopt;
  const auto start = point_of(member(*value, "start"));
  const auto end = point_of(member(*value, "end"));
  if (!start || !end) return std::nullopt;
  return *end < *start ? Range{*end, *start} : Range{*start, *end};
}

std::optional<std::string> document_uri(const Json& params) {
  const Json* document = member(params, "textDocument");
  return document == nullptr ? std::nullopt : text_of(*document, "uri");
}

tl::expected<Asked, RpcError> asked_file(Session& session, const Json& params) {
  auto uri = document_uri(params);
  if (!uri) return missing("textDocument.uri");
  auto snapshot = session.snapshot(*uri);
  if (snapshot == nullptr) {
    return tl::unexpected(RpcError{request_failed, fmt::format("\"{}\" is not open and cannot be read", *uri)});
  }
  return Asked{std::move(*uri), std::move(snapshot), 0};
}

tl::expected<Asked, RpcError> asked_place(Session& session, const Json& params) {
  const auto point = point_of(member(params, "position"));
  if (!point) return missing("position");
  auto asked = asked_file(session, params);
  if (asked) asked->offset = asked->snapshot->lines.offset(asked->snapshot->text(), *point, session.client().encoding);
  return asked;
}

// Built by hand: answers are mostly ranges, and lists of initializers cost several allocations each.
Json to_json(Point point) {
  Json out = Json::object();
  out.emplace("line", point.line);
  out.emplace("character", point.character);
  return out;
}

Json to_json(Range range) {
  Json out = Json::object();
  out.emplace("start", to_json(range.start));
  out.emplace("end", to_json(range.end));
  return out;
}

tl::unexpected<RpcError> missing(std::string_view what) {
  return tl::unexpected(RpcError{invalid_params, fmt::format("the parameters have no valid \"{}\"", what)});
}

}  // namespace acl::lsp
