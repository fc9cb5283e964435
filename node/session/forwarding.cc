#include "node/session/forwarding.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "node/protocol/login_conversation.h"
#include "node/session/log.h"
#include "node/session/pam.h"

namespace acl::node::session {
namespace {

using protocol::ListenKind;

// Written down of one login; a client can ask as often as it likes.
constexpr unsigned most_logged = 10;
// From the process before others have their turn.
constexpr int answers_in_a_row = 16;
constexpr std::size_t longest_answer = 4096;

int option_of(int fd, int option) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// Connected, or once so: a stream of TCP or unix(7), no listener.
bool is_connection(int fd) noexcept {
  const int domain = option_of(fd, SO_DOMAIN);
  const bool tcp = (domain == AF_INET || domain == AF_INET6) && option_of(fd, SO_PROTOCOL) == IPPROTO_TCP;
  if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) != 0 || (!tcp && domain != AF_UNIX))
    return false;
  // Nobody here is to wait at a close for what the other side does not read.
  const linger none{};
  return setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) == 0;
}

Answer refused(std::uint32_t channel, std::string words) {
  return {protocol::Refused{channel, one_line(std::move(words))}, {}, 0};
}
Answer not_there(std::uint32_t listener, std::string words) {
  return {protocol::Listening{listener, false, 0, one_line(std::move(words))}, {}, 0};
}

// What the process, and xauth that it runs, is to know.
std::vector<std::string> environment_for(const EnvironmentOf& of) {
  std::vector<std::string> kept;
  for (std::string& each : make_environment(of)) {
    const std::string name = each.substr(0, each.find('='));
    if (name == "HOME" || name == "USER" || name == "LOGNAME" || name == "PATH" || name == "XAUTHORITY")
      kept.push_back(std::move(each));
  }
  return kept;
}

}  // namespace

std::string Forwarding::refusal(bool given, std::uint8_t bit, const char* what, const char* setting) {
  if (given) return {};
  std::string words = (rights_.narrowed & bit) != 0
                          ? fmt::format("{} is not allowed: {} is false in aclnode.toml of this machine", what, setting)
                          : fmt::format("{} is not allowed: policy does not give it to this login", what);
  if (refusals_++ < most_logged) log_diagnostic(make_diagnostic(Code::E1441, fmt::format("{}: {}", who_, words)));
  return words;
}

template <class Wanted>
std::optional<Answer> Forwarding::ask_to_connect(const Wanted& wanted) {
  std::string no =
      refusal(rights_.local, protocol::narrowed_local, "forwarding to what this machine reaches", "allow_local");
  if (!no.empty()) return refused(wanted.channel, std::move(no));
  // A channel that is closed while it is asked for is free again, and its question is not over.
  if (connecting_.size() >= protocol::most_forwards) return refused(wanted.channel, "too many connections at once");
  if (!say(wanted)) return refused(wanted.channel, "the process that connects for this login cannot be started");
  connecting_.insert(wanted.channel);
  return std::nullopt;
}

std::optional<Answer> Forwarding::connect(const protocol::Connect& wanted) { return ask_to_connect(wanted); }
std::optional<Answer> Forwarding::connect(const protocol::ConnectPath& wanted) { return ask_to_connect(wanted); }

std::optional<Answer> Forwarding::listen(const protocol::Listen& wanted) {
  std::string no;
  switch (wanted.what) {
    case ListenKind::port:
    case ListenKind::path:
      no = refusal(rights_.remote, protocol::narrowed_remote, "forwarding of ports of this machine", "allow_remote");
      break;
    case ListenKind::agent:
      no = refusal(rights_.agent, protocol::narrowed_agent, "agent forwarding", "allow_agent");
      break;
    case ListenKind::display: no = refusal(rights_.x11, protocol::narrowed_x11, "X11 forwarding", "allow_x11"); break;
  }
  // Some may be given up whose answers have not come.
  if (no.empty() && listeners_.size() >= 2 * protocol::most_listeners) no = "too many listeners at once";
  if (no.empty() && !say(wanted)) no = "the process that listens for this login cannot be started";
  if (!no.empty()) return not_there(wanted.listener, std::move(no));
  listeners_[wanted.listener] = {wanted.what, true, true, {}};
  return std::nullopt;
}

std::optional<Answer> Forwarding::hear(const protocol::FromSsh& message) {
  if (const auto* wanted = std::get_if<protocol::Connect>(&message)) return connect(*wanted);
  if (const auto* wanted = std::get_if<protocol::ConnectPath>(&message)) return connect(*wanted);
  if (const auto* wanted = std::get_if<protocol::Listen>(&message)) return listen(*wanted);
  if (const auto* given_up = std::get_if<protocol::Unlisten>(&message)) unlisten(*given_up);
  if (const auto* one = std::get_if<protocol::Taken>(&message)) taken(*one);
  return std::nullopt;
}

void Forwarding::unlisten(const protocol::Unlisten& message) {
  const auto at = listeners_.find(message.listener);
  if (at == listeners_.end()) return;  // refused, or gone with its process
  at->second.wanted = false;
  if (!at->second.asked) listeners_.erase(at);
  if (socket_) say(message);
}

void Forwarding::taken(const protocol::Taken& message) {
  if (untaken_ == 0) return;  // it was of a process before this one
  --untaken_;
  if (socket_) say(message);
}

std::string Forwarding::name_of(const std::optional<std::uint32_t>& listener) const {
  const auto at = listener ? listeners_.find(*listener) : listeners_.end();
  return at == listeners_.end() ? std::string() : at->second.name;
}

bool Forwarding::start() {
  int ends[2] = {-1, -1};
  if (pid_ > 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const auto pid = start_(theirs.get());
  if (!pid) {
    log_diagnostic(pid.error());
    return false;
  }
  pid_ = *pid;
  socket_ = std::move(ours);
  outgoing_ = {};
  buffer_.resize(longest_answer);
  return true;
}

bool Forwarding::say(const protocol::FromSsh& message) {
  if (!socket_ && !start()) return false;
  auto bytes = protocol::encode(message);
  // One that has just gone shows at its socket, with the answers that it owes.
  return bytes && (outgoing_.send(socket_.get(), std::move(*bytes), {}), true);
}

void Forwarding::flush() {
  if (socket_ && !outgoing_.flush(socket_.get())) outgoing_ = {};
}

std::vector<Answer> Forwarding::ready() {
  std::vector<Answer> answers;
  for (int i = 0; i < answers_in_a_row && socket_; ++i) {
    auto received = protocol::receive_with_descriptors(socket_.get(), buffer_);
    using State = protocol::Received::State;
    if (received.state == State::nothing) break;
    if (received.state == State::closed) {
      lose("it ended", answers);
      break;
    }
    auto message = received.state == State::message ? protocol::decode_to_ssh(received.message)
                                                    : Expected<protocol::ToSsh>(fail(Code::E1361, "too long"));
    if (!message || !take(std::move(*message), std::span(received.descriptors).first(received.count), answers))
      lose("it said what is not legal", answers);
  }
  return answers;
}

bool Forwarding::take(protocol::ToSsh message, std::span<Fd> along, std::vector<Answer>& answers) {
  if (auto* no = std::get_if<protocol::Refused>(&message)) {
    if (!along.empty() || connecting_.erase(no->channel) == 0) return false;
    answers.push_back(refused(no->channel, std::move(no->words)));
    return true;
  }
  if (const auto* opened = std::get_if<protocol::Opened>(&message)) {
    if (connecting_.count(opened->channel) == 0 || along.size() != 1 || !is_connection(along[0].get())) return false;
    connecting_.erase(opened->channel);
    Answer& answer =
        answers.emplace_back(Answer{protocol::Opened{opened->channel, protocol::ChannelKind::socket}, {}, 1});
    answer.descriptors[0] = std::move(along[0]);
    return true;
  }
  if (auto* listening = std::get_if<protocol::Listening>(&message)) {
    const auto at = listeners_.find(listening->listener);
    if (at == listeners_.end() || !at->second.asked || !along.empty()) return false;
    at->second.asked = false;
    if (listening->there) at->second.name = std::exchange(listening->words, {});
    const bool kept = listening->there && at->second.wanted;
    if (at->second.wanted)
      answers.push_back({protocol::Listening{listening->listener, listening->there, listening->port,
                                             one_line(std::move(listening->words))},
                         {},
                         0});
    if (!kept) listeners_.erase(at);
    return true;
  }
  auto* const accepted = std::get_if<protocol::Accepted>(&message);
  if (accepted == nullptr || along.size() != 1 || !is_connection(along[0].get()) || untaken_ >= protocol::most_untaken)
    return false;
  ++untaken_;
  const auto at = listeners_.find(accepted->listener);
  if (at == listeners_.end() || at->second.asked) {  // given up meanwhile
    taken({});
    return true;
  }
  Answer& answer = answers.emplace_back(Answer{std::move(*accepted), {}, 1});
  answer.descriptors[0] = std::move(along[0]);
  return true;
}

void Forwarding::lose(std::string_view why, std::vector<Answer>& answers) {
  if (losses_++ < most_logged)
    log_diagnostic(make_diagnostic(Code::E1442, fmt::format("{}: the process that forwards: {}", who_, why)));
  kill();
  socket_ = Fd();
  outgoing_ = {};
  untaken_ = 0;
  for (const std::uint32_t channel : std::exchange(connecting_, {}))
    answers.push_back(refused(channel, "the process that connects for this login has ended"));
  for (const auto& [number, listener] : std::exchange(listeners_, {}))
    if (listener.asked && listener.wanted)
      answers.push_back(not_there(number, "the process that listens for this login has ended"));
}

void Forwarding::ended(pid_t pid) noexcept {
  if (pid == pid_) pid_ = -1;
}

void Forwarding::kill() noexcept {
  if (pid_ <= 0) return;
  // Not waited for: where it waits for a file system of the user's, it does not end. Whoever reaps orphans of this login reaps it.
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, WNOHANG);
  pid_ = -1;
}

Forwarding::Start start_forwarder(const EnvironmentOf& environment) {
  return [account = environment.account, variables = environment_for(environment)](int socket) {
    return spawn_self_as(account, "forward", socket, variables);
  };
}

}  // namespace acl::node::session
