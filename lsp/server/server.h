// Server: messages in, answers and notifications out. It answers in the order of the messages and owns the session.
//
// What LSP says of the order of things is kept here: nothing but `initialize` before it, nothing but `exit` behind `shutdown`, a request
// that was cancelled before its turn is not begun. What is to be done without being asked (diagnostics, tests) is done one
// piece at a time and only while no message waits, so that nobody waits for an answer about a text that is no more.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lsp/server/json_rpc.h"
#include "lsp/server/worker.h"

namespace acl::lsp {

class Server {
 public:
  // `send` takes the text of a message, without its header. `wake` as in Worker.
  Server(Worker::Threads threads, std::function<void(std::string_view)> send, std::function<void()> wake);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void receive(Message message, bool cancelled);
  void refuse(const Malformed& malformed);
  // Files on the disk are not as they were.
  void files_changed();

  // Does one piece of what is to be done; false if there is nothing but, perhaps, the worker to wait for.
  bool step();
  // Nothing is left to be done, by the worker neither.
  [[nodiscard]] bool idle() const noexcept { return settled_; }
  // When step() is to be called at the latest though nothing happens: to tell of long work.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> wake_at() const;

  // Set once `exit` has come: 0 behind a `shutdown`, else 1.
  [[nodiscard]] std::optional<int> exit_code() const noexcept { return exit_code_; }
  // The process that started us, from `initialize`; when it ends, so do we. 0: unknown.
  [[nodiscard]] std::int64_t parent() const noexcept { return parent_; }
  // Folders to be watched for changes. Also when the client watches: it does so by patterns, in its own folders, and an inventory may
  // be elsewhere and be called anything.
  [[nodiscard]] std::vector<std::string> watched_folders() const;

 private:
  enum class Phase : std::uint8_t { fresh, running, shut_down };
  using Notified = void (Server::*)(const Json& params);
  using Answered = std::function<void(const Message& response)>;

  void notify(std::string_view method, const Json& params);
  void request(std::string_view method, const Json& params, Answered answered = {});
  void receive_request(const Message& message, bool cancelled);
  void receive_notification(const Message& message);
  Answer answer(const Message& message);
  Answer initialize(const Json& params);
  void add_capabilities(Json& capabilities) const;

  void initialized(const Json& params);
  void did_open(const Json& params);
  void did_change(const Json& params);
  void did_close(const Json& params);
  void did_save(const Json& params);
  void did_change_configuration(const Json& params);
  void did_change_folders(const Json& params);
  void did_change_watched_files(const Json& params);
  void ask_configuration();
  void take_configuration(const Message& response, const std::vector<std::string>& folders);

  void tell(const Session::Told& told);
  void tell_progress();
  [[nodiscard]] bool pulls() const noexcept;

  std::function<void(std::string_view)> send_;
  Worker worker_;
  Session session_;
  std::unordered_map<std::string_view, Answer (*)(Session&, const Json&)> methods_;
  Phase phase_ = Phase::fresh;
  std::optional<int> exit_code_;
  std::int64_t parent_ = 0;
  std::uint64_t next_id_ = 0;
  std::unordered_map<std::string, Answered> asked_;  // requests of ours that wait for an answer
  Settings initial_;                                 // of `initialize`: what is configured comes on top of them
  std::uint64_t configurations_asked_ = 0;
  std::vector<std::string> settling_;  // requests that are answered once nothing is left to do
  bool settled_ = false;
  bool refresh_diagnostics_ = false;  // the client is to ask for them again
  std::string progress_;              // the token of the progress that is shown; "" if none is
  std::uint64_t progress_count_ = 0;
};

// Serves one client: reads from `in`, writes to `out`, until `exit`, the end of the input or of the process that started us.
int serve(int in, int out);

}  // namespace acl::lsp
