#include "lsp/server/server.h"

#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "lsp/server/params.h"

namespace acl::lsp {
namespace {

constexpr std::chrono::milliseconds long_work{300};

std::array<Methods, 7> all_methods() {
  return {completion_methods(), navigation_methods(), editing_methods(),   formatting_methods(),
          display_methods(),    command_methods(),    diagnostic_methods()};
}

}  // namespace

Server::Server(Worker::Threads threads, std::function<void(std::string_view)> send, std::function<void()> wake)
    : send_(std::move(send)), worker_(threads, std::move(wake)), session_(worker_) {
  for (const Methods& group : all_methods()) {
    for (const Method& method : group.methods) methods_[method.name] = method.answer;
  }
}

Server::~Server() = default;

// --- messages ---------------------------------------------------------------------------------------------------------

void Server::notify(std::string_view method, const Json& params) { send_(notification_text(method, params)); }

void Server::request(std::string_view method, const Json& params, Answered answered) {
  const std::string id = "\"acl-" + std::to_string(++next_id_) + "\"";
  asked_[id] = std::move(answered);
  send_(request_text(id, method, params));
}

void Server::refuse(const Malformed& malformed) { send_(error_text(malformed.id, malformed.error)); }

void Server::receive(Message message, bool cancelled) {
  settled_ = false;
  if (message.method.empty()) {
    const auto found = asked_.find(message.id);
    if (found == asked_.end()) return;
    const Answered answered = std::move(found->second);
    asked_.erase(found);
    if (answered) answered(message);
  } else if (message.is_request()) {
    receive_request(message, cancelled);
  } else {
    receive_notification(message);
  }
}

void Server::receive_request(const Message& message, bool cancelled) {
  // `aclLsp/settled` is answered when all that the messages before it led to has been told.
  if (message.method == "aclLsp/settled" && phase_ == Phase::running && !cancelled) {
    settling_.push_back(message.id);
    return;
  }
  Answer answer;
  // Nothing a handler throws is expected; none may end the server.
  try {
    answer =
        cancelled ? tl::unexpected(RpcError{request_cancelled, "the request was cancelled"}) : this->answer(message);
  } catch (const std::exception& error) {
    answer = tl::unexpected(RpcError{internal_error, error.what()});
  }
  send_(answer ? response_text(message.id, *answer) : error_text(message.id, answer.error()));
}

Answer Server::answer(const Message& message) {
  const auto error = [](int code, std::string text) { return tl::unexpected(RpcError{code, std::move(text)}); };
  if (phase_ == Phase::shut_down) return error(invalid_request, "the server was shut down");
  if (message.method == "initialize") {
    if (phase_ != Phase::fresh) return error(invalid_request, "initialize came before");
    return initialize(*message.params);
  }
  if (phase_ == Phase::fresh) return error(server_not_initialized, "initialize comes first");
  if (message.method == "shutdown") {
    phase_ = Phase::shut_down;
    return Json(nullptr);
  }
  const auto method = methods_.find(message.method);
  if (method == methods_.end()) return error(method_not_found, "there is no method " + message.method);
  return method->second(session_, *message.params);
}

void Server::receive_notification(const Message& message) {
  static const std::unordered_map<std::string_view, Notified> known = {
      {"initialized", &Server::initialized},
      {"textDocument/didOpen", &Server::did_open},
      {"textDocument/didChange", &Server::did_change},
      {"textDocument/didClose", &Server::did_close},
      {"textDocument/didSave", &Server::did_save},
      {"workspace/didChangeConfiguration", &Server::did_change_configuration},
      {"workspace/didChangeWorkspaceFolders", &Server::did_change_folders},
      {"workspace/didChangeWatchedFiles", &Server::did_change_watched_files},
  };
  if (message.method == "exit") {
    exit_code_ = phase_ == Phase::shut_down ? 0 : 1;
    return;
  }
  if (phase_ != Phase::running) return;
  const auto found = known.find(message.method);
  if (found == known.end()) return;
  try {
    (this->*found->second)(*message.params);
  } catch (const std::exception& error) {
    notify("window/logMessage", {{"type", 1}, {"message", message.method + ": " + error.what()}});
  }
}

void Server::files_changed() { session_.look_again(); }

// --- without being asked ----------------------------------------------------------------------------------------------

// A client that asks for diagnostics, and can be told to ask again, is not sent them: it would show them twice.
bool Server::pulls() const noexcept {
  return session_.client().pull_diagnostics && session_.client().refresh_diagnostics;
}

std::optional<std::chrono::steady_clock::time_point> Server::wake_at() const {
  // Only step() tells of it, and it does nothing in another phase.
  if (phase_ != Phase::running) return std::nullopt;
  auto first = session_.wake_at();
  const auto busy = worker_.busy();
  if (!busy || !progress_.empty() || !session_.client().work_done_progress) return first;
  const auto tell = busy->since + long_work;
  return first ? std::min(*first, tell) : tell;
}

bool Server::step() {
  if (phase_ != Phase::running) return false;
  try {
    const bool collected = worker_.collect();
    tell_progress();
    if (const auto told = session_.step()) {
      tell(*told);
      return true;
    }
    const ClientCan& can = session_.client();
    if (std::exchange(refresh_diagnostics_, false)) {
      request("workspace/diagnostic/refresh", nullptr);
    }
    if (session_.take_understood()) {
      if (can.refresh_semantic_tokens) request("workspace/semanticTokens/refresh", nullptr);
      if (can.refresh_code_lens) request("workspace/codeLens/refresh", nullptr);
      if (can.refresh_inlay_hints) request("workspace/inlayHint/refresh", nullptr);
    }
    settled_ = !collected && worker_.idle() && !session_.wake_at();
    if (settled_) {
      for (const std::string& id : std::exchange(settling_, {})) send_(response_text(id, nullptr));
    }
    return collected;
  } catch (const std::exception& error) {
    notify("window/logMessage", {{"type", 1}, {"message", error.what()}});
    return true;
  }
}

void Server::tell_progress() {
  const auto busy = worker_.busy();
  const bool show =
      busy && session_.client().work_done_progress && std::chrono::steady_clock::now() >= busy->since + long_work;
  if (show == !progress_.empty()) return;
  if (!show) {
    notify("$/progress", {{"token", progress_}, {"value", {{"kind", "end"}}}});
    progress_.clear();
    return;
  }
  progress_ = "aclLsp/" + std::to_string(++progress_count_);
  request("window/workDoneProgress/create", {{"token", progress_}});
  notify("$/progress", {{"token", progress_}, {"value", {{"kind", "begin"}, {"title", busy->title}}}});
}

std::vector<std::string> Server::watched_folders() const {
  if (phase_ != Phase::running) return {};
  return session_.watched_folders();
}

}  // namespace acl::lsp
