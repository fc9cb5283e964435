#include "engine/net/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace acl {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  // Reports what close says: the last chance of a full disk to be heard of.
  int close() noexcept {
    const int result = ::close(fd_);
    fd_ = -1;
    return result;
  }

 private:
  int fd_;
};

tl::unexpected<Diagnostic> cannot_read(const std::string& path, int error) {
  return fail(Code::E0002, fmt::format("cannot read \"{}\": {}", path, std::strerror(error)));
}

tl::unexpected<Diagnostic> cannot_write(const std::string& path, int error) {
  return fail(Code::E0003, fmt::format("cannot write \"{}\": {}", path, std::strerror(error)));
}

bool write_all(int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Expected<std::string> read_file(const std::string& path, std::size_t limit) {
  const bool standard_input = path == "-";
  const Descriptor file(standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return cannot_read(path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot_read(path, errno);
  if (S_ISDIR(status.st_mode)) return cannot_read(path, EISDIR);

  std::string contents;
  // One byte more than the file says, so that its end is seen without growing.
  std::size_t capacity = 65536;
  if (S_ISREG(status.st_mode) && status.st_size > 0) capacity = static_cast<std::size_t>(status.st_size) + 1;
  std::size_t size = 0;
  for (;;) {
    if (size == contents.size()) contents.resize(std::min(size == 0 ? capacity : size * 2, limit + 1));
    const ssize_t got = ::read(file.get(), contents.data() + size, contents.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > limit) {
      return fail(Code::E0002, fmt::format("cannot read \"{}\": it is larger than {} bytes", path, limit));
    }
  }
  contents.resize(size);
  return contents;
}

Expected<void> replace_file(const std::string& path, std::string_view contents) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path.c_str(), nullptr), &std::free);
  const std::string target = resolved ? resolved.get() : path;
  struct stat status {};
  const bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return cannot_write(path, EISDIR);

  std::string temporary = target + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return cannot_write(path, errno);
  const auto give_up = [&](int error) {
    ::unlink(temporary.c_str());
    return cannot_write(path, error);
  };
  if (!write_all(file.get(), contents)) return give_up(errno);
  // Owner first: giving a file away clears set-id bits. Not permitted to others than root, and then of no harm.
  if (exists && ::fchown(file.get(), status.st_uid, status.st_gid) != 0 && errno != EPERM) return give_up(errno);
  mode_t mode = exists ? (status.st_mode & 07777U) : 0666U;
  if (!exists) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    mode &= ~mask;
  }
  if (::fchmod(file.get(), mode) != 0) return give_up(errno);
  if (::fsync(file.get()) != 0) return give_up(errno);
  if (file.close() != 0) return give_up(errno);
  if (::rename(temporary.c_str(), target.c_str()) != 0) return give_up(errno);
  return {};
}

}  // namespace acl
