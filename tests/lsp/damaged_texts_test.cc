// What somebody is typing is broken most of the time. Every beginning of the examples, and every text that lacks one byte of
// theirs, goes through all requests that the server knows: each is answered, and none with an internal error.
//
// The server runs in this process, on messages. A file is first opened whole, so that there is an older understanding to answer
// from. `make test` takes a text of so many, `make test-all` (suites …Long) all of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "engine/net/file.h"
#include "lsp/server/document.h"
#include "lsp/server/handlers.h"
#include "lsp/server/json_rpc.h"
#include "lsp/server/server.h"

namespace acl::lsp {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> all_methods() {
  std::vector<std::string> out;
  for (const Methods& group : {completion_methods(), navigation_methods(), editing_methods(), formatting_methods(),
                               display_methods(), command_methods(), diagnostic_methods()}) {
    for (const Method& method : group.methods) out.emplace_back(method.name);
  }
  return out;
}

// An editor that asks everything there is to ask about one place.
class Editor {
 public:
  Editor()
      : server_(
            Worker::Threads::none, [this](std::string_view text) { take(text); }, [] {}),
        methods_(all_methods()) {
    request("initialize", Json::parse(R"({"processId": null, "rootUri": null, "capabilities": {
      "workspace": {"workspaceEdit": {"documentChanges": true}},
      "textDocument": {
        "completion": {"completionItem": {"snippetSupport": true, "documentationFormat": ["markdown"]}},
        "hover": {"contentFormat": ["markdown"]},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": true},
        "publishDiagnostics": {"relatedInformation": true, "tagSupport": {"valueSet": [1, 2]}, "codeDescriptionSupport": true},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor", "source"]}}}
      }}})"));
    notify("initialized", Json::object());
  }

  void open(const std::string& path, const std::string& text) {
    uri_ = uri_of(path);
    text_ = text;
    notify("textDocument/didOpen",
           {{"textDocument", {{"uri", uri_}, {"languageId", "hujson"}, {"version", ++version_}, {"text", text}}}});
    settle();
  }

  void become(std::string text) {
    // What a client sends is Unicode: a character that lost a byte comes as U+FFFD.
    text_ = Json::parse(Json(std::move(text)).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
    notify("textDocument/didChange",
           {{"textDocument", {{"uri", uri_}, {"version", ++version_}}}, {"contentChanges", {{{"text", text_}}}}});
  }

  void ask_everything(std::uint32_t offset) {
    const Lines lines(text_);
    const Point at = lines.point(text_, offset, Encoding::utf16);
    // The resolving ones come last: they are asked about what the others gave.
    for (const std::string& method : methods_) {
      if (!method.ends_with("/resolve")) ask(method, parameters(method, lines, at));
    }
    for (const std::string& method : methods_) {
      if (!method.ends_with("/resolve")) continue;
      const auto item = first_item(method);
      if (item) ask(method, *item);
    }
    settle();
  }

  // What went wrong; empty if nothing did.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] std::size_t answers() const noexcept { return answers_; }
  [[nodiscard]] const std::set<std::string>& useful() const noexcept { return useful_; }

 private:
  void settle() {
    while (server_.step()) {
    }
  }

  void notify(std::string_view method, const Json& params) {
    server_.receive(message({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}}), false);
  }

  void request(std::string_view method, const Json& params) {
    answer_ = Json();
    answered_ = false;
    server_.receive(message({{"jsonrpc", "2.0"}, {"id", ++id_}, {"method", method}, {"params", params}}), false);
    if (!answered_) problem_ = fmt::format("no answer to {}", method);
  }

  void ask(const std::string& method, const Json& params) {
    asked_ = method;
    request(method, params);
    ++answers_;
    const auto result = answer_.find("result");
    if (result != answer_.end() && !result->is_null() && !result->empty()) useful_.insert(method);
    if (result != answer_.end()) last_[method] = std::move(*result);
  }

  static Message message(const Json& json) {
    auto parsed = parse_message(json.dump());
    if (auto* found = std::get_if<Message>(&parsed)) return std::move(*found);
    throw std::logic_error("the test's message is none: " + json.dump());
  }

  void take(std::string_view text) {
    Json json = Json::parse(text);
    if (json.contains("method")) {
      // An error that no request waits for is told this way.
      if (json["method"] == "window/logMessage" && json["params"]["type"] == 1) problem_ = std::string(text);
      if (json.contains("id")) return;
      if (json["method"] == "textDocument/publishDiagnostics") diagnostics_ = json["params"]["diagnostics"];
      return;
    }
    answered_ = true;
    if (json.contains("error") && json["error"]["code"] != request_failed)
      problem_ = fmt::format("{}: {}", asked_, text);
    answer_ = std::move(json);
  }

  Json parameters(const std::string& method, const Lines& lines, Point at) {
    const auto json = [](Point point) { return Json{{"line", point.line}, {"character", point.character}}; };
    const Point end = lines.point(text_, static_cast<std::uint32_t>(text_.size()), Encoding::utf16);
    Json params{{"textDocument", {{"uri", uri_}}}, {"position", json(at)}};
    if (method == "workspace/symbol") return {{"query", "tag"}};
    if (method == "workspace/diagnostic") return {{"previousResultIds", Json::array()}};
    if (method == "workspace/executeCommand") return next_command();
    if (method == "textDocument/references") params["context"] = {{"includeDeclaration", true}};
    if (method == "textDocument/rename") params["newName"] = id_ % 2 == 0 ? "tag:renamed" : "group:renamed";
    if (method == "textDocument/selectionRange") params["positions"] = Json::array({json(at)});
    if (method == "textDocument/codeAction") {
      params["range"] = {{"start", json(at)}, {"end", json(at)}};
      params["context"] = {{"diagnostics", diagnostics_}};
    } else if (method == "textDocument/rangeFormatting") {
      params["range"] = {{"start", {{"line", at.line > 2 ? at.line - 2 : 0}, {"character", 0}}}, {"end", json(at)}};
    } else {
      params["range"] = {{"start", {{"line", 0}, {"character", 0}}}, {"end", json(end)}};
    }
    params["options"] = {{"tabSize", 4}, {"insertSpaces", false}};
    return params;
  }

  Json next_command() {
    const std::vector<std::pair<const char*, Json>> commands = {
        {"aclLsp.can", {{"uri", uri_}, {"source", "autogroup:member"}, {"target", "tag:server:22"}}},
        {"aclLsp.explain", {{"code", "E0301"}}},
        {"aclLsp.runTests", {{"uri", uri_}}},
        {"aclLsp.showReached", {{"uri", uri_}, {"rule", "grants[0]"}}},
    };
    const auto& [name, argument] = commands[++command_ % commands.size()];
    return {{"command", name}, {"arguments", Json::array({argument})}};
  }

  // What a method of the form x/resolve is to complete.
  std::optional<Json> first_item(const std::string& method) {
    static const std::map<std::string, std::string> from = {
        {"completionItem/resolve", "textDocument/completion"}, {"codeLens/resolve", "textDocument/codeLens"},
        {"codeAction/resolve", "textDocument/codeAction"},     {"documentLink/resolve", "textDocument/documentLink"},
        {"inlayHint/resolve", "textDocument/inlayHint"},       {"workspaceSymbol/resolve", "workspace/symbol"}};
    const Json& list = last_[from.at(method)];
    const Json& items = list.is_object() && list.contains("items") ? list["items"] : list;
    return items.is_array() && !items.empty() ? std::optional<Json>(items[0]) : std::nullopt;
  }

  Server server_;
  std::vector<std::string> methods_;
  std::string uri_;
  std::string text_;
  std::int64_t version_ = 0;
  std::int64_t id_ = 0;
  std::size_t command_ = 0;
  std::string asked_;
  bool answered_ = false;
  Json answer_;
  Json diagnostics_ = Json::array();
  std::map<std::string, Json> last_;
  std::string problem_;
  std::size_t answers_ = 0;
  std::set<std::string> useful_;
};

// Every `step`th beginning of the file, and every `step`th text without one byte.
void damage(const std::string& file, std::size_t step) {
  const std::string path = std::string(ACL_SOURCE_DIR) + "/examples/" + file;
  const auto text = read_file(path);
  ASSERT_TRUE(text) << path;
  Editor editor;
  editor.open(path, *text);
  // The whole text first, at names of several kinds.
  for (const char* name : {"\"tag:", "\"group:", "\"autogroup:", "\"src\"", "@"}) {
    const std::size_t at = text->find(name);
    if (at != std::string::npos) editor.ask_everything(static_cast<std::uint32_t>(at + 3));
    ASSERT_EQ(editor.problem(), "") << path << ": at the first " << name;
  }
  for (std::size_t i = 0; i <= text->size(); i += step) {
    editor.become(text->substr(0, i));
    editor.ask_everything(static_cast<std::uint32_t>(i));
    ASSERT_EQ(editor.problem(), "") << path << ": its first " << i << " bytes";
  }
  for (std::size_t i = 0; i < text->size(); i += step) {
    std::string without = *text;
    without.erase(i, 1);
    editor.become(std::move(without));
    editor.ask_everything(static_cast<std::uint32_t>(i));
    ASSERT_EQ(editor.problem(), "") << path << ": without byte " << i;
  }
  // The requests were about something.
  std::vector<std::string> useful = {"textDocument/documentSymbol", "textDocument/foldingRange"};
  if (file.ends_with("policy.hujson")) {
    useful.insert(useful.end(),
                  {"textDocument/formatting", "textDocument/completion", "textDocument/hover",
                   "textDocument/definition", "textDocument/references", "textDocument/rename",
                   "textDocument/codeAction", "textDocument/codeLens", "textDocument/semanticTokens/full"});
  }
  for (const std::string& method : useful) {
    EXPECT_TRUE(editor.useful().contains(method)) << method << " never had an answer to give";
  }
}

const char* const files[] = {
    "mistakes.hujson",
    "policies/homelab/policy.hujson",
    "policies/homelab/inventory.hujson",
    "policies/plain-wireguard/policy.hujson",
    "policies/plain-wireguard/access.test.hujson",
    "policies/startup/policy.hujson",
    "policies/startup/access.test.hujson",
    "policies/company/policy.hujson",
    "policies/company/inventory.hujson",
    "policies/company/access.test.hujson",
};

std::string name_of(const ::testing::TestParamInfo<const char*>& info) {
  std::string out;
  for (const char* c = info.param; *c != '\0'; ++c) {
    if (std::isalnum(static_cast<unsigned char>(*c)) != 0) out += *c;
  }
  return out;
}

class DamagedTexts : public ::testing::TestWithParam<const char*> {};
class DamagedTextsLong : public ::testing::TestWithParam<const char*> {};

// The step is a prime, so that the places are not all alike.
TEST_P(DamagedTexts, AreAnsweredAboutWithoutAnInternalError) { damage(GetParam(), 151); }
TEST_P(DamagedTextsLong, AllOfThemAreAnsweredAboutWithoutAnInternalError) { damage(GetParam(), 1); }

INSTANTIATE_TEST_SUITE_P(Examples, DamagedTexts, ::testing::ValuesIn(files), name_of);
INSTANTIATE_TEST_SUITE_P(Examples, DamagedTextsLong, ::testing::ValuesIn(files), name_of);

}  // namespace
}  // namespace acl::lsp
