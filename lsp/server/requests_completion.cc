// Requests: completion, what is told of an item when it is looked at, hover.
#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "lsp/server/completion.h"
#include "lsp/server/cursor.h"
#include "lsp/server/handlers.h"
#include "lsp/server/hover.h"
#include "lsp/server/params.h"
#include "lsp/server/uri.h"

namespace acl::lsp {
namespace {

// LSP 3.17, CompletionItemKind.
int kind_number(ItemKind kind) noexcept {
  switch (kind) {
    case ItemKind::field: return 5;       // Field
    case ItemKind::user: return 6;        // Variable
    case ItemKind::group: return 7;       // Class
    case ItemKind::service: return 8;     // Interface
    case ItemKind::capability: return 9;  // Module
    case ItemKind::attribute: return 10;  // Property
    case ItemKind::port: return 11;       // Unit
    case ItemKind::account: return 12;    // Value
    case ItemKind::autogroup: return 14;  // Keyword
    case ItemKind::snippet: return 15;    // Snippet
    case ItemKind::file: return 17;       // File
    case ItemKind::host:
    case ItemKind::node:
    case ItemKind::rule: return 18;     // Reference
    case ItemKind::word: return 20;     // EnumMember
    case ItemKind::tag: return 21;      // Constant
    case ItemKind::ipset: return 22;    // Struct
    case ItemKind::posture: return 23;  // Event
  }
  return 1;
}

// What the names in a file mean: of a fixture, in the policy that it tests. The snapshots are held for as long as this is.
struct Names {
  std::shared_ptr<const Snapshot> policy;
  std::shared_ptr<const Understanding> understanding;
  Known known;
};

Names names_of(Session& session, const Asked& asked) {
  Names names;
  const Snapshot& file = *asked.snapshot;
  if (file.kind == FileKind::fixture && file.fixture.policy && !file.path.empty()) {
    const auto folder = std::filesystem::path(file.path).parent_path();
    const auto path = (folder / std::string(file.fixture.policy->value)).lexically_normal();
    if (path.is_absolute()) names.policy = session.snapshot(uri_of(path.string()));
  }
  names.understanding = session.understanding(asked.uri);
  names.known = known_of(file, names.policy.get(), names.understanding.get());
  return names;
}

std::vector<std::string> list_folder(const std::string& file, const std::string& folder) {
  std::vector<std::string> names;
  if (file.empty()) return names;
  std::error_code error;
  const auto path = (std::filesystem::path(file).parent_path() / folder).lexically_normal();
  std::filesystem::directory_iterator entries(path, error);
  for (const std::filesystem::directory_iterator end; !error && entries != end && names.size() < 1000;
       entries.increment(error)) {
    std::string name = entries->path().filename().string();
    if (name.empty() || name[0] == '.') continue;
    std::error_code unknown;
    if (entries->is_directory(unknown)) name += '/';
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Json markdown(const ClientCan& client, std::string text) {
  return {{"kind", client.markdown ? "markdown" : "plaintext"}, {"value", std::move(text)}};
}

// What a space brings up everywhere else would be in the way.
bool wants_space(const Snapshot& file, std::uint32_t offset) {
  const Cursor cursor = cursor_at(file.text(), offset, file.whole ? &file.file->tree : nullptr);
  if (!cursor.quoted) return false;
  const bool assertion = cursor.typed.find(':') < cursor.typed.find(' ');
  return assertion || cursor.typed == "add " || cursor.typed == "remove ";
}

Answer answer_completion(Session& session, const Json& params) {
  const auto asked = asked_place(session, params);
  if (!asked) return tl::unexpected<RpcError>(asked.error());
  const Snapshot& file = *asked->snapshot;
  if (const Json* trigger = member(params, {"context", "triggerCharacter"});
      trigger != nullptr && *trigger == " " && !wants_space(file, asked->offset)) {
    return Json{{"isIncomplete", false}, {"items", Json::array()}};
  }
  const Names names = names_of(session, *asked);
  const ClientCan& client = session.client();
  const CompletionContext context{file, names.known, client.snippets,
                                  [&file](const std::string& folder) { return list_folder(file.path, folder); }};
  Completion found = complete(context, asked->offset);
  const auto range = [&](Span span) { return to_json(file.lines.range(file.text(), span, client.encoding)); };
  Json items = Json::array();
  for (CompletionItem& item : found.items) {
    Json out = {{"label", std::move(item.label)}, {"kind", kind_number(item.kind)}};
    if (!item.detail.empty()) out["detail"] = std::move(item.detail);
    if (!item.about.empty()) out["documentation"] = markdown(client, std::move(item.about));
    out["sortText"] = std::move(item.sort);
    out["filterText"] = std::move(item.filter);
    out["insertTextFormat"] = item.snippet ? 2 : 1;
    out["textEdit"] = {{"range", range(item.replace)}, {"newText", std::move(item.text)}};
    if (item.before) {
      out["additionalTextEdits"] = Json::array({{{"range", range(item.before->span)}, {"newText", item.before->text}}});
    }
    if (!item.selector.empty()) out["data"] = {{"uri", asked->uri}, {"selector", std::move(item.selector)}};
    items.push_back(std::move(out));
  }
  return Json{{"isIncomplete", found.incomplete}, {"items", std::move(items)}};
}

// The item, with what it costs more to tell: whom its name stands for.
Answer answer_resolve(Session& session, const Json& params) {
  if (!params.is_object()) return missing("the item");
  Json item = params;
  const Json* data = member(params, "data");
  if (data == nullptr) return item;
  const auto uri = text_of(*data, "uri");
  const auto selector = text_of(*data, "selector");
  if (!uri || !selector) return item;
  const auto snapshot = session.snapshot(*uri);
  if (snapshot == nullptr) return item;
  const Names names = names_of(session, {*uri, snapshot, 0});
  const policy::Selector parsed = policy::parse_selector(*selector, {});
  item["documentation"] = markdown(session.client(), about_selector(names.known, parsed));
  const std::string counted = counts(members_of(names.known, parsed));
  const auto detail = text_of(params, "detail");
  if (!counted.empty() && parsed.kind != policy::SelectorKind::host) {
    item["detail"] = detail ? detail->substr(0, detail->find(',')) + ", " + counted : counted;
  }
  return item;
}

Answer answer_hover(Session& session, const Json& params) {
  const auto asked = asked_place(session, params);
  if (!asked) return tl::unexpected<RpcError>(asked.error());
  const Snapshot& file = *asked->snapshot;
  const Names names = names_of(session, *asked);
  auto found = hover(file, names.known, asked->offset);
  if (!found) return Json(nullptr);
  return Json{{"contents", markdown(session.client(), std::move(found->markdown))},
              {"range", to_json(file.lines.range(file.text(), found->span, session.client().encoding))}};
}

constexpr std::array methods = {
    Method{"textDocument/completion", answer_completion},
    Method{"completionItem/resolve", answer_resolve},
    Method{"textDocument/hover", answer_hover},
};

void say_capabilities(const ClientCan&, Json& capabilities) {
  capabilities["completionProvider"] = {{"triggerCharacters", {"\"", ":", "@", "/", " ", "'", "["}},
                                        {"resolveProvider", true}};
  capabilities["hoverProvider"] = true;
}

}  // namespace

Methods completion_methods() { return {methods, say_capabilities}; }

}  // namespace acl::lsp
