// Reading and writing whole files; the one way to do it.
//
// Errors name the file in quotes and the operating system's reason (E0002 cannot read, E0003 cannot write).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"

namespace acl {

// The largest file read unless the caller says otherwise: a policy of one million lines is about 40 MB.
inline constexpr std::size_t default_file_limit = std::size_t{256} << 20;

// The bytes of `path`, of standard input if `path` is "-". A directory, an unreadable file, or one of more than `limit`
// bytes (also a pipe that never ends) is an error.
Expected<std::string> read_file(const std::string& path, std::size_t limit = default_file_limit);

// Replaces `path` by `contents` in one step: a temporary file in the same directory, synced, then renamed over it. Mode and,
// where permitted, owner of an existing file are kept; a symbolic link is followed, so that the file it names is replaced
// and the link stays. On error the old file is whole.
Expected<void> replace_file(const std::string& path, std::string_view contents);

}  // namespace acl
