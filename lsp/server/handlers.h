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
  int code = 0;
  std::string message;
};
inline constexpr int parse_error = -32700;
inline constexpr int invalid_request = -32600;
inline constexpr int method_not_found = -32601;
inline constexpr int invalid_params = -32602;
inline constexpr int internal_error = -32603;
inline constexpr int server_not_initialized = -32002;
inline constexpr int request_failed = -32803;
inline constexpr int server_cancelled = -32802;
inline constexpr int request_cancelled = -32800;

using Answer = tl::expected<Json, RpcError>;

struct Method {
  std::string_view name;  // "textDocument/hover"
  Answer (*answer)(Session& session, const Json& params);
};

// What one file of requests answers, and what it says of that in the capabilities of `initialize`.
struct Methods {
  std::span<const Method> methods;
  void (*capabilities)(const ClientCan& client, Json& capabilities);
};

Methods completion_methods();  // completion, hover
Methods navigation_methods();  // definition, references, highlight, rename, symbols, document links
Methods editing_methods();     // code actions
Methods formatting_methods();  // formatting of documents and ranges
Methods display_methods();     // folding, selection ranges, semantic tokens, inlay hints, code lens
Methods command_methods();     // workspace/executeCommand
Methods diagnostic_methods();  // diagnostics that the client asks for

}  // namespace acl::lsp
