// Requests: code actions.
#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "lsp/server/code_actions.h"
#include "lsp/server/edits_json.h"
#include "lsp/server/params.h"

namespace acl::lsp {
namespace {

std::string_view kind_name(CodeAction::Kind kind) noexcept {
  switch (kind) {
    case CodeAction::Kind::quick_fix: return "quickfix";
    case CodeAction::Kind::rewrite: return "refactor.rewrite";
    case CodeAction::Kind::fix_all: return "source.fixAll";
  }
  return "quickfix";
}

// A kind stands for itself and what is below it: "refactor" for "refactor.rewrite".
bool is_below(std::string_view kind, std::string_view wanted) {
  return wanted.empty() || kind == wanted ||
         (kind.size() > wanted.size() && kind.substr(0, wanted.size()) == wanted && kind[wanted.size()] == '.');
}

Wanted wanted_of(const Json& params) {
  const Json* only = member(params, {"context", "only"});
  if (only == nullptr || !only->is_array()) return {};
  const auto asks = [&](CodeAction::Kind kind) {
    return std::any_of(only->begin(), only->end(), [&](const Json& one) {
      return one.is_string() && is_below(kind_name(kind), one.get_ref<const std::string&>());
    });
  };
  return {asks(CodeAction::Kind::quick_fix), asks(CodeAction::Kind::rewrite), asks(CodeAction::Kind::fix_all)};
}

// The client's own diagnostics, as it sent them, by what tells them apart: code and range.
class Sent {
 public:
  explicit Sent(const Json& params) {
    const Json* known = member(params, {"context", "diagnostics"});
    if (known == nullptr || !known->is_array()) return;
    for (const Json& one : *known) {
      const auto code = text_of(one, "code");
      const auto range = range_of(member(one, "range"));
      if (code && range) known_.emplace(key(*code, *range), &one);
    }
  }

  // Those that the action is for.
  [[nodiscard]] Json fixed_by(const CodeAction& action, const Snapshot& snapshot, Encoding encoding) const {
    Json out = Json::array();
    if (known_.empty()) return out;
    for (const std::uint32_t index : action.fixes) {
      const Diagnostic& d = snapshot.diagnostics[index];
      const auto found =
          known_.find(key(code_name(d.code), snapshot.lines.range(snapshot.text(), d.place->bytes, encoding)));
      if (found != known_.end()) out.push_back(*found->second);
    }
    return out;
  }

 private:
  using Key = std::tuple<std::string, Point, Point>;
  static Key key(std::string_view code, const Range& range) { return {std::string(code), range.start, range.end}; }

  std::map<Key, const Json*> known_;
};

Answer actions(Session& session, const Json& params) {
  const auto asked = asked_file(session, params);
  if (!asked) return tl::unexpected(asked.error());
  const auto range = range_of(member(params, "range"));
  if (!range) return missing("range");
  Json out = Json::array();
  if (!session.client().code_action_literals) return out;  // it takes commands alone, and would run none of ours
  const Snapshot& snapshot = *asked->snapshot;
  const Encoding encoding = session.client().encoding;
  const File file{asked->uri, asked->snapshot};
  const Sent sent(params);
  for (const CodeAction& action :
       code_actions(snapshot, snapshot.lines.span(snapshot.text(), *range, encoding), wanted_of(params))) {
    const std::array edits = {FileEdits{&file, action.edits}};
    Json one = {{"title", action.title}, {"kind", kind_name(action.kind)}};
    if (Json fixed = sent.fixed_by(action, snapshot, encoding); !fixed.empty()) one["diagnostics"] = std::move(fixed);
    if (action.preferred) one["isPreferred"] = true;
    one["edit"] = workspace_edit(session.client(), edits);
    out.push_back(std::move(one));
  }
  return out;
}

constexpr std::array methods = {Method{"textDocument/codeAction", actions}};

}  // namespace

Methods editing_methods() {
  return {
      methods, [](const ClientCan& client, Json& capabilities) {
        if (!client.code_action_literals) return;
        capabilities["codeActionProvider"] = {{"codeActionKinds", {"quickfix", "refactor.rewrite", "source.fixAll"}}};
      }};
}

}  // namespace acl::lsp
