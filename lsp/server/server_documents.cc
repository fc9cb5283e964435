// The server's notifications about documents, folders and settings, and what it tells of its own accord.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "lsp/server/diagnostics_json.h"
#include "lsp/server/params.h"
#include "lsp/server/server.h"

namespace acl::lsp {
namespace {

// "aclLsp": {"inventory", "dialect", "inlayHints", "codeLens"}, or what is in it; what is missing or of another type is as in `settings`.
Settings settings_of(const Json& object, Settings settings) {
  if (const Json* inner = member(object, "aclLsp")) return settings_of(*inner, std::move(settings));
  if (auto inventory = text_of(object, "inventory")) settings.inventory = std::move(*inventory);
  if (const auto dialect = text_of(object, "dialect")) {
    settings.dialect = *dialect == "headscale" ? policy::Dialect::headscale : policy::Dialect::tailscale;
  }
  const auto boolean = [&](std::string_view name, bool& out) {
    const Json* value = member(object, name);
    if (value != nullptr && value->is_boolean()) out = value->get<bool>();
  };
  boolean("inlayHints", settings.inlay_hints);
  boolean("codeLens", settings.code_lens);
  return settings;
}

std::vector<Folder> folders_of(const Json* list) {
  std::vector<Folder> out;
  if (list == nullptr || !list->is_array()) return out;
  for (const Json& folder : *list) {
    if (auto uri = text_of(folder, "uri")) out.push_back({std::move(*uri), {}, {}});
  }
  return out;
}

ClientCan client_can(const Json& params) {
  const auto can = [&](std::initializer_list<std::string_view> path) {
    const Json* capabilities = member(params, "capabilities");
    return capabilities != nullptr && is_true(*capabilities, path);
  };
  const auto has = [&](std::initializer_list<std::string_view> path, std::string_view word = {}) {
    const Json* at = member(params, "capabilities");
    if (at != nullptr) at = member(*at, path);
    if (at == nullptr || word.empty()) return at != nullptr && !at->is_null();
    if (!at->is_array()) return false;
    return std::any_of(at->begin(), at->end(), [&](const Json& one) { return one.is_string() && one == word; });
  };
  ClientCan out;
  if (has({"general", "positionEncodings"}, "utf-8")) out.encoding = Encoding::utf8;
  out.snippets = can({"textDocument", "completion", "completionItem", "snippetSupport"});
  out.markdown = has({"textDocument", "hover", "contentFormat"}, "markdown");
  out.hierarchical_symbols = can({"textDocument", "documentSymbol", "hierarchicalDocumentSymbolSupport"});
  out.document_changes = can({"workspace", "workspaceEdit", "documentChanges"});
  out.related_information = can({"textDocument", "publishDiagnostics", "relatedInformation"});
  out.diagnostic_tags = has({"textDocument", "publishDiagnostics", "tagSupport"});
  out.code_description = can({"textDocument", "publishDiagnostics", "codeDescriptionSupport"});
  out.code_action_literals = has({"textDocument", "codeAction", "codeActionLiteralSupport"});
  out.pull_diagnostics = has({"textDocument", "diagnostic"});
  out.work_done_progress = can({"window", "workDoneProgress"});
  out.dynamic_watch = can({"workspace", "didChangeWatchedFiles", "dynamicRegistration"});
  // LSP 3.17 spells the member "diagnostics".
  out.refresh_diagnostics = can({"workspace", "diagnostics", "refreshSupport"});
  out.refresh_code_lens = can({"workspace", "codeLens", "refreshSupport"});
  out.refresh_inlay_hints = can({"workspace", "inlayHint", "refreshSupport"});
  out.refresh_semantic_tokens = can({"workspace", "semanticTokens", "refreshSupport"});
  out.line_folding_only = can({"textDocument", "foldingRange", "lineFoldingOnly"});
  out.configuration = can({"workspace", "configuration"});
  return out;
}

}  // namespace

Answer Server::initialize(const Json& params) {
  parent_ = integer_of(params, "processId").value_or(0);
  auto folders = folders_of(member(params, "workspaceFolders"));
  if (folders.empty()) {
    if (auto root = text_of(params, "rootUri")) {
      folders.push_back({std::move(*root), {}, {}});
    } else if (auto path = text_of(params, "rootPath")) {
      folders.push_back({uri_of(*path), {}, {}});
    }
  }
  session_.start(client_can(params), std::move(folders));
  if (const Json* options = member(params, "initializationOptions")) initial_ = settings_of(*options, {});
  session_.set_settings("", initial_);
  phase_ = Phase::running;
  Json capabilities = {
      {"positionEncoding", session_.client().encoding == Encoding::utf8 ? "utf-8" : "utf-16"},
      {"textDocumentSync", {{"openClose", true}, {"change", 2}, {"save", {{"includeText", false}}}}},
      {"workspace", {{"workspaceFolders", {{"supported", true}, {"changeNotifications", true}}}}},
  };
  add_capabilities(capabilities);
  return Json{{"capabilities", std::move(capabilities)},
              {"serverInfo", {{"name", "acl-lsp"}, {"version", ACL_VERSION}}}};
}

void Server::add_capabilities(Json& capabilities) const {
  for (const Methods& group : {completion_methods(), navigation_methods(), editing_methods(), formatting_methods(),
                               display_methods(), command_methods(), diagnostic_methods()}) {
    group.capabilities(session_.client(), capabilities);
  }
}

void Server::initialized(const Json&) {
  if (session_.client().dynamic_watch) {
    Json watchers = Json::array();
    for (const char* glob : {"**/*.hujson", "**/inventory.json"}) watchers.push_back({{"globPattern", glob}});
    request("client/registerCapability", {{"registrations",
                                           {{{"id", "files"},
                                             {"method", "workspace/didChangeWatchedFiles"},
                                             {"registerOptions", {{"watchers", std::move(watchers)}}}}}}});
  }
  ask_configuration();
}

// --- documents --------------------------------------------------------------------------------------------------------

void Server::did_open(const Json& params) {
  const Json* document = member(params, "textDocument");
  if (document == nullptr) return;
  auto uri = text_of(*document, "uri");
  auto text = text_of(*document, "text");
  if (!uri || !text) return;
  session_.open(*uri, integer_of(*document, "version").value_or(0), std::move(*text));
}

void Server::did_change(const Json& params) {
  const auto uri = document_uri(params);
  const Json* list = member(params, "contentChanges");
  if (!uri || list == nullptr || !list->is_array()) return;
  std::vector<Change> changes;
  for (const Json& change : *list) {
    auto text = text_of(change, "text");
    const Json* range = member(change, "range");
    // One that cannot be read leaves a text that nobody knows; the others would make it worse.
    if (!text || (range != nullptr && !range->is_null() && !range_of(range))) return;
    changes.push_back({range_of(range), std::move(*text)});
  }
  session_.change(*uri, integer_of(*member(params, "textDocument"), "version").value_or(0), changes);
}

void Server::did_close(const Json& params) {
  if (const auto uri = document_uri(params)) session_.close(*uri);
}

void Server::did_save(const Json&) { session_.look_again(); }

// --- settings and folders ---------------------------------------------------------------------------------------------

void Server::ask_configuration() {
  if (!session_.client().configuration) return;
  std::vector<std::string> folders;
  Json items = Json::array();
  items.push_back({{"section", "aclLsp"}});
  for (const Folder& folder : session_.folders()) {
    folders.push_back(folder.uri);
    items.push_back({{"scopeUri", folder.uri}, {"section", "aclLsp"}});
  }
  request("workspace/configuration", {{"items", std::move(items)}},
          [this, folders = std::move(folders), number = ++configurations_asked_](const Message& response) {
            // What was asked for later is newer, whichever answer comes first.
            if (number == configurations_asked_) take_configuration(response, folders);
          });
}

// A setting that is no more in the answer is taken back.
void Server::take_configuration(const Message& response, const std::vector<std::string>& folders) {
  if (!response.result || !response.result->is_array()) return;
  const Json& list = *response.result;
  const Settings everywhere = list.empty() ? initial_ : settings_of(list[0], initial_);
  session_.set_settings("", everywhere);
  for (std::size_t i = 1; i < list.size() && i <= folders.size(); ++i) {
    session_.set_settings(folders[i - 1], settings_of(list[i], everywhere));
  }
}

void Server::did_change_configuration(const Json& params) {
  // Who can be asked is: what comes with the notification is of no use there.
  if (session_.client().configuration) return ask_configuration();
  const Json* settings = member(params, "settings");
  if (settings != nullptr && settings->is_object()) session_.set_settings("", settings_of(*settings, initial_));
}

void Server::did_change_folders(const Json& params) {
  std::vector<Folder> folders = session_.folders();
  for (const Folder& gone : folders_of(member(params, {"event", "removed"}))) {
    std::erase_if(folders, [&](const Folder& folder) { return folder.uri == gone.uri; });
  }
  for (Folder& added : folders_of(member(params, {"event", "added"}))) folders.push_back(std::move(added));
  session_.set_folders(std::move(folders));
  ask_configuration();
}

void Server::did_change_watched_files(const Json&) { session_.look_again(); }

// --- what is told -----------------------------------------------------------------------------------------------------

void Server::tell(const Session::Told& told) {
  if (told.diagnostics && (!pulls() || !told.version)) {
    Json params{{"uri", told.uri}};
    if (told.version) params["version"] = *told.version;
    params["diagnostics"] = diagnostics_json(*told.diagnostics, session_.client());
    notify("textDocument/publishDiagnostics", params);
  }
  if (told.diagnostics && told.differs && pulls()) refresh_diagnostics_ = true;
  if (!told.status) return;
  constexpr const char* states[] = {"none", "loading", "ready", "broken"};
  const Status& status = *told.status;
  Json params{{"uri", told.uri},
              {"inventory", status.inventory.empty() ? Json(nullptr) : Json(status.inventory)},
              {"nodes", status.nodes},
              {"users", status.users},
              {"state", states[static_cast<std::size_t>(status.state)]},
              {"message", status.message}};
  if (!status.untested.empty()) params["message"] = status.message + "; the tests could not be run: " + status.untested;
  if (status.tested) {
    params["tests"] = {{"version", *status.tested}, {"passed", status.passed}, {"failed", status.failed}};
  }
  if (status.resolved) params["resolved"] = *status.resolved;
  notify("aclLsp/status", params);
}

}  // namespace acl::lsp
