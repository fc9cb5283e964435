// Disk: files that are not open in the editor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/net/diagnostic.h"

namespace acl::lsp {

struct DiskFileId {
  std::string identity;  // tells one content from another without reading: device, inode, size, times
  std::uint64_t size = 0;
};

// Nothing if there is no regular file: reading others may never end.
std::optional<DiskFileId> identify(const std::string& path);

// The text of a regular file. What has no size is empty: files of /proc, which may never end either, have none.
Expected<std::string> read_regular(const std::string& path, std::size_t limit);

}  // namespace acl::lsp
