// Requests: formatting of a whole document, and of a range of it.
//
// The options that a client sends (tab size, spaces) are not asked: there is one layout, that of `aclc fmt`. A text with syntax errors is
// left as it is; its diagnostics say why.
#include <nlohmann/json.hpp>

#include "lsp/server/formatting.h"
#include "lsp/server/handlers.h"
#include "lsp/server/params.h"

namespace acl::lsp {
namespace {

Json edits_json(const Snapshot& snapshot, const std::vector<TextEdit>& edits, Encoding encoding) {
  Json out = Json::array();
  for (const TextEdit& edit : edits) {
    out.push_back(
        {{"range", to_json(snapshot.lines.range(snapshot.text(), edit.span, encoding))}, {"newText", edit.text}});
  }
  return out;
}

Answer format_document(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const Snapshot& snapshot = *asked->snapshot;
  if (!snapshot.whole) return Json(nullptr);
  return edits_json(snapshot, format_edits(snapshot.file->tree), session.client().encoding);
}

Answer format_range(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const auto range = range_of(member(params, "range"));
  if (!range) return missing("range");
  const Snapshot& snapshot = *asked->snapshot;
  if (!snapshot.whole) return Json(nullptr);
  const Encoding encoding = session.client().encoding;
  const Span span = snapshot.lines.span(snapshot.text(), *range, encoding);
  return edits_json(snapshot, format_edits(snapshot.file->tree, span), encoding);
}

constexpr Method methods[] = {
    {"textDocument/formatting", format_document},
    {"textDocument/rangeFormatting", format_range},
};

}  // namespace

Methods formatting_methods() {
  return {methods, [](const ClientCan&, Json& capabilities) {
            capabilities["documentFormattingProvider"] = true;
            capabilities["documentRangeFormattingProvider"] = true;
          }};
}

}  // namespace acl::lsp
