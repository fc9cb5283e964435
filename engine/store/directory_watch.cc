#include "engine/store/directory_watch.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <map>

#include "engine/release/text.h"
#include "engine/store/watch_timer.h"

namespace acl::store {

using release::quoted;

namespace {

constexpr std::uint32_t on_the_way = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |
                                     IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR | IN_MASK_ADD;
// A file that is written in place counts when it is closed; ours are moved into place.
constexpr std::uint32_t in_the_folder = on_the_way | IN_CLOSE_WRITE;

// The path from the root, "." and ".." left as they are: the kernel knows what they mean.
std::string from_root(const std::string& path) {
  if (!path.empty() && path.front() == '/') return path;
  std::array<char, PATH_MAX> here{};
  if (getcwd(here.data(), here.size()) == nullptr) return path;
  return fmt::format("{}/{}", here.data(), path);
}

class DirectoryWatch final : public LatestWatch {
 public:
  DirectoryWatch(const std::string& path, std::chrono::milliseconds interval);
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;
  ~DirectoryWatch() override {
    if (inotify_ >= 0) close(inotify_);
    if (epoll_ >= 0) close(epoll_);
  }

  [[nodiscard]] int fd() const noexcept override { return epoll_; }
  bool step() override;
  [[nodiscard]] std::optional<Diagnostic> trouble() const override { return trouble_; }

 private:
  void arm();
  bool add(const std::string& folder, std::string name, std::uint32_t mask);
  enum class Heard : std::uint8_t { nothing, latest, way };
  Heard read_events();
  [[nodiscard]] Heard judge(const inotify_event& event, std::string_view name) const;

  std::string path_;
  int inotify_;
  int epoll_;
  WatchTimer interval_;
  // By watch: the names in that folder that matter. One folder may stand on the way twice ("a/../a").
  std::multimap<int, std::string> names_;
  int last_ = -1;  // the watch of the folder itself
  std::optional<Diagnostic> trouble_;
};

DirectoryWatch::DirectoryWatch(const std::string& path, std::chrono::milliseconds interval)
    : path_(from_root(path)),
      inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      interval_(interval) {
  for (const int fd : {inotify_, interval_.fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) continue;
    if (epoll_ >= 0) close(epoll_);
    epoll_ = -1;
    return;
  }
  arm();
}

bool DirectoryWatch::add(const std::string& folder, std::string name, std::uint32_t mask) {
  const int watch = inotify_add_watch(inotify_, folder.c_str(), mask);
  if (watch >= 0) {
    names_.emplace(watch, std::move(name));
    if (mask == in_the_folder) last_ = watch;
    return true;
  }
  if (errno == ENOSPC || errno == ENOMEM) {
    trouble_ =
        make_diagnostic(Code::E1102, fmt::format("cannot watch {}: {}", quoted(folder), std::strerror(errno)),
                        "raise fs.inotify.max_user_watches; until then the folder is looked at from time to time");
  }
  return false;
}

void DirectoryWatch::arm() {
  for (auto at = names_.begin(); at != names_.end(); at = names_.upper_bound(at->first))
    inotify_rm_watch(inotify_, at->first);
  names_.clear();
  last_ = -1;
  trouble_.reset();
  std::size_t begin = 1;
  std::string folder = "/";
  while (begin <= path_.size()) {
    const std::size_t end = std::min(path_.find('/', begin), path_.size());
    const std::string name = path_.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty()) continue;
    // Later parts are not there if this one is not; its coming is what the watch on its parent tells. A folder on the way that
    // may be passed but not read cannot be watched, and is rarely the one that changes.
    add(folder, name, on_the_way);
    folder = fmt::format("{}/{}", folder == "/" ? "" : folder, name);
  }
  add(folder, std::string(release::latest_name), in_the_folder);
}

DirectoryWatch::Heard DirectoryWatch::judge(const inotify_event& event, std::string_view name) const {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return Heard::way;
  // Tells that a watch is gone, by our own hand too; what took the folder away was told before.
  if ((event.mask & IN_IGNORED) != 0) return Heard::nothing;
  const auto [first, last] = names_.equal_range(event.wd);
  if (first == last) return Heard::nothing;  // of a watch of before
  if (name.empty())
    return (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_ATTRIB)) != 0 ? Heard::way : Heard::nothing;
  for (auto at = first; at != last; ++at) {
    if (at->second != name) continue;
    return event.wd == last_ && name == release::latest_name ? Heard::latest : Heard::way;
  }
  return Heard::nothing;
}

DirectoryWatch::Heard DirectoryWatch::read_events() {
  Heard heard = Heard::nothing;
  alignas(inotify_event) std::array<char, std::size_t{16} * 1024> buffer{};
  // Bounded: somebody who makes files without end is not to keep us here.
  for (int rounds = 0; rounds < 16; ++rounds) {
    const ssize_t got = read(inotify_, buffer.data(), buffer.size());
    if (got <= 0) break;
    const char* at = buffer.data();
    const char* const end = at + got;
    while (at < end) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      // The name is filled up with zeros.
      const char* const name = at + sizeof event;
      heard = std::max(heard, judge(event, std::string_view(name, strnlen(name, event.len))));
      at = name + event.len;
    }
  }
  return heard;
}

bool DirectoryWatch::step() {
  bool changed = interval_.due();
  // At the interval, too: what could not be watched may have become so.
  const Heard heard = read_events();
  if (heard == Heard::way || changed) arm();
  // What happened while the watches were being set is not told, but whoever is told now looks after that.
  changed = changed || heard != Heard::nothing;
  return changed;
}

}  // namespace

Expected<std::unique_ptr<LatestWatch>> make_directory_watch(const std::string& path,
                                                            std::chrono::milliseconds interval) {
  auto watch = std::make_unique<DirectoryWatch>(path, interval);
  if (watch->fd() < 0) {
    return fail(Code::E1102, fmt::format("cannot watch {}: no inotify instances left", quoted(path)),
                "raise fs.inotify.max_user_instances, or this process's limit of open files");
  }
  return watch;
}

}  // namespace acl::store
