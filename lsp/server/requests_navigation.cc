// Requests: definition, references, highlights, rename, symbols of a file and of all open ones, links.
#include <array>
#include <nlohmann/json.hpp>

#include "lsp/server/edits_json.h"
#include "lsp/server/links.h"
#include "lsp/server/navigation.h"
#include "lsp/server/outline.h"
#include "lsp/server/params.h"
#include "lsp/server/related.h"

namespace acl::lsp {
namespace {

// A file and a place in it with all files that it has to do with.
struct Place {
  std::vector<File> files;
  std::uint32_t offset = 0;
};
tl::expected<Place, RpcError> place_of(Session& session, const Json& params) {
  auto asked = asked_place(session, params);
  if (!asked) return tl::unexpected(std::move(asked.error()));
  Place out{related_files(session, asked->uri), asked->offset};
  if (out.files.empty()) return tl::unexpected(RpcError{request_failed, "the file cannot be read"});
  return out;
}

Json location(const Found& found, Encoding encoding) {
  const Snapshot& snapshot = *found.file->snapshot;
  return {{"uri", found.file->uri}, {"range", to_json(snapshot.lines.range(snapshot.text(), found.span, encoding))}};
}

Json locations(const std::vector<Found>& all, Encoding encoding) {
  Json out = Json::array();
  for (const Found& found : all) out.push_back(location(found, encoding));
  return out;
}

Answer definition(Session& session, const Json& params) {
  const auto place = place_of(session, params);
  if (!place) return tl::unexpected(place.error());
  return locations(definitions(place->files, place->offset), session.client().encoding);
}

Answer find_references(Session& session, const Json& params) {
  const auto place = place_of(session, params);
  if (!place) return tl::unexpected(place.error());
  const bool with_definitions = is_true(params, {"context", "includeDeclaration"});
  return locations(references(place->files, place->offset, with_definitions), session.client().encoding);
}

Answer highlight(Session& session, const Json& params) {
  const auto asked = asked_place(session, params);
  if (!asked) return tl::unexpected(asked.error());
  constexpr int read = 2, write = 3;
  const File file{asked->uri, asked->snapshot};
  Json out = Json::array();
  for (const Found& found : highlights(file, asked->offset)) {
    out.push_back({{"range", to_json(asked->snapshot->lines.range(asked->snapshot->text(), found.span,
                                                                  session.client().encoding))},
                   {"kind", found.definition ? write : read}});
  }
  return out;
}

tl::unexpected<RpcError> refused(std::string reason) {
  return tl::unexpected(RpcError{request_failed, std::move(reason)});
}

Answer prepare(Session& session, const Json& params) {
  const auto place = place_of(session, params);
  if (!place) return tl::unexpected(place.error());
  const auto found = prepare_rename(place->files, place->offset);
  if (!found) return refused(found.error());
  const Snapshot& snapshot = *place->files[0].snapshot;
  return Json{{"range", to_json(snapshot.lines.range(snapshot.text(), found->span, session.client().encoding))},
              {"placeholder", found->name}};
}

Answer do_rename(Session& session, const Json& params) {
  const auto name = text_of(params, "newName");
  if (!name) return missing("newName");
  const auto place = place_of(session, params);
  if (!place) return tl::unexpected(place.error());
  const auto edits = rename(place->files, place->offset, *name);
  if (!edits) return refused(edits.error());
  return workspace_edit(session.client(), *edits);
}

// --- symbols ----------------------------------------------------------------------------------------------------------

// LSP's SymbolKind.
int kind_number(SymbolKind kind) noexcept {
  switch (kind) {
    case SymbolKind::section: return 3;   // Namespace
    case SymbolKind::group: return 5;     // Class
    case SymbolKind::tag: return 22;      // EnumMember
    case SymbolKind::host: return 14;     // Constant
    case SymbolKind::ipset: return 18;    // Array
    case SymbolKind::posture: return 11;  // Interface
    case SymbolKind::rule: return 12;     // Function
    case SymbolKind::test: return 6;      // Method
    case SymbolKind::setting: return 7;   // Property
    case SymbolKind::user: return 13;     // Variable
    case SymbolKind::node: return 19;     // Object
    case SymbolKind::service: return 2;   // Module
  }
  return 13;
}

bool in_one_line(const Symbol& symbol) { return symbol.kind == SymbolKind::rule || symbol.kind == SymbolKind::test; }

// "acls[3]: group:eng → tag:db:5432"
std::string title(const Symbol& symbol) {
  return in_one_line(symbol) && !symbol.detail.empty() ? symbol.name + ": " + symbol.detail : symbol.name;
}

Json hierarchy(const std::vector<Symbol>& symbols, const Snapshot& snapshot, Encoding encoding) {
  Json out = Json::array();
  const auto range = [&](Span span) { return to_json(snapshot.lines.range(snapshot.text(), span, encoding)); };
  for (const Symbol& symbol : symbols) {
    Json one = Json::object();
    one.emplace("name", title(symbol));
    one.emplace("kind", kind_number(symbol.kind));
    if (!symbol.detail.empty() && !in_one_line(symbol)) one.emplace("detail", symbol.detail);
    one.emplace("range", range(symbol.span));
    one.emplace("selectionRange", range(symbol.name_span));
    if (!symbol.children.empty()) one["children"] = hierarchy(symbol.children, snapshot, encoding);
    out.push_back(std::move(one));
  }
  return out;
}

// Whether what is typed stands in the name, letter case ignored; anything does if nothing is typed.
bool fits(const Symbol& symbol, std::string_view query) {
  return policy::lower_case(title(symbol)).find(query) != std::string::npos;
}

// As a flat list, children behind their parents.
void flatten(const std::vector<Symbol>& symbols, const File& file, Encoding encoding, std::string_view query,
             std::string_view container, Json& out) {
  constexpr std::size_t most = 2000;
  for (const Symbol& symbol : symbols) {
    if (out.size() >= most) return;
    if (fits(symbol, query)) {
      const Snapshot& snapshot = *file.snapshot;
      Json one = {
          {"name", title(symbol)},
          {"kind", kind_number(symbol.kind)},
          {"location",
           {{"uri", file.uri}, {"range", to_json(snapshot.lines.range(snapshot.text(), symbol.name_span, encoding))}}}};
      if (!container.empty()) one["containerName"] = container;
      out.push_back(std::move(one));
    }
    flatten(symbol.children, file, encoding, query, symbol.name, out);
  }
}

Answer document_symbols(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const std::vector<Symbol> symbols = outline(*asked->snapshot);
  const Encoding encoding = session.client().encoding;
  if (session.client().hierarchical_symbols) return hierarchy(symbols, *asked->snapshot, encoding);
  Json out = Json::array();
  flatten(symbols, {asked->uri, asked->snapshot}, encoding, "", "", out);
  return out;
}

Answer workspace_symbols(Session& session, const Json& params) {
  const std::string query = policy::lower_case(text_of(params, "query").value_or(""));
  Json out = Json::array();
  for (const std::string& uri : session.open_files()) {
    auto snapshot = session.snapshot(uri);
    if (snapshot == nullptr) continue;
    const File file{uri, std::move(snapshot)};
    flatten(outline(*file.snapshot), file, session.client().encoding, query, "", out);
  }
  return out;
}

Answer document_links(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const Snapshot& snapshot = *asked->snapshot;
  Json out = Json::array();
  for (const Link& link : links(snapshot)) {
    out.push_back({{"range", to_json(snapshot.lines.range(snapshot.text(), link.span, session.client().encoding))},
                   {"target", link.path.empty() ? link.url : uri_for(session, link.path)},
                   {"tooltip", link.tooltip}});
  }
  return out;
}

constexpr std::array methods = {
    Method{"textDocument/definition", definition},
    Method{"textDocument/references", find_references},
    Method{"textDocument/documentHighlight", highlight},
    Method{"textDocument/prepareRename", prepare},
    Method{"textDocument/rename", do_rename},
    Method{"textDocument/documentSymbol", document_symbols},
    Method{"workspace/symbol", workspace_symbols},
    Method{"textDocument/documentLink", document_links},
};

}  // namespace

Methods navigation_methods() {
  return {methods, [](const ClientCan&, Json& capabilities) {
            capabilities["definitionProvider"] = true;
            capabilities["referencesProvider"] = true;
            capabilities["documentHighlightProvider"] = true;
            capabilities["renameProvider"] = {{"prepareProvider", true}};
            capabilities["documentSymbolProvider"] = true;
            capabilities["workspaceSymbolProvider"] = true;
            capabilities["documentLinkProvider"] = {{"resolveProvider", false}};
          }};
}

}  // namespace acl::lsp
