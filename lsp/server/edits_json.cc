#include "lsp/server/edits_json.h"

#include <nlohmann/json.hpp>

#include "lsp/server/params.h"

namespace acl::lsp {

Json edits_json(const Snapshot& snapshot, const std::vector<TextEdit>& edits, Encoding encoding) {
  Json out = Json::array();
  for (const TextEdit& edit : edits) {
    out.push_back(
        {{"range", to_json(snapshot.lines.range(snapshot.text(), edit.span, encoding))}, {"newText", edit.text}});
  }
  return out;
}

Json workspace_edit(const ClientCan& client, std::span<const FileEdits> files) {
  if (!client.document_changes) {
    Json changes = Json::object();
    for (const FileEdits& one : files) {
      changes[one.file->uri] = edits_json(*one.file->snapshot, one.edits, client.encoding);
    }
    return {{"changes", std::move(changes)}};
  }
  Json changes = Json::array();
  for (const FileEdits& one : files) {
    const std::int64_t version = one.file->snapshot->version;
    Json document = {{"uri", one.file->uri}, {"version", nullptr}};
    if (version >= 0) document["version"] = version;
    changes.push_back({{"textDocument", std::move(document)},
                       {"edits", edits_json(*one.file->snapshot, one.edits, client.encoding)}});
  }
  return {{"documentChanges", std::move(changes)}};
}

}  // namespace acl::lsp
