#include "node/enforce/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace acl::node {
namespace {

constexpr auto bpf_file_system = 0xcafe4a11U;

tl::unexpected<Diagnostic> cannot(std::string_view what, const std::string& path, int error) {
  return fail(Code::E1345, fmt::format("{} \"{}\": {}", what, path, std::strerror(error)),
              "the packet filter needs a folder of its own on a BPF file system, or one on which it may mount it "
              "(bpffs_dir)");
}

bool is_bpf(const std::string& path) {
  struct statfs about {};
  return statfs(path.c_str(), &about) == 0 && static_cast<unsigned>(about.f_type) == bpf_file_system;
}

// mkdir -p; what it makes is root's alone.
int make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return errno;
    if (end == std::string::npos) return 0;
  }
}

bool is_mount_point(const std::string& path) {
  struct stat here {
  }, above{};
  return stat(path.c_str(), &here) == 0 && stat((path + "/..").c_str(), &above) == 0 && here.st_dev != above.st_dev;
}

}  // namespace

Expected<Pins> Pins::open(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  if (folder.size() < 2 || folder.front() != '/')
    return fail(Code::E1345, fmt::format("\"{}\" is no absolute path of a folder", folder), "set bpffs_dir");
  if (const int error = make_folders(folder); error != 0) return cannot("cannot make the folder", folder, error);
  if (!is_bpf(folder) &&
      mount("bpf", folder.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "mode=0700") != 0)
    return cannot("cannot mount a BPF file system on", folder, errno);
  struct stat about {};
  if (lstat(folder.c_str(), &about) != 0) return cannot("cannot look at", folder, errno);
  if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid())
    return fail(Code::E1345, fmt::format("\"{}\" is no folder of this user's", folder),
                "somebody else made it: remove it");
  if (chmod(folder.c_str(), 0700) != 0) return cannot("cannot close to others the folder", folder, errno);
  return Pins(std::move(folder));
}

Fd Pins::get(const std::string& name) const { return Fd(bpf_obj_get(path(name).c_str())); }

bool Pins::has(const std::string& name) const {
  struct stat about {};
  return stat(path(name).c_str(), &about) == 0;
}

Expected<void> Pins::put(const std::string& name, int fd) const {
  // Names in a BPF file system have no dots other than these by convention of libbpf; a leading one is refused.
  const std::string fresh = path("new_" + name);
  unlink(fresh.c_str());
  if (bpf_obj_pin(fd, fresh.c_str()) != 0) return cannot("cannot pin", fresh, errno);
  if (rename(fresh.c_str(), path(name).c_str()) != 0) return cannot("cannot pin", path(name), errno);
  return {};
}

void Pins::remove(const std::string& name) const { unlink(path(name).c_str()); }

void Pins::remove_all() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder_.c_str()), closedir);
  if (entries) {
    while (const dirent* entry = readdir(entries.get())) {
      if (entry->d_type != DT_DIR) remove(entry->d_name);
    }
  }
  if (is_mount_point(folder_)) umount2(folder_.c_str(), MNT_DETACH);
  rmdir(folder_.c_str());
}

}  // namespace acl::node
