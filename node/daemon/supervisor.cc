#include "node/daemon/supervisor.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "node/daemon/program.h"

namespace acl::node {
namespace {

// A program that cannot start is not started again and again.
constexpr std::int64_t start_every_ms = 2000;
// Without a daemon and without logins it ends by itself.
constexpr const char* linger_s = "60";

}  // namespace

bool has_systemd() noexcept { return ::access("/run/systemd/system", F_OK) == 0; }

void Supervisor::set(Settings settings) {
  settings_ = std::move(settings);
  fd_ = Fd();
  start_again_ms_ = 0;
  why_.clear();
}

bool Supervisor::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (settings_.socket.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, settings_.socket.data(), settings_.socket.size());
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    why_ = fmt::format("aclnode-session at \"{}\": {}", settings_.socket, std::strerror(errno));
    return false;
  }
  // Who listens there gets connections of root's to be.
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != ::geteuid()) {
    why_ = fmt::format("\"{}\" is not of this user's but of {}'s", settings_.socket, peer.uid);
    return false;
  }
  fd_ = std::move(fd);
  return true;
}

void Supervisor::start() {
  const std::int64_t now = clocks_.steady_ms();
  if (!settings_.start || now < start_again_ms_) return;
  start_again_ms_ = now + start_every_ms;
  const auto started = start_detached(settings_.program, {"supervise", settings_.socket, "--linger", linger_s});
  if (!started) why_ = started.error().message;
}

bool Supervisor::reach() {
  char byte = 0;
  // It says nothing: what can be read is the end.
  if (fd_ && ::recv(fd_.get(), &byte, sizeof byte, MSG_DONTWAIT | MSG_PEEK) == 0) fd_ = Fd();
  if (fd_ || connect()) {
    why_.clear();
    return true;
  }
  start();
  return false;
}

bool Supervisor::hand_over(protocol::ByteView begin, std::span<const int> descriptors) {
  // Twice: the first may find that the one before is gone.
  for (int i = 0; i < 2; ++i) {
    if (!fd_ && !connect()) {
      start();
      return false;
    }
    switch (protocol::send_message(fd_.get(), begin, descriptors, protocol::Wait::no)) {
      case protocol::Sent::sent: why_.clear(); return true;
      case protocol::Sent::full: why_ = "aclnode-session does not take connections"; return false;
      case protocol::Sent::closed: fd_ = Fd(); break;
    }
  }
  why_ = "aclnode-session closes its socket";
  return false;
}

}  // namespace acl::node
