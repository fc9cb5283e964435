// Requests: the diagnostics of a file, and of all files, for clients that ask for them.
//
// What tests say comes later than what the text says; when it is there, the client is told to ask again (server.cc). A result's
// id is a digest of it, so that an answer that did not change is not sent twice.
#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "lsp/server/diagnostics_json.h"
#include "lsp/server/params.h"

namespace acl::lsp {

Json diagnostics_json(const std::vector<Shown>& shown, const ClientCan& client) {
  Json out = Json::array();
  for (const Shown& one : shown) {
    // 1 error, 2 warning, 3 information.
    Json json{{"range", to_json(one.range)},
              {"severity", static_cast<int>(one.severity) + 1},
              {"code", code_name(one.code)},
              {"source", "aclc"},
              {"message", one.message}};
    if (client.code_description) {
      if (std::string uri = code_page_uri(one.code); !uri.empty()) json["codeDescription"] = {{"href", std::move(uri)}};
    }
    if (client.diagnostic_tags && one.unnecessary) json["tags"] = Json::array({1});
    if (client.related_information && !one.related.empty()) {
      Json related = Json::array();
      for (const ShownRelated& other : one.related) {
        related.push_back(
            {{"location", {{"uri", other.uri}, {"range", to_json(other.range)}}}, {"message", other.message}});
      }
      json["relatedInformation"] = std::move(related);
    }
    out.push_back(std::move(json));
  }
  return out;
}

namespace {

Json report(Session& session, const std::string& uri, const std::string& previous) {
  Json items = diagnostics_json(session.diagnostics(uri), session.client());
  const std::string text = items.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string id = fmt::format("{:016x}", std::hash<std::string>{}(text));
  if (id == previous) return {{"kind", "unchanged"}, {"resultId", std::move(id)}};
  return {{"kind", "full"}, {"resultId", std::move(id)}, {"items", std::move(items)}};
}

Answer document_diagnostic(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  return report(session, asked->uri, text_of(params, "previousResultId").value_or(""));
}

Answer workspace_diagnostic(Session& session, const Json& params) {
  std::map<std::string, std::string> previous;
  if (const Json* list = member(params, "previousResultIds"); list != nullptr && list->is_array()) {
    for (const Json& one : *list) previous[text_of(one, "uri").value_or("")] = text_of(one, "value").value_or("");
  }
  std::vector<std::string> uris = session.open_files();
  for (std::string& uri : session.closed_inventories()) uris.push_back(std::move(uri));
  Json items = Json::array();
  for (const std::string& uri : uris) {
    Json one = report(session, uri, previous[uri]);
    one["uri"] = uri;
    const auto snapshot = session.snapshot(uri);
    one["version"] = snapshot && snapshot->version >= 0 ? Json(snapshot->version) : Json(nullptr);
    items.push_back(std::move(one));
  }
  return Json{{"items", std::move(items)}};
}

constexpr Method methods[] = {
    {"textDocument/diagnostic", document_diagnostic},
    {"workspace/diagnostic", workspace_diagnostic},
};

}  // namespace

Methods diagnostic_methods() {
  return {methods, [](const ClientCan& client, Json& capabilities) {
            // Who cannot be told to ask again would never see the tests' failures: they are sent instead.
            if (!client.pull_diagnostics || !client.refresh_diagnostics) return;
            capabilities["diagnosticProvider"] = {
                {"identifier", "aclc"}, {"interFileDependencies", true}, {"workspaceDiagnostics", true}};
          }};
}

}  // namespace acl::lsp
