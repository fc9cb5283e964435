// Watching `latest` in a folder by inotify(7), also while the folder does not exist yet, is replaced, or is reached by a
// symbolic link that is switched over.
//
// The folder and every folder on the way to it are watched; what happens there to any other name is dropped. When a part of the
// way changes, the watches are set anew and the watch says "look". Changes that the kernel does not tell of (a file system shared
// over the network, a link inside a link) are found at the interval.
#pragma once

#include <memory>
#include <string>

#include "engine/store/store.h"

namespace acl::store {

// E1102: no inotify instances or descriptors left.
Expected<std::unique_ptr<LatestWatch>> make_directory_watch(const std::string& path,
                                                            std::chrono::milliseconds interval);

}  // namespace acl::store
