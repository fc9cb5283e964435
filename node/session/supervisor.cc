#include "node/session/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "engine/net/file.h"
#include "node/protocol/channel.h"
#include "node/session/control_group.h"
#include "node/session/descendants.h"
#include "node/session/host_keys.h"
#include "node/session/log.h"

namespace acl::node::session {
namespace {

using protocol::Received;

constexpr std::size_t most_connections = 8;

Expected<sockaddr_un> address_of_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Code::E1404, fmt::format("\"{}\" cannot be the name of a socket", path));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

tl::unexpected<Diagnostic> cannot(std::string_view what, const std::string& path) {
  return fail(Code::E1404, fmt::format("cannot {} \"{}\": {}", what, path, std::strerror(errno)));
}

struct Listening {
  Fd socket;
  Fd lock;  // held as long as the supervisor lives; no socket: another one holds it
};

Expected<Listening> listen_on(const std::string& path) {
  const auto address = address_of_socket(path);
  if (!address) return tl::unexpected(address.error());
  Listening listening;
  const std::string lock = path + ".lock";
  listening.lock = Fd(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!listening.lock) return cannot("open", lock);
  if (flock(listening.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return listening;
    return cannot("lock", lock);
  }
  // Whoever made it is gone, or the lock were taken.
  unlink(path.c_str());
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      listen(socket.get(), static_cast<int>(most_connections)) != 0) {
    return cannot("listen on", path);
  }
  listening.socket = std::move(socket);
  return listening;
}

bool is_root(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

// Of a process that was not waited for: whether what it leaves behind is to stay.
bool is_leaving(pid_t pid) {
  const auto name = read_file(fmt::format("/proc/{}/comm", pid), 64);
  return name && *name == fmt::format("{}\n", leaving);
}

// sd_notify(3): the unit is up once connections are taken.
void tell_ready() {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = path != nullptr ? std::strlen(path) : 0;
  if (length == 0 || length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  constexpr std::string_view ready = "READY=1";
  if (fd) {
    sendto(fd.get(), ready.data(), ready.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  }
}

class Supervisor {
 public:
  Supervisor(const SupervisorSettings& settings, Listening listening)
      : settings_(settings), listening_(std::move(listening)), buffer_(protocol::longest_session_message) {}
  Expected<int> run();

 private:
  bool hear_signals();
  void reap();
  void take_connection();
  // A login's exit status, in its process.
  std::optional<int> hear(std::size_t connection);
  std::optional<int> begin(const protocol::Begin& begin, Fd connection, Fd conversation);
  void kill_login(std::uint64_t number, const Fd& process) const;
  [[nodiscard]] int left_ms() const;

  const SupervisorSettings& settings_;
  Listening listening_;
  Fd signals_;
  std::vector<Fd> connections_;
  std::map<pid_t, std::uint64_t> logins_;  // numbers by their processes, which have not been waited for
  Milliseconds idle_since_ = 0;
  std::vector<std::uint8_t> buffer_;
};

Expected<int> Supervisor::run() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&watched, number);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = Fd(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return fail(Code::E1404, "signals cannot be watched");
  warm_up_signing();
  remove_empty_groups();
  tell_ready();
  // Modules of PAM see this environment, users do not.
  clearenv();
  setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
  idle_since_ = now_ms();
  std::vector<pollfd> polled;
  for (;;) {
    polled = {{signals_.get(), POLLIN, 0}, {listening_.socket.get(), POLLIN, 0}};
    for (const Fd& each : connections_) polled.push_back({each.get(), POLLIN, 0});
    const int left = left_ms();
    if (left == 0) return 0;
    if (poll(polled.data(), polled.size(), left) < 0 && errno != EINTR) return cannot("wait at", settings_.socket);
    if (polled[0].revents != 0 && !hear_signals()) return 0;
    // From the last, as those that end are taken out.
    for (std::size_t i = connections_.size(); i-- > 0;) {
      if (polled[i + 2].revents == 0) continue;
      if (const auto status = hear(i)) return *status;
    }
    if (polled[1].revents != 0) take_connection();
  }
}

int Supervisor::left_ms() const {
  if (!settings_.linger || !logins_.empty() || !connections_.empty()) return -1;
  return static_cast<int>(std::clamp<Milliseconds>(idle_since_ + *settings_.linger - now_ms(), 0, 3'600'000));
}

bool Supervisor::hear_signals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo != SIGCHLD) return false;
  }
  reap();
  return true;
}

void Supervisor::reap() {
  siginfo_t ended{};
  while (ended = {}, waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid > 0) {
    const pid_t pid = ended.si_pid;
    // Nobody is left who would end what it has started when policy says so. Other children, of before this program or of modules, are no logins.
    const bool login = logins_.count(pid) != 0;
    if (login && ended.si_code != CLD_EXITED && !is_leaving(pid)) kill_login_group(open_process(pid).get());
    int status = 0;
    waitpid(pid, &status, 0);
    if (logins_.erase(pid) != 0 && logins_.empty()) remove_empty_groups();
    idle_since_ = now_ms();
    if (!WIFSIGNALED(status)) continue;
    log_diagnostic(make_diagnostic(
        Code::E1404,
        fmt::format("login process {} was killed by signal {}{}", pid, WTERMSIG(status),
                    WTERMSIG(status) == SIGKILL ? " (PAM did not answer in time, or memory ran out)" : "")));
  }
}

void Supervisor::take_connection() {
  Fd connection(accept4(listening_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection || !is_root(connection.get()) || connections_.size() >= most_connections) return;
  connections_.push_back(std::move(connection));
}

std::optional<int> Supervisor::hear(std::size_t connection) {
  auto received = protocol::receive_with_descriptors(connections_[connection].get(), buffer_);
  if (received.state == Received::State::nothing) return std::nullopt;
  if (received.state == Received::State::message) {
    const auto message = protocol::decode_to_session(received.message);
    const auto* const wanted = message ? std::get_if<protocol::Begin>(&*message) : nullptr;
    if (wanted != nullptr && received.count == 2) {
      return begin(*wanted, std::move(received.descriptors[0]), std::move(received.descriptors[1]));
    }
    const auto* const end = message ? std::get_if<protocol::KillLogin>(&*message) : nullptr;
    if (end != nullptr && received.count <= 1) {
      kill_login(end->number, received.descriptors[0]);
      return std::nullopt;
    }
    log_diagnostic(make_diagnostic(Code::E1403, "aclnode said what is neither begin nor end of a login"));
  }
  connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(connection));
  idle_since_ = now_ms();
  return std::nullopt;
}

// One that does not end though it was told to: its user may have stopped it, being root. All that it has started goes with it.
void Supervisor::kill_login(std::uint64_t number, const Fd& process) const {
  const auto at = std::find_if(logins_.begin(), logins_.end(), [&](const auto& each) { return each.second == number; });
  // A number of a process that was not waited for is nobody else's.
  const Fd own = !process && at != logins_.end() ? open_process(at->first) : Fd();
  const int named = process ? process.get() : own.get();
  const pid_t pid = pid_of(named);
  if (pid <= 0 || pid == getpid())
    return log_diagnostic(
        make_diagnostic(Code::E1404, fmt::format("login {} is to be killed, and is not here", number)));
  log_diagnostic(
      make_diagnostic(Code::E1404, fmt::format("login process {} did not end when told, and is killed", pid)));
  // The tree first: a user who is root may have moved some of it out of the group, and what has lost its parent is found no more.
  kill_tree_below(named);
  kill_login_group(named);
  signal_process(named, SIGKILL);
}

std::optional<int> Supervisor::begin(const protocol::Begin& begin, Fd connection, Fd conversation) {
  if (logins_.size() >= most_logins_at_once) {
    log_diagnostic(make_diagnostic(Code::E1404, fmt::format("more than {} logins at once", most_logins_at_once)));
    return std::nullopt;
  }
  // By its number it is to be killed.
  const auto same = [&](const auto& each) { return each.second == begin.number; };
  if (std::any_of(logins_.begin(), logins_.end(), same)) {
    log_diagnostic(make_diagnostic(Code::E1403, fmt::format("there is a login {} already", begin.number)));
    return std::nullopt;
  }
  const pid_t pid = fork();
  if (pid < 0) {
    log_diagnostic(make_diagnostic(Code::E1404, fmt::format("cannot make a process: {}", std::strerror(errno))));
  }
  if (pid > 0) logins_[pid] = begin.number;
  if (pid != 0) return std::nullopt;
  // The lock and the listening socket are the supervisor's; another one may have to take them while this login lasts.
  connections_.clear();
  listening_ = {};
  signals_ = Fd();
  std::vector<std::uint8_t>().swap(buffer_);
  return run_login(begin, std::move(connection), std::move(conversation), settings_.login);
}

}  // namespace

Expected<int> supervise(const SupervisorSettings& settings) {
  auto listening = listen_on(settings.socket);
  if (!listening) return tl::unexpected(listening.error());
  if (!listening->socket) return 0;
  Supervisor supervisor(settings, std::move(*listening));
  return supervisor.run();
}

}  // namespace acl::node::session
