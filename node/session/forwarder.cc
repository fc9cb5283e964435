#include "node/session/forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "node/protocol/channel.h"
#include "node/protocol/login_conversation.h"
#include "node/session/clock.h"
#include "node/session/connecting.h"
#include "node/session/listeners.h"
#include "node/session/xauth.h"

namespace acl::node::session {
namespace {

using protocol::ListenKind;

constexpr int conversation = 3;
constexpr std::size_t longest_request = 4096;
// Where descriptors are short: until a connection that waits is looked at again.
constexpr Milliseconds pause_ms = 100;

// Where a connection comes from, in words; nothing of one by a socket in the file system.
void name_source(int fd, protocol::Accepted& out) {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&from), &size) != 0) return;
  std::array<char, INET6_ADDRSTRLEN> text{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const void* address = nullptr;
  if (from.ss_family == AF_INET) {
    std::memcpy(&v4, &from, sizeof v4);
    address = &v4.sin_addr;
    out.port = ntohs(v4.sin_port);
  } else if (from.ss_family == AF_INET6) {
    std::memcpy(&v6, &from, sizeof v6);
    address = &v6.sin6_addr;
    out.port = ntohs(v6.sin6_port);
  }
  if (address != nullptr && inet_ntop(from.ss_family, address, text.data(), text.size()) != nullptr)
    out.source = text.data();
}

class Forwarder {
 public:
  int run();

 private:
  struct Listener {
    protocol::Listen wanted;
    OpenedListener opened;
    Xauth xauth;
  };
  void collect();
  void turn();
  void hear();
  void hear(const protocol::FromSsh& message);
  void listen(const protocol::Listen& wanted);
  void answer(const Listener& listener, const std::string& words);
  void finish_xauth(int process);
  void accept_at(int socket);
  void hand_over(std::uint32_t number, Fd connection);
  void send(const protocol::ToSsh& message, int along = -1);

  Connecting connecting_;
  std::map<std::uint32_t, Listener> listeners_;
  std::size_t untaken_ = 0;
  Milliseconds pause_until_ = 0;
  std::vector<pollfd> polled_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(longest_request);
  bool over_ = false;
  int status_ = 0;
};

int Forwarder::run() {
  while (!over_) turn();
  return status_;
}

void Forwarder::collect() {
  polled_.clear();
  polled_.push_back({conversation, POLLIN, 0});
  const bool accepts = untaken_ < protocol::most_untaken && now_ms() >= pause_until_;
  for (const auto& [number, listener] : listeners_) {
    if (listener.xauth.process() >= 0) {
      polled_.push_back({listener.xauth.process(), POLLIN, 0});
      continue;
    }
    for (const Fd& each : listener.opened.sockets)
      if (accepts) polled_.push_back({each.get(), POLLIN, 0});
  }
  connecting_.watch(polled_);
}

void Forwarder::turn() {
  collect();
  int wait = connecting_.patience(now_ms());
  if (now_ms() < pause_until_) wait = wait < 0 ? static_cast<int>(pause_ms) : std::min<int>(wait, pause_ms);
  if (poll(polled_.data(), polled_.size(), wait) < 0 && errno != EINTR) over_ = true;
  const std::vector<pollfd> ready = polled_;  // what follows may change listeners
  for (std::size_t i = 1; i < ready.size() && !over_; ++i) {
    if (ready[i].revents == 0) continue;
    finish_xauth(ready[i].fd);
    accept_at(ready[i].fd);
  }
  for (Connecting::Made& made : connecting_.step(now_ms())) {
    if (made.socket)
      send(protocol::Opened{made.channel, protocol::ChannelKind::socket}, made.socket.get());
    else
      send(protocol::Refused{made.channel, made.words});
  }
  if (ready[0].revents != 0) hear();
}

void Forwarder::hear() {
  for (;;) {
    const auto received = protocol::receive_message(conversation, buffer_);
    using State = protocol::Received::State;
    if (received.state == State::nothing) return;
    over_ = received.state != State::message;
    if (over_) return;
    const auto message = protocol::decode_from_ssh(received.message);
    if (!message) {
      over_ = true;
      status_ = 1;
      return;
    }
    hear(*message);
  }
}

void Forwarder::hear(const protocol::FromSsh& message) {
  if (const auto* connect = std::get_if<protocol::Connect>(&message))
    return connecting_.to_host(connect->channel, connect->host, connect->port, now_ms());
  if (const auto* connect = std::get_if<protocol::ConnectPath>(&message))
    return connecting_.to_path(connect->channel, connect->path, now_ms());
  if (const auto* wanted = std::get_if<protocol::Listen>(&message)) return listen(*wanted);
  if (const auto* unlisten = std::get_if<protocol::Unlisten>(&message)) {
    const auto at = listeners_.find(unlisten->listener);
    if (at == listeners_.end()) return;
    // Every question has its answer.
    if (at->second.xauth.process() >= 0) answer(at->second, "it was given up");
    listeners_.erase(at);
    return;
  }
  if (std::holds_alternative<protocol::Taken>(message) && untaken_ > 0) --untaken_;
}

void Forwarder::listen(const protocol::Listen& wanted) {
  Listener listener{wanted, {}, {}};
  switch (wanted.what) {
    case ListenKind::port: listener.opened = open_port(wanted.port); break;
    case ListenKind::path: listener.opened = open_path(wanted.path); break;
    case ListenKind::agent: listener.opened = open_agent(); break;
    case ListenKind::display: listener.opened = open_display(); break;
  }
  std::string words = listener.opened.words;
  if (wanted.what == ListenKind::display && listener.opened.is_there()) {
    listener.opened.name += "." + std::to_string(wanted.screen);
    words = listener.xauth.start(listener.opened.name, wanted.protocol, wanted.cookie);
  }
  if (listener.xauth.process() < 0) answer(listener, words);
  if (words.empty()) listeners_.insert_or_assign(wanted.listener, std::move(listener));
}

void Forwarder::answer(const Listener& listener, const std::string& words) {
  protocol::Listening message;
  message.listener = listener.wanted.listener;
  message.there = words.empty();
  message.port = listener.opened.port;
  message.words = message.there ? listener.opened.name : words;
  send(message);
}

void Forwarder::finish_xauth(int process) {
  for (auto at = listeners_.begin(); at != listeners_.end(); ++at) {
    if (at->second.xauth.process() != process) continue;
    const std::string words = at->second.xauth.finish();
    answer(at->second, words);
    if (!words.empty()) listeners_.erase(at);
    return;
  }
}

void Forwarder::accept_at(int socket) {
  for (auto& [number, listener] : listeners_) {
    for (const Fd& each : listener.opened.sockets) {
      if (each.get() != socket || listener.xauth.process() >= 0) continue;
      if (untaken_ >= protocol::most_untaken) return;
      Fd connection(accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!connection) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
          pause_until_ = now_ms() + pause_ms;
        return;
      }
      hand_over(number, std::move(connection));
      if (listener.wanted.single) listener.opened.sockets.clear();
      return;
    }
  }
}

void Forwarder::hand_over(std::uint32_t number, Fd connection) {
  protocol::Accepted accepted;
  accepted.listener = number;
  name_source(connection.get(), accepted);
  const int on = 1;
  setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // of no TCP: no such option, nothing lost
  ++untaken_;
  send(accepted, connection.get());
}

void Forwarder::send(const protocol::ToSsh& message, int along) {
  const auto bytes = protocol::encode(message);
  const std::span<const int> descriptors(&along, along >= 0 ? 1 : 0);
  if (bytes && protocol::send_message(conversation, *bytes, descriptors, protocol::Wait::yes) == protocol::Sent::sent)
    return;
  over_ = true;
}

}  // namespace

int serve_forwarding() {
  // Being the user's, it would live on where its parent is killed. Where that has happened already, the socket tells.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGPIPE, SIG_IGN);
  // Each connection under way is a descriptor, and each that is handed over counts until it has been received (unix(7), ETOOMANYREFS).
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  int status = 0;
  {
    Forwarder forwarder;
    status = forwarder.run();
  }
  _exit(status);  // a look-up may still wait
}

}  // namespace acl::node::session
