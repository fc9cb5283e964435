#include "node/session/control_group.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

#include "engine/net/file.h"
#include "node/session/descendants.h"

namespace acl::node::session {
namespace {

constexpr std::string_view prefix = "aclnode-login-";
// Of a group: the process of the login whose own it is.
constexpr const char* mark = "trusted.aclnode-login";
constexpr std::size_t largest_table = std::size_t{4} << 20;
// Somebody may remove one that is empty for a moment.
constexpr int attempts = 3;

std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool says(int fd, std::string_view words) {
  return write(fd, words.data(), words.size()) == static_cast<ssize_t>(words.size());
}

Fd open_in(const std::string& folder, const char* name) {
  return Fd(open((folder + name).c_str(), O_WRONLY | O_CLOEXEC));
}

std::optional<std::string> path_of(const std::string& process) {
  const auto text = read_file(fmt::format("/proc/{}/cgroup", process), largest_table);
  return text ? group_path(*text) : std::nullopt;
}

std::optional<std::string> folder_of(std::string_view path) {
  const auto mounts = read_file("/proc/self/mountinfo", largest_table);
  const auto mount = mounts ? find_group_mount(*mounts) : std::nullopt;
  return mount ? group_folder(*mount, path) : std::nullopt;
}

std::optional<std::string> own_folder() {
  const auto path = path_of("self");
  return path ? folder_of(*path) : std::nullopt;
}

// A number alone may be another process's by the time that it is read.
std::string name_of(pid_t pid) {
  ProcessLine line;
  return read_process(pid, line) ? fmt::format("{} {}", line.pid, line.started) : std::string();
}

// Where it cannot be marked, as in a container without that right, others do not kill it.
void mark_as_own(const std::string& folder) {
  const std::string name = name_of(getpid());
  static_cast<void>(setxattr(folder.c_str(), mark, name.data(), name.size(), 0));
}

bool is_marked_by(const std::string& folder, pid_t pid) {
  const std::string name = name_of(pid);
  std::string found(64, '\0');
  const ssize_t size = getxattr(folder.c_str(), mark, found.data(), found.size());
  return !name.empty() && size > 0 && found.substr(0, static_cast<std::size_t>(size)) == name;
}

// Another login's, also in another namespace of processes, has another name.
std::string new_name() {
  std::uint64_t chance = 0;
  if (getrandom(&chance, sizeof chance, 0) != static_cast<ssize_t>(sizeof chance)) return {};
  return fmt::format("/{}{:016x}", prefix, chance);
}

}  // namespace

std::optional<GroupMount> find_group_mount(std::string_view mountinfo) {
  // id parent major:minor root mount-point options [optional ...] - type source options
  while (!mountinfo.empty()) {
    std::string_view line = next_line(mountinfo);
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    std::string_view type = line.substr(dash + 3);
    if (next_word(type) != "cgroup2") continue;
    for (int i = 0; i < 3; ++i) next_word(line);
    const std::string_view root = next_word(line), folder = next_word(line);
    return GroupMount{std::string(folder), std::string(root)};
  }
  return std::nullopt;
}

std::optional<std::string> group_path(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.substr(0, 4) == "0::/") return std::string(line.substr(3));
  }
  return std::nullopt;
}

std::optional<std::string> group_folder(const GroupMount& mount, std::string_view path) {
  // Above the namespace's root, or below none of what is mounted.
  if (path.substr(0, 3) == "/..") return std::nullopt;
  if (mount.root != "/") {
    const bool below = path.substr(0, mount.root.size()) == mount.root &&
                       (path.size() == mount.root.size() || path[mount.root.size()] == '/');
    if (!below) return std::nullopt;
    path.remove_prefix(mount.root.size());
  }
  if (path == "/") path = {};
  return mount.folder + std::string(path);
}

bool is_scope_of(std::string_view path, std::string_view session) {
  return !session.empty() && last_part(path) == fmt::format("session-{}.scope", session);
}

bool is_within(std::string_view path, std::string_view group) {
  return group == "/" ||
         (path.substr(0, group.size()) == group && (path.size() == group.size() || path[group.size()] == '/'));
}

LoginGroup::LoginGroup(LoginGroup&& other) noexcept { *this = std::move(other); }

LoginGroup& LoginGroup::operator=(LoginGroup&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(home_path_, other.home_path_);
  std::swap(home_, other.home_);
  std::swap(scope_, other.scope_);
  std::swap(groups_, other.groups_);
  return *this;
}

LoginGroup LoginGroup::enter() {
  const auto path = path_of("self");
  const auto home = path ? folder_of(*path) : std::nullopt;
  LoginGroup group;
  if (home) group.home_ = open_in(*home, "/cgroup.procs");
  for (int i = 0; group.home_ && i < attempts; ++i) {
    const std::string name = new_name(), folder = *home + name;
    if (name.empty() || mkdir(folder.c_str(), 0755) != 0) break;
    const Fd procs = open_in(folder, "/cgroup.procs");
    Fd kill = open_in(folder, "/cgroup.kill");
    if (procs && kill && says(procs.get(), "0")) {
      mark_as_own(folder);
      group.folder_ = folder;
      group.home_path_ = *path;
      group.groups_.push_back({(*path == "/" ? std::string() : *path) + name, std::move(kill)});
      return group;
    }
    rmdir(folder.c_str());
    if (errno != ENOENT && errno != ENODEV) break;
  }
  group.home_ = Fd();
  return group;
}

void LoginGroup::follow(std::string_view session) {
  const auto path = path_of("self");
  if (folder_.empty() || !path || last_part(*path) == last_part(folder_)) return;
  const bool own = is_scope_of(*path, session) && !is_within(home_path_, *path);
  const auto folder = own ? folder_of(*path) : std::nullopt;
  Fd kill = folder ? open_in(*folder, "/cgroup.kill") : Fd();
  scope_ = folder ? open_in(*folder, "/cgroup.procs") : Fd();
  if (!kill || !scope_) {
    // Where it is now, it stays.
    home_ = Fd();
    return;
  }
  // Helpers of modules may be left where it came by.
  if (rmdir(folder_.c_str()) == 0) {
    groups_.clear();
    folder_.clear();
  }
  mark_as_own(*folder);
  groups_.push_back({*path, std::move(kill)});
}

bool LoginGroup::kill() {
  if (groups_.empty() || !home_ || !says(home_.get(), "0")) return false;
  const auto here = path_of("self");
  bool all = here.has_value();
  for (const Group& each : groups_) all = here && !is_within(*here, each.path) && says(each.kill.get(), "1") && all;
  // Before systemd has seen that the scope is empty.
  if (scope_) static_cast<void>(says(scope_.get(), "0"));
  return all;
}

void LoginGroup::leave() noexcept {
  if (home_ && !scope_) static_cast<void>(says(home_.get(), "0"));
  home_ = Fd();
  groups_.clear();
  if (!folder_.empty()) rmdir(folder_.c_str());
  folder_.clear();
}

bool kill_login_group(int process) {
  const pid_t pid = pid_of(process);
  const auto path = pid > 0 ? path_of(std::to_string(pid)) : std::nullopt, own = path_of("self");
  if (!path || !own || is_within(*own, *path)) return false;
  const auto folder = folder_of(*path);
  if (!folder || !is_marked_by(*folder, pid)) return false;
  const Fd kill = open_in(*folder, "/cgroup.kill");
  // All of that was of this process if the number still is.
  return kill && pid_of(process) == pid && says(kill.get(), "1");
}

void remove_empty_groups() noexcept {
  const auto home = own_folder();
  if (!home) return;
  struct Close {
    void operator()(DIR* folder) const noexcept { closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> folder(opendir(home->c_str()));
  while (folder) {
    const dirent* const entry = readdir(folder.get());
    if (entry == nullptr) return;
    const std::string_view name = entry->d_name;
    if (name.substr(0, prefix.size()) == prefix) unlinkat(dirfd(folder.get()), entry->d_name, AT_REMOVEDIR);
  }
}

}  // namespace acl::node::session
