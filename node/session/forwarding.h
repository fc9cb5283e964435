// What a login forwards, as aclnode-session sees it: it hands requests of aclnode-ssh to a process of the user (forwarder.h), which resolves
// names, connects, listens and accepts, and hands on what comes back. Root itself does none of that.
//
// Rights are asked here, and a refusal is put in words: for the client, and the first few for the log. The process is started when it is first
// needed, one for a login, and again when it has ended. It is the user's, so nothing it says is believed: an answer must be to a question, a
// descriptor a connected stream of TCP or unix(7), accepted connections no more than aclnode-ssh has room for. Else it is killed, and what it was
// asked is refused.
//
// Bounded by SshStates: questions by most_forwards and most_listeners.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/net/fd.h"
#include "node/protocol/login_message.h"
#include "node/session/channels.h"
#include "node/session/outgoing.h"

namespace acl::node::session {

struct ForwardingRights {
  bool agent = false, local = false, remote = false, x11 = false;
  std::uint8_t narrowed = 0;  // of a Decision: why not
};

class Forwarding {
 public:
  // Starts the process with this socket.
  using Start = std::function<Expected<pid_t>(int socket)>;
  // `who`: for the log.
  Forwarding(ForwardingRights rights, Start start, std::string who)
      : rights_(rights), start_(std::move(start)), who_(std::move(who)) {}

  // Any of the next five; nothing: there is no answer, or it comes with ready().
  std::optional<Answer> hear(const protocol::FromSsh& message);
  std::optional<Answer> connect(const protocol::Connect& wanted);
  std::optional<Answer> connect(const protocol::ConnectPath& wanted);
  std::optional<Answer> listen(const protocol::Listen& wanted);
  void unlisten(const protocol::Unlisten& message);
  void taken(const protocol::Taken& message);
  // The path of an agent's socket or the name of a display; empty where that is not there (any more).
  [[nodiscard]] std::string name_of(const std::optional<std::uint32_t>& listener) const;
  [[nodiscard]] Forwarded names_for(const protocol::OpenChannel& wanted) const {
    return {name_of(wanted.agent), name_of(wanted.display)};
  }

  // The socket to the process, to be polled for these; -1: there is none.
  [[nodiscard]] int socket() const noexcept { return socket_.get(); }
  [[nodiscard]] bool has_outgoing() const noexcept { return outgoing_.waits(); }
  void flush();
  // When the socket can be read: some answers, perhaps none.
  std::vector<Answer> ready();
  // A child of this process has ended.
  void ended(pid_t pid) noexcept;

  // The login ends: the process is told, takes away what it has made in the file system, and ends.
  void let_go() noexcept { socket_ = Fd(); }
  [[nodiscard]] bool is_gone() const noexcept { return pid_ <= 0; }
  // Whatever it does.
  void kill() noexcept;

 private:
  struct Listener {
    protocol::ListenKind what;
    bool asked = true;   // and not answered
    bool wanted = true;  // not yet given up
    std::string name;
  };
  template <class Wanted>
  std::optional<Answer> ask_to_connect(const Wanted& wanted);
  std::string refusal(bool given, std::uint8_t bit, const char* what, const char* setting);
  bool say(const protocol::FromSsh& message);
  bool start();
  bool take(protocol::ToSsh message, std::span<Fd> along, std::vector<Answer>& answers);
  void lose(std::string_view why, std::vector<Answer>& answers);

  ForwardingRights rights_;
  Start start_;
  std::string who_;
  unsigned refusals_ = 0;
  unsigned losses_ = 0;  // of the process

  pid_t pid_ = -1;
  Fd socket_;
  Outgoing outgoing_;
  std::vector<std::uint8_t> buffer_;
  std::set<std::uint32_t> connecting_;
  std::map<std::uint32_t, Listener> listeners_;
  std::size_t untaken_ = 0;
};

// `aclnode-session forward` as the user, with as much of the login's environment as it and xauth need.
Forwarding::Start start_forwarder(const EnvironmentOf& environment);

}  // namespace acl::node::session
