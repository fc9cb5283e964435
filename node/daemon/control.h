// The control socket: what `aclnode status`, `whois`, `why` and `reload` say to the daemon, RUN_DIR/control.
//
// A connection carries one question, one line of JSON of at most 4 KiB, and its answer, one line of JSON:
//
//   {"ask": "status"}                                        root, group
//   {"ask": "whois", "address": "100.64.0.5"}                root, group; others for addresses of this node
//   {"ask": "why", "source": "ann-laptop", "target": "100.64.0.7:22/tcp"}    root, group
//   {"ask": "why-login", "source": "ann-laptop", "user": "deploy", "exists": true, "is_root": false}    root, group
//   {"ask": "peers"}                                         root, group
//   {"ask": "reload"}                                        root
//   {"ask": "sessions"}                                      root
//   {"ask": "kill-session", "session": "1234"}               root
//   {"ask": "sshd-sources", "user": "deploy", "exists": true, "is_root": false}                            root, group
//   {"ask": "sshd-login", "source": "100.64.0.5", "user": "deploy", "exists": true, "is_root": false}      root, group
//
//   {"answer": {…}}   or   {"error": {"code": "E1305", "message": "…", "help": "…"}}
//
// Who asks is what the kernel says of the peer (SO_PEERCRED, SO_PEERGROUPS; unix(7)), never what it says of itself. Parsing any bytes
// never fails otherwise than E1305. Connections are few, short and bounded in time, so that nobody keeps the daemon from its work.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::node {

struct AskStatus {};
struct AskReload {};
struct AskWhois {
  std::string address;
};
struct AskWhy {
  std::string source, target;
};
// May the source become the account by SSH? Whoever asks has looked the account up: the daemon asks no name service.
struct AskWhyLogin {
  std::string source, user;
  bool exists = false, is_root = false;
};
// Whom this node knows, with addresses and SSH host keys.
struct AskPeers {};
// `aclnode check` (check_service.h): what is remembered, and approvals.
struct AskCheck {
  enum class What : std::uint8_t { list, approve, approve_signed, request, revoke } what = What::list;
  std::string source, user;     // approve, request, revoke; user may be empty
  std::uint32_t for_s = 0;      // approve, request
  std::string text, signature;  // approve_signed
};
// Logins by SSH that live; and the end of one.
struct AskSessions {};
struct AskKillSession {
  std::string session;
};
// By the hooks of the system's sshd (sshd.h): who may become the account, and whether a source may.
struct AskSshdSources {
  std::string user;
  bool exists = false, is_root = false;
};
struct AskSshdLogin {
  std::string source, user;
  bool exists = false, is_root = false;
};
using Ask = std::variant<AskStatus, AskReload, AskWhois, AskWhy, AskWhyLogin, AskPeers, AskCheck, AskSessions,
                         AskKillSession, AskSshdSources, AskSshdLogin>;

inline constexpr std::size_t longest_ask = 4096;

Expected<Ask> parse_ask(std::string_view line);
std::string print_ask(const Ask& ask);

// The line of an answer: `answer` is JSON.
std::string print_answer(const std::string& answer);
std::string print_error(const Diagnostic& diagnostic);

struct Asker {
  uid_t uid = 0;
  pid_t pid = 0;
  std::vector<gid_t> groups;
};

class ControlServer {
 public:
  // Answers with one line, which it ends; or with nothing, and is asked again in later steps: `ticket` is its own to remember by, and 0 at first.
  // Called from step().
  using Handler = std::function<std::optional<std::string>(const Ask& ask, const Asker& asker, std::uint64_t& ticket)>;

  // Takes over the socket's name from a daemon that is gone. E0003.
  static Expected<ControlServer> listen(const std::string& path, Handler handler);
  ControlServer(ControlServer&& other) noexcept;
  ControlServer& operator=(ControlServer&&) = delete;
  ~ControlServer();

  // To be polled for reading; then, and once a second, step().
  [[nodiscard]] int fd() const noexcept { return epoll_; }
  void step(std::chrono::steady_clock::time_point now);

 private:
  struct Connection {
    int fd = -1;
    Asker asker;
    std::string in, out;
    std::optional<Ask> asked;  // and not yet answered
    std::uint64_t ticket = 0;
    bool answered = false;
    std::chrono::steady_clock::time_point deadline;
  };
  ControlServer(std::string path, int listener, int epoll, Handler handler)
      : path_(std::move(path)), listener_(listener), epoll_(epoll), handler_(std::move(handler)) {}
  void accept_all(std::chrono::steady_clock::time_point now);
  // False: it is done.
  bool serve(Connection& connection);
  bool read_question(Connection& connection);
  bool answer(Connection& connection, std::optional<std::string> line);
  void close_at(std::size_t index);

  std::string path_;
  int listener_ = -1, epoll_ = -1;
  Handler handler_;
  std::vector<Connection> connections_;
};

// The client's side: asks the daemon behind the socket; the answer's JSON. E1304 if it cannot be asked, or the daemon's error.
Expected<std::string> ask_daemon(const std::string& socket, const Ask& ask, std::chrono::milliseconds patience);

}  // namespace acl::node
