// Handlers: the requests of LSP, each a function of the session and its parameters. A group of them has a file of its own that turns JSON
// into values, calls the feature (completion.h, hover.h, …: values in, values out, no JSON) and turns its answer into JSON.
//
// Parameters are a stranger's JSON: readers in params.h are total, and what is missing or of a wrong type is answered with InvalidParams.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "lsp/server/session.h"

namespace acl::lsp {

using Json = nlohmann::ordered_json;

// JSON-RPC 2.0 and LSP 3.17 error codes.
struct RpcError {
  int code = -32603;
  std::string message;
};
inline constexpr int invalid_params = -32602;
inline constexpr int request_failed = -32803;

using Answer = tl::expected<Json, RpcError>;

struct Method {
  std::string_view name;  // "textDocument/hover"
  Answer (*answer)(Session& session, const Json& params);
};

std::span<const Method> completion_methods();  // completion, hover
std::span<const Method> navigation_methods();  // definition, references, highlight, rename, symbols, document links
std::span<const Method> editing_methods();     // formatting, code actions
std::span<const Method> display_methods();     // folding, selection ranges, semantic tokens, inlay hints, code lens
std::span<const Method> command_methods();     // workspace/executeCommand

}  // namespace acl::lsp
