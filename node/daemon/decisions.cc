#include "node/daemon/decisions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace acl::node {
namespace {

bool is_of(int fd, mode_t kind) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

// Writes what fits now, without waiting; -1 with EAGAIN if nothing does. The descriptor is not set to O_NONBLOCK, which is a property of
// what others share with us (standard error).
ssize_t write_some(int fd, std::string_view text) {
  if (is_of(fd, S_IFSOCK)) return ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (!is_of(fd, S_IFREG)) {
    pollfd one{fd, POLLOUT, 0};
    if (::poll(&one, 1, 0) != 1 || (one.revents & POLLOUT) == 0) {
      if (one.revents == 0) errno = EAGAIN;
      return -1;
    }
    // A pipe that polls as writable has room for a page (pipe_poll() in fs/pipe.c).
    text = text.substr(0, PIPE_BUF);
  }
  return ::write(fd, text.data(), text.size());
}

std::string line_of(release::Time now, std::string_view event, std::initializer_list<Decisions::Field> fields) {
  nlohmann::ordered_json line;
  line["time"] = release::print_time(now);
  line["event"] = event;
  for (const auto& [key, value] : fields) line[std::string(key)] = value;
  return line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Expected<Decisions> Decisions::open(const std::string& path) {
  if (path.empty()) {
    // A pipe or terminal is opened once more, so that not waiting is ours alone; a socket cannot be, and needs not.
    const bool waits = is_of(STDERR_FILENO, S_IFIFO) || is_of(STDERR_FILENO, S_IFCHR);
    const int own = waits ? ::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
    return own >= 0 ? Decisions(own, true) : Decisions(STDERR_FILENO, false);
  }
  // O_NONBLOCK: of a named pipe that nobody reads.
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
  if (fd < 0) return fail(Code::E0003, fmt::format("cannot write \"{}\": {}", path, std::strerror(errno)));
  return Decisions(fd, true);
}

Decisions Decisions::to(int fd) { return {fd, false}; }

Decisions::Decisions(int fd, bool owned) : fd_(fd), owned_(owned) {}

Decisions::Decisions(Decisions&& other) noexcept { *this = std::move(other); }

Decisions& Decisions::operator=(Decisions&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(kept_, other.kept_);
  std::swap(records_, other.records_);
  std::swap(lost_, other.lost_);
  std::swap(told_, other.told_);
  std::swap(telling_, other.telling_);
  return *this;
}

Decisions::~Decisions() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

void Decisions::move_to(Decisions other) {
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
}

void Decisions::offer() {
  while (!kept_.empty()) {
    const ssize_t wrote = write_some(fd_, kept_);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (wrote <= 0) {  // nobody will take it
      lost_ += records_ - (telling_ != 0 ? 1 : 0);
      records_ = telling_ = 0;
      return kept_.clear();
    }
    const auto gone = kept_.begin() + wrote;
    const auto whole = static_cast<std::size_t>(std::count(kept_.begin(), gone, '\n'));
    if (telling_ != 0 && whole != 0) told_ = std::exchange(telling_, 0);
    records_ -= whole;
    kept_.erase(kept_.begin(), gone);
  }
}

void Decisions::keep(release::Time now, std::string line) {
  offer();
  if (lost_ != told_ && kept_.empty()) {
    const std::string count = std::to_string(lost_ - told_);
    telling_ = lost_;
    kept_ = line_of(now, "lost", {{"records", count}});
    ++records_;
  }
  if (kept_.size() + line.size() > most_kept) {
    ++lost_;
    return;
  }
  if (!line.empty()) ++records_;
  kept_ += line;
  // Usually one write of one line: those of several daemons in one file do not mix (O_APPEND; write(2)).
  offer();
}

void Decisions::record(release::Time now, std::string_view event, std::initializer_list<Field> fields) {
  keep(now, line_of(now, event, fields));
}

void Decisions::flush(release::Time now) {
  if (!kept_.empty() || lost_ != told_) keep(now, {});
}

}  // namespace acl::node
