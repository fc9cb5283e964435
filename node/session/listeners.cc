#include "node/session/listeners.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace acl::node::session {
namespace {

constexpr int backlog = 128;
// sshd's X11DisplayOffset, and as many displays as it tries.
constexpr unsigned first_display = 10, displays = 1000, x11_port = 6000;
constexpr int most_attempts_for_any_port = 16;

OpenedListener fault(std::string words) {
  OpenedListener none;
  none.words = std::move(words);
  return none;
}

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
};
Place loopback(int family, std::uint16_t port) {
  Place place;
  if (family == AF_INET) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&place.address, &at, sizeof at);
    place.size = sizeof at;
  } else {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(port);
    at.sin6_addr = in6addr_loopback;
    std::memcpy(&place.address, &at, sizeof at);
    place.size = sizeof at;
  }
  return place;
}

// errno says why not.
Fd listen_at(int family, std::uint16_t port) {
  Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (fd && family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  // A port in TIME-WAIT is free; one that listens is not.
  if (fd) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const Place place = loopback(family, port);
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&place.address), place.size) != 0 ||
      listen(fd.get(), backlog) != 0)
    return {};
  return fd;
}

std::uint16_t port_of(const Fd& fd) {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  return getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0 ? ntohs(at.sin_port) : std::uint16_t{0};
}

bool is_no_such_family(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

// Both or, where this machine has one of them alone, that. 0, or the error.
int listen_on_both(std::uint16_t wanted, OpenedListener& out) {
  std::uint16_t port = wanted;
  int error = EAFNOSUPPORT;
  for (const int family : {AF_INET, AF_INET6}) {
    Fd fd = listen_at(family, port);
    if (!fd) {
      error = errno;
      if (is_no_such_family(error)) continue;
      out.sockets.clear();
      return error;
    }
    if (port == 0) port = port_of(fd);  // of IPv6 it stands at the same place (sockaddr_in6)
    out.sockets.push_back(std::move(fd));
  }
  out.port = port;
  return out.sockets.empty() ? error : 0;
}

// Mode 0600 from the first moment; one thread alone makes files here.
int listen_at_path(const std::string& path, Fd& fd) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) return ENAMETOOLONG;
  std::memcpy(at.sun_path, path.data(), path.size());
  fd = Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  const mode_t before = umask(0177);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
  const int error = errno;
  umask(before);
  if (bound != 0) return error;
  return listen(fd.get(), backlog) == 0 ? 0 : errno;
}

}  // namespace

MadeSocket::MadeSocket(std::string path, std::string folder) : path_(std::move(path)), folder_(std::move(folder)) {
  if (!path_.empty() && lstat(path_.c_str(), &made_) != 0) path_.clear();
}

MadeSocket& MadeSocket::operator=(MadeSocket&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::exchange(other.path_, {});
  folder_ = std::exchange(other.folder_, {});
  made_ = other.made_;
  return *this;
}

void MadeSocket::remove() noexcept {
  struct stat now {};
  if (!path_.empty() && lstat(path_.c_str(), &now) == 0 && now.st_dev == made_.st_dev && now.st_ino == made_.st_ino)
    unlink(path_.c_str());
  if (!folder_.empty()) rmdir(folder_.c_str());
}

OpenedListener open_port(std::uint16_t port) {
  int error = EADDRINUSE;
  // Of any port another one may hold it for IPv6.
  for (int i = 0; i < (port == 0 ? most_attempts_for_any_port : 1); ++i) {
    OpenedListener opened;
    error = listen_on_both(port, opened);
    if (error == 0) return opened;
    if (error != EADDRINUSE) break;
  }
  return fault(fmt::format("cannot listen on port {}: {}", port, std::strerror(error)));
}

OpenedListener open_path(const std::string& path) {
  if (path.empty() || path.front() != '/') return fault("the path of a socket must begin with /");
  OpenedListener opened;
  Fd fd;
  if (const int error = listen_at_path(path, fd); error != 0)
    return fault(fmt::format("cannot listen at {}: {}", path, std::strerror(error)));
  opened.made = MadeSocket(path, {});
  opened.sockets.push_back(std::move(fd));
  return opened;
}

OpenedListener open_agent() {
  std::string folder = "/tmp/ssh-XXXXXXXXXX";
  if (mkdtemp(folder.data()) == nullptr)
    return fault(fmt::format("cannot make a folder below /tmp: {}", std::strerror(errno)));
  OpenedListener opened;
  opened.name = fmt::format("{}/agent.{}", folder, getpid());
  Fd fd;
  const int error = listen_at_path(opened.name, fd);
  opened.made = MadeSocket(opened.name, folder);
  if (error != 0) return fault(fmt::format("cannot listen at {}: {}", opened.name, std::strerror(error)));
  opened.sockets.push_back(std::move(fd));
  return opened;
}

OpenedListener open_display() {
  for (unsigned display = first_display; display < first_display + displays; ++display) {
    OpenedListener opened;
    const int error = listen_on_both(static_cast<std::uint16_t>(x11_port + display), opened);
    if (error == EADDRINUSE) continue;
    if (error != 0) return fault(fmt::format("cannot listen for a display: {}", std::strerror(error)));
    opened.name = fmt::format("localhost:{}", display);
    return opened;
  }
  return fault("no display is free");
}

}  // namespace acl::node::session
