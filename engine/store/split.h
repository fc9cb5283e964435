// A store in two places: blobs in one, all else in another. For etcd, which takes no large objects: trust, heads, pages and
// `latest` stay there with their watch, blobs go to a folder that a web server serves.
#pragma once

#include <memory>

#include "engine/store/store.h"

namespace acl::store {

std::unique_ptr<Source> make_split_source(std::unique_ptr<Source> main, std::unique_ptr<Source> blobs);
// Both are locked, the main one first.
std::unique_ptr<Target> make_split_target(std::unique_ptr<Target> main, std::unique_ptr<Target> blobs);

}  // namespace acl::store
