#include "lsp/server/disk.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/net/file.h"

namespace acl::lsp {

std::optional<DiskFileId> identify(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return DiskFileId{
      fmt::format("{}.{}.{}.{}.{}.{}.{}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                  status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec),
      static_cast<std::uint64_t>(status.st_size)};
}

Expected<std::string> read_regular(const std::string& path, std::size_t limit) {
  const auto id = identify(path);
  if (!id) return fail(Code::E0002, fmt::format("cannot read \"{}\": not a regular file", path));
  if (id->size == 0) return std::string();
  if (id->size > limit) return fail(Code::E0002, fmt::format("cannot read \"{}\": more than {} bytes", path, limit));
  return read_file(path, limit);
}

}  // namespace acl::lsp
