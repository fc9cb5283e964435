// OpenidProcess: the aclnode-net that talks to the OpenID provider (`aclnode-net openid`), kept for as long as anybody may need it, and what
// it is asked: device authorizations (RFC 8628), several at a time.
//
// For an event loop of one thread: poll fd() for reading until next_ms(), then call step(), which never waits and does a bounded amount of
// work. Nothing is started before the first begin(). What breaks docs/protocol.md ends the process; it, and a process that ends by itself, fails what was
// under way, and the next is started by a begin() after a pause that doubles from 0.25 s to a minute.
//
// Nothing of what it says is believed: a token goes to Verifier; addresses that people are shown are https://, printable ASCII without blanks,
// quotes and backslashes; codes are printable ASCII; words are shown(). Whoever owns the process can show a person an address of his
// own, and forge nothing that the pinned keys did not sign.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/net/backoff.h"
#include "engine/net/diagnostic.h"
#include "node/daemon/net_process.h"
#include "node/protocol/openid_message.h"

namespace acl::node::daemon {

struct OpenidSettings {
  protocol::Provider provider;
  NetProgram program;
  net::Backoff after_death{std::chrono::milliseconds(250), std::chrono::milliseconds(60'000)};
  std::function<double()> chance = net::random_share;  // in [0, 1)
};

// Numbers are those of begin(); each ends with OpenidToken or OpenidFailed, unless it is cancelled.
struct OpenidCode {
  std::uint64_t number = 0;
  std::string address;           // to be opened by the person, who enters the code there
  std::string complete_address;  // with the code in it; perhaps empty
  std::string code;
  std::uint32_t expires_s = 0;
};
struct OpenidToken {
  std::uint64_t number = 0;
  std::string token;
};
struct OpenidFailed {
  std::uint64_t number = 0;
  Diagnostic diagnostic;  // E1435, E1436
};

using OpenidEvent = std::variant<OpenidCode, OpenidToken, OpenidFailed>;

class OpenidProcess {
 public:
  // E1436: settings that cannot be sent, no descriptors left.
  static Expected<std::unique_ptr<OpenidProcess>> make(OpenidSettings settings);
  OpenidProcess(const OpenidProcess&) = delete;
  OpenidProcess& operator=(const OpenidProcess&) = delete;
  ~OpenidProcess();

  [[nodiscard]] int fd() const noexcept { return epoll_; }
  // On the steady clock: when step() has work even if fd() is quiet.
  [[nodiscard]] std::optional<std::int64_t> next_ms() const;
  std::vector<OpenidEvent> step(std::int64_t now_ms);

  // A new authorization, which fails when it takes longer than `bound_ms`, of somebody who is to have logged in no longer than `max_age_s` ago (0: the
  // provider is not told; it is nothing but a wish). Nothing while most_authorizations are under way.
  std::optional<std::uint64_t> begin(std::int64_t bound_ms, std::uint32_t max_age_s, std::int64_t now_ms);
  // No event of this number comes any more.
  void cancel(std::uint64_t number);

  [[nodiscard]] std::optional<pid_t> process() const noexcept;

 private:
  struct Pending {
    std::uint64_t id = 0;  // of the process that runs; 0: not sent yet
    std::int64_t deadline_ms = 0;
    std::uint32_t max_age_s = 0;
  };

  OpenidProcess(OpenidSettings settings, protocol::Bytes opening, int epoll);
  void run_process(std::int64_t now_ms);
  void process_is_down(const std::string& words, std::int64_t now_ms);
  void end_process(std::string words);
  void send_pending(std::int64_t now_ms);
  void flush();
  void listen(std::int64_t now_ms);
  bool hear(protocol::FromOpenid message, std::int64_t now_ms);
  void pass_deadlines(std::int64_t now_ms);
  void fail(std::uint64_t number, Code code, std::string words);
  void add_to_poll(int fd) const;

  OpenidSettings settings_;
  const protocol::Bytes opening_;
  const int epoll_;
  protocol::Bytes buffer_;

  std::optional<NetProcess> process_;
  std::optional<std::string> ending_;  // why the process that is still there was killed
  std::int64_t start_ms_ = 0;          // of the next process, not before
  unsigned deaths_ = 0;
  protocol::Authorizations authorizations_;  // with the process that runs
  std::deque<protocol::Bytes> unsent_;
  bool wants_to_write_ = false;

  std::map<std::uint64_t, Pending> pending_;  // by the caller's number
  std::uint64_t next_number_ = 1;
  std::vector<OpenidEvent> events_;
};

}  // namespace acl::node::daemon
