// Params: readers of a request's parameters, and writers of what answers are made of.
//
// A client's JSON is a stranger's: a member that is missing or of another type is nothing here, never an exception. Numbers out of
// range are cut to it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lsp/server/handlers.h"

namespace acl::lsp {

// The member of an object; null if it is none or has no such member.
const Json* member(const Json& object, std::string_view name);
// The member at the end of a path of members.
const Json* member(const Json& object, std::initializer_list<std::string_view> path);

std::optional<std::string> text_of(const Json& object, std::string_view name);
std::optional<std::int64_t> integer_of(const Json& object, std::string_view name);
// False if there is no such member, or it is no boolean.
bool is_true(const Json& object, std::initializer_list<std::string_view> path);

std::optional<Point> point_of(const Json* value);
std::optional<Range> range_of(const Json* value);

// params.textDocument.uri
std::optional<std::string> document_uri(const Json& params);

// What most requests are about: a file, {textDocument: {uri}}, and for some a place in it, {position}.
struct Asked {
  std::string uri;
  std::shared_ptr<const Snapshot> snapshot;  // never null
  std::uint32_t offset = 0;
};
tl::expected<Asked, RpcError> asked_file(Session& session, const Json& params);
tl::expected<Asked, RpcError> asked_place(Session& session, const Json& params);

Json to_json(Point point);
Json to_json(Range range);

// The answer to parameters that cannot be read; `what` in words: "textDocument.uri".
tl::unexpected<RpcError> missing(std::string_view what);

}  // namespace acl::lsp
