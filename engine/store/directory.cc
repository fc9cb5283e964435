#include "engine/store/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include "engine/release/text.h"
#include "engine/store/directory_watch.h"
#include "engine/store/folder.h"
#include "engine/store/object.h"

namespace acl::store {

using release::quoted;

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Diagnostic> cannot_read(const std::string& path, int error) {
  return fail(Code::E0002, fmt::format("cannot read {}: {}", quoted(path), std::strerror(error)));
}

// What a change of the file changes: a new file has a new number or another time.
std::string tag_of(const struct stat& status) {
  return fmt::format("{:x}-{:x}.{:x}-{:x}", status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                     status.st_size);
}

Expected<Fetched> read_object(const std::string& path, std::uint64_t limit, std::string_view known) {
  // Without waiting for a writer, should it be a pipe.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Fetched{};
    return cannot_read(path, errno);
  }
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return cannot_read(path, errno);
  if (!S_ISREG(status.st_mode)) return fail(Code::E1103, fmt::format("{} is no regular file", quoted(path)));
  std::string tag = tag_of(status);
  if (tag == known) return Fetched{Fetched::State::unchanged, {}, std::move(tag)};
  const auto too_long = [&] {
    return fail(Code::E1105, fmt::format("{} is longer than {} bytes", quoted(path), limit),
                "the store has more than can belong there; see whether it is the right one");
  };
  if (static_cast<std::uint64_t>(status.st_size) > limit) return too_long();
  // One byte more than the file says, to see its end, or that it has grown meanwhile.
  std::string bytes(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == bytes.size()) return too_long();
  bytes.resize(size);
  return Fetched{Fetched::State::found, std::move(bytes), std::move(tag)};
}

class DirectoryStore final : public Target {
 public:
  DirectoryStore(std::string name, std::string path, std::chrono::milliseconds interval)
      : name_(std::move(name)), path_(std::move(path)), interval_(interval) {}

  Expected<Fetched> get(std::string_view object, std::uint64_t limit, Deadline, std::string_view known) override {
    if (auto valid = require_name(object); !valid) return tl::unexpected(valid.error());
    return read_object(path_of(object), limit, known);
  }
  Expected<std::unique_ptr<LatestWatch>> watch() override { return make_directory_watch(path_, interval_); }
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }

  Expected<void> lock(Deadline deadline) override;
  void unlock() noexcept override {
    lock_.reset();
    folder_.reset();
  }
  Expected<std::vector<std::string>> missing(std::span<const std::string> names, Deadline deadline) override;
  Expected<std::size_t> put(std::span<const Object> objects, Existing existing, Deadline deadline) override;
  [[nodiscard]] std::uint64_t longest_object() const noexcept override { return UINT64_MAX; }
  Expected<void> move_latest(const std::optional<release::Generation>& from, const release::Generation& to,
                             Deadline deadline) override;
  Expected<std::vector<std::string>> list(std::string_view prefix, Deadline deadline) override;
  Expected<void> remove(std::span<const std::string> names, Deadline deadline) override;

 private:
  [[nodiscard]] std::string path_of(std::string_view object) const { return fmt::format("{}/{}", path_, object); }
  [[nodiscard]] tl::unexpected<Diagnostic> not_locked() const {
    return fail(Code::E1111, fmt::format("{} was not locked before writing", quoted(name_)));
  }

  // These objects, and the names of new ones, are on the disk.
  Expected<void> sync(const std::vector<std::string>& names);

  std::string name_;
  std::string path_;
  std::chrono::milliseconds interval_;
  std::optional<Folder> folder_;  // while locked
  Descriptor lock_;
};

Expected<void> DirectoryStore::lock(Deadline deadline) {
  if (folder_) return {};
  auto folder = Folder::create(path_);
  if (!folder) return tl::unexpected(folder.error());
  const std::string path = path_of(".publish");
  lock_.reset(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (lock_.get() < 0) {
    return fail(Code::E0003, fmt::format("cannot write {}: {}", quoted(path), std::strerror(errno)));
  }
  while (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK && error != EINTR) {
      return fail(Code::E0003, fmt::format("cannot lock {}: {}", quoted(path), std::strerror(error)));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Code::E1111, fmt::format("another publisher is writing to {}", quoted(name_)), "wait for it");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  folder_ = std::move(*folder);
  return {};
}

Expected<std::vector<std::string>> DirectoryStore::missing(std::span<const std::string> names, Deadline) {
  std::vector<std::string> absent;
  for (const std::string& name : names) {
    if (auto valid = require_name(name); !valid) return tl::unexpected(valid.error());
    struct stat status {};
    if (stat(path_of(name).c_str(), &status) == 0) continue;
    if (errno != ENOENT && errno != ENOTDIR) return cannot_read(path_of(name), errno);
    absent.push_back(name);
  }
  return absent;
}

Expected<std::size_t> DirectoryStore::put(std::span<const Object> objects, Existing existing, Deadline) {
  if (!folder_) return not_locked();
  std::vector<std::string> written;
  for (const Object& object : objects) {
    if (auto valid = require_immutable(object.name); !valid) return tl::unexpected(valid.error());
    struct stat status {};
    // One of another length is a rest of a disk that was full or a machine that fell: written again.
    if (existing == Existing::keep && stat(path_of(object.name).c_str(), &status) == 0 &&
        static_cast<std::uint64_t>(status.st_size) == object.bytes.size()) {
      continue;
    }
    const auto put = folder_->put(object.name, release::as_bytes(object.bytes));
    if (!put) return tl::unexpected(put.error());
    if (*put) written.push_back(object.name);
  }
  if (auto done = sync(written); !done) return tl::unexpected(done.error());
  return written.size();
}

Expected<void> DirectoryStore::sync(const std::vector<std::string>& names) {
  // Settling also waits for what other programs have written to that disk, which can take seconds: for many files only.
  constexpr std::size_t few = 64;
  if (names.size() > few) return folder_->settle();
  std::set<std::string> paths;
  for (const std::string& name : names) {
    paths.insert(path_of(name));
    paths.insert(path_of(name.substr(0, name.find('/'))));
  }
  // The names of the folders themselves, which may be new.
  if (!names.empty()) paths.insert(path_);
  for (const std::string& path : paths) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0 || fsync(file.get()) != 0) {
      return fail(Code::E0003, fmt::format("cannot write {}: {}", quoted(path), std::strerror(errno)));
    }
  }
  return {};
}

Expected<void> DirectoryStore::move_latest(const std::optional<release::Generation>& from,
                                           const release::Generation& to, Deadline) {
  if (!folder_) return not_locked();
  return folder_->move_latest(from, to);
}

Expected<std::vector<std::string>> DirectoryStore::list(std::string_view prefix, Deadline) {
  std::vector<std::string> names;
  for (const std::string_view kind : {"trust", "head", "page", "blob"}) {
    if (fmt::format("{}/", kind).substr(0, prefix.size()) != prefix.substr(0, kind.size() + 1)) continue;
    const std::unique_ptr<DIR, int (*)(DIR*)> open_folder(opendir(path_of(kind).c_str()), closedir);
    if (!open_folder) {
      if (errno == ENOENT) continue;
      return cannot_read(path_of(kind), errno);
    }
    while (const dirent* entry = readdir(open_folder.get())) {
      std::string name = fmt::format("{}/{}", kind, static_cast<const char*>(entry->d_name));
      if (name.compare(0, prefix.size(), prefix) == 0 && release::parse_name(name)) names.push_back(std::move(name));
    }
  }
  return names;
}

Expected<void> DirectoryStore::remove(std::span<const std::string> names, Deadline) {
  if (!folder_) return not_locked();
  for (const std::string& name : names) {
    if (auto valid = require_immutable(name); !valid) return tl::unexpected(valid.error());
    if (unlink(path_of(name).c_str()) != 0 && errno != ENOENT) {
      return fail(Code::E0003, fmt::format("cannot remove {}: {}", quoted(path_of(name)), std::strerror(errno)));
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Target> make_directory_store(std::string name, std::string path, std::chrono::milliseconds interval) {
  return std::make_unique<DirectoryStore>(std::move(name), std::move(path), interval);
}

}  // namespace acl::store
