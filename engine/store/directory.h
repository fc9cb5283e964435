// The store in a folder: folder.h behind the interface of store.h, with the publisher's lock, clean-up and a watch.
//
// Reading takes regular files only, and never waits: a pipe or a device of an object's name is E1103. The folder need not exist
// for reading and watching: objects are absent until it does. The lock is flock(2) on `.publish` in the folder, which the kernel
// gives back when its holder dies. The watch is directory_watch.h.
#pragma once

#include <memory>
#include <string>

#include "engine/store/store.h"

namespace acl::store {

std::unique_ptr<Target> make_directory_store(std::string name, std::string path, std::chrono::milliseconds interval);

}  // namespace acl::store
