// Requests: folding, selection ranges, semantic tokens, inlay hints, code lens.
#include <array>
#include <nlohmann/json.hpp>

#include "lsp/server/code_lens.h"
#include "lsp/server/inlay_hints.h"
#include "lsp/server/params.h"
#include "lsp/server/related.h"
#include "lsp/server/semantic_tokens.h"
#include "lsp/server/structure.h"

namespace acl::lsp {
namespace {

Span whole(const Snapshot& snapshot) { return {0, static_cast<std::uint32_t>(snapshot.text().size())}; }

Answer folding(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  Json out = Json::array();
  for (const Fold& fold : folds(asked->snapshot->text())) {
    Json one = {{"startLine", fold.first}, {"endLine", fold.last}};
    if (fold.comment) one["kind"] = "comment";
    out.push_back(std::move(one));
  }
  return out;
}

// --- selection ranges -------------------------------------------------------------------------------------------------

// The innermost first; as nested objects, bounded, since clients read them recursively.
Json nested(const std::vector<Span>& spans, const Snapshot& snapshot, Encoding encoding) {
  constexpr std::size_t most = 100;
  const auto range = [&](Span span) { return to_json(snapshot.lines.range(snapshot.text(), span, encoding)); };
  Json out = {{"range", range(spans.back())}};
  for (std::size_t i = std::min(spans.size() - 1, most); i-- > 0;) {
    out = Json{{"range", range(spans[i])}, {"parent", std::move(out)}};
  }
  return out;
}

Answer selection_ranges(Session& session, const Json& params) {
  constexpr std::size_t most = 1000;
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const Json* positions = member(params, "positions");
  if (positions == nullptr || !positions->is_array()) return missing("positions");
  if (positions->size() > most) return tl::unexpected(RpcError{request_failed, "more than 1000 positions"});
  const Snapshot& snapshot = *asked->snapshot;
  const Encoding encoding = session.client().encoding;
  std::vector<std::uint32_t> offsets;
  for (const Json& position : *positions) {
    const auto point = point_of(&position);
    if (!point) return missing("positions");
    offsets.push_back(snapshot.lines.offset(snapshot.text(), *point, encoding));
  }
  Json out = Json::array();
  for (const auto& spans : selections(snapshot.file->tree, snapshot.text(), offsets)) {
    out.push_back(nested(spans, snapshot, encoding));
  }
  return out;
}

// --- semantic tokens --------------------------------------------------------------------------------------------------

Json tokens(Session& session, const Asked& asked, Span range) {
  const Snapshot& snapshot = *asked.snapshot;
  std::shared_ptr<const Snapshot> policy;
  if (const std::string path = policy_path(snapshot); !path.empty()) policy = session.snapshot(uri_for(session, path));
  const auto all = semantic_tokens(snapshot, policy.get(), range);
  return {{"data", encode(all, snapshot.text(), snapshot.lines, session.client().encoding)}};
}

Answer all_tokens(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  return tokens(session, *asked, whole(*asked->snapshot));
}

Answer tokens_in(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const auto range = range_of(member(params, "range"));
  if (!range) return missing("range");
  return tokens(session, *asked,
                asked->snapshot->lines.span(asked->snapshot->text(), *range, session.client().encoding));
}

// --- inlay hints ------------------------------------------------------------------------------------------------------

Answer hints(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const auto range = range_of(member(params, "range"));
  if (!range) return missing("range");
  Json out = Json::array();
  if (!session.settings(asked->uri).inlay_hints) return out;
  const Snapshot& snapshot = *asked->snapshot;
  const Encoding encoding = session.client().encoding;
  const auto understanding = session.understanding(asked->uri);
  for (const InlayHint& hint :
       inlay_hints(snapshot, understanding.get(), snapshot.lines.span(snapshot.text(), *range, encoding))) {
    Json one = {{"position", to_json(snapshot.lines.point(snapshot.text(), hint.offset, encoding))},
                {"label", hint.label},
                {"paddingLeft", true}};
    if (!hint.tooltip.empty()) one["tooltip"] = hint.tooltip;
    out.push_back(std::move(one));
  }
  return out;
}

// --- code lens --------------------------------------------------------------------------------------------------------

Json argument(const std::string& uri, const Lens& lens) {
  Json out = {{"uri", uri}};
  if (is_test(lens)) {
    out["section"] = lens.section;
    out["index"] = lens.index;
  } else {
    out["rule"] = lens.section + "[" + std::to_string(lens.index) + "]";
  }
  return out;
}

Json command(std::string title, const std::string& uri, const Lens& lens) {
  return {{"title", std::move(title)},
          {"command", is_test(lens) ? "aclLsp.runTests" : "aclLsp.showReached"},
          {"arguments", Json::array({argument(uri, lens)})}};
}

Answer lenses(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  Json out = Json::array();
  if (!session.settings(asked->uri).code_lens) return out;
  const Snapshot& snapshot = *asked->snapshot;
  const auto understanding = session.understanding(asked->uri);
  const std::vector<Lens> all = code_lenses(snapshot);
  const std::vector<std::optional<std::string>> outcomes = outcome_titles(snapshot, all, session.outcome(asked->uri));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Lens& lens = all[i];
    const Json range = to_json(snapshot.lines.range(snapshot.text(), lens.span, session.client().encoding));
    if (is_test(lens)) {
      if (outcomes[i]) out.push_back({{"range", range}, {"command", command(*outcomes[i], asked->uri, lens)}});
      out.push_back({{"range", range}, {"command", command("Run test", asked->uri, lens)}});
    } else if (understanding != nullptr) {
      out.push_back(
          {{"range", range}, {"data", {{"uri", asked->uri}, {"section", lens.section}, {"index", lens.index}}}});
    }
  }
  return out;
}

Answer resolve_lens(Session& session, const Json& params) {
  const Json* data = member(params, "data");
  if (data == nullptr) return params;
  const auto uri = text_of(*data, "uri");
  const auto section = text_of(*data, "section");
  const auto index = integer_of(*data, "index");
  if (!uri || !section || !index) return missing("data");
  const auto snapshot = session.snapshot(*uri);
  const auto understanding = session.understanding(*uri);
  std::string title = "not known yet";
  Lens found{{}, *section, static_cast<std::uint32_t>(std::clamp<std::int64_t>(*index, 0, 0x7fffffff))};
  if (snapshot != nullptr) {
    for (const Lens& lens : code_lenses(*snapshot)) {
      if (lens.section != found.section || lens.index != found.index) continue;
      found = lens;
      if (understanding != nullptr) title = reach_title(*snapshot, lens, *understanding).value_or(title);
    }
  }
  Json out = params;
  out["command"] = command(std::move(title), *uri, found);
  return out;
}

constexpr std::array methods = {
    Method{"textDocument/foldingRange", folding},
    Method{"textDocument/selectionRange", selection_ranges},
    Method{"textDocument/semanticTokens/full", all_tokens},
    Method{"textDocument/semanticTokens/range", tokens_in},
    Method{"textDocument/inlayHint", hints},
    Method{"textDocument/codeLens", lenses},
    Method{"codeLens/resolve", resolve_lens},
};

}  // namespace

Methods display_methods() {
  return {methods, [](const ClientCan&, Json& capabilities) {
            capabilities["foldingRangeProvider"] = true;
            capabilities["selectionRangeProvider"] = true;
            capabilities["semanticTokensProvider"] = {
                {"legend", {{"tokenTypes", token_types}, {"tokenModifiers", token_modifiers}}},
                {"full", true},
                {"range", true}};
            capabilities["inlayHintProvider"] = true;
            capabilities["codeLensProvider"] = {{"resolveProvider", true}};
          }};
}

}  // namespace acl::lsp
