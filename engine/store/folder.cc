#include "engine/store/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "engine/net/file.h"
#include "engine/release/page.h"

namespace acl::store {
namespace {

using release::ByteView;
using release::NameKind;

constexpr std::size_t largest_blob = std::size_t{1} << 32;

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Diagnostic> cannot(Code code, const std::string& path, int error) {
  return fail(code,
              fmt::format("cannot {} \"{}\": {}", code == Code::E0002 ? "read" : "write", path, std::strerror(error)));
}

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

Expected<void> sync_folder(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return cannot(Code::E0003, path, errno);
  return {};
}

enum class Place : std::uint8_t { only_if_absent, over_another };

// Writes a new file beside `path` and puts it there. False if something is there and may not be replaced.
Expected<bool> place_file(const std::string& path, ByteView bytes, bool sync, Place place) {
  const std::size_t slash = path.rfind('/');
  std::string temporary = path.substr(0, slash + 1) + "." + path.substr(slash + 1) + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return cannot(Code::E0003, path, errno);
  const auto give_up = [&](int error) {
    ::unlink(temporary.c_str());
    return cannot(Code::E0003, path, error);
  };
  // A release is public; who may see the folder is up to the folder.
  if (!write_all(file.get(), bytes) || ::fchmod(file.get(), 0644) != 0) return give_up(errno);
  if (sync && ::fsync(file.get()) != 0) return give_up(errno);
  if (place == Place::over_another) {
    if (::rename(temporary.c_str(), path.c_str()) != 0) return give_up(errno);
    return true;
  }
  // Unlike rename, link never replaces, so that of two writers one learns of the other.
  const int linked = ::link(temporary.c_str(), path.c_str());
  const int error = errno;
  ::unlink(temporary.c_str());
  if (linked == 0) return true;
  if (error == EEXIST) return false;
  return cannot(Code::E0003, path, error);
}

Expected<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return cannot(Code::E0003, path, errno);
  return {};
}

Expected<release::Bytes> checked(const Folder& folder, const std::string& name, const release::Reference& reference) {
  const auto text =
      folder.read(name, static_cast<std::size_t>(std::min<std::uint64_t>(reference.length, largest_blob)));
  if (!text) return tl::unexpected<Diagnostic>(text.error());
  if (!*text) return fail(Code::E1013, fmt::format("\"{}\" is not there", folder.path_of(name)));
  const ByteView bytes = release::as_bytes(**text);
  if (!matches(reference, bytes)) {
    return fail(Code::E1018, fmt::format("\"{}\" has other bytes than were signed", folder.path_of(name)));
  }
  return release::Bytes(bytes.begin(), bytes.end());
}

}  // namespace

Expected<Folder> Folder::open(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return cannot(Code::E0002, path, errno);
  if (!S_ISDIR(status.st_mode)) return cannot(Code::E0002, path, ENOTDIR);
  return Folder(path);
}

Expected<Folder> Folder::create(const std::string& path) {
  if (auto made = make_folder(path); !made) return tl::unexpected<Diagnostic>(std::move(made.error()));
  return open(path);
}

std::string Folder::path_of(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

Expected<std::optional<std::string>> Folder::read(std::string_view name, std::size_t limit) const {
  const std::string path = path_of(name);
  if (::access(path.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  auto text = read_file(path, limit);
  if (!text) return tl::unexpected<Diagnostic>(std::move(text.error()));
  return std::move(*text);
}

Expected<release::Bytes> Folder::read_page(const release::Reference& reference) const {
  return checked(*this, release::page_name(reference.digest), reference);
}

Expected<release::Bytes> Folder::read_blob(const release::Reference& reference) const {
  return checked(*this, release::blob_name(reference.digest), reference);
}

Expected<bool> Folder::put(std::string_view name, ByteView bytes) {
  const auto object = release::parse_name(name);
  if (!object || object->kind == NameKind::latest) {
    return fail(Code::E0003, fmt::format("cannot write \"{}\": no name of an object that is added", path_of(name)));
  }
  const std::string path = path_of(name);
  // What is there already: the same, or to be replaced. A file that cannot be read is to be replaced, or stands in the way.
  struct stat status {};
  const bool there = ::lstat(path.c_str(), &status) == 0;
  if (there) {
    const auto old = read(name, bytes.size());
    if (old && *old && **old == release::as_text(bytes)) return false;
  }
  const bool own_content = object->names_its_content();
  const bool replaceable =
      own_content || object->kind == NameKind::head_signature || object->kind == NameKind::trust_signature;
  if (!there) {
    const std::string parent = path.substr(0, path.rfind('/'));
    if (auto made = make_folder(parent); !made) return tl::unexpected<Diagnostic>(std::move(made.error()));
  }
  auto placed = place_file(path, bytes, !own_content, replaceable ? Place::over_another : Place::only_if_absent);
  if (!placed) return placed;
  if (!*placed) {
    // Somebody may have written the same at the same time.
    const auto now = read(name, bytes.size());
    if (now && *now && **now == release::as_text(bytes)) return false;
    return fail(Code::E1025, fmt::format("\"{}\" is there already, with other contents", path),
                "two people wrote it at the same time, or it was edited: compare before anything is signed");
  }
  if (!own_content) {
    if (auto synced = sync_folder(path.substr(0, path.rfind('/'))); !synced) {
      return tl::unexpected<Diagnostic>(std::move(synced.error()));
    }
  }
  return true;
}

Expected<void> Folder::settle() {
  // One call for all of them: a sync for each of ten thousand pages would take minutes on a disk.
  const Descriptor folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::syncfs(folder.get()) != 0) return cannot(Code::E0003, path_, errno);
  return {};
}

Expected<std::optional<release::Generation>> Folder::latest() const {
  const auto text = read(release::latest_name, release::latest_limit);
  if (!text) return tl::unexpected<Diagnostic>(text.error());
  if (!*text) return std::nullopt;
  const auto parsed = release::parse_latest(**text);
  if (!parsed) return tl::unexpected<Diagnostic>(parsed.error());
  return *parsed;
}

Expected<void> Folder::move_latest(const std::optional<release::Generation>& from, const release::Generation& to) {
  const std::string lock_path = path_of(".lock");
  const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (lock.get() < 0) return cannot(Code::E0003, lock_path, errno);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return cannot(Code::E0003, lock_path, errno);
  }
  const auto now = latest();
  if (!now) return tl::unexpected<Diagnostic>(now.error());
  if (*now != from) {
    return fail(Code::E1026, fmt::format("\"{}\" is at {} now, not at {}", path_of(release::latest_name),
                                         *now ? (*now)->text() : "nothing", from ? from->text() : "nothing"));
  }
  const std::string text = release::print_latest(to);
  auto placed = place_file(path_of(release::latest_name), release::as_bytes(text), true, Place::over_another);
  if (!placed) return tl::unexpected<Diagnostic>(std::move(placed.error()));
  return sync_folder(path_);
}

Expected<std::vector<release::ObjectName>> Folder::heads_and_trust() const {
  std::vector<release::ObjectName> out;
  for (const char* const part : {"trust", "head"}) {
    const std::string path = path_of(part);
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
    if (!folder && errno == ENOENT) continue;
    if (!folder) return cannot(Code::E0002, path, errno);
    errno = 0;
    while (const dirent* const entry = ::readdir(folder.get())) {
      if (const auto object = release::parse_name(fmt::format("{}/{}", part, entry->d_name))) out.push_back(*object);
    }
    if (errno != 0) return cannot(Code::E0002, path, errno);
  }
  std::sort(out.begin(), out.end(), [](const release::ObjectName& a, const release::ObjectName& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    if (a.generation != b.generation) return a.generation < b.generation;
    return a.key < b.key;
  });
  return out;
}

}  // namespace acl::store
