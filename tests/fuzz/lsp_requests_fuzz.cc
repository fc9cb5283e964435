// Requests of all kinds, at any place of texts that are edited at random: well-framed, so that what is tried is the features.
//
// The bytes are choices. The first chooses among the examples or takes the rest of the bytes as the text; then each turn edits, asks,
// opens, closes or lets the server do what it does without being asked. An answer that says "internal error" is a finding.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/server.h"

namespace {

using acl::lsp::Json;

constexpr std::string_view texts[] = {
    R"({
	"groups": {"group:eng": ["ana@example.com", "bob@example.com"], "group:ops": ["bob@example.com"]},
	"tagOwners": {"tag:web": ["group:ops"], "tag:db": ["tag:web"]},
	"hosts": {"vault": "10.0.0.1", "lan": "192.168.0.0/24"},
	"ipsets": {"ipset:dc": ["add 10.0.0.0/8", "remove host:vault"]},
	"postures": {"posture:ok": ["node:os == 'linux'", "node:tsVersion >= '1.40'"]},
	"acls": [
		// web
		{"action": "accept", "src": ["group:eng", "tag:web"], "dst": ["tag:db:5432", "vault:22,80-90", "ipset:dc:*"]},
		{"action": "accept", "proto": "udp", "src": ["autogroup:member"], "dst": ["autogroup:self:*"], "srcPosture": ["posture:ok"]},
	],
	"grants": [{"src": ["*"], "dst": ["tag:web"], "ip": ["tcp:443", "icmp:*"], "app": {"example.com/cap/x": [{"a": 1}]}}],
	"ssh": [{"action": "check", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["autogroup:nonroot", "root"], "checkPeriod": "12h"}],
	"nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}],
	"autoApprovers": {"routes": {"10.0.0.0/8": ["group:ops"]}, "exitNode": ["tag:web"]},
	"tests": [{"src": "ana@example.com", "accept": ["tag:db:5432"], "deny": ["vault:443"]}],
	"sshTests": [{"src": "ana@example.com", "dst": ["tag:web"], "accept": ["root"]}],
}
)",
    R"({"policy": "policy.hujson", "inventory": {"users": [{"login": "ana@example.com"}], "nodes": [{"name": "a",
"user": "ana@example.com", "addresses": ["100.64.0.1"]}]}, "tests": [{"src": "ana@example.com", "accept": ["10.0.0.1:22"]}],
"expect": [{"from": "a", "to": "vault:22/tcp", "verdict": "accept", "rule": "acls[0]"}, {"from": "a", "ssh": "root@b", "verdict": "deny"}]}
)",
    R"({"users": [{"login": "ana@example.com", "role": "admin"}, {"login": "bob@example.com"}], "nodes": [
{"name": "a", "user": "ana@example.com", "addresses": ["100.64.0.1", "fd7a:115c:a1e0::1"]},
{"name": "b", "tags": ["tag:web", "tag:db"], "addresses": ["100.64.0.2"], "routes": ["10.0.0.0/8"]}]}
)"};

// Beside each other, so that each is about the others.
constexpr std::string_view uris[] = {"file:///nonexistent/policy.hujson", "file:///nonexistent/a.test.hujson",
                                     "file:///nonexistent/inventory.hujson", "untitled:a"};

constexpr std::string_view pieces[] = {"\"",   "{",          "}",        "[",          "]",  ",", ":", "//",
                                       "/*",   "*/",         "\\",       "\n",         "\r", " ", "é", "😀",
                                       "null", "\"group:\"", "\"tag:\"", "autogroup:", "@",  "*", "0", "\t"};

class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool done() const { return size_ == 0; }
  std::uint32_t next(std::size_t below) {
    if (size_ == 0 || below == 0) return 0;
    std::uint32_t value = 0;
    for (std::size_t used = 0, range = 1; range < below && size_ > 0 && used < 3; ++used, range *= 256) {
      value = value * 256 + *data_++;
      --size_;
    }
    if (below == 1) return 0;
    return static_cast<std::uint32_t>(value % below);
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

std::vector<std::string_view> methods() {
  std::vector<std::string_view> out;
  for (const acl::lsp::Methods& group :
       {acl::lsp::completion_methods(), acl::lsp::navigation_methods(), acl::lsp::editing_methods(),
        acl::lsp::formatting_methods(), acl::lsp::display_methods(), acl::lsp::command_methods(),
        acl::lsp::diagnostic_methods()}) {
    for (const acl::lsp::Method& method : group.methods) out.push_back(method.name);
  }
  return out;
}

class Play {
 public:
  explicit Play(Choices choices)
      : choices_(choices),
        server_(
            acl::lsp::Worker::Threads::none, [](std::string_view message) { judge(message); }, [] {}) {
    send({{"id", 0},
          {"method", "initialize"},
          {"params",
           {{"capabilities",
             {{"general", {{"positionEncodings", Json::array({choices_.next(2) == 0 ? "utf-8" : "utf-16"})}}},
              {"textDocument",
               {{"completion", {{"completionItem", {{"snippetSupport", true}}}}},
                {"documentSymbol", {{"hierarchicalDocumentSymbolSupport", choices_.next(2) == 0}}},
                {"codeAction", {{"codeActionLiteralSupport", Json::object()}}},
                {"publishDiagnostics", {{"relatedInformation", true}}}}}}}}}});
  }
  void run() {
    for (std::size_t i = 0; i < 3; ++i) open(i);
    for (int turn = 0; turn < 60 && !choices_.done(); ++turn) {
      switch (choices_.next(8)) {
        case 0:
        case 1: edit(); break;
        case 2: open(choices_.next(std::size(uris))); break;
        case 3: server_.step(); break;
        case 4: settle(); break;
        default: ask(); break;
      }
    }
    settle();
  }

 private:
  static void judge(std::string_view message) {
    if (message.find("\"code\":-32603") == std::string_view::npos) return;
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
    std::abort();
  }
  void send(Json message) {
    message["jsonrpc"] = "2.0";
    auto parsed = acl::lsp::parse_message(message.dump(-1, ' ', false, Json::error_handler_t::replace));
    server_.receive(std::move(std::get<acl::lsp::Message>(parsed)), false);
  }
  void settle() {
    while (server_.step()) {
    }
  }
  void open(std::size_t which) {
    const std::string_view text = texts[which % std::size(texts)];
    send({{"method", "textDocument/didOpen"},
          {"params",
           {{"textDocument",
             {{"uri", uris[which]}, {"languageId", "hujson"}, {"version", ++version_}, {"text", text}}}}}});
  }
  Json point() { return {{"line", choices_.next(24)}, {"character", choices_.next(120)}}; }
  Json range() {
    Json start = point();
    Json end = choices_.next(2) == 0 ? start : point();
    return {{"start", std::move(start)}, {"end", std::move(end)}};
  }
  std::string_view uri() { return uris[choices_.next(4) == 0 ? choices_.next(std::size(uris)) : 0]; }
  void edit() {
    Json changes = Json::array();
    for (std::uint32_t count = 1 + choices_.next(6); count > 0; --count) {
      changes.push_back({{"range", range()}, {"text", pieces[choices_.next(std::size(pieces))]}});
    }
    send({{"method", "textDocument/didChange"},
          {"params",
           {{"textDocument", {{"uri", uri()}, {"version", ++version_}}}, {"contentChanges", std::move(changes)}}}});
  }
  // Parameters that have what any request wants.
  void ask() {
    static const std::vector<std::string_view> all = methods();
    if (all.empty()) return;
    const std::string_view of = uri();
    send({{"id", ++id_},
          {"method", all[choices_.next(all.size())]},
          {"params",
           {{"textDocument", {{"uri", of}}},
            {"position", point()},
            {"positions", Json::array({point(), point()})},
            {"range", range()},
            {"context",
             {{"includeDeclaration", choices_.next(2) == 0}, {"diagnostics", Json::array()}, {"triggerKind", 1}}},
            {"newName", pieces[choices_.next(std::size(pieces))]},
            {"query", pieces[choices_.next(std::size(pieces))]},
            {"options", Json::object()},
            {"command", choices_.next(2) == 0 ? "aclc.can" : "aclc.explain"},
            {"arguments", Json::array({Json(of), Json("ana@example.com"), Json("vault:22")})}}}});
  }

  Choices choices_;
  acl::lsp::Server server_;
  int version_ = 0;
  int id_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(Choices(data, size)).run();
  return 0;
}
